/**
 * One schedule of a shard whose acknowledgements are to outlive everything that happens to it: two, three or five
 * copies among voters that have no replicas. Kills, power cuts that lose what was not fsynced, pauses, stalled disks,
 * clocks that drift, partitions, lost data, hand-overs by request. No acknowledged write may be missing where somebody
 * serves; after healing all copies are alike, have all of them, and somebody serves.
 */
import { type CopyFaults, defaultOptions, type VoteFaults } from '@slotwise/cluster'
import { randomOf } from '@slotwise/gossip'
import { disagreement } from './convergence.js'
import { Promises } from './copy-model.js'
import { EventQueue } from './event-queue.js'
import { initialConfs } from './initial-cluster.js'
import { Invariants, Violation } from './invariants.js'
import { convergenceBoundMs } from './schedule.js'
import { ipOf, SimulatedNode, type World } from './simulated-node.js'
import { calm, VirtualNetwork } from './virtual-network.js'

export interface CopyScheduleOptions {
  seed: number
  /** @default 3 */
  copies?: number
  /** Primaries of other shards. @default 4 */
  voters?: number
  /** 0: a majority fsyncs; K: as many replicas receive. @default 0 */
  received?: number
  /** @default 15000 */
  chaosMs?: number
  faults?: VoteFaults & CopyFaults
  log?: (line: string) => void
}

export interface CopyScheduleResult {
  seed: number
  violation: string | null
  writes: number
  acknowledged: number
  /** Primaries that began to serve, and copies that were taken in again after they had lost data. */
  leaders: number
  resets: number
  steps: number
  convergedMs: number
  nodeTimeoutMs: number
  /** After how long another copy served when the primary had died; null if too few are left without it. */
  replacedMs: number | null
}

export function runCopySchedule({
  seed, copies = 3, voters = 4, received = 0, chaosMs = 15_000, faults = {}, log,
}: CopyScheduleOptions): CopyScheduleResult {
  const random = randomOf(seed)
  const queue = new EventQueue()
  const network = new VirtualNetwork(queue, random)
  const promises = new Promises()
  const world: World = {
    queue, network, random, invariants: new Invariants(), nodes: [], log: log ?? null, keepDisk: true, promises,
  }
  const nodeTimeoutMs = 1000 + Math.floor(random() * 3) * 500
  const drifting = random() < 0.5
  const shards = voters + 1
  initialConfs(voters + copies, shards, random, () => 0).forEach((conf, index) => {
    const options = {
      ...defaultOptions, nodeTimeoutMs, port: 7000, busPort: 17_000, announceIp: ipOf(index),
      ackReplicas: index === 0 || index >= shards ? received : null,
      requireFullCoverage: false, allowReplicaMigration: false,
    }
    const node = new SimulatedNode(world, index, options, conf, faults)
    node.clockSkewMs = Math.floor((random() - 0.5) * 2000)
    if (drifting) node.clockRate = 0.96 + random() * 0.08
    world.nodes.push(node)
  })
  const result: CopyScheduleResult = {
    seed, violation: null, writes: 0, acknowledged: 0, leaders: 0, resets: 0, steps: 0, convergedMs: 0, nodeTimeoutMs,
    replacedMs: null,
  }
  const shard = world.nodes.filter((_, index) => index === 0 || index >= shards)
  try {
    for (const node of world.nodes) node.start()
    runUntil(queue, 5000)
    const chaos = new Chaos(world, shard, nodeTimeoutMs)
    chaos.run(5000 + chaosMs)
    result.resets = chaos.resets
    result.convergedMs = heal(world, shard, nodeTimeoutMs)
    const hasEnoughWithoutPrimary = received === 0 ? copies >= 3 : received <= copies - 2
    if (hasEnoughWithoutPrimary) result.replacedMs = replaceLeader(world, shard, 2 * convergenceBoundMs(nodeTimeoutMs))
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    result.violation = error.message
    log?.(`VIOLATION: ${error.message}`)
  }
  result.writes = promises.writes
  result.acknowledged = promises.acknowledged.length
  result.leaders = new Set(shard.flatMap((node) => node.machine?.facts().copies?.promised.term ?? [])).size
  result.steps = world.nodes.reduce((sum, node) => sum + node.steps, 0)
  return result
}

function runUntil(queue: EventQueue, time: number): void {
  while (queue.next(time));
}

function serves({ machine, clock }: SimulatedNode): boolean {
  const duty = machine?.copyDuty
  return duty?.isActive === true && duty.tag !== null && clock < duty.servesUntilMs && machine!.view.self.isVoter
}

/** The primary that serves the shard now, if it counts all copies as they are. */
function wholeLeader(shard: readonly SimulatedNode[]): SimulatedNode | undefined {
  const keys = shard.map(({ machine }) => {
    const facts = machine?.facts()
    return facts?.copies === undefined ? '' : `${facts.id}/${facts.copies.incarnation}`
  })
  return shard.find((node) => {
    const members = node.machine?.facts().copies?.set?.members
    return serves(node) && members?.length === 1 && members[0]!.length === shard.length &&
      keys.every((key) => members[0]!.includes(key))
  })
}

function heal(world: World, shard: readonly SimulatedNode[], nodeTimeoutMs: number): number {
  const { queue, network, nodes, promises } = world
  world.log?.(`${(queue.now / 1000).toFixed(3).padStart(9)}  everything heals`)
  network.heal()
  network.faults = calm
  promises!.isWriting = false
  const healedAt = queue.now
  for (const node of nodes) {
    node.pausedUntil = 0
    node.crashAfterEffects = null
    node.start()
  }
  const bound = 2 * convergenceBoundMs(nodeTimeoutMs)
  for (;;) {
    runUntil(queue, queue.now + 250)
    const why = disagreement(nodes) ?? unlike(shard, promises!)
    if (why === null) return queue.now - healedAt
    if (queue.now - healedAt <= bound) continue
    for (const { name, machine } of shard)
      world.log?.([name, JSON.stringify([machine?.copyDuty, machine?.facts().copies]), machine?.failoverWhy].join(' '))
    throw new Violation(`no agreement ${bound} ms after healing: ${why}`)
  }
}

/** The primary of the healed shard dies for good: whatever it has been through before, another copy must serve. */
function replaceLeader({ queue, random, log }: World, shard: readonly SimulatedNode[], boundMs: number): number {
  const leader = wholeLeader(shard)!
  leader.crash(random() < 0.5)
  const diedAt = queue.now
  for (;;) {
    runUntil(queue, queue.now + 100)
    if (shard.some(serves)) return queue.now - diedAt
    if (queue.now - diedAt <= boundMs) continue
    for (const node of shard) for (const line of node.describe()) log?.(line)
    const reasons = shard.map(({ name, machine }) => `${name}: ${machine?.failoverWhy ?? 'is down'}`)
    throw new Violation(`${leader.name} was not replaced in ${boundMs} ms: ${reasons.join('; ')}`)
  }
}

function unlike(shard: readonly SimulatedNode[], promises: Promises): string | null {
  const leader = wholeLeader(shard)
  if (leader === undefined) return `nobody serves with all copies: ${shard.map(({ machine }) => machine?.copyDuty.why).join(' ')}`
  const { entries } = leader.copy!
  for (const { copy, name } of shard) {
    const log = copy!.entries
    if (log.length !== entries.length || log.at(-1) !== entries.at(-1)) return `${name} has ${log.length} writes, ${leader.name} ${entries.length}`
  }
  promises.acknowledged.forEach((write, at) => {
    if (entries[at] !== write) throw new Violation(`write ${write} was acknowledged at offset ${at + 1} and is lost`)
  })
  return promises.acknowledged.length === entries.length ? null : 'not everything is acknowledged yet'
}

class Chaos {
  resets = 0
  /** A loss that was drawn and may not have happened yet. */
  #losesUntil = 0
  readonly #kinds: (() => void)[]

  constructor(readonly world: World, readonly shard: readonly SimulatedNode[], readonly nodeTimeoutMs: number) {
    const { random, network } = world
    const all = [
      () => this.#crash(), () => this.#crash(), () => this.#crashBetweenEffects(), () => this.#pause(),
      () => this.#pause(), () => this.#isolate(), () => this.#isolate(), () => this.#split(), () => this.#failover(),
      () => this.#lose(), () => this.#loseBehind(), () => this.#stall(),
    ]
    this.#kinds = all.filter(() => random() < 0.5)
    if (this.#kinds.length === 0) this.#kinds.push(all[0]!, all[5]!)
    network.faults = {
      delayMs: random() < 0.7 ? 1 : random() * 30,
      jitterMs: random() < 0.7 ? 5 : random() * 100,
      loss: random() < 0.6 ? 0 : random() * 0.15,
      duplicate: random() < 0.6 ? 0 : random() * 0.3,
      reorder: random() < 0.6 ? 0 : random() * 0.2,
    }
  }

  run(until: number): void {
    const { queue, random } = this.world
    while (queue.now < until) {
      runUntil(queue, Math.min(until, queue.now + 100 + random() * 1.5 * this.nodeTimeoutMs))
      this.#kinds[Math.floor(random() * this.#kinds.length)]!()
    }
  }

  /** Mostly of the shard, and there mostly its primary. */
  #any(): SimulatedNode {
    const { nodes, random } = this.world
    const primary = this.shard.find(({ machine }) => machine?.view.self.isVoter)
    const draw = random()
    if (draw < 0.4 && primary !== undefined) return primary
    const from = draw < 0.85 ? this.shard : nodes
    return from[Math.floor(random() * from.length)]!
  }

  #startLater(node: SimulatedNode): void {
    const { random, queue } = this.world
    queue.after(random() < 0.5 ? 50 + random() * 300 : random() * 4 * this.nodeTimeoutMs, () => node.start())
  }

  #crash(): void {
    const { random } = this.world
    const node = this.#any()
    // What was received and not fsynced is lost: for such acknowledgements that is the loss of a copy.
    const powerCut = random() < 0.5 && (node.options.ackReplicas === 0 || this.#mayLose(node))
    node.crash(powerCut)
    this.#startLater(node)
  }

  #crashBetweenEffects(): void {
    const node = this.#any()
    if (node.options.ackReplicas !== 0) return
    node.crashAfterEffects = Math.floor(this.world.random() * 200)
    this.world.queue.after(2 * this.nodeTimeoutMs + this.world.random() * this.nodeTimeoutMs, () => node.start())
  }

  #pause(): void {
    const node = this.#any()
    node.pausedUntil = this.world.queue.now + this.world.random() * 3 * this.nodeTimeoutMs
  }

  #isolate(): void {
    const { network, nodes, random } = this.world
    const { index } = this.#any()
    const ways = Math.floor(random() * 3)
    // Sometimes from the voters only, or from the other copies only.
    const others = nodes.filter((node) => !this.shard.includes(node))
    const within = random() < 0.6 ? nodes : random() < 0.5 ? this.shard : others
    for (const other of within) {
      if (ways !== 1) network.cut(index, other.index)
      if (ways !== 0) network.cut(other.index, index)
    }
    this.#healLater()
  }

  #split(): void {
    const { network, nodes, random } = this.world
    const side = nodes.map(() => random() < 0.5)
    const oneWay = random() < 0.3
    for (const from of nodes)
      for (const to of nodes)
        if (side[from.index] !== side[to.index] && (!oneWay || side[from.index] === true))
          network.cut(from.index, to.index)
    this.#healLater()
  }

  #healLater(): void {
    this.world.queue.after(this.world.random() * 4 * this.nodeTimeoutMs, () => this.world.network.heal())
  }

  #failover(): void {
    const node = this.shard[Math.floor(this.world.random() * this.shard.length)]!
    node.command('FAILOVER', ...(this.world.random() < 0.8 ? [] : ['FORCE']))
  }

  #stall(): void {
    const node = this.#any()
    if (node.copy !== null) node.copy.stalledUntil = node.clock + this.world.random() * 2 * this.nodeTimeoutMs
  }

  /** One copy at a time: what the others do not have either is nobody's promise. */
  #mayLose(node: SimulatedNode): boolean {
    if (!this.shard.includes(node)) return true
    const { now } = this.world.queue
    if (now < this.#losesUntil || wholeLeader(this.shard) === undefined) return false
    this.#losesUntil = now + this.nodeTimeoutMs
    this.resets++
    return true
  }

  /** While one copy lags another loses its data, and the primary dies: what both had, nobody has until that is back. */
  #loseBehind(): void {
    const { random, queue } = this.world
    const primary = this.shard.find(({ machine }) => machine?.view.self.isVoter)
    const replicas = this.shard.filter((node) => node !== primary).sort(() => random() - 0.5)
    const lost = replicas.pop()!
    if (primary === undefined || !this.#mayLose(lost)) return
    for (const { copy, clock } of replicas) copy!.stalledUntil = clock + 3 * this.nodeTimeoutMs
    queue.after(0.3 * this.nodeTimeoutMs, () => {
      if (lost.machine === null || primary.machine === null) return
      lost.crash(false)
      lost.loseData(random() < 0.3)
      lost.start()
      primary.crash(false)
      queue.after((3 + random()) * this.nodeTimeoutMs, () => primary.start())
    })
  }

  #lose(): void {
    const node = this.shard[Math.floor(this.world.random() * this.shard.length)]!
    if (!this.#mayLose(node)) return
    node.crash(this.world.random() < 0.5)
    node.loseData(this.world.random() < 0.5)
    this.#startLater(node)
  }
}
