/**
 * The numbers that a view has of its nodes, a row each in the order of its list, side by side in memory: gossip reads
 * and writes some of a hundred nodes for each message, the schedule looks at all of them ten times a second, and a
 * simulated cluster has a million rows. What gossip needs of nearly every node lies apart from the other numbers, 16
 * bytes a node: those of a million stay in a processor's cache. ClusterNode is the face of a row and keeps what is
 * needed seldom.
 * Kept with every change are the counts that would otherwise be made by looking at all rows.
 * Elsewhere: names and addresses (node-place.ts), the rules (one file each).
 */
import { FAILURE_FLAGS, NodeFlag } from './node-flags.js'
import type { ClusterNode } from './cluster-node.js'
import type { NodePlace, NodePlaces } from './node-place.js'
import { ReportedBits } from './reported-bits.js'

/** What gossip looks at, 16 bytes a row: `pongTimes[row * TIMES]`, and of `words` the state and the place. */
export const TIMES = 2
export const WORDS = 4
export const Word = {
  /** A node's flags, and StateBits. */
  state: 2,
  /** The index of its place among those that are shared; -1: they are not. */
  place: 3,
} as const

const FLAG_BITS = 0xffff
export const StateBit = {
  /** There is an outbound link. */
  linked: 1 << 16,
  hasSlots: 1 << 17,
  /** Cell.pingSentAt is not 0. */
  asked: 1 << 18,
  /** Cell.reportedAt is not 0. */
  reported: 1 << 19,
} as const

const VOTER = NodeFlag.primary | StateBit.hasSlots

/** How many other numbers a row has, and where. */
export const CELLS = 12
export const Cell = {
  pingSentAt: 0,
  dataAt: 1,
  pingLeftAt: 2,
  confirmedAt: 3,
  slotCount: 4,
  /** When the latest report of its failure that is held was made; 0: none is held. */
  reportedAt: 5,
  refusedAt: 6,
  failAt: 7,
  newcomerAt: 8,
  offset: 9,
  attemptedAt: 10,
  orphanedAt: 11,
} as const

export class NodeRows {
  pongTimes = new Float64Array(TIMES)
  words = new Int32Array(this.pongTimes.buffer)
  cells = new Float64Array(CELLS)
  /** When each node is to be looked at by the schedule; 0: something has happened to it. */
  dueAt = new Float64Array(1)
  readonly places: NodePlace[] = []
  readonly reported = new ReportedBits()
  count = 0

  /** Primaries with slots, and those of them that are neither PFAIL nor FAIL. */
  voters = 0
  reachableVoters = 0
  /** Nodes with slots that are FAIL; nodes that are PFAIL or FAIL. */
  failedOwners = 0
  failing = 0
  /** Grows when flags, replicas or who has slots change. */
  version = 0
  /** Grows when a node becomes a voter or ends to be one. */
  votersVersion = 0
  #rowOfNumber = new Int32Array(0)
  /** What was read last by `fetch`, so that it is not left out as useless. */
  fetched = 0

  constructor(readonly shared: NodePlaces | null = null, readonly suspects: Set<ClusterNode> | null = null) {}

  /** A row at the end. */
  enter(place: NodePlace): number {
    const row = this.count++
    if (this.count > this.dueAt.length) this.#grow()
    this.pongTimes.fill(0, row * TIMES, (row + 1) * TIMES)
    this.cells.fill(0, row * CELLS, (row + 1) * CELLS)
    this.dueAt[row] = 0
    this.places.length = row
    this.setPlace(row, place)
    return row
  }

  /** A row at the end that says what `row` of `other` says. */
  adopt(other: NodeRows, row: number): number {
    const added = this.enter(other.places[row]!)
    this.pongTimes[added * TIMES] = other.pongTimes[row * TIMES]!
    this.words[added * WORDS + Word.state] = other.words[row * WORDS + Word.state]!
    this.cells.set(other.cells.subarray(row * CELLS, (row + 1) * CELLS), added * CELLS)
    this.tally(this.flags(added), this.cells[added * CELLS + Cell.slotCount]!, 1)
    this.#votersChanged()
    return added
  }

  /** Those behind move up. */
  drop(row: number): void {
    this.tally(this.flags(row), this.cells[row * CELLS + Cell.slotCount]!, -1)
    this.#votersChanged()
    this.pongTimes.copyWithin(row * TIMES, (row + 1) * TIMES, this.count * TIMES)
    this.cells.copyWithin(row * CELLS, (row + 1) * CELLS, this.count * CELLS)
    this.dueAt.copyWithin(row, row + 1, this.count)
    if (row < this.count - 1) this.reported.setAll()
    this.places.splice(row, 1)
    this.count--
    this.#rowOfNumber.fill(-1)
    for (const [index, { number }] of this.places.entries()) if (number >= 0) this.#rowOfNumber[number] = index
  }

  setPlace(row: number, place: NodePlace): void {
    const kept = this.shared === null ? place : this.shared.shared(place)
    const former = this.places[row]
    if (former !== undefined && former.number >= 0) this.#rowOfNumber[former.number] = -1
    this.places[row] = kept
    this.words[row * WORDS + Word.place] = kept.index
    if (kept.number < 0) return
    if (kept.number >= this.#rowOfNumber.length) {
      const longer = new Int32Array(Math.max(64, 2 * kept.number)).fill(-1)
      longer.set(this.#rowOfNumber)
      this.#rowOfNumber = longer
    }
    this.#rowOfNumber[kept.number] = row
  }

  /** The row of the node whose id has this number among those who share places; -1: it is not known by that. */
  rowOf(number: number): number { return number < this.#rowOfNumber.length ? this.#rowOfNumber[number]! : -1 }

  flags(row: number): number { return this.words[row * WORDS + Word.state]! & FLAG_BITS }

  /** Reads the states of so many `rows`, none of which waits for another; then they are near. */
  fetch(rows: Int32Array, count: number): void {
    const { words } = this
    let bits = 0
    for (let index = 0; index < count; index++)
      if (rows[index]! >= 0) bits |= words[rows[index]! * WORDS + Word.state]!
    this.fetched = bits
  }

  isVoter(row: number): boolean { return (this.words[row * WORDS + Word.state]! & VOTER) === VOTER }

  setFlags(row: number, flags: number): void {
    const at = row * WORDS + Word.state
    const former = this.flags(row)
    const slotCount = this.cells[row * CELLS + Cell.slotCount]!
    this.tally(former, slotCount, -1)
    this.tally(flags, slotCount, 1)
    this.words[at] = (this.words[at]! & ~FLAG_BITS) | (flags & FLAG_BITS)
    this.dueAt[row] = 0
    if (((former ^ flags) & NodeFlag.primary) === 0) this.version++
    else this.#votersChanged()
  }

  setState(row: number, bit: number, isSet: boolean): void {
    const at = row * WORDS + Word.state
    this.words[at] = isSet ? this.words[at]! | bit : this.words[at]! & ~bit
  }

  setSlotCount(row: number, slotCount: number): void {
    const at = row * CELLS + Cell.slotCount
    const former = this.cells[at]!
    this.cells[at] = slotCount
    if ((former === 0) === (slotCount === 0)) return
    const flags = this.flags(row)
    this.setState(row, StateBit.hasSlots, slotCount !== 0)
    this.tally(flags, former, -1)
    this.tally(flags, slotCount, 1)
    this.dueAt[row] = 0
    this.#votersChanged()
  }

  /** All are to be looked at. */
  touchAll(): void { this.dueAt.fill(0) }

  /** Counts a node in (1) or out (-1). */
  tally(flags: number, slotCount: number, by: 1 | -1): void {
    const isFailing = (flags & FAILURE_FLAGS) !== 0
    if (isFailing) this.failing += by
    if (slotCount === 0) return
    if ((flags & NodeFlag.fail) !== 0) this.failedOwners += by
    if ((flags & NodeFlag.primary) === 0) return
    this.voters += by
    if (!isFailing) this.reachableVoters += by
  }

  #votersChanged(): void {
    this.version++
    this.votersVersion++
  }

  #grow(): void {
    const rows = Math.max(4, 2 * this.dueAt.length)
    const pongTimes = new Float64Array(rows * TIMES)
    pongTimes.set(this.pongTimes)
    this.pongTimes = pongTimes
    this.words = new Int32Array(pongTimes.buffer)
    const cells = new Float64Array(rows * CELLS)
    cells.set(this.cells)
    this.cells = cells
    const dueAt = new Float64Array(rows)
    dueAt.set(this.dueAt)
    this.dueAt = dueAt
  }
}
