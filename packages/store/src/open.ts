/** open(): a store that is ready, or a rejection; never half open. Elsewhere: what others have (open-remote.ts). */
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { mkdirSync } from 'node:fs'
import { Engine, type LogLevel, LogError, OpenError, type StoreError } from '@slotwise/engine'
import type { AsyncStore } from './async-store.js'
import type { Codec } from './codecs/codec.js'
import { codecOf } from './codecs/index.js'
import { checkOptions, engineOptions, type Logger, type OpenOptions } from './open-options.js'
import { openPast } from './past/open-past.js'
import { openShards, openUrl } from './open-remote.js'
import type { ShardsOptions, UrlOptions } from './remote-options.js'
import { Store, type StoreEvents } from './store.js'
import { SlowSubscriberError, Subscriptions } from './subscriptions.js'

/** What `open` has of others: the codec decides the type of values. */
type Remote<V> = UrlOptions<V> | ShardsOptions<V>

/**
 * Opens what other processes have: a server or a cluster (`url`), or independent servers (`shards`).
 * @throws {ConnectionError} if it cannot be reached
 * @throws {OpenError} if the package @redis/client is not installed
 *
 *     await using store = await open({ url: 'redis://10.0.0.1:6379' })
 *     await store.get('user:1')
 *
 * Opens a store, or attaches to one that this process has open under the same name or folder.
 * Without `dir` it lives in memory only. A folder is loaded before the promise resolves, on a thread of the pool.
 * @throws {LockedError} if another process has the folder open; `pid` says which
 * @throws {OpenError} if the folder cannot be used or its data is damaged; the message says where and what to do
 * @throws {NotOpenError} with `attachOnly`, if there is no such store
 * @throws {TypeError | RangeError} for bad options
 *
 * @throws {PurgedError} with `at`, if that moment is not held any more; {ReplyError} if it is no position; a store that
 * was opened with it throws ReadOnlyError for whatever would change it
 *
 *     await using store = await open({ dir: './data' })
 *     store.set('user:1', { name: 'Ada' }, { ttlMs: 60_000 })
 *     store.get('user:1') // { name: 'Ada' }
 */
export function open(options: Remote<string> & { codec: 'text' }): Promise<AsyncStore<string>>
export function open(options: Remote<Uint8Array> & { codec: 'binary' }): Promise<AsyncStore<Uint8Array>>
export function open<V = unknown>(options: Remote<V>): Promise<AsyncStore<V>>
export function open(options: OpenOptions & { codec: 'text' }): Promise<Store<string>>
export function open(options: OpenOptions & { codec: 'binary' }): Promise<Store<Uint8Array>>
export function open<V>(options: OpenOptions<V> & { codec: Codec<V> }): Promise<Store<V>>
export function open<V = unknown>(options?: OpenOptions): Promise<Store<V>>
export async function open<V>(options: OpenOptions<V> | Remote<V> = {}): Promise<Store<V> | AsyncStore<V>> {
  if (typeof options === 'object' && (options as unknown) !== null) {
    if ('url' in options) return openUrl<V>(options)
    if ('shards' in options) return openShards<V>(options)
  }
  return openHere<V>(options)
}

async function openHere<V>(asked: OpenOptions<V>): Promise<Store<V>> {
  checkOptions(asked as OpenOptions<never>)
  asked.signal?.throwIfAborted()
  if (asked.at === undefined) return openEngine(asked, false)
  const past = openPast(asked as OpenOptions<never>)
  try {
    const store = await openEngine<V>(past.options, true)
    return store.once('close', () => past.remove())
  } catch (error) {
    past.remove()
    throw error
  }
}

async function openEngine<V>(options: OpenOptions<V>, readOnly: boolean): Promise<Store<V>> {
  const codec = codecOf<V>(options.codec ?? 'msgpack')
  const { signal, logger = processWarnings } = options
  signal?.throwIfAborted()

  const events = new EventEmitter<StoreEvents>()
  const engineOf = (): Engine => engine
  const subscriptions = new Subscriptions(engineOf)
  if (options.dir !== undefined && options.attachOnly !== true) makeDir(options.dir)
  const how = engineOptions(options as OpenOptions<never>)
  // Also a store without a name can be served by others of this process whom it is handed to.
  const names = how.names !== undefined && how.names.length > 0 ? how.names : [`store:${randomUUID()}`]
  const engine = await Engine.open({
    ...how,
    names,
    readOnly,
    onLog: (level, message) => log(events, logger, level, message),
    onSemiSync: (status, clients) => events.emit('semiSync', { status, clients }),
    onShutdown: (exitCode) => events.emit('shutdown', exitCode),
    onMessage: (parts) => subscriptions.deliver(parts),
    onMessagesLost: () => subscriptions.endAll(new SlowSubscriberError('messages were dropped: this thread did not take them')),
  })
  try {
    signal?.throwIfAborted()
    if (options.db !== undefined) engine.select(options.db)
    engine.setAsciiHead(codec.headBytes)
    const { maxStalenessMs = 0 } = options
    if (maxStalenessMs > 0) engine.command(['SLOTWISE.STALENESS', String(maxStalenessMs)])
  } catch (error) {
    await engine.close()
    throw error
  }
  return new Store<V>({ engine, codec, events, subscriptions, names, db: options.db ?? 0 })
}

function makeDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (cause) {
    throw new OpenError(`the folder '${dir}' cannot be made: ${(cause as Error).message}`, { cause })
  }
}

function log(events: EventEmitter<StoreEvents>, logger: Logger, level: LogLevel, message: string): void {
  events.emit('log', level, message)
  logger[level]?.(message)
  if (level === 'error' && events.listenerCount('error') > 0) events.emit('error', new LogError(message) satisfies StoreError)
}

const processWarnings: Logger = {
  warn: (message) => process.emitWarning(message, 'SlotwiseWarning'),
  error: (message) => process.emitWarning(message, 'SlotwiseError'),
}
