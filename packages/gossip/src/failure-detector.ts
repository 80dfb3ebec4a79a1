/**
 * Failure detection: PFAIL is my suspicion, FAIL the verdict of a majority of the primaries that own slots.
 * Suspected is a node that owes a PONG and sent nothing at all for T; or one whose host refuses connections for a part
 * of T: the kernel of a killed process refuses at once, that of a slow or stopped process still accepts for it. Whoever
 * suspects a primary tells its replicas at once, and in small clusters the voters, since those collect the reports.
 * A FAIL message is taken as the verdict unless I hear the node myself; then it is the report of its sender, and the
 * verdict follows when a majority has reported: one liar cannot depose a node that everybody sees.
 * Stricter than Redis: only reports of primaries with slots count, as the quorum is counted in those.
 * Source: Redis 7.0 cluster, failure detection. Elsewhere: what replicas do about it (election).
 */
import type { BusMessage } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { addReport, dropReport, expireReports, forgetReports } from './failure-reports.js'
import { broadcast, ping } from './headers.js'
import { NodeFlag } from './node-flags.js'
import { REFUSALS_MIN } from './ping-schedule.js'

/** Reports and the verdict over a primary with slots last for this many T. */
const REPORT_TIMEOUTS = 2
/** Above this many voters, suspicion is told at once to the suspect's replicas only. */
const VOTERS_TOLD_MAX = 16

/** Every tick: who of `nodes`, which are all for whom it may be so, owes me a sign of life for too long? */
export function suspect(view: ClusterView, nodes: readonly ClusterNode[]): void {
  const suspects: ClusterNode[] = []
  for (const node of nodes) {
    if (node.has(NodeFlag.myself | NodeFlag.handshake | NodeFlag.noAddress)) continue
    if (node.has(NodeFlag.pfail | NodeFlag.fail)) continue
    const silent = isSilent(view, node)
    if (!silent && !isRefusing(view, node)) continue
    node.set(NodeFlag.pfail)
    view.stateStale = true
    view.log('debug', `*** NODE ${node.id} possibly failing${silent ? '' : ': its host refuses connections'}`)
    view.event('suspected', node.id)
    suspects.push(node)
  }
  if (suspects.length === 0) return
  for (const node of suspects) markFailIfAgreed(view, node)
  tellAtOnce(view, suspects)
}

function isSilent(view: ClusterView, node: ClusterNode): boolean {
  if (node.pingSentAt === 0) return false
  return Math.min(view.now - node.pingSentAt, view.now - node.dataAt) > view.options.nodeTimeoutMs
}

function isRefusing(view: ClusterView, node: ClusterNode): boolean {
  const { refusedFactor, nodeTimeoutMs } = view.options
  return refusedFactor > 0 && node.refusedCount >= REFUSALS_MIN &&
    view.now - node.refusedAt >= nodeTimeoutMs * refusedFactor
}

/** A voter's suspicion is a report that somebody must collect; a replica asks its siblings how far they are. */
function tellAtOnce(view: ClusterView, suspects: readonly ClusterNode[]): void {
  const targets = new Set<ClusterNode>()
  for (const node of suspects) {
    if (!node.isVoter || !node.isPfail || (!view.self.isVoter && view.self.primary !== node)) continue
    for (const replica of node.replicas) targets.add(replica)
  }
  if (targets.size > 0 && view.self.isVoter && view.voterCount <= VOTERS_TOLD_MAX)
    for (const node of view.list) if (node.isVoter) targets.add(node)
  for (const node of targets) if (!node.isMyself && !node.has(NodeFlag.pfail | NodeFlag.fail)) ping(view, node)
}

/** A gossip entry of a primary: it fails for `reporter`, or no more. */
export function report(view: ClusterView, node: ClusterNode, reporter: ClusterNode, failing: boolean): void {
  if (!failing) {
    dropReport(node, reporter)
    return
  }
  addReport(node, reporter, view.now)
  markFailIfAgreed(view, node)
}

/** Reports that are still valid; CLUSTER COUNT-FAILURE-REPORTS. */
export const reportCount = (view: ClusterView, node: ClusterNode): number => expireReports(node, oldestReport(view))

/** What was reported earlier is over. */
export const oldestReport = (view: ClusterView): number => view.now - REPORT_TIMEOUTS * view.options.nodeTimeoutMs

export function markFailIfAgreed(view: ClusterView, node: ClusterNode): void {
  if (node.isFail || node.isMyself) return
  // Against one's own eyes only about a primary with slots, whose shard waits for somebody to vote or to stand, and
  // only on fresh reports: a node that came back is reported for some time by those who have not heard of it yet.
  if (!node.isPfail && !node.isVoter) return
  const needed = view.quorum - (node.isPfail && view.self.isVoter ? 1 : 0)
  if (needed > 0) {
    const { reports } = node
    if (reports === null || reports.size < needed) return
    const from = node.isPfail ? oldestReport(view) : view.now - view.options.nodeTimeoutMs / 2
    if (reports.voters(view, from, needed) < needed) return
  }
  view.log('info', `Marking node ${node.id} as failing (quorum reached).`)
  markFail(view, node)
  broadcast(view, { type: 'fail', failed: node.id })
}

function markFail(view: ClusterView, node: ClusterNode): void {
  node.clear(NodeFlag.pfail)
  node.set(NodeFlag.fail)
  node.failAt = view.now
  view.stateStale = true
  view.persist(false, 'a node failed')
  view.event('failed', node.id)
}

/** A FAIL message of a known sender. About myself or a node unknown here it is ignored. */
export function receiveFail(view: ClusterView, sender: ClusterNode, message: BusMessage): void {
  if (message.body.type !== 'fail') return
  const node = view.known(message.body.failed)
  if (node === null || node.isMyself || node.isFail) return
  if (!isHeard(view, node)) {
    view.log('info', `FAIL message received from ${sender.id} about ${node.id}`)
    markFail(view, node)
    return
  }
  view.log('info', `FAIL message received from ${sender.id} about ${node.id}, which this node hears: counted as a report`)
  if (sender.isPrimary) report(view, node, sender, true)
  ping(view, node)
}

/** By myself or, as its PONGs are told of, by others: nodes that hear of each other so seldom ask each other. */
function isHeard(view: ClusterView, node: ClusterNode): boolean {
  return !node.isPfail && node.link?.open === true && node.refusedCount === 0 &&
    view.now - Math.max(node.dataAt, node.pongAt) < view.options.nodeTimeoutMs / 2
}

/** A PONG on our own link: the one proof of life that clears a suspicion or a verdict. */
export function clearByPong(view: ClusterView, node: ClusterNode): void {
  if (node.isPfail) {
    node.clear(NodeFlag.pfail)
    view.stateStale = true
    view.persist(false, 'a suspicion was cleared')
    return
  }
  if (!node.isFail) return
  const takenOver = node.isReplica || node.slotCount === 0
  if (!takenOver && view.now - node.failAt <= REPORT_TIMEOUTS * view.options.nodeTimeoutMs) return
  const what = node.isReplica ? 'replica is reachable again.'
    : takenOver ? 'master without slots is reachable again.' : 'is reachable again and nobody is serving its slots after some time.'
  view.log('info', `Clear FAIL state for node ${node.id}: ${what}`)
  node.clear(NodeFlag.fail)
  // Who still thinks otherwise will say so again.
  forgetReports(node)
  view.stateStale = true
  view.persist(false, 'a failure was cleared')
  view.event('recovered', node.id)
}
