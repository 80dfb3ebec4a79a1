/**
 * A large cluster loses many primaries at once: how long until the survivors serve every slot, and how many messages
 * the storm of suspicions, verdicts and elections costs. Nodes do not restart here, so nothing is kept on disk.
 */
import { defaultOptions } from '@slotwise/cluster'
import { NodePlaces, randomOf } from '@slotwise/gossip'
import { unserved } from './convergence.js'
import { EventQueue } from './event-queue.js'
import { initialSaved } from './initial-cluster.js'
import { Invariants, Violation } from './invariants.js'
import { ipOf, SimulatedNode, type World } from './simulated-node.js'
import { calm, VirtualNetwork } from './virtual-network.js'

export interface LargeOptions {
  seed: number
  nodes: number
  /**
   * Part of the primaries that is killed at one moment. @default 0.5, and never half of all: a majority must be left
   */
  killed?: number
  /** @default 15000 */
  nodeTimeoutMs?: number
}

export interface LargeResult {
  seed: number
  violation: string | null
  killed: number
  /** From the kill until the survivors agree that every slot is served. */
  convergedMs: number
  messages: number
  stormMessages: number
  steps: number
}

export function runLarge({ seed, nodes: nodeCount, killed = 0.5, nodeTimeoutMs = 15_000 }: LargeOptions): LargeResult {
  const random = randomOf(seed)
  const queue = new EventQueue()
  const network = new VirtualNetwork(queue, random)
  const invariants = new Invariants()
  network.faults = { ...calm, delayMs: 1, jitterMs: 5 }
  const world: World = {
    queue, network, random, invariants, nodes: [], log: null, keepDisk: false, places: new NodePlaces(),
  }
  const shards = Math.floor(nodeCount / 2)
  initialSaved(nodeCount, shards, random).forEach((saved, index) => {
    const options = { ...defaultOptions, nodeTimeoutMs, port: 7000, busPort: 17_000, announceIp: ipOf(index) }
    world.nodes.push(new SimulatedNode(world, index, options, saved, {}))
  })
  const result: LargeResult = { seed, violation: null, killed: 0, convergedMs: 0, messages: 0, stormMessages: 0,
    steps: 0 }
  try {
    for (const node of world.nodes) node.start()
    while (queue.next(4000));
    const before = network.messageCount
    const victims = world.nodes.slice(0, shards).sort(() => random() - 0.5)
      .slice(0, Math.min(Math.floor(shards * killed), Math.ceil(shards / 2) - 1))
    result.killed = victims.length
    for (const node of victims) node.crash(false)
    const killedAt = queue.now
    const bound = 3 * nodeTimeoutMs + 10_000
    for (;;) {
      const until = queue.now + 500
      while (queue.next(until));
      const why = unserved(world.nodes)
      if (why === null) break
      if (queue.now - killedAt > bound) throw new Violation(`no agreement ${bound} ms after the kill: ${why}`)
    }
    result.convergedMs = queue.now - killedAt
    result.stormMessages = network.messageCount - before
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    result.violation = error.message
  }
  result.messages = network.messageCount
  result.steps = world.nodes.reduce((sum, node) => sum + node.steps, 0)
  return result
}
