/**
 * What others say about third nodes: failure reports, fresher PONG times, addresses of nodes I cannot reach, unknown
 * nodes. Hearsay adds suspicion or knowledge and never removes: a suspicion ends by a PONG to me. Only known nodes are
 * believed.
 * Source: Redis 7.0 cluster bus, gossip section. Elsewhere: the verdict (failure-detector.ts).
 */
import type { GossipBody, NodeId } from './bus-message.js'
import { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { oldestReport, report, reportCount } from './failure-detector.js'
import { type Address, moveTo } from './handshake.js'
import { isNewcomer } from './newcomers.js'
import { FAILURE_FLAGS, KNOWN_FLAGS, NodeFlag } from './node-flags.js'
import { Cell, CELLS, StateBit, TIMES, Word, WORDS } from './node-rows.js'
import { PlacedGossip, TOLD, toldFlags, toldIndex } from './placed-gossip.js'

/** Clocks of two hosts may differ by this much before a PONG time is not believed. */
const CLOCK_SKEW_MS = 500

/** What an entry says of who and where a node is: itself, or its place. */
type Somebody = Address & { readonly id: NodeId }

export function receiveGossip(view: ClusterView, sender: ClusterNode, body: GossipBody): void {
  const oldest = oldestReport(view)
  const reporter = sender.isPrimary ? sender.row : -1
  if (body instanceof PlacedGossip && body.places === view.rows.shared) {
    receivePlaced(view, sender, reporter, oldest, body)
    return
  }
  for (const entry of body.gossip) {
    const node = view.nodes.get(entry.id)
    const { flags, pongSeconds } = entry
    if (node !== undefined && learnQuietly(view, reporter, oldest, node.row, flags, pongSeconds)) continue
    learn(view, sender, node, entry, flags, pongSeconds)
  }
}

/** Of each entry of the message that is read: the row of its node; -1: it is not known by its number. */
let toldRows = new Int32Array(0)

function receivePlaced(
  view: ClusterView, sender: ClusterNode, reporter: number, oldest: number, { words, places }: PlacedGossip,
): void {
  const { rows } = view
  const count = words.length / TOLD
  if (count > toldRows.length) toldRows = new Int32Array(2 * count)
  for (let index = 0; index < count; index++)
    toldRows[index] = rows.rowOf(places.numbers[toldIndex(words[index * TOLD]!)]!)
  rows.fetch(toldRows, count)
  for (let index = 0; index < count; index++) {
    const word = words[index * TOLD]!
    const pongSeconds = words[index * TOLD + 1]! >>> 0
    const row = toldRows[index]!
    if (row >= 0 && learnQuietly(view, reporter, oldest, row, toldFlags(word), pongSeconds)) continue
    const place = places.list[toldIndex(word)]!
    learn(view, sender, row >= 0 ? view.list[row] : view.nodes.get(place.id), place, toldFlags(word), pongSeconds)
  }
}

function learn(
  view: ClusterView, sender: ClusterNode, node: ClusterNode | undefined, somebody: Somebody, flags: number,
  pongSeconds: number,
): void {
  if (node === undefined) addNode(view, sender, somebody, flags)
  else if (!node.inHandshake) learnOf(view, sender, node, somebody, flags, pongSeconds)
}

const notQuiet = FAILURE_FLAGS | NodeFlag.myself | NodeFlag.handshake

/**
 * What learnOf comes to for nearly all: nobody calls the node failing, so all that is new is that it was heard; or
 * others do, and the sender neither joins them nor takes anything back.
 * @param reporter  the row of the sender if it is a primary, else -1
 * @param oldest  reports made before are over
 * @returns false if it is not so, and nothing was done
 */
function learnQuietly(
  { rows, now }: ClusterView, reporter: number, oldest: number, row: number, flags: number, pongSeconds: number,
): boolean {
  const { pongTimes, words, reported } = rows
  const state = words[row * WORDS + Word.state]!
  if ((flags & FAILURE_FLAGS) !== 0 || (state & notQuiet) !== 0) return false
  if ((state & StateBit.reported) !== 0)
    return rows.cells[row * CELLS + Cell.reportedAt]! >= oldest && (reporter < 0 || !reported.has(reporter, row))
  if ((state & StateBit.asked) === 0) {
    const pongAt = pongSeconds * 1000
    // Later than before: the schedule has no reason to look sooner. No branch: half of them would be foreseen wrongly.
    if (pongAt <= now + CLOCK_SKEW_MS) pongTimes[row * TIMES] = Math.max(pongTimes[row * TIMES]!, pongAt)
  }
  return true
}

function learnOf(
  view: ClusterView, sender: ClusterNode, node: ClusterNode, somebody: Somebody, flags: number, pongSeconds: number,
): void {
  const failing = (flags & FAILURE_FLAGS) !== 0
  if (sender.isPrimary && !node.isMyself) report(view, node, sender, failing)
  if (node.isMyself) return
  // Not for a node that fails here: it is cleared by a PONG to me, so it has to be asked.
  const isUndisputed = !failing && !node.has(FAILURE_FLAGS) && (node.reports === null || reportCount(view, node) === 0)
  if (isUndisputed && node.pingSentAt === 0) {
    const pongAt = pongSeconds * 1000
    if (pongAt > node.pongAt && pongAt <= view.now + CLOCK_SKEW_MS) node.pongAt = pongAt
  }
  // A newcomer could name an address of his own, and replicas would follow him there with their password.
  const { ip, port, plainPort, busPort } = somebody
  const reachable = !isNewcomer(view, sender) && !failing && (flags & NodeFlag.noAddress) === 0 && busPort !== 0
  if (!reachable || !node.has(FAILURE_FLAGS)) return
  if (node.ip !== ip || node.port !== port || node.busPort !== busPort)
    moveTo(view, node, { ip, port, plainPort, busPort })
}

function addNode(view: ClusterView, sender: ClusterNode, somebody: Somebody, saidFlags: number): void {
  const { id, ip, port, plainPort, busPort } = somebody
  if ((saidFlags & (NodeFlag.noAddress | NodeFlag.handshake)) !== 0 || ip === '' || busPort === 0) return
  if (view.blocked.has(id)) return
  if (view.list.length >= view.options.nodesMax) {
    view.log('warn', `Node ${id}, of which ${sender.id} tells, is not added: ${view.list.length} nodes are known`)
    return
  }
  const flags = saidFlags & KNOWN_FLAGS & ~(NodeFlag.myself | NodeFlag.meet)
  const node = new ClusterNode(id, flags, view.now)
  Object.assign(node, { ip, port, plainPort, busPort })
  if (node.isFail) node.failAt = view.now
  node.newcomerAt = view.now
  view.add(node)
  view.persist(false, 'a node was added')
  view.event('nodeAdded', node.id)
}
