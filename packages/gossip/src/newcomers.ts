/**
 * Newcomers: whoever reaches the bus may introduce himself by MEET, and Redis believes what he says next: a stranger
 * with a large epoch that claims all slots has them within a second, and the primaries become his replicas and send him
 * their password. Here a node that became known lately may have what nobody owns, and who has that and never claimed
 * more is one of us. Else it takes from others only
 *   - what the owner gave up (it stopped claiming it) or is migrating to it, as an operator said,
 *   - the slots of the primary whose replica it was: it was elected,
 *   - what a failed owner has left for long, and not of my own shard: I would throw my data away for it,
 *   - what a node with slots vouches for by an UPDATE.
 * Each claim beyond that is refused, told in the log and begins the time anew. It is not told apart whether an operator
 * asked for the MEET: redis-cli asks the other side. What is read from nodes.conf is no newcomer.
 * Against who has the time to wait only a key helps. Source: none, Redis has no such rule.
 */
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'

/** For how many T without a claim that had to be refused one is a newcomer. */
const NEWCOMER_TIMEOUTS = 10
const TOLD_EVERY_MS = 60_000

export function isNewcomer(view: ClusterView, node: ClusterNode): boolean {
  if (node.newcomerAt === 0) return false
  if (view.now - node.newcomerAt <= NEWCOMER_TIMEOUTS * view.options.nodeTimeoutMs) return true
  node.newcomerAt = 0
  return false
}

/**
 * Was given slots that nobody had, and has claimed nothing else: what comes now is a migration or an election. Without
 * that the nodes of a new cluster would hear of its first migrations late, and a replica perhaps not in time.
 */
export const isSettled = (node: ClusterNode): boolean => node.isVoter && node.refusedClaimsAt === 0

/** May `taker`, whose claim is the newer one, have a slot of `owner`, who still claims it? */
export function mayTake(view: ClusterView, taker: ClusterNode, owner: ClusterNode, slot: number): boolean {
  if (!isNewcomer(view, taker)) return true
  if (taker.formerPrimary === owner || view.migrating.get(slot) === taker) return true
  return owner.isFail && view.now - owner.failAt > view.options.nodeTimeoutMs && owner !== view.self.shardPrimary
}

export function refuseClaims(view: ClusterView, taker: ClusterNode, slotCount: number): void {
  taker.newcomerAt = view.now
  if (taker.refusedClaimsAt !== 0 && view.now - taker.refusedClaimsAt < TOLD_EVERY_MS) return
  taker.refusedClaimsAt = view.now
  view.event('refusedMessage', taker.id)
  view.log('warn', `Node ${taker.id} joined lately and claims ${slotCount} slots that others own: refused`)
}
