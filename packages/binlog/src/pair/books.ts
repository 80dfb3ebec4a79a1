/**
 * Books: what each of a pair keeps in its own store beside the data, under `__binlog:{.pair}:`, in the transactions
 * that change the data: stamps by key, in hashes of a bucket each; what was deleted, by time, until the other has it;
 * and the state. The other side reads them: in the log as they change, and whole when it begins.
 * Elsewhere: keeping them (pair-side.ts), reading the other's (pair-link.ts).
 */
import { DecodeError } from '../errors.js'
import type { LogCommand } from '../log/log-batch.js'
import { nameOf } from '../log/key-filter.js'
import { compareStamps, NEVER, type PairRecord, parseRecord, printStamp, type Stamp } from './stamp.js'

/** No follower may have this name. */
export const PAIR = '.pair'
const PREFIX = `__binlog:{${PAIR}}:`
export const STATE_KEY = `${PREFIX}state`
/** Members are `<db>:<key>`, scores the times of stamps. */
export const GONE_KEY = `${PREFIX}gone`
/** Each is a hash of its own: none gets so big that a snapshot of it holds a writer up. */
export const BUCKETS = 256
const STAMPS = /^__binlog:\{\.pair\}:at:(\d{1,5}):\d{1,3}$/
const KEPT = Buffer.from('__binlog:')

/** FNV-1a: the same at both sides. */
export function bucketOf(key: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash ^ hash >>> 8 ^ hash >>> 16) & BUCKETS - 1
}

export const bucketKey = (db: number, bucket: number): string => `${PREFIX}at:${db}:${bucket}`
export const bucketKeys = (db: number): string[] =>
  Array.from({ length: BUCKETS }, (_, bucket) => bucketKey(db, bucket))
export const stampsKey = (db: number, key: Uint8Array): string => bucketKey(db, bucketOf(key))
/** The database whose stamps a key holds; null: it holds none. */
export function dbOfStamps(key: Uint8Array): number | null {
  const [, db] = STAMPS.exec(Buffer.from(key).toString('latin1')) ?? []
  return db === undefined ? null : Number(db)
}

/** Keys that are book-keeping, of this or of another kind: they never go anywhere. */
export const isBook = (key: Uint8Array | undefined): boolean =>
  key !== undefined && Buffer.compare(key.subarray(0, KEPT.length), KEPT) === 0
/** One name for a key of a database. */
export const nameIn = (db: number, key: Uint8Array): string => `${db}:${Buffer.from(key).toString('latin1')}`
export function fromName(name: string): { db: number; key: Buffer } {
  const colon = name.indexOf(':')
  return { db: Number(name.slice(0, colon)), key: Buffer.from(name.slice(colon + 1), 'latin1') }
}

export const ALL_DATABASES = '*'

export interface PairState {
  /** Of one run of the server: what it had before a crash it may have lost. */
  readonly life: string
  /** Of its hybrid clock, when the life began. */
  readonly bornUs: number
  /** Of its hybrid clock, now. */
  readonly lastUs: number
  /** In its own log: everything before is stamped. */
  readonly position: string
  /** What is older than this was flushed, by database. */
  readonly flushed: Readonly<Record<string, Stamp>>
  /** The id of the other's log, and the life of it that was copied; '' before. */
  readonly peer: string
  readonly peerLife: string
  /** The other's stamps up to here have come, of the life before. */
  readonly seenUs: number
  /** Versions written on both sides without knowing of each other; and how many of those the other side's won. */
  readonly conflicts: number
  readonly lost: number
}

export const printState = ({ flushed, ...rest }: PairState): string =>
  JSON.stringify({ ...rest, flushed: Object.entries(flushed).map(([db, stamp]) => [db, printStamp(stamp)]) })

/** @throws {DecodeError} if it is none */
export function parseState(bytes: Uint8Array): PairState {
  const text = Buffer.from(bytes).toString()
  const bad = (cause?: unknown): DecodeError => new DecodeError(`no state of a pair: ${text.slice(0, 100)}`, { cause })
  let found: Partial<Record<keyof PairState, unknown>> | null
  try {
    found = JSON.parse(text) as typeof found
  } catch (cause) {
    throw bad(cause)
  }
  const { life, bornUs, lastUs, position, flushed, peer, peerLife, seenUs, conflicts, lost } = found ?? {}
  const areTexts = [life, position, peer, peerLife].every((value) => typeof value === 'string' && value.length <= 300)
  const areCounts = [bornUs, lastUs, seenUs, conflicts, lost]
    .every((value) => Number.isSafeInteger(value) && value as number >= 0)
  if (!areTexts || !areCounts || !Array.isArray(flushed) || flushed.length > 20_000) throw bad()
  const stamps = flushed.map((entry): [string, Stamp] => {
    const [db, stamp] = Array.isArray(entry) ? entry as unknown[] : []
    if (typeof db !== 'string' || !/^(\*|\d{1,5})$/.test(db) || typeof stamp !== 'string') throw bad()
    const { timeUs, origin } = parseRecord(Buffer.from(stamp))
    return [db, { timeUs, origin }]
  })
  return {
    life, bornUs, lastUs, position, peer, peerLife, seenUs, conflicts, lost, flushed: Object.fromEntries(stamps),
  } as PairState
}

/** The stamp of what has none of its own. */
export function flushedIn({ flushed }: Pick<PairState, 'flushed'>, db: number): Stamp {
  const [all, one] = [flushed[ALL_DATABASES] ?? NEVER, flushed[String(db)] ?? NEVER]
  return compareStamps(all, one) > 0 ? all : one
}

export const commandIn = (db: number, ...words: readonly (string | Uint8Array)[]): LogCommand =>
  ({ db, words: words.map((word) => typeof word === 'string' ? Buffer.from(word) : word) })

/** HGETALL of a bucket. @throws {DecodeError} */
export function recordsOf(reply: unknown): Map<string, PairRecord> {
  const list = Array.isArray(reply) ? reply as unknown[] : []
  const records = new Map<string, PairRecord>()
  for (let i = 0; i + 1 < list.length; i += 2) {
    const [key, record] = [list[i], list[i + 1]]
    if (Buffer.isBuffer(key) && Buffer.isBuffer(record)) records.set(key.toString('latin1'), parseRecord(record))
  }
  return records
}

/** A transaction of a log that has the state of a side in it. */
export function stateIn(commands: readonly LogCommand[]): PairState | null {
  const last = commands.findLast((command) =>
    command.words.length >= 3 && nameOf(command) === 'SET' && Buffer.from(command.words[1]!).toString('latin1') === STATE_KEY)
  return last === undefined ? null : parseState(last.words[2]!)
}
