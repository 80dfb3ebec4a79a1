/**
 * One simulated node: a process that runs a ClusterMachine, its clock, its disk, and a model of replication.
 * The disk keeps two texts of nodes.conf: what was written, which survives a kill, and what was fsynced, which survives
 * a power cut as well; of the largest clusters it keeps what the texts would say, and only of nodes that are to crash:
 * nobody reads the others. Effects are performed in order, and a crash may come between any two of them.
 * Replication is a number: a primary's offset grows, a replica that reaches its primary follows with a lag.
 */
import {
  type BusMessage, type ClusterEffect, type ClusterEvent, ClusterMachine, type ClusterOptions, type LinkId,
  type CopyFacts, type CopyFaults, type NodeId, parseNodesConf, type SavedCluster, savedCluster,
  TICK_MS, type VoteFaults,
} from '@slotwise/cluster'
import type { NodePlaces } from '@slotwise/gossip'
import { CopyModel, type Promises } from './copy-model.js'
import type { EventQueue } from './event-queue.js'
import { type Invariants, short, Violation } from './invariants.js'
import type { Endpoint, VirtualNetwork } from './virtual-network.js'

/** What the nodes of a cluster share. */
export interface World {
  queue: EventQueue
  network: VirtualNetwork
  random: () => number
  invariants: Invariants
  nodes: SimulatedNode[]
  log: ((line: string) => void) | null
  /** Text on disk is not kept where no node restarts. */
  keepDisk: boolean
  /** One copy of what all nodes know alike. */
  places?: NodePlaces
  /** Each tick looks at all nodes, as if something had happened to each, and each message at all of their reports. */
  looksAtAll?: boolean
  /** Of a shard whose copies are counted: its logs are simulated, and what was acknowledged is kept in mind. */
  promises?: Promises
}

/** Virtual 0 in the machines' clock. */
const CLOCK_START_MS = 1_700_000_000_000

/** Of how many nodes nodes.conf is kept as text. */
const TEXTS_MAX = 100

const noKeys = { inSlot: (): number => 0, total: (): number => 0 }

export class SimulatedNode implements Endpoint {
  machine: ClusterMachine | null = null
  pausedUntil = 0
  steps = 0
  /** The process ends after so many more effects. */
  crashAfterEffects: number | null = null
  clockRate = 1
  clockSkewMs = 0
  generation = 0
  /** As redis-server: it tells no extension of ours and skips those that it is told. */
  isPlain = false
  /** It has crashed or may: what it persists is read again. */
  isMortal = true
  /** How many times it took over from its primary. */
  takeovers = 0
  /** Its log, where logs are simulated. */
  readonly copy: CopyModel | null
  #disk: { written: string | SavedCluster; durable: string | SavedCluster; facts?: CopyFacts } = { written: '', durable: '' }
  #hasFacts = true
  /** Events that follow from effects, after the effects that stand behind those. */
  readonly #following: ClusterEvent[] = []
  #source: NodeId | null = null
  #offset = 0
  #syncedAt = 0
  #loaded = false
  #writesPausedUntil = 0

  constructor(
    readonly world: World, readonly index: number, readonly options: ClusterOptions, conf: string | SavedCluster,
    readonly faults: VoteFaults & CopyFaults,
  ) {
    this.copy = world.promises === undefined ? null : new CopyModel(this, world, world.promises)
    this.#disk = { written: conf, durable: conf }
    world.network.add(this)
  }

  get isUp(): boolean { return this.machine !== null }
  get isPaused(): boolean { return this.world.queue.now < this.pausedUntil }
  get clock(): number { return Math.floor(CLOCK_START_MS + this.clockSkewMs + this.world.queue.now * this.clockRate) }
  /** Takes writes now: a data plane would acknowledge them. */
  get isServing(): boolean {
    if (this.machine === null || this.isPaused) return false
    const { view } = this.machine
    return view.state === 'ok' && view.self.isVoter && this.clock < this.machine.leaseUntilMs &&
      this.clock >= this.#writesPausedUntil
  }

  get source(): NodeId | null { return this.#source }
  /** As the replica of that one. */
  hasDataOf(primary: NodeId): boolean { return this.machine !== null && this.#source === primary && this.#loaded }
  get takesWrites(): boolean {
    return this.machine !== null && this.machine.view.state === 'ok' && this.machine.view.self.isVoter &&
      this.clock >= this.#writesPausedUntil
  }

  get name(): string { return `node${this.index}` }

  start(): void {
    if (this.machine !== null) return
    const { written } = this.#disk
    const saved = typeof written === 'string' ? parseNodesConf(written) : written
    if ('refused' in saved) throw new Violation(`${this.name} cannot read what it wrote: ${saved.refused}`)
    // A million nodes that others know have a thousand ids: one text of each, and none that keeps the whole file alive.
    if (typeof written === 'string')
      for (const node of saved.nodes) Object.assign(node, { id: sameText(node.id), ip: sameText(node.ip) })
    const { random, places } = this.world
    const { facts } = this.#disk
    this.machine = new ClusterMachine({
      options: this.options, random, nowMs: this.clock, saved, faults: this.faults,
      ...(places !== undefined && { places }),
      ...(this.copy !== null && {
        copy: { intact: this.copy.isIntact, remembers: this.#hasFacts, ...(facts !== undefined && { facts }) },
      }),
    })
    this.generation++
    this.#say('starts', () => `epoch ${saved.currentEpoch}, last vote ${saved.lastVoteEpoch}`)
    this.world.invariants.started(this.machine)
    this.#perform(this.machine, this.machine.start(this.clock))
    if (!this.isUp) return // it crashed between two effects of its start
    this.copy?.start()
    this.world.queue.after(random() * TICK_MS, new Ticker(this, this.generation))
  }

  /** kill -9; with `powerCut` what was not fsynced is lost too. */
  crash(powerCut: boolean): void {
    if (this.machine === null) return
    this.#say(powerCut ? 'loses power' : 'is killed')
    if (!this.isMortal) throw new Error(`${this.name} was not to crash: nothing is on its disk`)
    this.machine = null
    this.generation++
    this.crashAfterEffects = null
    this.copy?.crash(powerCut)
    if (powerCut) this.#disk.written = this.#disk.durable
    else this.#disk.durable = this.#disk.written
    this.#source = null
    this.#following.length = 0
    this.world.network.closeAll(this)
  }

  /** The data of a process that is down is gone, and with `andFacts` what it promised too; who it is remains. */
  loseData(andFacts: boolean): void {
    this.copy?.lose()
    this.#say(andFacts ? 'has lost its data and its promises' : 'has lost its data')
    if (!andFacts) return
    delete this.#disk.facts
    this.#hasFacts = false
  }

  command(...args: string[]): void { this.#step({ type: 'command', args, keys: noKeys }) }

  accepted(link: LinkId, from: number): void {
    this.#step({ type: 'accepted', link, remoteIp: ipOf(from), localIp: ipOf(this.index) })
  }

  opened(link: LinkId): void { this.#step({ type: 'opened', link, localIp: ipOf(this.index) }) }
  failed(link: LinkId, refused: boolean): void { this.#step({ type: 'failed', link, refused }) }
  closed(link: LinkId): void { this.#step({ type: 'closed', link }) }
  received(link: LinkId, message: BusMessage): void {
    this.#step({ type: 'message', link, message: this.isPlain ? withoutExtensions(message) : message })
  }

  /** What this node knows of each other one: for the story of a seed that does not come to rest. */
  describe(): string[] {
    const view = this.machine?.view
    if (view === undefined) return [`${this.name} is down`]
    const age = (time: number): string => time === 0 ? 'never' : `${view.now - time} ms ago`
    return view.list.map((node) => `${this.name} sees ${short(node.id)} flags ${node.flags}, epoch ${node.shardPrimary.configEpoch}, ` +
      `slots ${node.slotCount}, link ${node.link === null ? 'none' : node.link.open ? 'open' : 'opening'} (${age(node.link?.createdAt ?? 0)}), ` +
      `asked ${age(node.pingSentAt)}, answered ${age(node.pongAt)}, heard ${age(node.dataAt)}`)
  }

  /** @returns after how long the next tick comes. */
  tick(): number {
    if (this.isPaused) return this.pausedUntil - this.world.queue.now
    if (this.world.looksAtAll === true) {
      this.machine?.view.rows.touchAll()
      this.machine?.view.rows.reported.setAll()
    }
    this.#replicate()
    this.#step({ type: 'tick' })
    return TICK_MS / this.clockRate
  }

  /** A stopped process finds later what came meanwhile, in order. Links of a process that is gone are gone with it. */
  #step(event: ClusterEvent): void {
    const { machine } = this
    if (machine === null) return
    if (this.isPaused) {
      const generation = this.generation
      this.world.queue.at(this.pausedUntil, () => { if (this.generation === generation) this.#step(event) })
      return
    }
    this.steps++
    const effects = machine.step(event, this.clock)
    this.world.invariants.check(this.index, machine)
    this.#perform(machine, effects)
  }

  #perform(machine: ClusterMachine, effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      if (this.crashAfterEffects !== null && this.crashAfterEffects-- <= 0) return this.crash(this.world.random() < 0.5)
      this.#performOne(machine, effect)
    }
    for (let event = this.#following.shift(); event !== undefined; event = this.#following.shift()) this.#step(event)
  }

  #performOne(machine: ClusterMachine, effect: ClusterEffect): void {
    const { world } = this
    switch (effect.type) {
      case 'persist':
        if (!world.keepDisk || !this.isMortal) return
        this.#disk.written = world.nodes.length > TEXTS_MAX ? savedCluster(machine.view) : machine.facts().nodesConf
        if (effect.durable) {
          this.#disk.durable = this.#disk.written
          const copies = this.copy === null ? undefined : machine.facts().copies
          if (copies !== undefined) this.#disk.facts = copies
          this.#hasFacts = true
          if (this.copy !== null) this.copy.isIntact = true
        }
        return
      case 'fence':
        this.#following.push({ type: 'fenced', ballot: effect.ballot, ...this.copy!.offsets })
        return
      case 'connect': {
        const target = indexOf(effect.ip)
        return world.network.connect(this, effect.link, target < world.nodes.length ? target : null)
      }
      case 'send': return this.#send(machine, effect.link, effect.message)
      case 'close': return world.network.close(this, effect.link)
      case 'replicateFrom':
        if (this.#source !== effect.node) this.#loaded = false
        this.#source = effect.node
        return this.#say('follows', () => short(effect.node))
      case 'becomePrimary':
        this.takeovers++
        this.#source = null
        this.copy?.beginHistory()
        return this.#say('is primary')
      case 'pauseWrites':
        this.#writesPausedUntil = effect.untilMs
        return
      case 'unpauseWrites':
        this.#writesPausedUntil = 0
        return
      case 'stop': throw new Violation(`${this.name} was told to stop: ${effect.why}`) // nobody runs twice here
      case 'log': return this.#say(effect.text)
      case 'stateChanged': case 'reply': case 'slotMapChanged': case 'deleteKeysInSlots': case 'flushData': case 'publish': case 'event': case 'resolve':
      case 'askNode': case 'startExport': case 'finishExport': case 'stopExport': case 'holdSlots': case 'openImport': case 'closeImport':
        return
    }
  }

  #send(machine: ClusterMachine, link: LinkId, message: BusMessage): void {
    if (message.body.type === 'auth-ack') {
      const peer = this.world.network.peerOf(this, link)
      const candidate = peer === undefined ? undefined : this.world.nodes[peer]?.machine?.view.self.id
      // Who is down gets nothing, and may have had the vote before.
      const addressee = machine.view.links.get(link)?.node?.id
      this.world.invariants.voted(machine.view.self.id, candidate ?? addressee ?? 'unknown', message)
    }
    this.world.network.send(this, link, this.isPlain ? withoutExtensions(message) : message)
  }

  /** Before every tick: what the data plane would tell. */
  #replicate(): void {
    const { machine, world } = this
    if (machine === null) return
    if (this.copy !== null) return this.#tellCopy(this.copy)
    const { self, state } = machine.view
    if (self.isPrimary) {
      if (state === 'ok' && self.slotCount > 0 && this.clock >= this.#writesPausedUntil) this.#offset += Math.floor(world.random() * 100)
    } else {
      const source = this.#sourceNode()
      const reachable = source !== undefined && !source.isPaused && source.machine!.view.self.isPrimary &&
        !world.network.isCut(source.index, this.index) && !world.network.isCut(this.index, source.index)
      if (reachable && world.random() < 0.9) {
        // Caught up, or one tick behind; a longer history of one's own is thrown away by a full resync.
        if (this.#offset > source.#offset || world.random() < 0.7 || !this.#loaded) this.#offset = source.#offset
        this.#syncedAt = this.clock
        this.#loaded = true
      }
      const connected = reachable
      this.#step({ type: 'replication', replication: { offset: this.#offset, connected, sinceMs: this.#syncedAt,
        loaded: this.#loaded } })
      return
    }
    this.#step({ type: 'replication', replication: { offset: this.#offset, connected: false, sinceMs: this.#syncedAt,
      loaded: true } })
  }

  /** Ids end with the index of their node (initial-cluster.ts). */
  #sourceNode(): SimulatedNode | undefined {
    const node = this.#source === null ? undefined : this.world.nodes[Number.parseInt(this.#source.slice(32), 16)]
    return node?.machine?.view.self.id === this.#source ? node : undefined
  }

  #tellCopy(copy: CopyModel): void {
    const { offset, durableOffset } = copy.offsets
    const { connected, history, syncedAt } = copy
    this.#step({ type: 'replication', replication: { offset, durableOffset, history, connected, sinceMs: syncedAt,
      loaded: copy.isLoaded } })
  }

  #say(what: string, detail?: () => string): void {
    if (this.world.log === null) return
    this.world.log(`${(this.world.queue.now / 1000).toFixed(3).padStart(9)}  ${this.name.padEnd(8)} ${what}${detail === undefined ? '' : ` ${detail()}`}`)
  }
}

/** The ticks of one life of a node. */
class Ticker {
  constructor(readonly node: SimulatedNode, readonly generation: number) {}

  happen(): void {
    const { node, generation } = this
    if (node.generation === generation) node.world.queue.after(node.tick(), this)
  }
}

const withoutExtensions = ({ header, body }: BusMessage): BusMessage =>
  'extensions' in body
    ? { header, body: { type: body.type, gossip: body.gossip, hostname: body.hostname, extensions: [] } }
    : { header, body }

const texts = new Map<string, string>()

function sameText(text: string): string {
  const kept = texts.get(text)
  if (kept !== undefined) return kept
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  texts.set(copy, copy)
  return copy
}

const ips: string[] = []

/** Addresses of the simulated hosts: their index. One text of each: every link has two. */
export const ipOf = (index: number): string => ips[index] ??= `10.0.${index >> 8}.${index & 255}`

const indexOf = (ip: string): number => {
  const parts = ip.split('.')
  return Number(parts[2]) * 256 + Number(parts[3])
}
