/**
 * Who asks for votes first: rank 0 is the replica with the largest offset, and every rank more waits longer, so that
 * the one who knows most usually wins. A replica that knows the offsets of all its siblings and finds none ahead need
 * not wait for them; Redis lets everybody wait at least 500 ms. Equal offsets: the smaller id asks first, or both
 * would.
 * Source: Redis 7.0 cluster, election, rank and delay.
 */
import type { ClusterNode, ClusterView } from '@slotwise/gossip'
import { FAILURE_FLAGS, NodeFlag } from '@slotwise/gossip'

/** Replicas of my primary that may stand and are ahead of me. */
export function rankOf(view: ClusterView): number {
  let rank = 0
  for (const sibling of siblings(view)) if (!sibling.has(NodeFlag.noFailover) &&
    sibling.offset > view.self.offset) rank++
  return rank
}

const siblings = (view: ClusterView): ClusterNode[] => view.self.primary?.replicas.filter((node) =>
  !node.isMyself) ?? []

/**
 * Nobody who could be ahead is unheard of: no siblings, or each told its offset and none stands before me. What a
 * sibling told before the primary was last heard of is no answer: it may have received more since.
 */
function isFirst(view: ClusterView): boolean {
  const silentSince = view.self.primary?.dataAt ?? 0
  for (const sibling of siblings(view)) {
    if (sibling.has(NodeFlag.noFailover | FAILURE_FLAGS)) continue
    if (!sibling.offsetKnown || sibling.dataAt < silentSince || sibling.offset > view.self.offset) return false
    if (sibling.offset === view.self.offset && sibling.id < view.self.id) return false
  }
  return true
}

/** Delays are a part of T, and never longer than Redis's. */
const unitMs = ({ options }: ClusterView): number =>
  options.promptElections ? Math.min(1000, options.nodeTimeoutMs / 5) : 1000

export const rankDelayMs = (view: ClusterView, rank: number): number => rank * unitMs(view)

/**
 * Of primaries that fail together each is another election, and a voter has one vote an epoch: they take turns by id,
 * or all would ask under one epoch and none win. One turn is a few round trips.
 */
const TURN_MS = 50

function turnOf(view: ClusterView): number {
  const { primary } = view.self
  let turn = 0
  for (const node of view.list)
    if (primary !== null && node.isVoter && node.has(FAILURE_FLAGS) && node.id < primary.id) turn++
  return turn
}

/** How long to wait before asking for votes. */
export function electionDelayMs(view: ClusterView): number {
  const turnMs = view.options.promptElections ? turnOf(view) * TURN_MS : 0
  if (view.options.promptElections && isFirst(view)) return turnMs
  const half = unitMs(view) / 2
  return turnMs + half + Math.floor(view.random() * half) + rankDelayMs(view, rankOf(view))
}
