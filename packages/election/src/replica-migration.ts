/**
 * A replica of a shard that has more than it needs goes to a primary that has lost all of its own, so that one more
 * failure does not cost slots. Of all replicas that could go the one with the smallest id goes, after five seconds.
 * Source: Redis 7.0 cluster, replica migration.
 */
import { becomeReplicaOf, type ClusterNode, type ClusterView, FAILURE_FLAGS, NodeFlag } from '@slotwise/gossip'

export const MIGRATION_DELAY_MS = 5000

/** Every tick, on every node: since when is each primary without a healthy replica? */
export function noteOrphans(view: ClusterView): void {
  // Nobody became one or ended to be one while no flag, no replica and no owner of slots has changed.
  if (view.orphansVersion === view.rows.version) return
  view.orphansVersion = view.rows.version
  for (const node of view.list) {
    const isOrphan = node.isVoter && !node.isFail && node.has(NodeFlag.migrateTo) && node.healthyReplicaCount === 0
    if (!isOrphan) node.orphanedAt = 0
    else if (node.orphanedAt === 0) node.orphanedAt = view.now
  }
}

/** @returns whether this node follows another primary now. */
export function migrateIfNeeded(view: ClusterView): boolean {
  const { self, options } = view
  if (!options.allowReplicaMigration || view.state !== 'ok' || self.primary === null) return false
  const mine = self.primary.healthyReplicaCount
  if (mine <= options.migrationBarrier) return false
  let most = 0
  let orphan: ClusterNode | null = null
  for (const node of view.list) {
    if (!node.isPrimary) continue
    most = Math.max(most, node.healthyReplicaCount)
    if (node.orphanedAt !== 0 && view.now - node.orphanedAt > MIGRATION_DELAY_MS) orphan ??= node
  }
  if (orphan === null || most < 2 || mine !== most || !hasSmallestId(view, most)) return false
  view.log('info', `Migrating to orphaned master ${orphan.id}`)
  becomeReplicaOf(view, orphan)
  view.persist(false, 'this replica went to an orphaned primary')
  view.event('replicaMigrated', orphan.id)
  return true
}

function hasSmallestId(view: ClusterView, most: number): boolean {
  for (const node of view.list) {
    if (!node.isPrimary || node.healthyReplicaCount !== most) continue
    for (const replica of node.replicas) if (!replica.has(FAILURE_FLAGS) && replica.id < view.self.id) return false
  }
  return true
}
