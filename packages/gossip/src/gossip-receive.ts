/**
 * What others say about third nodes: failure reports, fresher PONG times, addresses of nodes I cannot reach, unknown
 * nodes. Hearsay adds suspicion or knowledge and never removes: a suspicion ends by a PONG to me. Only known nodes are
 * believed.
 * Source: Redis 7.0 cluster bus, gossip section. Elsewhere: the verdict (failure-detector.ts).
 */
import type { GossipEntry } from './bus-message.js'
import { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { report, reportCount } from './failure-detector.js'
import { moveTo } from './handshake.js'
import { isNewcomer } from './newcomers.js'
import { FAILURE_FLAGS, KNOWN_FLAGS, NodeFlag } from './node-flags.js'
import { Cell, CELLS } from './node-rows.js'

/** Clocks of two hosts may differ by this much before a PONG time is not believed. */
const CLOCK_SKEW_MS = 500

export function receiveGossip(view: ClusterView, sender: ClusterNode, entries: readonly GossipEntry[]): void {
  const { rows } = view
  for (const entry of entries) {
    const row = entry.number === undefined ? -1 : rows.rowOf(entry.number)
    if (row >= 0 && learnQuietly(view, row, entry)) continue
    const node = row >= 0 ? view.list[row] : view.nodes.get(entry.id)
    if (node === undefined) addNode(view, sender, entry)
    else if (!node.inHandshake && !learnQuietly(view, node.row, entry)) learnOf(view, sender, node, entry)
  }
}

const notQuiet = FAILURE_FLAGS | NodeFlag.myself | NodeFlag.handshake

/**
 * What learnOf comes to for nearly all: nobody calls the node failing, so all that is new is that it was heard.
 * @returns false if it is not so, and nothing was done
 */
function learnQuietly({ rows, now }: ClusterView, row: number, entry: GossipEntry): boolean {
  const { cells } = rows
  const at = row * CELLS
  if ((entry.flags & FAILURE_FLAGS) !== 0 || (cells[at + Cell.flags]! & notQuiet) !== 0) return false
  if (cells[at + Cell.reports] !== 0) return false
  if (cells[at + Cell.pingSentAt] === 0) {
    const pongAt = entry.pongSeconds * 1000
    // Later than before: the schedule has no reason to look sooner.
    if (pongAt > cells[at + Cell.pongAt]! && pongAt <= now + CLOCK_SKEW_MS) cells[at + Cell.pongAt] = pongAt
  }
  return true
}

function learnOf(view: ClusterView, sender: ClusterNode, node: ClusterNode, entry: GossipEntry): void {
  const failing = (entry.flags & FAILURE_FLAGS) !== 0
  if (sender.isPrimary && !node.isMyself) report(view, node, sender, failing)
  if (node.isMyself) return
  // Not for a node that fails here: it is cleared by a PONG to me, so it has to be asked.
  const isUndisputed = !failing && !node.has(FAILURE_FLAGS) && (node.reports === null || reportCount(view, node) === 0)
  if (isUndisputed && node.pingSentAt === 0) {
    const pongAt = entry.pongSeconds * 1000
    if (pongAt > node.pongAt && pongAt <= view.now + CLOCK_SKEW_MS) node.pongAt = pongAt
  }
  // A newcomer could name an address of his own, and replicas would follow him there with their password.
  const reachable = !isNewcomer(view, sender) && !failing && (entry.flags & NodeFlag.noAddress) === 0 &&
    entry.busPort !== 0
  if (!reachable || !node.has(FAILURE_FLAGS) || (node.ip === entry.ip && node.port === entry.port &&
    node.busPort === entry.busPort))

    return
  moveTo(view, node, { ip: entry.ip, port: entry.port, plainPort: entry.plainPort, busPort: entry.busPort })
}

function addNode(view: ClusterView, sender: ClusterNode, entry: GossipEntry): void {
  if ((entry.flags & (NodeFlag.noAddress | NodeFlag.handshake)) !== 0 || entry.ip === '' || entry.busPort === 0) return
  if (view.blocked.has(entry.id)) return
  if (view.list.length >= view.options.nodesMax) {
    view.log('warn', `Node ${entry.id}, of which ${sender.id} tells, is not added: ${view.list.length} nodes are known`)
    return
  }
  const flags = entry.flags & KNOWN_FLAGS & ~(NodeFlag.myself | NodeFlag.meet)
  const node = new ClusterNode(entry.id, flags, view.now)
  node.ip = entry.ip
  node.port = entry.port
  node.plainPort = entry.plainPort
  node.busPort = entry.busPort
  if (node.isFail) node.failAt = view.now
  node.newcomerAt = view.now
  view.add(node)
  view.persist(false, 'a node was added')
  view.event('nodeAdded', node.id)
}
