/**
 * EngineOptions: what an engine is opened with, and what it tells whoever opened it: log lines, messages, and that a
 * client wants an end. It tells on the thread that opened it, in the order of the events.
 * Elsewhere: how events come out of C++ (native/src/binding/session_binding.cc), replies to calls that wait
 * (waits.ts).
 */
import { EventKind, type AddonOptions, type EventCallback } from './addon.js'
import { type ControlRequest, controlRequest } from './control-port.js'
import type { Page } from './page.js'
import { type BulkReader, ReplyReader } from './reply.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** In the order of native/src/base/logger.h. */
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export type RedisLogLevel = 'debug' | 'verbose' | 'notice' | 'warning'

/** In the order of `loglevel` in native/tables/directives.json. */
const REDIS_LOG_LEVELS: readonly RedisLogLevel[] = ['debug', 'verbose', 'notice', 'warning']

/** What semi-sync replication does: replies wait, do not after a time-out, or will when replicas have caught up. */
export type SemiSyncStatus = 'off' | 'on' | 'fallenBack' | 'returning'

/** In the order of SemiSync::State, native/src/replication/semi_sync.h. */
const SEMI_SYNC_STATUSES: readonly SemiSyncStatus[] = ['off', 'on', 'fallenBack', 'returning']

export interface EngineOptions {
  /** Any of them finds the engine in this process. @default none: a private engine */
  names?: readonly string[]
  /** Name and arguments of directives, as in redis.conf. Ignored when attaching. */
  directives?: readonly (readonly string[])[]
  /** rename-command. */
  renames?: readonly (readonly [from: string, to: string])[]
  /** What CONFIG REWRITE writes to; absolute. */
  configFile?: string | null
  /** Keep an append-only file in the directory that the directives name. @default false */
  persistent?: boolean
  /** Reject with NotOpenError rather than open what is not open yet. @default false */
  attachOnly?: boolean
  /** Commands that write are refused, whatever this engine is. @default false */
  readOnly?: boolean
  /** `listen` follows: reject with ListenError before loading the data if the port is taken. @default false */
  willListen?: boolean
  /** With `willListen` and port 0: as for `listen`. @default false */
  anyPort?: boolean
  /**
   * Commands of its sessions come from a log: nothing expires by the clock, nothing is evicted, and what they change is
   * in memory only. Not for `listen`. @default false
   */
  replays?: boolean
  /** A node of a cluster, whose control plane this process will be (`Engine.control`). @default false */
  cluster?: boolean
  /** A command that the control plane answers. */
  onControlRequest?: (request: ControlRequest) => void
  /** Clients published this, and other nodes should hear of it. */
  onPublished?: (channel: Uint8Array, message: Uint8Array, shard: boolean) => void
  /** Log lines of the engine, also those of other threads. Called on this thread. */
  onLog?: (level: LogLevel, message: string) => void
  /** A client sent SHUTDOWN; the log has been synced. */
  onShutdown?: (exitCode: number) => void
  /** CONFIG SET loglevel: the least important level to show, in Redis's words. */
  onLogLevel?: (level: RedisLogLevel) => void
  /** Semi-sync was turned on or off, fell back or came back; `clients` replicas count. */
  onSemiSync?: (status: SemiSyncStatus, clients: number) => void
  /** A message of a channel this session is subscribed to: the parts of the push, 'message', channel, text. */
  onMessage?: (parts: Uint8Array[]) => void
  /** Messages were dropped since this thread did not take them: over 64 MB were waiting. */
  onMessagesLost?: () => void
}

const noEvent = (): void => undefined

/** The options as the addon takes them. */
export function addonOptions(options: EngineOptions): AddonOptions {
  return {
    names: options.names ?? [],
    directives: options.directives ?? [],
    renames: options.renames ?? [],
    configFile: options.configFile ?? '',
    persistent: options.persistent ?? false,
    attachOnly: options.attachOnly ?? false,
    willListen: options.willListen ?? false,
    anyPort: options.anyPort ?? false,
    replays: options.replays ?? false,
    cluster: options.cluster ?? false,
  }
}

/** Deals events out to the callbacks of `options`; replies to calls that waited go to `answer`. */
export function eventCallback(options: EngineOptions, answer: (token: number, reply: Page) => void): EventCallback {
  const {
    onLog = noEvent, onShutdown = noEvent, onLogLevel = noEvent, onMessage = noEvent, onMessagesLost = noEvent,
    onSemiSync = noEvent, onControlRequest = noEvent, onPublished = noEvent,
  } = options
  return (kind, number, payload) => {
    switch (kind) {
      case EventKind.log: return onLog(LOG_LEVELS[number] ?? 'error', String(payload))
      case EventKind.shutdown: return onShutdown(number)
      case EventKind.message: return onMessage(frameParts(payload as Page))
      case EventKind.messagesLost: return onMessagesLost()
      case EventKind.reply: return answer(number, payload as Page)
      case EventKind.logLevel: return onLogLevel(REDIS_LOG_LEVELS[number] ?? 'notice')
      case EventKind.semiSync: return onSemiSync(SEMI_SYNC_STATUSES[number] ?? 'off', Number(payload))
      case EventKind.controlRequest: return onControlRequest(controlRequest(number, frameParts(payload as Page)))
      case EventKind.published: {
        const [channel, message] = frameParts(payload as Page) as [Uint8Array, Uint8Array]
        return onPublished(channel, message, number === 1)
      }
      default: return undefined
    }
  }
}

function frameParts(push: Page): Uint8Array[] {
  const bytes: BulkReader<Uint8Array> = (page, start, end) => page.subarray(start, end)
  return new ReplyReader(push, 0).read(bytes) as Uint8Array[]
}
