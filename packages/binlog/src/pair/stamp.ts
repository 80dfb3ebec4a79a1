/**
 * Stamp: when and where the version of a key was written that a server has: of two the later one wins, on both sides,
 * in whatever order they hear of it; equal times are decided by the origin.
 * The time is that of a hybrid clock, in microseconds: never less than any stamp that was seen, so what follows another
 * write, here or there, wins over it, wherever the wall clocks stand. The origin is of one life of a server: what a
 * power cut took may be elsewhere, and its stamps must not be given again.
 * Source: docs/decisions/0022-bidirectional-pairs.md.
 */
import { DecodeError } from '../errors.js'

export interface Stamp { readonly timeUs: number; readonly origin: string }

/** What is remembered of a key. */
export interface PairRecord extends Stamp {
  /** It was deleted. */
  readonly gone: boolean
  /** Unix milliseconds at which this version ends by itself; 0: it does not. */
  readonly expireAtMs: number
}

/** Older than any: of a key that nobody has written since there is a pair. */
export const NEVER: PairRecord = { timeUs: 0, origin: '', gone: true, expireAtMs: 0 }

/** Below 0: `a` is older. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.timeUs !== b.timeUs) return a.timeUs - b.timeUs
  return a.origin < b.origin ? -1 : a.origin > b.origin ? 1 : 0
}

export const laterOf = (a: Stamp, b: Stamp): Stamp => compareStamps(a, b) < 0 ? b : a

export const printStamp = ({ timeUs, origin }: Stamp): string => `${timeUs} ${origin}`

export const printRecord = (record: PairRecord): string =>
  printStamp(record) + (record.gone ? ' gone' : record.expireAtMs > 0 ? ` ${record.expireAtMs}` : '')

const RECORD = /^(\d{1,16}) ([0-9a-f]{12})(?: (gone|\d{1,16}))?$/

/** @throws {DecodeError} if it is none */
export function parseRecord(bytes: Uint8Array): PairRecord {
  const text = Buffer.from(bytes).toString('latin1')
  const [, time, origin, end] = RECORD.exec(text) ?? []
  const [timeUs, expireAtMs] = [Number(time), end === undefined || end === 'gone' ? 0 : Number(end)]
  if (origin === undefined || !Number.isSafeInteger(timeUs) || !Number.isSafeInteger(expireAtMs)) {
    throw new DecodeError(`no stamp of a pair: ${JSON.stringify(text.slice(0, 60))}`)
  }
  return { timeUs, origin, gone: end === 'gone', expireAtMs }
}

export class HybridClock {
  #lastUs: number

  constructor(lastUs: number) { this.#lastUs = lastUs }

  get lastUs(): number { return this.#lastUs }

  /** A time after all that were given or seen: `wallUs`, if that is one. */
  next(wallUs: number): number { return this.#lastUs = Math.max(this.#lastUs + 1, wallUs) }

  saw({ timeUs }: Stamp): void { this.#lastUs = Math.max(this.#lastUs, timeUs) }
}
