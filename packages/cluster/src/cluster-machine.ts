/**
 * One node of a cluster as a machine: `step(event, now)` gives the effects, in the order in which they must happen.
 * The contract with whoever drives it:
 *   - `now` is milliseconds since 1970 on a clock that never steps back (gossip carries seconds since 1970); 'tick'
 *     comes every 100 ms;
 *   - effects are performed in order, each finished before the next, and those of one step before those of the next;
 *   - `persist` writes `facts()`, read when the effect is performed, and with `durable` returns only when they are
 *     fsynced, else when the next life of a killed process finds them (with `mayWait` a moment later). If that fails,
 *     nothing after it may be performed;
 *   - outbound links are numbered by the machine from 1 up, inbound ones by the driver below 0;
 *   - after a `close` effect the driver reports nothing more about that link.
 * Elsewhere: the rules (gossip, election), the commands (commands.ts), replies (cluster-replies.ts), files
 * (nodes-conf.ts).
 */
import {
  type Ballot, type CopyDuty, type CopyFacts, type CopyFaults, Election, findCopyMessage, ManualFailover,
  migrateIfNeeded, noteOrphans, receiveVoteRequest, type ReplicationState, type SavedCopy, ShardCopies, type VoteFaults,
} from '@slotwise/election'
import {
  broadcast, type BusMessage, type ClusterOptions, ClusterView, type Effect, Gossip, leaseUntilMs, type LinkId,
  NodeFlag, type NodeId, type NodePlaces, resolved, sendTo, updateState,
} from '@slotwise/gossip'
import type { CommandReply } from './command-reply.js'
import { runCommand } from './commands.js'
import { Migration, type MigrationEvent } from './migration/migration.js'
import type { MigrationFacts } from './migration/migration-facts.js'
import { nodesConf, restore, type SavedCluster } from './nodes-conf.js'
import type { KeyCounts } from './slot-commands.js'

export type ClusterEvent =
  /** `wallMs`: what the clock of the system shows, which may step, in milliseconds since 1970. */
  | { type: 'tick'; wallMs?: number }
  | { type: 'accepted'; link: LinkId; remoteIp: string; localIp: string }
  | { type: 'opened'; link: LinkId; localIp: string }
  /** `refused`: the host answered that nobody listens; otherwise it did not answer in time or cannot be reached. */
  | { type: 'failed'; link: LinkId; refused: boolean }
  | { type: 'closed'; link: LinkId }
  /** Of the host name of a node: `resolve`. */
  | { type: 'resolved'; node: NodeId; ips: readonly string[] }
  | { type: 'message'; link: LinkId; message: BusMessage }
  /** A whole message that could not be decoded. */
  | { type: 'garbage'; link: LinkId; why: string }
  | { type: 'replication'; replication: ReplicationState }
  /** After the effect `fence`: no acknowledgement under a smaller ballot leaves any more, and the log goes so far. */
  | { type: 'fenced'; ballot: Ballot; offset: number; durableOffset: number }
  /** `args`: what follows the word CLUSTER. Answered by a `reply` effect. */
  | { type: 'command'; args: readonly string[]; keys: KeyCounts }
  /** A local PUBLISH or SPUBLISH, to be told to the others. */
  | { type: 'publish'; channel: Uint8Array; message: Uint8Array; sharded: boolean }
  /**
   * `args`: what follows the word SLOTWISE.IMPORT. Answered by a `reply` effect. `mustBeDurable`: what clients are
   * answered for here is to outlive a power cut.
   */
  | { type: 'import'; args: readonly string[]; mustBeDurable: boolean }
  | MigrationEvent

export type ClusterEffect = Effect | { type: 'reply'; reply: CommandReply }

/** What must survive, for the places where it is kept: nodes.conf, and a store of facts. */
export interface ClusterFacts {
  id: NodeId
  currentEpoch: number
  lastVoteEpoch: number
  configEpoch: number
  nodesConf: string
  migrations: MigrationFacts
  /** Of a shard whose acknowledgements are to outlive a fail-over. */
  copies?: CopyFacts
}

export interface MachineOptions {
  options: ClusterOptions
  /** Uniform in [0, 1), seeded: the same events give the same effects. */
  random: () => number
  nowMs: number
  /** What was read from nodes.conf; without it the node begins under a new id. */
  saved?: SavedCluster
  /** For tests of the simulator only. */
  faults?: VoteFaults & CopyFaults
  /** What was found of a copy's promises and log. @default a node that never was one */
  copy?: SavedCopy
  /** Of simulated nodes, which know the same nodes in one process. */
  places?: NodePlaces
  /** Whether others may still find this process at the address that was saved. @default yes */
  isOwnIp?: (ip: string) => boolean
  /** A random number that tells this process from others under its id, up to 2^53. @default others are not told one */
  processId?: number
}

export class ClusterMachine {
  readonly view: ClusterView
  readonly migration: Migration
  readonly #gossip: Gossip
  readonly #manual: ManualFailover
  readonly #election: Election
  readonly #copies: ShardCopies
  readonly #faults: VoteFaults
  #roleVersion: number
  #replication: ReplicationState

  constructor(
    { options, random, nowMs, saved, faults = {}, copy, places, isOwnIp = () => true, processId = 0 }: MachineOptions,
  ) {
    const id = saved?.self.id ?? Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join('')
    this.view = new ClusterView({ id, options, random, nowMs, processId, ...(places !== undefined && { places }) })
    if (saved !== undefined) restore(this.view, saved)
    if (!isOwnIp(this.view.self.ip)) this.view.self.ip = '' // the next PING tells
    this.#faults = faults
    this.migration = new Migration(this.view, saved?.migrations)
    this.#gossip = new Gossip(this.view)
    this.#manual = new ManualFailover(this.view)
    this.#copies = new ShardCopies(this.view, copy, faults)
    this.#election = new Election(this.view, this.#manual, faults, this.#copies)
    this.#roleVersion = this.view.roleVersion
    this.#replication = { offset: 0, connected: false, sinceMs: nowMs, loaded: false }
    this.#advertise()
  }

  step(event: ClusterEvent, now: number): ClusterEffect[] {
    const { view } = this
    view.begin(now)
    let reply: CommandReply | null = null
    switch (event.type) {
      case 'tick':
        if (event.wallMs !== undefined) view.wallAheadMs = event.wallMs - now
        this.#tick()
        break
      case 'accepted': this.#gossip.accepted(event.link, event.remoteIp, event.localIp); break
      case 'opened': this.#gossip.opened(event.link, event.localIp); break
      case 'failed': this.#gossip.failed(event.link, event.refused); break
      case 'closed': this.#gossip.closed(event.link); break
      case 'resolved': resolved(view, event.node, event.ips); break
      case 'message': this.#receive(event.link, event.message); break
      case 'garbage': this.#gossip.refused(event.why); break
      case 'replication': this.#replicated(event.replication); break
      case 'fenced': this.#copies.fenced(event.ballot, event); break
      case 'publish': this.#publish(event); break
      case 'command':
        reply = event.args[0]?.toLowerCase() === 'migrate'
          ? this.migration.command(event.args.slice(1))
          : runCommand({ view, election: this.#election, manual: this.#manual, keys: event.keys }, event.args)
        break
      case 'import': reply = this.migration.asked(event.args, event.mustBeDurable); break
      case 'nodeAnswered': case 'exported': case 'importIdle': case 'slotsCleared':
        this.migration.happened(event)
        break
    }
    this.#settle()
    const effects = this.#effects()
    if (reply !== null) effects.push({ type: 'reply', reply })
    return effects
  }

  /** What a start asks for: a replica goes on following its primary; a first start writes its id. */
  start(now: number): ClusterEffect[] {
    const { view } = this
    view.begin(now)
    view.persist(true, 'the node started')
    this.migration.start()
    const { primary } = view.self
    if (primary !== null) view.emit({ type: 'replicateFrom', node: primary.id, ip: primary.ip, port: primary.port })
    view.emit({ type: 'slotMapChanged' })
    this.#settle()
    return this.#effects()
  }

  facts(): ClusterFacts {
    const { view } = this
    const copies = this.#copies.facts()
    return {
      id: view.self.id, currentEpoch: view.currentEpoch, lastVoteEpoch: view.lastVoteEpoch,
      configEpoch: view.self.configEpoch, nodesConf: nodesConf(view), migrations: this.migration.facts,
      ...(copies !== undefined && { copies }),
    }
  }

  /** Why this replica has not replaced its failed primary; empty if there is no reason to. */
  get failoverWhy(): string { return this.#election.why }

  /** Until when this primary may serve writes; a data plane that looks at it needs no control thread to stop. */
  get leaseUntilMs(): number { return leaseUntilMs(this.view) }

  /** What the data plane is to do as a copy of its shard; to be looked at after the effects of each step. */
  get copyDuty(): CopyDuty { return this.#copies.duty }

  /** Whether the data may be copied from `node` now; looked at with the duty. */
  mayFollow(node: NodeId): boolean { return this.#copies.mayFollow(node) }

  #tick(): void {
    const { view } = this
    this.#gossip.tick()
    this.#manual.tick()
    noteOrphans(view)
    this.migration.tick()
    this.#copies.tick()
    if (view.self.isReplica) {
      this.#election.advance(this.#replication)
      // A copy that went to another shard by itself would be missing in its own.
      // And of nobody's replica, as after an election that was won, this does nothing.
      if (!this.#copies.isActive) migrateIfNeeded(view)
    }
    if (view.state === 'fail' || view.rows.failedOwners > 0 || view.now >= leaseUntilMs(view)) view.stateStale = true
  }

  #receive(link: LinkId, message: BusMessage): void {
    const { view } = this
    const sender = this.#gossip.receive(link, message)
    if (sender === null) return
    if (view.roleVersion !== this.#roleVersion) this.#forgetRole()
    this.#manual.notice(sender, message)
    const { type } = message.body
    if (type === 'auth-req') {
      this.#election.heardRequest(sender, message)
      receiveVoteRequest(view, sender, message, this.#faults)
    } else if (type === 'auth-ack') this.#election.receiveVote(sender, message, this.#replication)
    else if (type === 'mfstart') this.#manual.receiveStart(sender)
    else if ('extensions' in message.body) {
      const copyMessage = findCopyMessage(message.body.extensions)
      if (copyMessage !== null) this.#copies.receive(sender, copyMessage)
    }
    if (view.self.primary !== null && (view.self.primary.isFail ||
      this.#manual.mayStart)) this.#election.advance(this.#replication)
  }

  #replicated(replication: ReplicationState): void {
    this.#replication = replication
    this.view.self.offset = replication.offset
    this.#copies.progressed({
      offset: replication.offset, durableOffset: replication.durableOffset ?? 0, history: replication.history ?? '',
      connected: replication.connected,
    })
    this.#manual.progressed()
    if (this.#manual.mayStart) this.#election.advance(replication)
  }

  #publish({ channel, message, sharded }: Extract<ClusterEvent, { type: 'publish' }>): void {
    const { view } = this
    if (!sharded) return broadcast(view, { type: 'publish', channel, message })
    const shard = view.self.shardPrimary
    for (const node of [shard, ...shard.replicas])
      if (!node.isMyself) sendTo(view, node, { type: 'publishshard', channel, message })
  }

  /** A role that changed ends what was begun in the old one; then the state is looked at, once a step. */
  #settle(): void {
    const { view } = this
    if (view.roleVersion !== this.#roleVersion) this.#forgetRole()
    this.migration.settle()
    if (view.stateStale) updateState(view)
  }

  /** Keys that are to be deleted are remembered with what is persisted in the same step. */
  #effects(): ClusterEffect[] {
    const effects = this.view.end()
    for (const effect of effects) if (effect.type === 'deleteKeysInSlots') this.migration.doom(effect.slots)
    return effects
  }

  #forgetRole(): void {
    this.#roleVersion = this.view.roleVersion
    this.#manual.reset()
    this.#election.reset()
    this.#copies.roleChanged()
    // The link to a former primary says nothing about the one to the new.
    this.#replication = { ...this.#replication, connected: false, loaded: false, sinceMs: this.view.now }
    this.#advertise()
  }

  #advertise(): void {
    const { self, options } = this.view
    if (options.replicaNoFailover) self.set(NodeFlag.noFailover)
  }
}
