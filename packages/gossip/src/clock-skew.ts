/**
 * Clocks of other systems: how far they are from the own one, measured with the PONGs of nodes of ours, which say what
 * their clock shows. Told in the log and in CLUSTER INFO, and nothing follows from it: failures, leases and elections
 * are timed by clocks that never step, and what expires is said by the owner of the slot. What skew does cost is seen
 * elsewhere: keys expire early or late at the next owner, EXPIREAT and logs mean something else.
 * The PONG was sent at some moment between PING and PONG; half of that time is how much may be wrong.
 * Source: none, Redis does not look at it.
 */
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'

export const SKEW_MS_MAX = 1000
const ASK_EVERY_MS = 10_000
/** A clock that is stepped each second is not told each second. */
const TOLD_EVERY_MS = 60_000

export interface NodeClock {
  askedAt: number
  /** How far it is ahead of the own one, in milliseconds; 0: less than is told. */
  skewMs: number
  toldAt: number
}

/** What the clock of this system shows; 0: nobody has said. */
export const wallMsOf = ({ now, wallAheadMs }: ClusterView): number =>
  wallAheadMs === null ? 0 : Math.max(0, Math.round(now + wallAheadMs))

/** Is the next PING to ask what its clock shows? It may know our extension only if it has sent one. */
export function isClockDue({ now, wallAheadMs }: ClusterView, node: ClusterNode): boolean {
  if (wallAheadMs === null || !node.tellsCluster) return false
  const clock = node.clock ??= { askedAt: 0, skewMs: 0, toldAt: 0 }
  if (now - clock.askedAt < ASK_EVERY_MS) return false
  clock.askedAt = now
  return true
}

/** A PONG on our own link, before its PING counts as answered. */
export function measureClock(view: ClusterView, node: ClusterNode, wallMs: number): void {
  if (wallMs === 0 || view.wallAheadMs === null || node.pingSentAt === 0) return
  const halfMs = (view.now - node.pingLeftAt) / 2
  const ahead = Math.round(wallMs - (wallMsOf(view) - halfMs))
  const isSkewed = Math.abs(ahead) - halfMs > SKEW_MS_MAX
  if (!isSkewed && (node.clock === null || node.clock.skewMs === 0)) return
  const clock = node.clock ??= { askedAt: view.now, skewMs: 0, toldAt: 0 }
  const wasSkewed = clock.skewMs !== 0
  clock.skewMs = isSkewed ? ahead : 0
  if (!isSkewed) return view.log('info', `The clock of node ${node.id} is no longer far from that of this one`)
  if (wasSkewed || (clock.toldAt !== 0 && view.now - clock.toldAt < TOLD_EVERY_MS)) return
  clock.toldAt = view.now
  view.log('warn', `The clock of node ${node.id} is ${Math.abs(ahead)} ms ${ahead > 0 ? 'ahead of' : 'behind'} that of this one: ` +
    'the cluster does not mind, keys may expire at another time when their slot changes hands')
}

/** Of the node whose clock is the farthest, with its sign; null: all are near. */
export function farthestClock(view: ClusterView): { node: ClusterNode; skewMs: number } | null {
  let farthest: { node: ClusterNode; skewMs: number } | null = null
  for (const node of view.list) {
    const skewMs = node.clock?.skewMs ?? 0
    if (skewMs !== 0 && Math.abs(skewMs) > Math.abs(farthest?.skewMs ?? 0)) farthest = { node, skewMs }
  }
  return farthest
}
