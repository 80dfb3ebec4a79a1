/**
 * What the control thread and the thread that started it say to each other. After `stop` the thread ends by itself;
 * `stopped` or `failed` is the last word.
 */
import type { LogLevel, RedisLogLevel } from '@slotwise/engine'
import type { ClusterChange } from './cluster/cluster-driver.js'
import type { NodeOptions } from './node-options.js'

export type ToControl =
  /** The first one, once. */
  | { readonly type: 'start'; readonly options: NodeOptions }
  | { readonly type: 'stop' }
  /** A node that waits for its directory, or to be replaced, ends with the failure STOPPED; any other goes on. */
  | { readonly type: 'endStandby' }

export type FromControl =
  | { readonly type: 'log'; readonly level: LogLevel; readonly message: string }
  | { readonly type: 'logLevel'; readonly level: RedisLogLevel }
  | { readonly type: 'ready'; readonly port: number; readonly httpPort: number }
  | { readonly type: 'shutdown'; readonly exitCode: number }
  | { readonly type: 'clusterChange'; readonly change: ClusterChange }
  | { readonly type: 'stopped' }
  /** It could not start, or the log could not be closed. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
