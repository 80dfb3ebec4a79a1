/**
 * Changing role: the one place where this node becomes a primary or somebody's replica. Whatever was begun in the old
 * role (an election, a manual failover, open slots) ends with it: roleVersion tells the machines that keep such state.
 * Replicas of a node that becomes a replica stay attached to it until they say whom they follow now.
 * Source: Redis 7.0 cluster. Elsewhere: why the role changes (slot-claims.ts, election, CLUSTER REPLICATE).
 */
import type { BusHeader } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { broadcastPong } from './headers.js'
import { NodeFlag } from './node-flags.js'

export function becomeReplicaOf(view: ClusterView, primary: ClusterNode): void {
  const { self } = view
  if (self.isPrimary) {
    view.migrating.clear()
    view.importing.clear()
    view.unbindAll(self)
    self.clear(NodeFlag.primary | NodeFlag.migrateTo)
    self.set(NodeFlag.replica)
    view.event('demoted', self.id)
  }
  view.setPrimaryOf(self, primary)
  roleChanged(view)
  view.emit({ type: 'replicateFrom', node: primary.id, ip: primary.ip, port: primary.port })
  view.emit({ type: 'slotMapChanged' })
  // Redis lets the next PING tell it, a second later: a primary that goes meanwhile does not know whom to hand over to.
  broadcastPong(view)
}

export function becomePrimary(view: ClusterView): void {
  const { self } = view
  if (self.isPrimary) return
  const former = self.primary
  view.setPrimaryOf(self, null)
  self.clear(NodeFlag.replica)
  self.set(NodeFlag.primary)
  // Over a primary that had replicas: those are to come to me.
  if (former !== null) self.set(NodeFlag.migrateTo)
  roleChanged(view)
  view.emit({ type: 'becomePrimary' })
  view.event('promoted', self.id)
}

function roleChanged(view: ClusterView): void {
  view.roleVersion++
  view.stateStale = true
  if (view.pausedFor !== null) {
    view.pausedFor = null
    view.emit({ type: 'unpauseWrites' })
  }
}

/**
 * Is a header older than what its sender said before? Two links join two nodes, and what waits in one may be older than
 * what came by the other, by seconds where a node did not run. Whoever believes of a primary that it is a replica
 * again takes its slots from it, and a replica of it follows whom it followed; when the slots come back nobody loses
 * them to anybody, so it would stay there, with a primary that has failed perhaps, for ever. A primary with slots
 * becomes a replica of one with a newer epoch only. What contradicts that for T is true nevertheless (its slots were
 * deleted there). Redis believes it at once.
 */
export function isOutdated(view: ClusterView, sender: ClusterNode, header: BusHeader): boolean {
  if (header.replicaOf === null || !sender.isVoter || header.configEpoch >= sender.configEpoch) {
    sender.contradictedAt = 0
    return false
  }
  if (sender.contradictedAt === 0) sender.contradictedAt = view.now
  return view.now - sender.contradictedAt < view.options.nodeTimeoutMs
}

/** What the header of a known node says about its role. */
export function learnRole(view: ClusterView, node: ClusterNode, primaryId: string | null): void {
  if (primaryId === null) {
    if (node.isPrimary) return
    node.formerPrimary = node.primary
    view.setPrimaryOf(node, null)
    node.clear(NodeFlag.replica)
    node.set(NodeFlag.primary | NodeFlag.migrateTo)
    changed(view)
    return
  }
  if (!node.isReplica) {
    view.unbindAll(node)
    node.clear(NodeFlag.primary | NodeFlag.migrateTo)
    node.set(NodeFlag.replica)
    node.formerPrimary = null
    changed(view)
  }
  const primary = view.known(primaryId)
  if (primary !== null && primary !== node && node.primary !== primary) {
    view.setPrimaryOf(node, primary)
    changed(view)
  }
}

function changed(view: ClusterView): void {
  view.stateStale = true
  view.persist(false, 'the role of a node changed')
  view.emit({ type: 'slotMapChanged' })
}
