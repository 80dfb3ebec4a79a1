/**
 * A primary that comes back without its data while it has replicas must not go on where it was: they would copy its
 * emptiness, and in Redis the shard is lost. So it comes late. Until its replicas have had the time to replace it
 * nobody listens at its ports, which looks to all of them, redis-server too, like a primary that is down; then it joins
 * as what it has become. Where nobody has replaced it, it goes on, and has cost its shard that time.
 * Where elections keep what was acknowledged (repl-ack quorum, strict semi-sync) the copies know more, and sooner:
 * packages/election, copies.
 */
import { NodeFlag } from '@slotwise/gossip'
import type { SavedCluster } from './nodes-conf.js'

/** Silence of T, its verdict, and an election as redis-server holds one: about a second, or two if it is held again. */
const ELECTION_MS = 2000

/** @returns for how long a node without data stays away; 0: it has nobody who would replace it */
export function lateReturnMs({ self, nodes }: SavedCluster, nodeTimeoutMs: number): number {
  const isOwner = (self.flags & NodeFlag.primary) !== 0 && self.slots.length > 0
  // One that only this node suspected may be well.
  const hasHeir = nodes.some(({ primary, flags }) => primary === self.id && (flags & NodeFlag.fail) === 0)
  return isOwner && hasHeir ? 2 * nodeTimeoutMs + ELECTION_MS : 0
}
