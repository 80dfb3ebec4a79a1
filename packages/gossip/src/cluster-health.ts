/**
 * The state of the cluster as this node sees it: ok or fail, and in words why, which Redis does not tell.
 * fail: a slot is unbound or its owner FAIL (with full coverage required), or fewer than a quorum of the voting
 * primaries are neither PFAIL nor FAIL for me, or a primary's lease has ended (lease.ts; not in Redis). Slots of a
 * failed owner count as covered for T / 2 while a replica may take over: an election takes a part of that, and other
 * shards need not notice it (not in Redis, where they stop until it is over). A primary comes back from fail with a
 * delay, so that clients with an old map do not write to one that was replaced meanwhile; replicas switch at once.
 * Source: Redis 7.0 cluster, cluster state.
 */
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { leaseUntilMs } from './lease.js'
import { NodeFlag } from './node-flags.js'
import { SLOT_COUNT } from './slots.js'

/** After a start a primary waits this long for news of who it is now. */
export const WRITABLE_DELAY_MS = 2000

export const rejoinDelayMs = (nodeTimeoutMs: number): number => Math.max(500, Math.min(nodeTimeoutMs, 5000))

export function updateState(view: ClusterView): void {
  const { now, self, options } = view
  view.stateStale = false
  if (view.stateFirstAt === 0) view.stateFirstAt = now
  if (self.isPrimary && view.state === 'fail' && now - view.stateFirstAt < WRITABLE_DELAY_MS) {
    view.stateWhy = 'this primary has just started and waits for news of the cluster'
    return
  }
  let why = options.requireFullCoverage ? uncovered(view) : ''
  const minority = minorityWhy(view)
  if (minority !== '') {
    view.minorityAt = now
    why = minority
  } else if (self.isPrimary && view.wokeAt !== 0 && now - view.wokeAt < rejoinDelayMs(options.nodeTimeoutMs)) {
    why = 'this primary did not run for a while and waits for news of the cluster'
  } else if (now >= leaseUntilMs(view)) {
    why = `no majority has answered for ${Math.round(options.nodeTimeoutMs * options.leaseFactor)} milliseconds: the lease has ended`
  }
  const state = why === '' ? 'ok' : 'fail'
  const rejoining = state === 'ok' && view.state === 'fail' && self.isPrimary &&
    now - view.minorityAt < rejoinDelayMs(options.nodeTimeoutMs)
  if (rejoining) {
    view.stateWhy = 'this primary is back in the majority and waits before it takes writes'
    return
  }
  view.stateWhy = state === 'ok' ? 'ok' : why
  if (state === view.state) return
  view.state = state
  view.log('info', `Cluster state changed: ${state}${why === '' ? '' : ` (${why})`}`)
  view.emit({ type: 'stateChanged', state, why: view.stateWhy })
}

function uncovered(view: ClusterView): string {
  if (view.assignedCount < SLOT_COUNT) return `${SLOT_COUNT - view.assignedCount} slots have no owner`
  if (view.rows.failedOwners === 0) return ''
  for (const node of view.list)
    if (node.isFail && node.slotCount > 0 && !mayBeReplaced(view, node)) return `node ${node.id} failed and ${node.slotCount} slots are not served`
  return ''
}

const mayBeReplaced = (view: ClusterView, node: ClusterNode): boolean =>
  view.now - node.failAt < view.options.nodeTimeoutMs * view.options.takeOverFactor &&
  node.replicas.some(({ flags }) => (flags & (NodeFlag.pfail | NodeFlag.fail | NodeFlag.noFailover)) === 0)

function minorityWhy(view: ClusterView): string {
  const { voters, reachableVoters: reachable } = view.rows
  const quorum = Math.floor(voters / 2) + 1
  if (reachable >= quorum) return ''
  return voters === 0 ? 'no primary with slots is known' : `${reachable} of ${voters} primaries are reachable, ${quorum} are needed`
}
