/**
 * A primary's lease: it serves writes only while a majority of the voters has answered it within half of T. The others
 * need silence of T before they replace it, so a primary that is cut off or stopped has ended before the next one
 * begins; Redis goes on until it suspects a majority itself, after T and more.
 * Counted from when an answered PING was sent, not from when the answer was read: answers that waited in a socket while
 * this process was stopped prove nothing. Voters PING each other often enough for it; with more voters than that is
 * affordable for, there is no lease and T applies as in Redis.
 * Elsewhere: what follows when it ends (cluster-health.ts). A data plane may stop by itself at `leaseUntilMs`.
 */
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'

/** Each voter PINGs each other one five times in T: 50 voters are 2,450 PINGs in T / 5. */
const LEASE_VOTERS_MAX = 50

/** PINGs between voters, in parts of the lease: one may be lost in a rebuilt link, and the next is still in time. */
const PING_PART = 0.4

export function hasLease(view: ClusterView, voterCount: number): boolean {
  return view.options.leaseFactor > 0 && view.self.isVoter && voterCount > 1 && voterCount <= LEASE_VOTERS_MAX
}

/** Until when a majority stands behind this primary; infinity where no lease applies. */
export function leaseUntilMs(view: ClusterView): number {
  // Asked after each step, also in clusters of a thousand nodes.
  if (!view.self.isVoter || !hasLease(view, view.voterCount)) return Number.POSITIVE_INFINITY
  const voters = view.list.filter((node) => node.isVoter)
  const confirmed = voters.filter((node) => !node.isMyself).map((node) => node.confirmedAt).sort((left, right) =>
    right - left)
  // Myself and so many others are a majority.
  const othersNeeded = Math.floor(voters.length / 2)
  return confirmed[othersNeeded - 1]! + view.options.nodeTimeoutMs * view.options.leaseFactor
}

/** When the last PONG of `node` may be as old as this, it is PINGed for the lease. */
export function isLeasePingDue(view: ClusterView, node: ClusterNode): boolean {
  return node.isVoter && view.now - node.confirmedAt > view.options.nodeTimeoutMs * view.options.leaseFactor * PING_PART
}
