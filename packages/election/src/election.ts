/**
 * A replica's side of a failover: is my primary failing, is my data fresh enough, when do I ask, who voted, did I win.
 * Votes are a set of voters: a message that comes twice is one vote. All of it is forgotten when the role changes, the
 * primary changes or the election is won, so that an old count can never win a later one. A new epoch is on disk before
 * anybody is asked, and the claim is on disk before anybody hears of it.
 * `why` says in words why there is no failover (the log has it too, once for each reason).
 * Source: Redis 7.0 cluster, election. Elsewhere: rank and delay (rank.ts), data age, the voter (vote.ts).
 */
import {
  becomePrimary, broadcast, broadcastPong, bumpWithoutConsensus, type BusBody, type BusMessage, type ClusterNode,
  type ClusterView, reportCount, sendTo,
} from '@slotwise/gossip'
import { type ReplicationState, tooOld } from './data-age.js'
import type { ShardCopies } from './copies/shard-copies.js'
import type { ManualFailover } from './manual-failover.js'
import { electionDelayMs, rankDelayMs, rankOf } from './rank.js'
import type { VoteFaults } from './vote.js'

type State =
  | { phase: 'idle' }
  | { phase: 'waiting'; startAt: number; rank: number; manual: boolean }
  | { phase: 'asking'; startAt: number; askedAt: number; epoch: number; votes: Set<ClusterNode>; manual: boolean }

/** Of T. Until then those who would agree may not have noticed yet. */
const SILENT_TIMEOUTS = 1.5
/** Of T. Whoever has not voted by then may not have been reached, or not have known me or the verdict. */
const ASK_AGAIN_TIMEOUTS = 0.5

export class Election {
  #state: State = { phase: 'idle' }
  #startAt: number | null = null
  /** When another replica of my primary asked for votes, and in which epoch. */
  #siblingAt = 0
  #siblingEpoch = 0
  #retryMs = 0
  /** Why this replica has not replaced its failed primary; empty if there is no reason to. */
  why = ''

  /** `copies`: of a shard whose acknowledgements elections keep; they promise before anybody is asked to vote. */
  constructor(
    readonly view: ClusterView, readonly manual: ManualFailover, readonly faults: VoteFaults = {},
    readonly copies: ShardCopies | null = null,
  ) {}

  reset(): void {
    this.#state = { phase: 'idle' }
    this.#startAt = null
    this.#siblingAt = 0
    this.#siblingEpoch = 0
    this.why = ''
  }

  /** Every tick, and whenever a vote, a verdict or a pause may have arrived. */
  advance(replication: ReplicationState): void {
    const { view, manual } = this
    // What the primary's stream gets while votes are under way, a PING for its replicas say, ends no election: an
    // offset that grew is waited for before the slots are taken.
    const isManual = manual.mayStart || (manual.isActive && this.#state.phase !== 'idle' && this.#state.manual)
    const why = this.#obstacle(isManual, replication)
    if (why !== null) {
      if (view.self.primary?.isFail !== true) {
        if (this.#state.phase !== 'idle') this.copies?.abandon()
        this.#state = { phase: 'idle' }
        this.#startAt = null
      }
      this.#say(why)
      return
    }
    const timeoutMs = Math.max(2 * view.options.nodeTimeoutMs, 2000)
    // What is begun goes on when the request is over and the primary has failed: its last words will not come.
    if (this.#state.phase !== 'idle' && this.#state.manual && !manual.isActive) this.#state.manual = false
    // A manual failover does not wait for an older attempt to run out.
    if (isManual && this.#state.phase !== 'idle' && !this.#state.manual) this.#state = { phase: 'idle' }
    if (this.#state.phase === 'idle') this.#schedule(isManual, timeoutMs)
    if (this.#state.phase === 'waiting') this.#wait()
    if (this.#state.phase === 'asking') this.#ask(timeoutMs)
  }

  /** AUTH_REQ of a known sender: whoever votes for it does not vote for me for a while. */
  heardRequest(sender: ClusterNode, { header }: BusMessage): void {
    const { self, now } = this.view
    if (sender.primary === null || sender.primary !== self.primary || header.currentEpoch <= this.#siblingEpoch) return
    this.#siblingAt = now
    this.#siblingEpoch = header.currentEpoch
  }

  /** AUTH_ACK of a known sender. */
  receiveVote(sender: ClusterNode, { header }: BusMessage, replication: ReplicationState): void {
    const state = this.#state
    if (state.phase !== 'asking' || !sender.isVoter || header.currentEpoch < state.epoch) return
    state.votes.add(sender)
    this.advance(replication)
  }

  /** CLUSTER FAILOVER TAKEOVER: no votes. */
  takeOverWithoutVotes(): void {
    this.view.log('warn', 'Taking over the master (user request).')
    bumpWithoutConsensus(this.view)
    this.#takeOver(true)
  }

  #obstacle(isManual: boolean, replication: ReplicationState): string | null {
    const { self, options } = this.view
    const { primary } = self
    if (primary === null) return ''
    if (!primary.isFail && !isManual && !this.#isUnfit) return this.#disagreement(primary)
    if (primary.slotCount === 0) return 'my primary has no slots'
    if (isManual) return null
    if (options.replicaNoFailover) return 'cluster-replica-no-failover is yes'
    // How far logs go is compared there; the link to this primary, which may not even lead, says nothing of it.
    if (this.copies?.isActive === true) return null
    return tooOld(replication, options, this.view.now)
  }

  /** A primary that only I miss is not replaced, nor one that too few are left to miss. */
  #disagreement(primary: ClusterNode): string {
    const { view } = this
    const silentMs = view.now - Math.max(primary.dataAt, primary.pongAt)
    if (!primary.isPfail || silentMs < SILENT_TIMEOUTS * view.options.nodeTimeoutMs) return ''
    reportCount(view, primary) // what is older counts no more
    const agreed = primary.reports?.voters(view, 0, 0) ?? 0
    return `my primary does not answer, and too few primaries call it failing: ${agreed} of ${view.quorum}`
  }

  #schedule(isManual: boolean, timeoutMs: number): void {
    const { view } = this
    if (!isManual && this.#startAt !== null && view.now - this.#lastAskedAt <= this.#retryMs) {
      this.#say('the last election found no majority, waiting before the next')
      return
    }
    this.#retryMs = this.#nextRetryMs(timeoutMs)
    const delayMs = isManual ? 0 : electionDelayMs(view)
    this.#startAt = view.now + delayMs
    this.#state = { phase: 'waiting', startAt: this.#startAt, rank: isManual ? 0 : rankOf(view), manual: isManual }
    if (delayMs === 0) return
    view.log('info', `Start of election delayed for ${Math.round(delayMs)} milliseconds (rank #${rankOf(view)}, offset ${view.self.offset}).`)
    // So that the other replicas of my primary know my offset.
    broadcastPong(view, view.self.primary!.replicas)
  }

  get #lastAskedAt(): number {
    return this.view.options.promptElections ? Math.max(this.#startAt!, this.#siblingAt) : this.#startAt!
  }

  /**
   * Voters wait 2 T before they vote about the same primary again: earlier would be in vain. Counted from whichever of
   * its replicas asked last, and for each another time: two who had half of the votes each would keep them for ever.
   */
  #nextRetryMs(timeoutMs: number): number {
    const { view } = this
    const { nodeTimeoutMs, promptElections } = view.options
    if (!promptElections) return 2 * timeoutMs
    const isAlone = view.self.primary!.replicas.length === 1
    return timeoutMs + nodeTimeoutMs / 4 + (isAlone ? 0 : view.random() * timeoutMs)
  }

  #wait(): void {
    const state = this.#state
    if (state.phase !== 'waiting') return
    const { view } = this
    const rank = state.manual ? 0 : rankOf(view)
    if (rank > state.rank) {
      state.startAt += rankDelayMs(view, rank - state.rank)
      state.rank = rank
      this.#startAt = state.startAt
      view.log('info', `Replica rank updated to #${rank}`)
    }
    if (view.now < state.startAt) return this.#say('waiting for the start of the election')
    const missing = this.copies?.prepare(state.manual) ?? null
    if (missing !== null) return this.#say(missing)
    state.startAt = view.now
    this.#startAt = view.now
    view.currentEpoch++
    const epoch = view.currentEpoch
    this.#state = {
      phase: 'asking', startAt: state.startAt, askedAt: view.now, epoch, votes: new Set(), manual: state.manual,
    }
    if (this.faults.skipPersist !== true) view.persist(true, 'an election was started')
    view.log('info', `Starting a failover election for epoch ${epoch}.`)
    view.event('electionStarted', view.self.id)
    // A voter must know the verdict before it is asked: the news may still be under way from whoever announced it.
    const isForced = state.manual || this.#isUnfit
    if (!isForced) broadcast(view, this.#verdict)
    broadcast(view, { type: 'auth-req' }, isForced)
  }

  /** Who has voted in this epoch votes for nobody else in it: to ask twice is safe. */
  #askAgain(votes: ReadonlySet<ClusterNode>, manual: boolean): void {
    const { view } = this
    const isForced = manual || this.#isUnfit
    for (const voter of view.list) {
      if (!voter.isVoter || votes.has(voter)) continue
      if (!isForced) sendTo(view, voter, this.#verdict)
      sendTo(view, voter, { type: 'auth-req' }, isForced)
    }
  }

  get #verdict(): BusBody { return { type: 'fail', failed: this.view.self.primary!.id } }

  #ask(timeoutMs: number): void {
    const state = this.#state
    if (state.phase !== 'asking') return
    const { view, manual } = this
    const needed = view.quorum
    if (this.copies?.isElectable === false) {
      this.#state = { phase: 'idle' }
      return this.#say('a copy has promised somebody else')
    }
    if (state.votes.size >= needed && state.manual && !manual.mayStart)
      return this.#say('all votes are there, waiting for what the primary wrote last')
    if (state.votes.size >= needed) {
      view.log('info', 'Failover election won: I\'m the new master.')
      view.self.configEpoch = Math.max(view.self.configEpoch, state.epoch)
      view.log('info', `configEpoch set to ${view.self.configEpoch} after successful failover`)
      this.#takeOver(false)
      return
    }
    if (view.now - state.startAt > timeoutMs) {
      this.#state = { phase: 'idle' }
      this.#say(`not enough votes: ${state.votes.size} of ${needed}`)
      return
    }
    this.#say(`waiting for votes: ${state.votes.size} of ${needed}`)
    const { nodeTimeoutMs, promptElections } = view.options
    if (!promptElections || view.now - state.askedAt < ASK_AGAIN_TIMEOUTS * nodeTimeoutMs) return
    // The request carries the current epoch: a vote in a later one is no vote for this election.
    if (view.currentEpoch !== state.epoch) return
    state.askedAt = view.now
    this.#askAgain(state.votes, state.manual)
  }

  #takeOver(forced: boolean): void {
    const { view, manual } = this
    const former = view.self.primary
    if (former === null) return
    const slots = view.bitmap(former)
    // First of all: the facts are read after the step, so what is on disk before the first write is taken is the claim.
    if (this.faults.skipPersist !== true) view.persist(true, 'slots were taken over')
    manual.reset()
    becomePrimary(view)
    view.bindAll(slots, view.self)
    this.copies?.won(forced)
    this.reset()
    view.emit({ type: 'slotMapChanged' })
    broadcastPong(view)
  }

  /** A primary that may not lead is up, and to be replaced like one that has failed. */
  get #isUnfit(): boolean { return this.view.self.primary?.isFail === false && this.copies?.isPrimaryUnfit === true }

  #say(why: string): void {
    // A reason whose numbers have changed is the same one.
    const isNew = why.replaceAll(/\d+/g, '') !== this.why.replaceAll(/\d+/g, '')
    this.why = why
    if (isNew && why !== '') this.view.log('info', `Currently unable to failover: ${why}`)
  }
}
