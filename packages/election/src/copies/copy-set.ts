/**
 * Which copies a shard has, and how many of them make a promise. A copy is a node and its incarnation: one that came
 * back with less than it once acknowledged has another incarnation, and is no member until it is taken in again.
 * While the members change there are two lists, the old and the new one, and whatever needs a number of copies needs it
 * in both: so every promise meets every election, whichever of the lists those who elect have heard of.
 *   writesNeeded   copies that must have a write before it is acknowledged, the primary included
 *   blockCount     as many hold a lease or know of a change: every election meets one of them
 *   electionCount  as many must promise a new ballot: they meet every set that acknowledged
 * Elsewhere: when the members change (leadership.ts).
 */
import type { NodeId } from '@slotwise/gossip'
import { type Ballot, compareBallots } from './ballot.js'

/** `node/incarnation`. */
export type CopyKey = string

export const copyKey = (node: NodeId, incarnation: number): CopyKey => `${node}/${incarnation}`
export const nodeOf = (key: CopyKey): NodeId => key.slice(0, 40)

export interface CopySet {
  /** Under which ballot the shard's first set was made: tells it from another shard's. */
  readonly shard: Ballot
  /** Under which ballot it was made, and its number there: a later set is greater. */
  readonly ballot: Ballot
  readonly number: number
  /** 0: a majority must have fsynced a write. K: K replicas must have received it. */
  readonly received: number
  /** One list, or the old and the new one. */
  readonly members: readonly (readonly CopyKey[])[]
}

export function compareSets(left: CopySet, right: CopySet): number {
  return compareBallots(left.ballot, right.ballot) || left.number - right.number
}

/** Two at least: what one copy has is no promise about copies. */
export const writesNeeded = (set: CopySet, list: readonly CopyKey[]): number =>
  set.received === 0 ? Math.max(2, Math.floor(list.length / 2) + 1) : set.received + 1

export const blockCount = (set: CopySet, list: readonly CopyKey[]): number =>
  Math.min(list.length, writesNeeded(set, list))

export const electionCount = (set: CopySet, list: readonly CopyKey[]): number =>
  list.length - blockCount(set, list) + 1

const countIn = (list: readonly CopyKey[], keys: ReadonlySet<CopyKey>): number =>
  list.reduce((count, key) => count + (keys.has(key) ? 1 : 0), 0)

export const isBlocking = (set: CopySet, keys: ReadonlySet<CopyKey>): boolean =>
  set.members.every((list) => countIn(list, keys) >= blockCount(set, list))

export const canElect = (set: CopySet, keys: ReadonlySet<CopyKey>): boolean =>
  set.members.every((list) => countIn(list, keys) >= electionCount(set, list))

/** `2 of 3` for the list that lacks most. */
export function electionText(set: CopySet, keys: ReadonlySet<CopyKey>): string {
  const rows = set.members.map((list) => [countIn(list, keys), electionCount(set, list)] as const)
  const [count, needed] = rows.reduce((worst, row) => row[1] - row[0] > worst[1] - worst[0] ? row : worst)
  return `${count} of ${needed}`
}

/** Copies of every list: only their acknowledgements count, so that any enough of them are enough in each. */
export const isFullMember = (set: CopySet, key: CopyKey): boolean => set.members.every((list) => list.includes(key))

export const isInAnyList = (set: CopySet, key: CopyKey): boolean => set.members.some((list) => list.includes(key))

/** How many others must acknowledge, of the full members; null if there are too few of them in a list, ever. */
export function replicasNeeded(set: CopySet): number | null {
  if (set.members.some((list) => writesNeeded(set, list) > list.length)) return null
  return Math.max(...set.members.map((list) => writesNeeded(set, list))) - 1
}

/** The time that a blocking set has at least: of each list the blockCount-th largest, and of these the least. */
export function blockingTime(set: CopySet, timeOf: (key: CopyKey) => number): number {
  return Math.min(...set.members.map((list) =>
    list.map(timeOf).sort((left, right) => right - left)[blockCount(set, list) - 1]!))
}
