/**
 * One schedule: a cluster under a seed lives through faults, then everything heals and it must come to rest in time,
 * and replace a primary that dies for good then (not of a large cluster: large.ts).
 * Which faults a seed has at all is drawn first (swarm testing: a run with all of them at once hides the effects of
 * each). The same seed gives the same story; with `log` it can be read. From some hundred nodes on the faults are
 * those of large-chaos.ts, in each seed all of the important ones.
 */
import { defaultOptions, type SavedCluster, type VoteFaults } from '@slotwise/cluster'
import { NodePlaces, randomOf } from '@slotwise/gossip'
import { disagreement } from './convergence.js'
import { replaceDead } from './death.js'
import { EventQueue } from './event-queue.js'
import { initialConfs, initialSaved } from './initial-cluster.js'
import { Invariants, Violation } from './invariants.js'
import { LargeChaos } from './large-chaos.js'
import { Overlap } from './overlap.js'
import { ipOf, SimulatedNode, type World } from './simulated-node.js'
import { calm, VirtualNetwork } from './virtual-network.js'

export interface ScheduleOptions {
  seed: number
  /** @default 7: three primaries, four replicas */
  nodes?: number
  /** The faults of large-chaos.ts. @default from 101 nodes on */
  large?: boolean
  /** Virtual milliseconds of faults. @default 20000; 3 T and 5000 in a large cluster, whose T is as long */
  chaosMs?: number
  faults?: VoteFaults
  /** Each tick looks at all nodes: must be the same story. */
  looksAtAll?: boolean
  log?: (line: string) => void
}

export interface ScheduleResult {
  seed: number
  /** Which invariant broke, or null. */
  violation: string | null
  steps: number
  messages: number
  votes: number
  /** How long the healed cluster took to agree, and T. */
  convergedMs: number
  nodeTimeoutMs: number
  /** How long a primary that died then was not replaced; null if none had a replica that could, or it is large. */
  replacedMs: number | null
  /** How long two primaries took writes for one slot, and how many failovers were forced, which asks for it. */
  overlapMs: number
  forced: number
  /** Replicas that took over; of a large cluster also how many nodes were killed, and how many groups were cut off. */
  takeovers: number
  kills: number
  cuts: number
  /** Events of the queue, and where virtual time ended. */
  events: number
  virtualMs: number
}

/** From so many nodes on, T grows with the cluster. */
const LARGE = 100

/**
 * In which time a healed cluster agrees: a verdict over a primary with slots lasts 2 T, an election that found no votes
 * is tried again after 2.25 T (at least 2 s), a primary that was cut off waits up to T before it serves.
 */
export const convergenceBoundMs = (nodeTimeoutMs: number): number => 6 * nodeTimeoutMs + 10_000

export function runSchedule({
  seed, nodes: nodeCount = 7, large: isLarge = nodeCount > LARGE, chaosMs, faults = {}, looksAtAll = false, log,
}: ScheduleOptions): ScheduleResult {
  const random = randomOf(seed)
  const queue = new EventQueue()
  const network = new VirtualNetwork(queue, random)
  const invariants = new Invariants()
  const world: World = {
    queue, network, random, invariants, nodes: [], log: log ?? null, keepDisk: true, places: new NodePlaces(),
    looksAtAll,
  }
  const shards = Math.max(3, Math.floor(nodeCount / 2))
  const rhythmMs = 1000 + Math.floor(random() * 3) * 500
  // Everybody PINGs everybody each T / 2: a large cluster is given a T that its messages are affordable with.
  const nodeTimeoutMs = rhythmMs * Math.max(1, nodeCount / LARGE)
  if (isLarge) network.codecSample = 1024 // entries of gossip, a tenth of the nodes in each
  const drifting = random() < 0.3
  // The longer a schedule, the slower clocks drift: apart by seconds, nobody believes another's times.
  const drift = 0.1 * Math.min(1, LARGE / nodeCount)
  const confs: readonly (string | SavedCluster)[] =
    isLarge ? initialSaved(nodeCount, shards, random) : initialConfs(nodeCount, shards, random)
  confs.forEach((conf, index) => {
    const options = {
      ...defaultOptions, nodeTimeoutMs, port: 7000, busPort: 17_000, announceIp: ipOf(index),
      promptElections: random() < 0.8,
      requireFullCoverage: random() < 0.5,
    }
    const node = new SimulatedNode(world, index, options, conf, faults)
    node.clockSkewMs = Math.floor((random() - 0.5) * 2000)
    if (drifting) node.clockRate = 1 - drift / 2 + random() * drift
    world.nodes.push(node)
  })
  const result: ScheduleResult = {
    seed, violation: null, steps: 0, messages: 0, votes: 0, convergedMs: 0, nodeTimeoutMs, replacedMs: null,
    overlapMs: 0, forced: 0, takeovers: 0, kills: 0, cuts: 0, events: 0, virtualMs: 0,
  }
  try {
    const largeChaos = isLarge ? new LargeChaos(world, nodeTimeoutMs) : null
    for (const node of world.nodes) node.start()
    runUntil(queue, 3000)
    const overlap = new Overlap(world)
    const chaos = largeChaos ?? new Chaos(world, nodeTimeoutMs, rhythmMs)
    chaos.run(3000 + (chaosMs ?? (isLarge ? 3 * nodeTimeoutMs + 5000 : 20_000)))
    Object.assign(result, { kills: chaos.kills, cuts: chaos.cuts })
    result.overlapMs = overlap.sampledMs
    result.forced = chaos.forced
    result.convergedMs = heal(world, nodeTimeoutMs)
    if (!isLarge) result.replacedMs = replaceDead(world, convergenceBoundMs(nodeTimeoutMs))
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    result.violation = error.message
    log?.(`VIOLATION: ${error.message}`)
  }
  result.steps = world.nodes.reduce((sum, node) => sum + node.steps, 0)
  result.messages = network.messageCount
  result.votes = invariants.votes
  result.takeovers = world.nodes.reduce((sum, node) => sum + node.takeovers, 0)
  result.events = queue.entered - queue.size
  result.virtualMs = Math.round(queue.now)
  return result
}

function runUntil(queue: EventQueue, time: number): void {
  while (queue.next(time));
}

/** All faults end, every process runs: until all agree. @throws {Violation} if that takes longer than it may. */
function heal(world: World, nodeTimeoutMs: number): number {
  const { queue, network, nodes } = world
  world.log?.(`${(queue.now / 1000).toFixed(3).padStart(9)}  everything heals`)
  network.heal()
  network.faults = calm
  const healedAt = queue.now
  for (const node of nodes) {
    node.pausedUntil = 0
    node.crashAfterEffects = null
    node.start()
  }
  const bound = convergenceBoundMs(nodeTimeoutMs)
  const lookEveryMs = nodes.length > LARGE ? 1000 : 250
  for (;;) {
    runUntil(queue, queue.now + lookEveryMs)
    const why = disagreement(nodes)
    if (why === null) break
    if (queue.now - healedAt <= bound) continue
    for (const node of nodes) for (const line of node.describe()) world.log?.(line)
    throw new Violation(`no agreement ${bound} ms after healing: ${why}`)
  }
  if (network.codecFailures.length > 0) throw new Violation(`the codec refused its own message: ${network.codecFailures[0]!}`)
  return queue.now - healedAt
}

/** Draws faults from the kinds that this seed has. */
class Chaos {
  forced = 0
  kills = 0
  cuts = 0
  readonly #kinds: (() => void)[]

  /** @param rhythmMs  how soon fault follows fault, while T says how long they last */
  constructor(readonly world: World, readonly nodeTimeoutMs: number, readonly rhythmMs: number) {
    const all = [
      () => this.#crash(), () => this.#crash(), () => this.#crashBetweenEffects(), () => this.#pause(), () =>
        this.#isolate(),
      () => this.#split(), () => this.#failover(), () => this.#crashTwo(),
    ]
    this.#kinds = all.filter(() => world.random() < 0.5)
    if (this.#kinds.length === 0) this.#kinds.push(all[0]!, all[2]!)
    const { random, network } = world
    network.faults = {
      delayMs: random() < 0.7 ? 1 : random() * 50,
      jitterMs: random() < 0.7 ? 5 : random() * 200,
      loss: random() < 0.5 ? 0 : random() * 0.2,
      duplicate: random() < 0.6 ? 0 : random() * 0.3,
      reorder: random() < 0.6 ? 0 : random() * 0.2,
    }
  }

  run(until: number): void {
    const { queue, random } = this.world
    while (queue.now < until) {
      runUntil(queue, Math.min(until, queue.now + 100 + random() * 1.5 * this.rhythmMs))
      this.#kinds[Math.floor(random() * this.#kinds.length)]!()
    }
  }

  #any(): SimulatedNode { return this.world.nodes[Math.floor(this.world.random() * this.world.nodes.length)]! }

  #crash(node = this.#any()): void {
    const { random, queue } = this.world
    this.kills++
    node.crash(random() < 0.5)
    queue.after(random() < 0.5 ? 50 + random() * 300 : random() * 4 * this.nodeTimeoutMs, () => node.start())
  }

  #crashTwo(): void {
    this.#crash()
    this.#crash()
  }

  #crashBetweenEffects(): void {
    const node = this.#any()
    node.crashAfterEffects = Math.floor(this.world.random() * 200)
    this.world.queue.after(2 * this.nodeTimeoutMs + this.world.random() * this.nodeTimeoutMs, () => node.start())
  }

  #pause(): void {
    const node = this.#any()
    node.pausedUntil = this.world.queue.now + this.world.random() * 3 * this.nodeTimeoutMs
  }

  /** One node alone, in one direction or both. */
  #isolate(): void {
    const { network, nodes, random } = this.world
    const { index } = this.#any()
    this.cuts++
    const ways = Math.floor(random() * 3)
    for (const other of nodes) {
      if (ways !== 1) network.cut(index, other.index)
      if (ways !== 0) network.cut(other.index, index)
    }
    this.#healLater()
  }

  #split(): void {
    const { network, nodes, random } = this.world
    this.cuts++
    const side = nodes.map(() => random() < 0.5)
    const oneWay = random() < 0.3
    for (const from of nodes)
      for (const to of nodes)
        if (side[from.index] !== side[to.index] && (!oneWay || side[from.index] === true)) network.cut(from.index,
          to.index)
    this.#healLater()
  }

  #healLater(): void {
    this.world.queue.after(this.world.random() * 4 * this.nodeTimeoutMs, () => this.world.network.heal())
  }

  #failover(): void {
    const node = this.#any()
    const option = this.world.random()
    if (option < 0.8) return node.command('FAILOVER')
    this.forced++
    node.command('FAILOVER', 'FORCE')
  }
}
