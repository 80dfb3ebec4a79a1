/**
 * What a link tells its side, in the words of commands, so that it goes the way that a follower's commands go: the
 * other's version of a key, what it has flushed, how far it was read, and which of our versions it has to hear again.
 * They are never in a log.
 */
import type { LogCommand } from '../log/log-batch.js'
import { commandIn, nameIn } from './books.js'
import { compareStamps, type PairRecord, parseRecord, printRecord, printStamp, type Stamp } from './stamp.js'

export interface Version {
  readonly db: number
  readonly key: Uint8Array
  readonly record: PairRecord
  /** As DUMP has it; null: the key is not there. */
  readonly payload: Uint8Array | null
  /** What the other had seen of ours when it wrote this. */
  readonly seenUs: number
  /** Taken also where the stamps are the same. */
  readonly isOwners?: boolean
}

export type MergeCommand =
  | { readonly type: 'merge'; readonly version: Version }
  | { readonly type: 'again'; readonly db: number; readonly key: Uint8Array }
  | { readonly type: 'flush'; readonly db: string; readonly stamp: Stamp }
  | { readonly type: 'seen'; readonly peer: string; readonly life: string; readonly us: number }
  | { readonly type: 'other'; readonly command: LogCommand }

export const mergeCommand = ({ db, key, record, payload, seenUs, isOwners = false }: Version): LogCommand =>
  commandIn(db, isOwners ? 'PAIR.TAKE' : 'PAIR.MERGE', key, printRecord(record), String(seenUs), ...payload === null ? [] : [payload])
export const againCommand = (db: number, key: Uint8Array): LogCommand => commandIn(db, 'PAIR.AGAIN', key)
export const flushCommand = (db: string, stamp: Stamp): LogCommand => commandIn(0, 'PAIR.FLUSH', db, printStamp(stamp))
export const seenCommand = (peer: string, life: string, us: number): LogCommand => commandIn(0, 'PAIR.SEEN', peer, life, String(us))

export function readMergeCommand(command: LogCommand): MergeCommand {
  const { db, words: [name, first, second, third, fourth] } = command
  const text = (word: Uint8Array | undefined): string => Buffer.from(word ?? []).toString('latin1')
  const isOwners = text(name) === 'PAIR.TAKE'
  switch (text(name)) {
    case 'PAIR.TAKE':
    case 'PAIR.MERGE':
      return { type: 'merge', version: { db, key: first!, record: parseRecord(second!), seenUs: Number(text(third)), payload: fourth ?? null, isOwners } }
    case 'PAIR.AGAIN': return { type: 'again', db, key: first! }
    case 'PAIR.FLUSH': return { type: 'flush', db: text(first), stamp: parseRecord(second!) }
    case 'PAIR.SEEN': return { type: 'seen', peer: text(first), life: text(second), us: Number(text(third)) }
    default: return { type: 'other', command }
  }
}

/** Of each key the latest that is told. */
export function latestOf(merges: readonly MergeCommand[]): Version[] {
  const latest = new Map<string, Version>()
  for (const merge of merges) {
    if (merge.type !== 'merge') continue
    const { version } = merge
    const name = nameIn(version.db, version.key)
    const before = latest.get(name)
    if (before === undefined || compareStamps(before.record, version.record) < 0) latest.set(name, version)
  }
  return [...latest.values()]
}
