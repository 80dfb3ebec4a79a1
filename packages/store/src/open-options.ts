/** Options of open(), checked once, and what the engine makes of them. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, type EngineOptions } from '@slotwise/engine'
import type { Codec } from './codecs/codec.js'
import type { CodecName } from './codecs/index.js'
import { wholeNumber } from './commands/sender.js'
import { parsePastTarget } from './past/plan-past.js'

/** Where log lines go; pino and console fit. */
export interface Logger {
  debug?(message: string): void
  info?(message: string): void
  warn(message: string): void
  error(message: string): void
}

export type EvictionPolicy =
  | 'noeviction' | 'allkeys-lru' | 'allkeys-lfu' | 'allkeys-random'
  | 'volatile-lru' | 'volatile-lfu' | 'volatile-random' | 'volatile-ttl'

export interface SemiSyncOptions {
  /** How many replicas. @default 1 */
  acks?: number
  /** After this long replication goes on asynchronously, until replicas have caught up. @default 10_000 */
  timeoutMs?: number
  /** 'durable': only replicas that say what they have fsynced count, which Redis 7.0 does not. @default 'received' */
  ackOn?: 'received' | 'durable'
  /** Never answer without them; while fewer are connected, writes are refused with NOREPLICAS. @default false */
  strict?: boolean
}

/** Those of the engine (databases, memory, appendFsync, directives) are set by whoever opens it first. */
export interface OpenOptions<V = unknown> {
  /** Folder for the data; made if it is not there. @default none: the data lives and dies with the process */
  dir?: string
  /**
   * The data as it was: at a position (FILE:POSITION, as BINLOG and `changes` have them) or at the end of the second of
   * a Date, read-only. `dir` is only read, also while another process has it open: its files are copied up to there,
   * before the promise resolves and on this thread. Archived segments count if `directives` names `aof-archive-dir`.
   * Keys whose time to live has ended since are gone. @default the data as it is
   */
  at?: string | Date
  /** Where the copy for `at` lies until the store is closed. @default the system's folder for temporary files */
  pastDir?: string
  /** Other threads of the process find the store by it (or by the folder). @default none */
  name?: string
  /** Attach to what this process has open under `name` or `dir`, or reject with NotOpenError. @default false */
  attachOnly?: boolean
  /** How values are kept. Each that opens may choose; all must agree on the values they share. @default 'msgpack' */
  codec?: CodecName | Codec<V>
  /** Number of the database to work in. @default 0 */
  db?: number
  /** How many databases there are. @default 16 */
  databases?: number
  /** Evict, or refuse writes, beyond this. @default 0: no limit */
  maxMemoryBytes?: number
  /** What goes when memory is full. @default 'noeviction' */
  evictionPolicy?: EvictionPolicy
  /**
   * When the log is synced by itself: after a second ('everysec': a power cut costs at most that), as soon as possible
   * ('always'), or when the system likes ('no'). `synced()` waits for the disk under all of them. @default 'everysec'
   */
  appendFsync?: 'always' | 'everysec' | 'no'
  /**
   * Clients of listen() get the reply to a write, and to reads that saw it, when replicas have acknowledged it;
   * `synced()` waits for them too. See docs/durability.md. @default false
   */
  semiSync?: boolean | SemiSyncOptions
  /**
   * While the engine is a replica, reads by this store throw StaleError unless the replica can prove that its data is
   * at most that old; see docs/durability.md. Each that opens or attaches may choose. @default 0: no limit
   */
  maxStalenessMs?: number
  /** Aborting rejects with `signal.reason`; what was opened is closed again. */
  signal?: AbortSignal
  /** @default warnings and errors become process warnings */
  logger?: Logger
  /** Any directives of redis.conf, by name: `{ 'lfu-decay-time': '2' }`. */
  directives?: Readonly<Record<string, string | number | readonly string[]>>
}

const KNOWN = new Set([
  'dir', 'at', 'pastDir', 'name', 'attachOnly', 'codec', 'db', 'databases', 'maxMemoryBytes', 'evictionPolicy', 'appendFsync', 'semiSync', 'maxStalenessMs',
  'signal', 'logger', 'directives',
])
const SEMI_SYNC_KNOWN = new Set(['acks', 'timeoutMs', 'ackOn', 'strict'])
const POLICIES = new Set<string>([
  'noeviction', 'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl',
])

/**
 * @throws {TypeError} for an option that does not exist, or is of another type
 * @throws {RangeError} for a number that cannot be
 */
export function checkOptions(options: OpenOptions<never>): void {
  if (typeof options !== 'object' || (options as unknown) === null) throw new TypeError(`expected options, found ${describe(options)}`)
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new TypeError(`open() has no option '${name}'`)
  }
  const { dir, at, pastDir, name, databases = 16, db = 0, maxMemoryBytes = 0, evictionPolicy, appendFsync } = options
  for (const [key, value] of Object.entries({ dir, pastDir, name })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw new TypeError(`expected ${key} to be a string that is not empty, found ${describe(value)}`)
  }
  wholeNumber('databases', databases, 1)
  wholeNumber('db', db, 0)
  wholeNumber('maxMemoryBytes', maxMemoryBytes, 0)
  wholeNumber('maxStalenessMs', options.maxStalenessMs ?? 0, 0)
  oneOf('evictionPolicy', evictionPolicy, POLICIES)
  oneOf('appendFsync', appendFsync, new Set(['always', 'everysec', 'no']))
  checkSemiSync(options.semiSync ?? false)
  if (options.attachOnly === true && dir === undefined && name === undefined) {
    throw new TypeError('attachOnly needs a name or a dir to find the store by')
  }
  if (at === undefined) {
    if (pastDir !== undefined) throw new TypeError('pastDir is for a store that is opened with at')
    return
  }
  parsePastTarget(at)
  if (dir === undefined) throw new TypeError('at needs a dir to look back into')
  if (options.attachOnly === true) throw new TypeError('at opens a store of its own: attachOnly has no meaning with it')
}

function checkSemiSync(options: boolean | SemiSyncOptions): void {
  if (typeof options === 'boolean') return
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new TypeError(`expected semiSync to be true or options, found ${describe(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!SEMI_SYNC_KNOWN.has(name)) throw new TypeError(`semiSync has no option '${name}'`)
  }
  wholeNumber('semiSync.acks', options.acks ?? 1, 1)
  wholeNumber('semiSync.timeoutMs', options.timeoutMs ?? 1, 1)
  oneOf('semiSync.ackOn', options.ackOn, new Set(['received', 'durable']))
}

function semiSyncDirectives(options: boolean | SemiSyncOptions): string[][] {
  if (options === false) return []
  const { acks, timeoutMs, ackOn, strict } = options === true ? {} : options
  const list = [['repl-ack', 'semisync']]
  if (acks !== undefined) list.push(['repl-semi-sync-acks', String(acks)])
  if (timeoutMs !== undefined) list.push(['repl-semi-sync-timeout', String(timeoutMs)])
  if (ackOn !== undefined) list.push(['repl-semi-sync-ack-on', ackOn])
  if (strict !== undefined) list.push(['repl-semi-sync-strict', strict ? 'yes' : 'no'])
  return list
}

function oneOf(name: string, value: string | undefined, allowed: ReadonlySet<string>): void {
  if (value !== undefined && !allowed.has(value)) throw new TypeError(`expected ${name} to be one of ${[...allowed].join(', ')}, found '${value}'`)
}

/** `dir` exists by now. */
export function engineOptions(options: OpenOptions<never>): EngineOptions {
  const { dir, name, databases, maxMemoryBytes, evictionPolicy, appendFsync, semiSync, directives = {} } = options
  const list: string[][] = []
  if (dir !== undefined) list.push(['dir', resolve(dir)], ['appendonly', 'yes'])
  if (databases !== undefined) list.push(['databases', String(databases)])
  if (maxMemoryBytes !== undefined) list.push(['maxmemory', String(maxMemoryBytes)])
  if (evictionPolicy !== undefined) list.push(['maxmemory-policy', evictionPolicy])
  if (appendFsync !== undefined) list.push(['appendfsync', appendFsync])
  list.push(...semiSyncDirectives(semiSync ?? false))
  for (const [directive, value] of Object.entries(directives)) {
    list.push([directive, ...(typeof value === 'object' ? value : [String(value)])])
  }
  const names = []
  if (name !== undefined) names.push(`name:${name}`)
  // Two ways to spell one folder are one store.
  if (dir !== undefined) names.push(`dir:${options.attachOnly === true ? existing(dir) : realpathSync(dir)}`)
  return { names, directives: list, persistent: dir !== undefined, attachOnly: options.attachOnly ?? false }
}

function existing(dir: string): string {
  try {
    return realpathSync(dir)
  } catch {
    return resolve(dir)
  }
}
