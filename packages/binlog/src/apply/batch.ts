/** What is applied in one piece: commands, and how far in the source the store is with them. */
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'

/**
 * A large transaction, applied up to some row. Kept in the store beside the position in front of it, so that a
 * follower goes on exactly there.
 */
export interface TransactionPart {
  /** Behind the transaction: which one it is. */
  readonly position: SourcePosition
  /** How many of its rows are there: rows of mapped tables, in the source's order. */
  readonly rows: number
  /** Fingerprint of the mapping by which they were counted. */
  readonly mapping: string
}

export type Reached =
  /** Everything before. `endsPart`: the transaction that was there in part is whole. */
  | { readonly type: 'position'; readonly position: SourcePosition; readonly endsPart: boolean }
  | { readonly type: 'part'; readonly part: TransactionPart }
  /** Nothing new: what is done may be done again, before what ends at `position` is there and never after it. */
  | { readonly type: 'nothing'; readonly position: SourcePosition }

/** A transaction among those that share a batch: its commands end before `end`. */
export interface Unit { readonly end: number; readonly position: SourcePosition }

export interface Batch {
  readonly commands: Command[]
  /** Where the transactions in it end, for stores that have some of them already. @default one unit */
  readonly units?: readonly Unit[]
  readonly reached: Reached
  /** That it completes. */
  readonly transactions: number
  readonly rows: number
  /** When the last of them was committed, in seconds since 1970. @default not known */
  readonly timestamp?: number
}

/** Do both name the end of the same transaction? */
export function isSamePosition(a: SourcePosition, b: SourcePosition): boolean {
  if (a.gtids !== '' && b.gtids !== '') return a.flavour === b.flavour && a.gtids === b.gtids
  return a.server === b.server && a.file === b.file && a.position === b.position
}
