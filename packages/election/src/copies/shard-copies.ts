/**
 * A node as one of its shard's copies, where acknowledgements are to outlive any fail-over (`repl-ack quorum`, and
 * strict semi-sync): what it promises, to whom it grants a lease, when its acknowledgements count, and, of a primary,
 * whether it may serve. Three rules carry it:
 *   - A copy acknowledges under one ballot at a time. Before it promises a larger one it stops, looks how far its log
 *     goes (`fence`), keeps the promise on disk, and only then answers.
 *   - While a lease that it granted runs, it promises nobody else; after a restart it waits as long as one could run.
 *   - It says that its log is in line with a leader only when it has everything that the leader had at its beginning,
 *     and keeps that on disk before it acknowledges under that leader's ballot.
 * The cluster's own election comes on top: it decides who owns the slots, these rules whether it may acknowledge.
 * A primary that may not lead says so (`unfit`), and its replicas replace it as if it had failed.
 * Elsewhere: asking for promises (ballot-drive.ts), leading (leadership.ts), counting acknowledgements (data plane).
 */
import type { ClusterNode, ClusterView, NodeId } from '@slotwise/gossip'
import { type Ballot, ballotText, compareBallots, NO_BALLOT, sameBallot } from './ballot.js'
import { BallotDrive } from './ballot-drive.js'
import { type CopyFacts, type CopyFaults, CopyMemory, type CopyProgress, type SavedCopy } from './copy-memory.js'
import type { CopyMessage } from './copy-message.js'
import { compareSets, type CopySet, isFullMember, nodeOf, replicasNeeded } from './copy-set.js'
import { GRANT_FACTOR, Leadership, tagOf } from './leadership.js'

/** One message may raise the term by so much. */
const TERM_JUMP_MAX = 2 ** 20

/** What the data plane is to do; all of it may be done again and again. */
export interface CopyDuty {
  /** Acknowledgements are counted and fenced at all. */
  isActive: boolean
  /** Goes into my acknowledgements; of a primary, those that count have it. null: none count. */
  tag: string | null
  /** Acknowledgements of replicas with that tag that a write needs. */
  needed: number
  /** 0: what replicas fsynced counts; else what they received. */
  received: number
  /** A primary answers until then. */
  servesUntilMs: number
  /** Replicas may copy from here. */
  feeds: boolean
  why: string
}

interface Source {
  ballot: Ballot
  node: NodeId
  start: number
  history: string
}

export class ShardCopies {
  readonly #memory: CopyMemory
  readonly #drive: BallotDrive
  readonly #leader: Leadership
  #grantedTo: NodeId = ''
  #grantUntil: number
  #source: Source | null = null
  /** Whom to answer when acknowledgements have stopped. */
  #asker: { ballot: Ballot; node: NodeId; released: boolean } | null = null
  #fencing: Ballot | null = null
  #unfitAt = Number.NEGATIVE_INFINITY
  #toldUnfitAt = 0
  /** Somebody else asks for promises: this primary does not until then. */
  #quietUntil = 0
  #why = ''

  constructor(
    readonly view: ClusterView, saved: SavedCopy = { intact: true, remembers: true }, readonly faults: CopyFaults = {},
  ) {
    this.#memory = new CopyMemory(view, saved, faults)
    this.#drive = new BallotDrive(this.#memory)
    this.#leader = new Leadership(this.#memory)
    // Whatever it granted before a restart.
    this.#grantUntil = this.#memory.set === null ? 0 : view.now + this.#grantMs
  }

  /** Elections and leases are strict: wanted here, or begun before and not reset since. */
  get isActive(): boolean { return this.#memory.set !== null || this.view.options.ackReplicas !== null }

  facts(): CopyFacts | undefined { return this.isActive ? this.#memory.facts() : undefined }

  /** My primary has said that it may not lead. */
  get isPrimaryUnfit(): boolean {
    return this.isActive && this.view.now - this.#unfitAt < this.view.options.nodeTimeoutMs
  }

  /** Only a primary that has shown a ballot of at least what was promised is copied from: not one that is empty. */
  mayFollow(node: NodeId): boolean { return !this.isActive || this.#source?.node === node }

  get duty(): CopyDuty {
    const { view } = this
    const { set } = this.#memory
    const { isPrimary } = view.self
    return {
      isActive: this.isActive,
      tag: isPrimary ? this.#leader.tag : this.#tag,
      needed: set === null ? 0 : replicasNeeded(set) ?? Number.POSITIVE_INFINITY,
      received: set?.received ?? view.options.ackReplicas ?? 0,
      servesUntilMs: this.isActive && isPrimary ? this.#leader.servesUntilMs : Number.POSITIVE_INFINITY,
      feeds: !this.isActive || !isPrimary || this.#leader.isLeading,
      why: !isPrimary || !this.isActive ? '' : this.#leader.isLeading ? this.#leader.why : this.#why,
    }
  }

  // --- events ---

  tick(): void {
    if (!this.isActive) return
    const { self } = this.view
    if (!self.isPrimary) return this.#catchUp()
    if (!self.isVoter) return this.#leader.end()
    if (this.#leader.isLeading) this.#leader.tick()
    else this.#lead()
  }

  progressed(progress: CopyProgress): void {
    this.#memory.progress = progress
    if (!this.isActive) return
    if (this.view.self.isPrimary) this.#leader.progressed()
    else this.#catchUp()
  }

  /** Acknowledgements under smaller ballots have stopped, and this is how far the log goes. */
  fenced(ballot: Ballot, offsets: Pick<CopyProgress, 'offset' | 'durableOffset'>): void {
    const memory = this.#memory
    memory.progress = { ...memory.progress, ...offsets }
    if (this.#fencing === null || !sameBallot(this.#fencing, ballot) || !sameBallot(memory.promised, ballot)) return
    this.#fencing = null
    this.view.persist(true, 'a ballot was promised')
    if (ballot.node === this.view.self.id) return this.#drive.fenced(ballot)
    if (this.#asker !== null) this.#answer(this.#asker)
  }

  /** Of a known sender. */
  receive(sender: ClusterNode, message: CopyMessage): void {
    if (!this.isActive) return
    const { promised } = this.#memory
    if (promised.term > 0 && message.ballot.term > promised.term + TERM_JUMP_MAX) return
    switch (message.kind) {
      case 'lease': return this.#receiveLease(sender, message)
      case 'granted': return this.#leader.granted(sender, message)
      case 'prepare': return this.#receivePrepare(sender, message)
      case 'promise': return this.#drive.promised(sender, message)
      case 'refusal': return this.#receiveRefusal(message)
      case 'unfit':
        if (sender === this.view.self.primary) this.#unfitAt = this.view.now
    }
  }

  /** Primary or replica, or of another primary: what was begun in the old role is over. Promises stay. */
  roleChanged(): void {
    if (!this.view.self.isPrimary) this.#leader.end()
    this.#drive.reset()
    this.#source = null
    this.#unfitAt = Number.NEGATIVE_INFINITY
  }

  /** CLUSTER RESET: no copy of any shard. */
  forget(): void {
    const memory = this.#memory
    memory.set = null
    memory.promised = NO_BALLOT
    memory.log = NO_BALLOT
    memory.incarnation = 1 + Math.floor(this.view.random() * 2 ** 48)
    this.#fencing = null
    this.#leader.end()
    this.#drive.reset()
    this.#source = null
  }

  // --- for the election ---

  /**
   * Asks for promises while they are missing.
   * @param byRequest  the primary has paused for this replica: it is asked to stop, instead of waiting for its lease
   * @returns why this replica may not ask for votes yet, or null
   */
  prepare(byRequest = false): string | null {
    if (!this.isActive) return null
    if (this.#memory.set === null) return 'I have never been one of the copies of this shard'
    if (!this.#memory.isMember) return 'this node has lost data, and is no copy until a primary takes it in again'
    return this.#drivenWhy(byRequest)
  }

  /** The promises still hold: to be asked when votes are enough. */
  get isElectable(): boolean { return !this.isActive || this.prepare() === null }

  /** This replica has become the primary. `forced`: without anybody's consent, so it begins alone. */
  won(forced: boolean): void {
    if (!this.isActive) return
    const memory = this.#memory
    if (forced) {
      memory.promised = { term: memory.promised.term + 1, node: this.view.self.id }
      this.view.log('warn', 'Leading without the promises of other copies: what they have acknowledged and this node ' +
        'has not is given up.')
      this.#leader.begin(memory.promised, [[memory.key]], memory.set?.received ?? this.view.options.ackReplicas ?? 0)
    } else if (this.#drive.ballot !== null) this.#begin(this.#drive.ballot)
    this.#drive.reset()
  }

  abandon(): void { this.#drive.reset() }

  // --- a copy ---

  get #grantMs(): number {
    const { options } = this.view
    return options.nodeTimeoutMs * (options.leaseFactor || 0.5) * GRANT_FACTOR
  }

  get #tag(): string | null {
    const source = this.#source
    const { promised, log, set, key } = this.#memory
    if (source === null || set === null || !sameBallot(source.ballot, promised)) return null
    if (!sameBallot(log, promised) || !sameBallot(set.ballot, promised) || !isFullMember(set, key)) return null
    return tagOf(set.ballot, set.number)
  }

  #receiveLease(sender: ClusterNode, message: CopyMessage): void {
    const { view } = this
    const memory = this.#memory
    const isOfAnother = message.set !== null && memory.set !== null && !sameBallot(message.set.shard, memory.set.shard)
    if (isOfAnother) {
      if (sender !== view.self.primary) return
      // A copy of mine that begins another shard has lost what it promised here, and is told so.
      if (memory.set!.members.flat().some((key) => nodeOf(key) === sender.id)) {
        memory.send(sender, { kind: 'refusal', ballot: memory.promised, set: memory.set })
        return
      }
      view.log('info', 'This node has become a copy of another shard')
      this.forget()
    }
    if (compareBallots(message.ballot, memory.promised) < 0) {
      memory.send(sender, { kind: 'refusal', ballot: memory.promised })
      return
    }
    if (sender !== view.self.primary || message.ballot.node !== sender.id) return
    // A promise that is not on disk yet is not answered, and neither is a lease in between.
    if (this.#fencing !== null) return
    if (!sameBallot(message.ballot, memory.promised)) {
      memory.promised = message.ballot
      view.persist(true, 'a leader with a newer ballot was heard')
    }
    if (message.set !== null && sameBallot(message.set.ballot, message.ballot) &&
      (memory.set === null || compareSets(message.set, memory.set) > 0)) {
      memory.set = message.set
      if (memory.isMember) memory.isLost = false
      view.persist(true, 'the set of copies changed')
    }
    this.#source = { ballot: message.ballot, node: sender.id, start: message.offset, history: message.history }
    this.#grantedTo = sender.id
    this.#grantUntil = Math.max(this.#grantUntil, view.now + this.#grantMs)
    this.#unfitAt = Number.NEGATIVE_INFINITY
    this.#catchUp()
    memory.send(sender, { kind: 'granted', ballot: message.ballot, stamp: message.stamp, ...memory.position,
      set: memory.set })
  }

  /** Is the log in line with the leader's by now? */
  #catchUp(): void {
    const source = this.#source
    const memory = this.#memory
    const { progress } = memory
    if (source === null || !sameBallot(source.ballot, memory.promised) || sameBallot(memory.log, source.ballot)) return
    if (!progress.connected || progress.history !== source.history) return
    const offset = (memory.set?.received ?? 0) > 0 ? progress.offset : progress.durableOffset
    if (offset < source.start) return
    memory.log = source.ballot
    this.view.persist(true, 'the log is in line with the leader')
  }

  #receivePrepare(sender: ClusterNode, message: CopyMessage): void {
    const { view } = this
    const memory = this.#memory
    const { ballot, released } = message
    if (ballot.node !== sender.id || memory.set === null || message.set === null) return
    if (!sameBallot(message.set.shard, memory.set.shard)) return
    const order = compareBallots(ballot, memory.promised)
    if (order < 0) {
      memory.send(sender, { kind: 'refusal', ballot: memory.promised })
      return
    }
    const wasLeading = this.#leader.isLeading
    if (order > 0) {
      if (this.#refusesFor(sender.id, released)) return
      memory.promised = ballot
      if (wasLeading) {
        this.#leader.end()
        this.#why = `the copies were asked to follow ${sender.id}`
      }
      this.#quietUntil = view.now + view.options.nodeTimeoutMs
    }
    // Once a primary has promised it does not go on under its own ballot.
    this.#asker = { ballot, node: sender.id, released: view.self.isPrimary }
    // Asked again: the answer was lost, or is not on disk yet.
    this.#fence(ballot)
  }

  /** A lease runs that another node has. */
  #refusesFor(candidate: NodeId, released: boolean): boolean {
    const { view, faults } = this
    if (faults.noLease === true) return false
    if (this.#leader.isLeading) {
      return view.pausedFor?.id !== candidate && view.now < this.#leader.servesUntilMs
    }
    return view.now < this.#grantUntil && this.#grantedTo !== candidate && !released
  }

  #fence(ballot: Ballot): void {
    this.#fencing = ballot
    this.view.emit({ type: 'fence', ballot })
  }

  #answer({ ballot, node: id, released }: { ballot: Ballot; node: NodeId; released: boolean }): void {
    const memory = this.#memory
    const node = this.view.known(id)
    if (node === null) return
    this.view.log('info', `Promised ballot ${ballotText(ballot)}`)
    memory.send(node, { kind: 'promise', ballot, ...memory.position, set: memory.set, released })
  }

  #receiveRefusal(message: CopyMessage): void {
    const { set } = this.#memory
    const theirs = message.set
    if (theirs !== null && set !== null && !sameBallot(theirs.shard, set.shard)) return this.#doubt(theirs)
    this.#drive.refused(message)
    const { ballot } = this.#leader
    if (ballot === null || compareBallots(message.ballot, ballot) <= 0) return
    this.view.log('warn', `A copy has promised ballot ${ballotText(message.ballot)}: this primary stops serving`)
    this.#leader.end()
    this.#why = 'another copy was promised what this primary had'
    this.#quietUntil = this.view.now + this.view.options.nodeTimeoutMs / 2
  }

  /** A replica knows this node as a copy of `theirs`; here nobody else was taken in, so nothing was acknowledged. */
  #doubt(theirs: CopySet): void {
    const memory = this.#memory
    const isMine = theirs.members.flat().some((key) => nodeOf(key) === this.view.self.id)
    if (memory.set!.members.flat().length > 1 || !isMine) return
    this.#leader.end()
    memory.set = null
    memory.isLost = true
    this.view.persist(true, 'this node has lost what it promised')
  }

  // --- a primary ---

  #begin(ballot: Ballot): void {
    // What an acknowledgement means stays as the shard began with it: elections count on it.
    const { members, received } = this.#memory.set!
    this.#leader.begin(ballot, members, received)
  }

  #drivenWhy(byRequest: boolean): string | null {
    const isLeased = this.#refusesFor(this.view.self.id, false)
    if (this.#drive.ballot === null) {
      if (isLeased && !byRequest) return 'the lease of the former primary has not ended yet'
      const ballot = this.#drive.begin()
      if (ballot === null) return this.#drive.advance(isLeased)
      this.#memory.promised = ballot
      this.#fence(ballot)
    }
    return this.#drive.advance(isLeased)
  }

  #lead(): void {
    const memory = this.#memory
    const { view } = this
    if (memory.set === null) return this.#found()
    if (!memory.isMember) {
      this.#why = 'this primary came back with less than it may have acknowledged, and may not lead'
      return this.#sayUnfit()
    }
    if (view.now < this.#quietUntil) return
    const why = this.#drivenWhy(false)
    const { ballot, isBehind } = this.#drive
    if (why !== null) {
      this.#why = why
      if (!isBehind) return
      // Whoever has more may ask for votes now.
      this.#drive.reset()
      this.#quietUntil = view.now + 2 * view.options.nodeTimeoutMs
      return this.#sayUnfit()
    }
    if (ballot !== null) this.#begin(ballot)
    this.#drive.reset()
  }

  #found(): void {
    const memory = this.#memory
    const { view } = this
    if (memory.isLost) {
      this.#why = 'this node has lost what it promised, and may not lead'
      return this.#sayUnfit()
    }
    memory.promised = { term: memory.promised.term + 1, node: view.self.id }
    this.#leader.begin(memory.promised, [[memory.key]], view.options.ackReplicas ?? 0)
  }

  #sayUnfit(): void {
    const { view } = this
    if (view.now - this.#toldUnfitAt < view.options.nodeTimeoutMs * 0.2) return
    this.#toldUnfitAt = view.now
    for (const node of view.self.replicas) this.#memory.send(node, { kind: 'unfit', ballot: this.#memory.promised })
  }
}
