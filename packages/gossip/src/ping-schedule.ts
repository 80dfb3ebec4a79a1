/**
 * The cron of membership, every 100 ms: connect, PING, give up links and handshakes.
 * Each second the longest unheard of five random nodes is PINGed, and any node whose last PONG is older than T / 2.
 * In a large cluster gossip tells of PONGs of nearly all in time, so in Redis two nodes may not meet for many minutes,
 * and a change of role that one of them has missed stays unknown to it. So who has said nothing here itself for 3 to
 * 4 T is PINGed, too: of a thousand nodes, T = 15 s, 10 a second, where all each T / 2 would be 130.
 * Of a thousand nodes hardly any has something to be done for it in one tick. So each has a time at which a rule could
 * act if nothing happens to it, and is looked at then, or when something has (ClusterNode.touch); the rules themselves
 * know nothing of it.
 * Time in which this node did not run is nobody's silence: after a pause what is pending is moved on by it, or a
 * process that wakes up would suspect the whole cluster.
 * Source: Redis 7.0 cluster bus, PING schedule. Elsewhere: the verdict (failure-detector.ts).
 */
import type { ClusterView } from './cluster-view.js'
import type { ClusterNode } from './cluster-node.js'
import { ping } from './headers.js'
import { hasLease, isLeasePingDue } from './lease.js'
import { FAILURE_FLAGS, NodeFlag } from './node-flags.js'

export const TICK_MS = 100
const DRAW_EVERY_MS = 1000
const DRAWS = 5
/** Who was not heard for so many T is PINGed, some later than others by up to T. */
const UNHEARD_TIMEOUTS = 3

/**
 * Hosts that go on refusing for nodes that fail are asked so often in a tick on average, all together. Whoever comes
 * back connects by itself, and is asked at once when it is heard.
 */
const RETRIES_A_TICK = 10
/** One lost SYN in a restart is not evidence. */
export const REFUSALS_MIN = 3

export interface ScheduleState {
  lastTickAt: number
  /** T at the last tick: what it was planned with. */
  timeoutMs: number
  nextDrawAt: number
}

/** @returns the nodes that were looked at: all for which something may have become due. */
export function runSchedule(view: ClusterView, state: ScheduleState): ClusterNode[] {
  const { now } = view
  const timeout = view.options.nodeTimeoutMs
  notePause(view, state)
  if (state.timeoutMs !== timeout) view.rows.touchAll()
  state.timeoutMs = timeout
  for (const [id, until] of view.blocked) if (until <= now) view.blocked.delete(id)
  view.pausedFor?.touch()
  const leased = hasLease(view, view.voterCount)
  const nodes = leased ? [...view.list] : dueNodes(view)
  for (const node of nodes) {
    if (node.isMyself) continue
    if (node.inHandshake && now - node.createdAt > Math.max(timeout, 1000)) {
      view.remove(node)
      continue
    }
    if (node.link === null) {
      if (!node.has(NodeFlag.noAddress) && !isRetriedLater(view, node)) view.connect(node)
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
    const isDue = node.pingSentAt === 0 &&
      (now - node.pongAt > timeout / 2 || now > unheardAt(node, timeout) || (leased && isLeasePingDue(view, node)))
    if (isDue || node === view.pausedFor) ping(view, node)
  }
  if (now >= state.nextDrawAt) {
    state.nextDrawAt = now + DRAW_EVERY_MS
    const node = longestUnheard(view)
    if (node !== null) ping(view, node)
  }
  return nodes
}

/** Nodes that came together, as all do at a start, are not PINGed together. */
const unheardAt = (node: ClusterNode, timeout: number): number =>
  node.dataAt + timeout * (UNHEARD_TIMEOUTS + (Math.imul(node.number, 0x9e37_79b1) >>> 0) / 2 ** 32)

function dueNodes({ rows, list, now }: ClusterView): ClusterNode[] {
  const { dueAt, count } = rows
  const nodes: ClusterNode[] = []
  for (let row = 0; row < count; row++) if (dueAt[row]! <= now) nodes.push(list[row]!)
  return nodes
}

/** After all rules of a tick: when each of `nodes` is to be looked at again. */
export function planNextLooks(view: ClusterView, nodes: readonly ClusterNode[]): void {
  for (const node of nodes) node.rows.dueAt[node.row] = nextLookAt(view, node)
}

/** No later than any rule of this file, or suspicion, could act, if nothing happens to `node` until then. */
function nextLookAt({ options }: ClusterView, node: ClusterNode): number {
  if (node.isMyself) return Number.POSITIVE_INFINITY
  const { link, pingSentAt } = node
  if (node.inHandshake) return 0
  if (link === null) return node.has(NodeFlag.noAddress) ? Number.POSITIVE_INFINITY : 0
  const timeout = options.nodeTimeoutMs
  const asked = pingSentAt !== 0
  const silentAt = Math.max(pingSentAt, node.dataAt)
  let at = link.open ? Number.POSITIVE_INFINITY : link.createdAt + timeout / 2
  const stuckAt = Math.max(link.createdAt + timeout, Math.min(pingSentAt + timeout, silentAt + timeout / 2))
  if (asked) at = Math.min(at, stuckAt)
  else if (link.open) at = Math.min(node.pongAt + timeout / 2, unheardAt(node, timeout))
  if (node.has(FAILURE_FLAGS)) return at
  if (asked) at = Math.min(at, silentAt + timeout)
  if (node.refusedCount >= REFUSALS_MIN) at = Math.min(at, node.refusedAt + timeout * options.refusedFactor)
  return at
}

function isRetriedLater(view: ClusterView, node: ClusterNode): boolean {
  if (node.refusedCount < REFUSALS_MIN || !node.has(FAILURE_FLAGS)) return false
  return view.now - node.attemptedAt < TICK_MS * Math.floor(view.rows.failing / RETRIES_A_TICK)
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
