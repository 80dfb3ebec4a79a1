/**
 * What one copy of a shard remembers and knows of itself, shared by the parts that decide. The facts must be on disk
 * before anybody hears what follows from them; a copy whose data came back with less than it may have acknowledged
 * begins a new incarnation, so that whatever the old one promised is counted for nobody.
 * Elsewhere: what is decided (shard-copies.ts, ballot-drive.ts, leadership.ts).
 */
import { type ClusterNode, type ClusterView, sendGossip } from '@slotwise/gossip'
import { type Ballot, NO_BALLOT, type Position } from './ballot.js'
import { blankMessage, type CopyMessage, encodeCopyMessage } from './copy-message.js'
import { type CopyKey, copyKey, type CopySet, isInAnyList } from './copy-set.js'

/** What must survive a restart; plain data. */
export interface CopyFacts {
  incarnation: number
  /** Nothing is acknowledged or promised under a smaller one. */
  promised: Ballot
  /** With which leader the log was last brought in line. */
  log: Ballot
  set: CopySet | null
  /** It came back without its promises, and has not been taken in since: it begins no shard by itself. */
  isLost: boolean
}

/** What was found at a start. */
export interface SavedCopy {
  facts?: CopyFacts
  /** The log has everything that was in it when it was acknowledged. */
  intact: boolean
  /** The store of facts is the one that this node began with; a node that lost it may have promised anything. */
  remembers: boolean
}

/** Planted faults, to see that the simulator's invariants notice: never set outside of tests. */
export interface CopyFaults {
  noLease?: boolean
  electAlone?: boolean
  resetVotes?: boolean
}

/** The copy's log, as the data plane tells it. */
export interface CopyProgress {
  /** Its end, and what of it is fsynced. */
  offset: number
  durableOffset: number
  /** The replication id of the stream it is part of. */
  history: string
  connected: boolean
}

export class CopyMemory {
  incarnation: number
  promised: Ballot
  log: Ballot
  set: CopySet | null
  isLost: boolean
  progress: CopyProgress = { offset: 0, durableOffset: 0, history: '', connected: false }

  constructor(readonly view: ClusterView, readonly saved: SavedCopy, readonly faults: CopyFaults) {
    const { facts } = saved
    const goesOn = facts !== undefined && (saved.intact || faults.resetVotes === true)
    this.incarnation = goesOn ? facts.incarnation : 1 + Math.floor(view.random() * 2 ** 48)
    this.promised = facts?.promised ?? NO_BALLOT
    this.log = goesOn ? facts.log : NO_BALLOT
    this.set = facts?.set ?? null
    this.isLost = facts?.isLost ?? !saved.remembers
  }

  get key(): CopyKey { return copyKey(this.view.self.id, this.incarnation) }
  get isMember(): boolean { return this.set !== null && isInAnyList(this.set, this.key) }

  /** What of the log counts for the promise: fsynced, or received. */
  get position(): Position {
    const received = (this.set?.received ?? 0) > 0
    return { log: this.log, offset: received ? this.progress.offset : this.progress.durableOffset }
  }

  facts(): CopyFacts {
    const { incarnation, promised, log, set, isLost } = this
    return { incarnation, promised, log, set, isLost }
  }

  /** On our own link; PONGs that nobody asked for change nothing else at a node that knows the sender. */
  send(node: ClusterNode, message: Pick<CopyMessage, 'kind'> & Partial<CopyMessage>): void {
    if (node.link?.open !== true || node.isMyself) return
    const whole = { ...blankMessage, incarnation: this.incarnation, ...message }
    sendGossip(this.view, node.link, 'pong', [encodeCopyMessage(whole)])
  }
}
