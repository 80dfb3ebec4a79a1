/**
 * One node as another one sees it. Times are milliseconds of the machine's clock, 0 means never.
 * Source: Redis 7.0 cluster, node table. Elsewhere: the table and the slots (cluster-view.ts), the rules (one file
 * each).
 */
import type { LinkId } from './bus-effect.js'
import type { GossipEntry, NodeId } from './bus-message.js'
import { NodeFlag } from './node-flags.js'

export interface Link {
  id: LinkId
  /** Outbound: the node it was made for. Inbound: the last sender that was known. */
  node: ClusterNode | null
  open: boolean
  createdAt: number
  remoteIp: string
  localIp: string
}

export class ClusterNode {
  ip = ''
  port = 0
  plainPort = 0
  busPort = 0
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
  /** Since when it is known; 0: for long enough. See newcomers.ts. */
  newcomerAt = 0
  /** When it was last told in the log that its claims are refused, or that it is in two places. */
  refusedClaimsAt = 0
  doubtedAt = 0
  replicas: ClusterNode[] = []
  /** How many slots the view binds to this node; kept by ClusterView. */
  slotCount = 0
  /**
   * When the PING that has no answer yet was sent; survives reconnects, or a flapping node would never be suspected.
   */
  pingSentAt = 0
  /** The same, but never moved: when the PING that is pending really left. */
  pingLeftAt = 0
  pongAt = 0
  dataAt = 0
  failAt = 0
  /** When I last voted for a replica of this node, and for which. */
  votedAt = 0
  votedFor: ClusterNode | null = null
  /** Send time of the last PING that was answered: what a lease may count on. */
  confirmedAt = 0
  offset = 0
  /** An offset was heard from it; 0 alone does not tell. */
  offsetKnown = false
  /** Since when this primary has slots, had replicas and has no healthy one. */
  orphanedAt = 0
  /** Which primaries call it failing, and when they last did. */
  reports: Map<ClusterNode, number> | null = null
  link: Link | null = null
  inbound: Link | null = null
  /** First of the refused connections in a row, and how many; reset by an open link or any data. */
  refusedAt = 0
  refusedCount = 0
  /** How many of its slots are marked as claimed no more; kept by ClusterView. */
  notClaimingCount = 0
  /** Grows when slots are bound to it or taken from it. */
  slotsVersion = 0
  /** A bitmap that it sent and that was just what the table says of `of` at that version. */
  claimed: { of: ClusterNode; version: number; bitmap: Uint8Array } | null = null
  /** Of the view that it is in. */
  suspects: Set<ClusterNode> | null = null
  /** What was last said of it in a gossip section. */
  entry: GossipEntry | null = null
  /** Which gossip section it was last drawn for. */
  drawnFor = 0

  constructor(public id: NodeId, public flags: number, readonly createdAt: number) {}

  has(flag: number): boolean { return (this.flags & flag) !== 0 }
  set(flag: number): void {
    this.flags |= flag
    if ((flag & NodeFlag.pfail) !== 0) this.suspects?.add(this)
  }

  clear(flag: number): void {
    this.flags &= ~flag
    if ((flag & NodeFlag.pfail) !== 0) this.suspects?.delete(this)
  }

  get isPrimary(): boolean { return (this.flags & NodeFlag.primary) !== 0 }
  get isReplica(): boolean { return (this.flags & NodeFlag.replica) !== 0 }
  get isMyself(): boolean { return (this.flags & NodeFlag.myself) !== 0 }
  get inHandshake(): boolean { return (this.flags & NodeFlag.handshake) !== 0 }
  get isPfail(): boolean { return (this.flags & NodeFlag.pfail) !== 0 }
  get isFail(): boolean { return (this.flags & NodeFlag.fail) !== 0 }
  /** A primary that owns slots: what quorums are counted in. */
  get isVoter(): boolean { return this.isPrimary && this.slotCount > 0 }
  /** Whose slots and epoch stand in this node's headers. */
  get shardPrimary(): ClusterNode { return this.primary ?? this }

  /** Replicas that are neither suspected nor failed. */
  get healthyReplicaCount(): number {
    let count = 0
    for (const replica of this.replicas) if ((replica.flags & (NodeFlag.pfail | NodeFlag.fail)) === 0) count++
    return count
  }
}
