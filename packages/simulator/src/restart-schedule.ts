/**
 * One primary is killed and comes back on its old directory, with slots that another one may have by then: at any
 * moment of a young or an old cluster, before, while and after its replica is promoted, over a network that loses and
 * delays. Then all must agree in time, and a primary that
 * dies for good then be replaced. Some of the nodes are as redis-server: its timing, and none of our extensions.
 * The general schedule (schedule.ts) meets this now and then, and never before the cluster has an id; here each seed is
 * one such moment.
 */
import { defaultOptions } from '@slotwise/cluster'
import { randomOf, SLOT_COUNT } from '@slotwise/gossip'
import { disagreement } from './convergence.js'
import { replaceDead } from './death.js'
import { EventQueue } from './event-queue.js'
import { initialConfs } from './initial-cluster.js'
import { Invariants, Violation } from './invariants.js'
import { convergenceBoundMs } from './schedule.js'
import { ipOf, SimulatedNode, type World } from './simulated-node.js'
import { calm, VirtualNetwork } from './virtual-network.js'

export interface RestartOptions {
  seed: number
  log?: (line: string) => void
}

export interface RestartResult {
  seed: number
  violation: string | null
  nodeTimeoutMs: number
  /** When it was killed, how long it was away, and from its return until all agreed. */
  killedAtMs: number
  awayMs: number
  convergedMs: number
  /** Its slots were another's when all agreed. */
  wasReplaced: boolean
  /** From the death of a primary after that until all was served; null if none had a replica with its data. */
  replacedMs: number | null
}

const SHARDS = 3
/** The first seconds, in which nobody serves yet and the cluster gets its id, are the time of every second kill. */
const YOUNG_MS = 4000
const STEP_MS = 5

export function runRestart({ seed, log }: RestartOptions): RestartResult {
  const random = randomOf(seed)
  const queue = new EventQueue()
  const network = new VirtualNetwork(queue, random)
  const invariants = new Invariants()
  const world: World = { queue, network, random, invariants, nodes: [], log: log ?? null, keepDisk: true }
  const nodeTimeoutMs = 1000 + Math.floor(random() * 3) * 500
  const nodeCount = random() < 0.7 ? 2 * SHARDS : 3 * SHARDS
  const isPlain = plainNodes(random)
  initialConfs(nodeCount, SHARDS, random).forEach((conf, index) => {
    const redis = isPlain(index) ? { refusedFactor: 0, leaseFactor: 0, promptElections: false } : {}
    const options = { ...defaultOptions, nodeTimeoutMs, port: 7000, busPort: 17_000, announceIp: ipOf(index), ...redis }
    const node = new SimulatedNode(world, index, options, conf, {})
    node.isPlain = isPlain(index)
    node.clockSkewMs = Math.floor((random() - 0.5) * 2000)
    world.nodes.push(node)
  })
  const result: RestartResult = {
    seed, violation: null, nodeTimeoutMs, awayMs: 0, convergedMs: 0, wasReplaced: false, replacedMs: null,
    killedAtMs: random() < 0.5 ? random() * YOUNG_MS : YOUNG_MS + random() * YOUNG_MS,
  }
  try {
    play(world, result)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    result.violation = error.message
    log?.(`VIOLATION: ${error.message}`)
  }
  return result
}

/** None is as redis-server, or all replicas, all primaries, every other node. */
function plainNodes(random: () => number): (index: number) => boolean {
  const kind = Math.floor(random() * 4)
  return (index) => [false, index >= SHARDS, index < SHARDS, index % 2 === 1][kind]!
}

function play(world: World, result: RestartResult): void {
  const { queue, network, nodes, random } = world
  const { nodeTimeoutMs } = result
  const until = (time: number): void => { while (queue.next(time)); }
  for (const node of nodes) node.start()
  if (random() < 0.5) joinedLately(nodes)
  if (random() < 0.6) {
    network.faults = {
      delayMs: random() * 50, jitterMs: random() * 200, loss: random() < 0.5 ? 0 : random() * 0.3,
      duplicate: random() * 0.1, reorder: random() * 0.2,
    }
  }
  until(result.killedAtMs)
  const victim = nodes[Math.floor(random() * SHARDS)]!
  const { id } = victim.machine!.view.self
  victim.crash(random() < 0.3)
  const slot = Math.floor((victim.index + 0.5) * SLOT_COUNT / SHARDS)
  const isReplaced = (): boolean =>
    nodes.some(({ machine }) => machine !== null && machine.view.ownerOf(slot) === machine.view.self)
  if (random() < 0.5) until(queue.now + random() * 4 * nodeTimeoutMs)
  else {
    // Around the moment of the promotion; if none comes in time, then.
    for (const end = queue.now + 6 * nodeTimeoutMs; queue.now < end && !isReplaced();) until(queue.now + STEP_MS)
    until(queue.now + random() * random() * nodeTimeoutMs)
  }
  result.awayMs = queue.now - result.killedAtMs
  victim.start()
  until(queue.now + random() * 2 * nodeTimeoutMs)
  network.faults = calm
  const calmAt = queue.now
  const bound = convergenceBoundMs(nodeTimeoutMs)
  for (;;) {
    until(queue.now + 100)
    const why = disagreement(nodes)
    if (why === null) break
    if (queue.now - calmAt <= bound) continue
    for (const node of nodes) for (const line of node.describe()) world.log?.(line)
    throw new Violation(`no agreement ${bound} ms after ${victim.name} came back: ${why}`)
  }
  result.convergedMs = queue.now - calmAt
  result.wasReplaced = victim.machine?.view.nodes.get(id)?.isReplica === true
  result.replacedMs = replaceDead(world, bound)
}

/** As after `redis-cli --cluster create`: everybody has just met everybody. */
function joinedLately(nodes: readonly SimulatedNode[]): void {
  for (const { machine } of nodes)
    for (const node of machine!.view.list) if (!node.isMyself) node.newcomerAt = machine!.view.now
}
