/**
 * The numbers that a view has of its nodes, a row each in the order of its list, side by side in memory: gossip reads
 * and writes some of a hundred nodes for each message, the schedule looks at all of them ten times a second, and a
 * simulated cluster has a million rows. ClusterNode is the face of a row and keeps what is needed seldom.
 * Kept with every change are the counts that would otherwise be made by looking at all rows.
 * Elsewhere: names and addresses (node-place.ts), the rules (one file each).
 */
import { FAILURE_FLAGS, NodeFlag } from './node-flags.js'
import type { ClusterNode } from './cluster-node.js'
import type { NodePlace, NodePlaces } from './node-place.js'

/** How many numbers a row has, and where: those that gossip needs come first, in one line of the cache. */
export const CELLS = 16
export const Cell = {
  flags: 0,
  pongAt: 1,
  pingSentAt: 2,
  slotCount: 3,
  /** 1: there is an outbound link. */
  linked: 4,
  drawnFor: 5,
  /** How many reports of its failure are held. */
  reports: 6,
  dataAt: 7,
  pingLeftAt: 8,
  confirmedAt: 9,
  refusedAt: 10,
  failAt: 11,
  newcomerAt: 12,
  offset: 13,
  attemptedAt: 14,
  orphanedAt: 15,
} as const

export class NodeRows {
  cells = new Float64Array(CELLS)
  /** When each node is to be looked at by the schedule; 0: something has happened to it. */
  dueAt = new Float64Array(1)
  readonly places: NodePlace[] = []
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

  constructor(readonly shared: NodePlaces | null = null, readonly suspects: Set<ClusterNode> | null = null) {}

  /** A row at the end. */
  enter(place: NodePlace): number {
    const row = this.count++
    if (this.count > this.dueAt.length) this.#grow()
    this.cells.fill(0, row * CELLS, (row + 1) * CELLS)
    this.dueAt[row] = 0
    this.places.length = row
    this.setPlace(row, place)
    return row
  }

  /** A row at the end that says what `row` of `other` says. */
  adopt(other: NodeRows, row: number): number {
    const added = this.enter(other.places[row]!)
    this.cells.set(other.cells.subarray(row * CELLS, (row + 1) * CELLS), added * CELLS)
    this.tally(this.cells[added * CELLS + Cell.flags]!, this.cells[added * CELLS + Cell.slotCount]!, 1)
    this.#votersChanged()
    return added
  }

  /** Those behind move up. */
  drop(row: number): void {
    this.tally(this.cells[row * CELLS + Cell.flags]!, this.cells[row * CELLS + Cell.slotCount]!, -1)
    this.#votersChanged()
    this.cells.copyWithin(row * CELLS, (row + 1) * CELLS, this.count * CELLS)
    this.dueAt.copyWithin(row, row + 1, this.count)
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

  setFlags(row: number, flags: number): void {
    const at = row * CELLS
    const former = this.cells[at + Cell.flags]!
    const slotCount = this.cells[at + Cell.slotCount]!
    this.tally(former, slotCount, -1)
    this.tally(flags, slotCount, 1)
    this.cells[at + Cell.flags] = flags
    this.dueAt[row] = 0
    if (((former ^ flags) & NodeFlag.primary) === 0) this.version++
    else this.#votersChanged()
  }

  setSlotCount(row: number, slotCount: number): void {
    const at = row * CELLS
    const former = this.cells[at + Cell.slotCount]!
    this.cells[at + Cell.slotCount] = slotCount
    if ((former === 0) === (slotCount === 0)) return
    const flags = this.cells[at + Cell.flags]!
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
    const cells = new Float64Array(rows * CELLS)
    cells.set(this.cells)
    this.cells = cells
    const dueAt = new Float64Array(rows)
    dueAt.set(this.dueAt)
    this.dueAt = dueAt
  }
}
