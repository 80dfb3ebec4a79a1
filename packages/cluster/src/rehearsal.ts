/**
 * A hand-over of slots between two machines that nobody knows: what a node does once in its life while writers wait,
 * and would do with code that never ran before. V8 runs that ten times slower than what it has compiled: 15 to 30 ms
 * for all slots, against 1 to 2 after a few rehearsals.
 * Elsewhere: when (packages/node, cluster-driver), the hand-over itself (migration).
 */
import { defaultOptions, NodeFlag, type NodeId, SLOT_COUNT } from '@slotwise/gossip'
import { type ClusterEffect, type ClusterEvent, ClusterMachine } from './cluster-machine.js'
import { noMigrations, rangeWords, slotsIn } from './migration/migration-facts.js'
import type { SavedCluster } from './nodes-conf.js'

const SOURCE = 'a'.repeat(40)
const TARGET = 'b'.repeat(40)
const JOB = 'c'.repeat(40)
const IP = '127.0.0.1'
const PORT = 6379
/** Until a primary that has just started serves. */
const START_MS = 3000
const LINK = -1

type Range = readonly [first: number, last: number]

/**
 * The source keeps one slot: else it would become a replica of the target, and have nothing to delete.
 * @param count  of slots; at most 16383 are handed over
 * @returns both machines, between which slots 1 to `count` have changed hands
 */
export function rehearseHandOver(count: number): { source: ClusterMachine; target: ClusterMachine } {
  const slots: Range = [1, Math.min(count, SLOT_COUNT - 1)]
  const words = rangeWords(slotsIn([slots]))
  let now = START_MS
  const step = (machine: ClusterMachine, event: ClusterEvent): ClusterEffect[] => machine.step(event, now)
  const source = machineOf(SOURCE, slots, now)
  const target = machineOf(TARGET, slots, now)
  for (const machine of [source, target]) {
    machine.start(now)
    for (const effect of step(machine, { type: 'tick' }))
      if (effect.type === 'connect') step(machine, { type: 'opened', link: effect.link, localIp: IP })
  }
  now += START_MS
  for (const machine of [source, target]) step(machine, { type: 'tick' })
  const ask = (...args: string[]): ClusterEffect[] => step(target, { type: 'import', args, mustBeDurable: false })
  ask('BEGIN', JOB, SOURCE, ...words)
  ask('PREPARE', JOB)
  const claim = ask('CLAIM', JOB)
  target.facts()
  step(source, { type: 'accepted', link: LINK, remoteIp: IP, localIp: IP })
  for (const effect of claim)
    if (effect.type === 'send' && effect.message.body.type === 'pong') step(source, { type: 'message', link: LINK, message: effect.message })
  source.facts()
  return { source, target }
}

function machineOf(id: NodeId, slots: Range, nowMs: number): ClusterMachine {
  const all = Array.from({ length: slots[1] + 1 }, (_, slot) => slot)
  const node = (of: NodeId, port: number): SavedCluster['self'] => ({
    id: of, ip: IP, port, busPort: port, hostname: '', flags: NodeFlag.primary | (of === id ? NodeFlag.myself : 0), primary: null,
    pinged: false, ponged: true, configEpoch: of === SOURCE ? 1 : 2, slots: of === SOURCE ? all : [],
  })
  const nodes = [node(SOURCE, PORT), node(TARGET, PORT + 1)]
  const saved: SavedCluster = {
    nodes, self: nodes[id === SOURCE ? 0 : 1]!, migrating: [], importing: [], currentEpoch: 2, lastVoteEpoch: 0,
    clusterId: '', fileVersion: null, unknownVars: [],
  }
  if (id === SOURCE) saved.migrations = { ...noMigrations, outgoing: { job: JOB, target: TARGET, slots: [slots] } }
  const options = { ...defaultOptions, leaseFactor: 0, requireFullCoverage: false }
  return new ClusterMachine({ options, random: () => 0.5, nowMs, saved })
}
