/**
 * The cron of membership, every 100 ms: connect, PING, give up links and handshakes.
 * Each second the longest unheard of five random nodes is PINGed, and any node whose last PONG is older than T / 2.
 * Time in which this node did not run is nobody's silence: after a pause what is pending is moved on by it, or a
 * process that wakes up would suspect the whole cluster.
 * Source: Redis 7.0 cluster bus, PING schedule. Elsewhere: the verdict (failure-detector.ts).
 */
import type { ClusterView } from './cluster-view.js'
import type { ClusterNode } from './cluster-node.js'
import { ping } from './headers.js'
import { hasLease, isLeasePingDue } from './lease.js'
import { NodeFlag } from './node-flags.js'

export const TICK_MS = 100
const DRAW_EVERY_MS = 1000
const DRAWS = 5

export interface ScheduleState {
  lastTickAt: number
  nextDrawAt: number
}

export function runSchedule(view: ClusterView, state: ScheduleState): void {
  const { now } = view
  const timeout = view.options.nodeTimeoutMs
  notePause(view, state)
  for (const [id, until] of view.blocked) if (until <= now) view.blocked.delete(id)
  const leased = hasLease(view, view.voterCount)
  for (const node of [...view.list]) {
    if (node.isMyself) continue
    if (node.inHandshake && now - node.createdAt > Math.max(timeout, 1000)) {
      view.remove(node)
      continue
    }
    if (node.link === null) {
      if (!node.has(NodeFlag.noAddress)) view.connect(node)
      continue
    }
    if (isStuck(view, node)) {
      view.closeLink(node.link)
      continue
    }
    if (!node.link.open) {
      giveUpOpening(view, node)
      continue
    }
    const isDue = node.pingSentAt === 0 && (now - node.pongAt > timeout / 2 || (leased && isLeasePingDue(view, node)))
    if (isDue || node === view.pausedFor) ping(view, node)
  }
  if (now >= state.nextDrawAt) {
    state.nextDrawAt = now + DRAW_EVERY_MS
    const node = longestUnheard(view)
    if (node !== null) ping(view, node)
  }
}

function notePause(view: ClusterView, state: ScheduleState): void {
  const pausedMs = view.now - state.lastTickAt - TICK_MS
  const since = state.lastTickAt
  state.lastTickAt = view.now
  if (since === 0 || pausedMs < Math.max(5 * TICK_MS, view.options.nodeTimeoutMs / 10)) return
  for (const node of view.list) {
    if (node.pingSentAt !== 0) node.pingSentAt += pausedMs
    node.refusedAt = 0
    node.refusedCount = 0
  }
  // Others may have replaced it meanwhile: a primary waits as after a minority.
  if (view.options.leaseFactor > 0 && pausedMs > view.options.nodeTimeoutMs * view.options.leaseFactor) {
    view.wokeAt = view.now
    view.stateStale = true
  }
  view.log('warn', `This node did not run for ${Math.round(pausedMs)} milliseconds.`)
}

/**
 * A PING without answer for T / 2 and no data either, on a link older than T: another connection may do better. After T
 * also if data comes by the other side's link: that one works, this one does not (Redis waits for TCP to notice).
 */
function isStuck(view: ClusterView, node: ClusterNode): boolean {
  const { now } = view
  const timeout = view.options.nodeTimeoutMs
  if (node.pingSentAt === 0 || now - node.link!.createdAt <= timeout) return false
  const pendingMs = now - node.pingSentAt
  return pendingMs > timeout || (pendingMs > timeout / 2 && now - node.dataAt > timeout / 2)
}

/**
 * Nobody answers a connection that is being made, not even with a refusal: it is made anew after T / 2, since the
 * system asks seldomer and seldomer for minutes, and counts as a question that was not answered, or such a node would
 * never be suspected. Redis sends a PING into the connection instead.
 */
function giveUpOpening(view: ClusterView, node: ClusterNode): void {
  const { createdAt } = node.link!
  if (view.now - createdAt <= view.options.nodeTimeoutMs / 2) return
  if (node.pingSentAt === 0) node.pingSentAt = createdAt
  view.closeLink(node.link!)
}

function longestUnheard(view: ClusterView): ClusterNode | null {
  let oldest: ClusterNode | null = null
  for (let draw = 0; draw < DRAWS; draw++) {
    const node = view.randomNode()
    if (node.link?.open !== true || node.pingSentAt !== 0 || node.has(NodeFlag.myself | NodeFlag.handshake)) continue
    if (oldest === null || node.pongAt < oldest.pongAt) oldest = node
  }
  return oldest
}
