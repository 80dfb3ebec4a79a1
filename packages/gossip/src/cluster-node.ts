/**
 * One node as another one sees it. Times are milliseconds of the machine's clock, 0 means never.
 * What gossip and the schedule look at lies in a row of the view's numbers (node-rows.ts), and who and where it is in a
 * value that views may share (node-place.ts); this is the face of both, and a change that could make the schedule act
 * marks the node to be looked at.
 * Source: Redis 7.0 cluster, node table. Elsewhere: the table and the slots (cluster-view.ts), the rules (one file
 * each).
 */
import type { LinkId } from './bus-effect.js'
import type { NodeId } from './bus-message.js'
import type { NodeClock } from './clock-skew.js'
import type { FailureReports } from './failure-reports.js'
import { FAILURE_FLAGS, NodeFlag } from './node-flags.js'
import { NodePlace } from './node-place.js'
import { Cell, CELLS, NodeRows, StateBit, TIMES } from './node-rows.js'
import type { Caller } from './second-process.js'

export interface Link {
  id: LinkId
  /** Outbound: the node it was made for. Inbound: the last sender that was known. */
  node: ClusterNode | null
  open: boolean
  createdAt: number
  remoteIp: string
  localIp: string
  /** Of the process on the other side; 0: it has not told. */
  processId: number
}

/** Where nodes lie until a view takes them, which is at once. */
const nursery = new NodeRows()

const NO_NODES: readonly ClusterNode[] = []

export class ClusterNode {
  /** Kept by the view: the table, the place in its list, and a number that stands for the node as long as it is in. */
  rows = nursery
  row = 0
  number = -1

  hostname = ''
  /** Of a primary. Replicas have none of their own: everything shown and sent for them is their primary's. */
  configEpoch = 0
  /** It sends our extension; the id of its cluster by that, and whether it is another one than ours. */
  tellsCluster = false
  clusterId = ''
  isOfAnotherCluster = false
  primary: ClusterNode | null = null
  /** Whose replica it was before it said that it is a primary: the one it may have been elected for. */
  formerPrimary: ClusterNode | null = null
  /** When it was last told in the log that its claims are refused, or that it is in two places. */
  refusedClaimsAt = 0
  doubtedAt = 0
  /** Of a primary with slots: since when its headers say that it is a replica under an older epoch (roles.ts). */
  contradictedAt = 0
  /** A value: who holds it sees no change. */
  replicas: readonly ClusterNode[] = NO_NODES
  /** When I last voted for a replica of this node, and for which. */
  votedAt = 0
  votedFor: ClusterNode | null = null
  /** An offset was heard from it; 0 alone does not tell. */
  offsetKnown = false
  /** Which primaries call it failing, and when they last did. */
  reports: FailureReports | null = null
  inbound: Link | null = null
  clock: NodeClock | null = null
  /** Another process under its id. */
  caller: Caller | null = null
  /** How many of its slots are marked as claimed no more; kept by ClusterView. */
  notClaimingCount = 0
  /** Grows when slots are bound to it or taken from it. */
  slotsVersion = 0
  /** A bitmap that it sent and that was just what the table says of `of` at that version. */
  claimed: { of: ClusterNode; version: number; bitmap: Uint8Array } | null = null
  #link: Link | null = null
  #refusedCount = 0

  constructor(id: NodeId, flags: number, readonly createdAt: number) {
    this.row = nursery.enter(new NodePlace(id, '', 0, 0, 0))
    this.flags = flags
  }

  /** From now on its numbers lie in `rows`. */
  moveInto(rows: NodeRows): void {
    const { rows: former, row } = this
    this.row = rows.adopt(former, row)
    this.rows = rows
    if (former === nursery && row === nursery.count - 1) nursery.count--
  }

  // --- who and where ---

  get place(): NodePlace { return this.rows.places[this.row]! }
  set place(place: NodePlace) { this.rows.setPlace(this.row, place) }
  get id(): NodeId { return this.place.id }
  set id(id: NodeId) { this.place = this.place.changed({ id }) }
  get ip(): string { return this.place.ip }
  set ip(ip: string) { this.place = this.place.changed({ ip }) }
  get port(): number { return this.place.port }
  set port(port: number) { this.place = this.place.changed({ port }) }
  get plainPort(): number { return this.place.plainPort }
  set plainPort(plainPort: number) { this.place = this.place.changed({ plainPort }) }
  get busPort(): number { return this.place.busPort }
  set busPort(busPort: number) { this.place = this.place.changed({ busPort }) }

  // --- flags ---

  get flags(): number { return this.rows.flags(this.row) }
  set flags(flags: number) {
    const former = this.flags
    if (former === flags) return
    this.rows.setFlags(this.row, flags)
    const { suspects } = this.rows
    if (suspects === null || ((former ^ flags) & NodeFlag.pfail) === 0) return
    if ((flags & NodeFlag.pfail) === 0) suspects.delete(this)
    else suspects.add(this)
  }

  has(flag: number): boolean { return (this.flags & flag) !== 0 }
  set(flag: number): void { this.flags |= flag }
  clear(flag: number): void { this.flags &= ~flag }

  get isPrimary(): boolean { return (this.flags & NodeFlag.primary) !== 0 }
  get isReplica(): boolean { return (this.flags & NodeFlag.replica) !== 0 }
  get isMyself(): boolean { return (this.flags & NodeFlag.myself) !== 0 }
  get inHandshake(): boolean { return (this.flags & NodeFlag.handshake) !== 0 }
  get isPfail(): boolean { return (this.flags & NodeFlag.pfail) !== 0 }
  get isFail(): boolean { return (this.flags & NodeFlag.fail) !== 0 }
  /** A primary that owns slots: what quorums are counted in. */
  get isVoter(): boolean { return this.rows.isVoter(this.row) }
  /** Whose slots and epoch stand in this node's headers. */
  get shardPrimary(): ClusterNode { return this.primary ?? this }

  /** How many slots the view binds to this node; kept by ClusterView. */
  get slotCount(): number { return cell(this, Cell.slotCount) | 0 }
  set slotCount(count: number) { this.rows.setSlotCount(this.row, count) }

  /** Replicas that are neither suspected nor failed. */
  get healthyReplicaCount(): number {
    let count = 0
    for (const replica of this.replicas) if ((replica.flags & FAILURE_FLAGS) === 0) count++
    return count
  }

  // --- signs of life ---

  /**
   * When the PING that has no answer yet was sent; survives reconnects, or a flapping node would never be suspected.
   */
  get pingSentAt(): number { return cell(this, Cell.pingSentAt) }
  set pingSentAt(time: number) {
    setCell(this, Cell.pingSentAt, time)
    this.rows.setState(this.row, StateBit.asked, time !== 0)
    this.touch()
  }

  /** The same, but never moved: when the PING that is pending really left. */
  get pingLeftAt(): number { return cell(this, Cell.pingLeftAt) }
  set pingLeftAt(time: number) { setCell(this, Cell.pingLeftAt, time) }

  get pongAt(): number { return this.rows.pongTimes[this.row * TIMES]! }
  set pongAt(time: number) {
    if (time < this.pongAt) this.touch()
    this.rows.pongTimes[this.row * TIMES] = time
  }

  get dataAt(): number { return cell(this, Cell.dataAt) }
  set dataAt(time: number) {
    if (time < this.dataAt) this.touch()
    setCell(this, Cell.dataAt, time)
  }

  /** Send time of the last PING that was answered: what a lease may count on. */
  get confirmedAt(): number { return cell(this, Cell.confirmedAt) }
  set confirmedAt(time: number) { setCell(this, Cell.confirmedAt, time) }

  get failAt(): number { return cell(this, Cell.failAt) }
  set failAt(time: number) { setCell(this, Cell.failAt, time) }

  /** When the latest of its reports was made, 0: there is none; kept by failure-reports.ts. */
  get reportedAt(): number { return cell(this, Cell.reportedAt) }
  set reportedAt(time: number) {
    setCell(this, Cell.reportedAt, time)
    this.rows.setState(this.row, StateBit.reported, time !== 0)
  }

  get offset(): number { return cell(this, Cell.offset) }
  set offset(offset: number) { setCell(this, Cell.offset, offset) }

  /** Since when this primary has slots, had replicas and has no healthy one. */
  get orphanedAt(): number { return cell(this, Cell.orphanedAt) }
  set orphanedAt(time: number) { setCell(this, Cell.orphanedAt, time) }

  /** Since when it is known; 0: for long enough. See newcomers.ts. */
  get newcomerAt(): number { return cell(this, Cell.newcomerAt) }
  set newcomerAt(time: number) { setCell(this, Cell.newcomerAt, time) }

  // --- links ---

  get link(): Link | null { return this.#link }
  set link(link: Link | null) {
    this.#link = link
    this.rows.setState(this.row, StateBit.linked, link !== null)
    this.touch()
  }

  /** When it was last tried to connect to it. */
  get attemptedAt(): number { return cell(this, Cell.attemptedAt) }
  set attemptedAt(time: number) { setCell(this, Cell.attemptedAt, time) }

  /** First of the refused connections in a row, and how many; reset by an open link or any data. */
  get refusedAt(): number { return cell(this, Cell.refusedAt) }
  set refusedAt(time: number) {
    if (time < this.refusedAt) this.touch()
    setCell(this, Cell.refusedAt, time)
  }

  get refusedCount(): number { return this.#refusedCount }
  set refusedCount(count: number) {
    if (count === this.#refusedCount) return
    this.#refusedCount = count
    this.touch()
  }

  /** The schedule is to look at it, whatever it expected. */
  touch(): void { this.rows.dueAt[this.row] = 0 }
}

const cell = ({ rows, row }: ClusterNode, which: number): number => rows.cells[row * CELLS + which]!

function setCell({ rows, row }: ClusterNode, which: number, value: number): void {
  rows.cells[row * CELLS + which] = value
}
