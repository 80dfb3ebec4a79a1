/**
 * Who owns a slot when headers disagree: the claim with the larger config epoch, except for a slot that I am importing
 * (an operator decides) and one that its owner stopped claiming (anybody may take it). A slot is never unbound because
 * its owner is silent about it. Whoever claims a slot of which I know a newer owner is told so by an UPDATE, one for
 * each such owner: a node stale about many learns of all of them at once (Redis sends one for each PING).
 * A node that has just joined takes nothing from those who are here (newcomers.ts).
 * Source: Redis 7.0 cluster, slot ownership and UPDATE. Elsewhere: CLUSTER SETSLOT and its like (cluster).
 */
import type { BusHeader, BusMessage } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { sendTo } from './headers.js'
import { isNewcomer, isSettled, mayTake, refuseClaims } from './newcomers.js'
import { becomeReplicaOf, learnRole } from './roles.js'
import { hasSlot, sameBitmap, setSlot, SLOT_BYTES, SLOT_COUNT } from './slots.js'

/**
 * The slots in the header of a PING, PONG or MEET. Stale claims are answered each time, since an UPDATE may be lost.
 */
export function receiveClaims(view: ClusterView, sender: ClusterNode, header: BusHeader): void {
  const claimant = header.replicaOf === null ? sender : sender.primary
  if (claimant === null) return
  // A replica that missed its primary's last epoch would be refused every vote for ever, since its slots are the same.
  if (claimant !== sender && header.configEpoch < claimant.configEpoch) update(view, sender, claimant)
  if (isAsBound(view, sender, claimant, header.slots)) return
  // Slots are never bound to a replica: its bitmap is its primary's and may be old.
  if (header.replicaOf === null) applyClaims(view, sender, header.configEpoch, header.slots)
  correctStaleClaims(view, sender, claimant, header)
}

/** Is `bitmap` what the table says of `claimant`? Most headers are as the one before: no slot is looked at for them. */
function isAsBound(view: ClusterView, sender: ClusterNode, claimant: ClusterNode, bitmap: Uint8Array): boolean {
  const { claimed } = sender
  if (claimed?.of === claimant && claimed.version === claimant.slotsVersion && sameBitmap(claimed.bitmap, bitmap)) {
    claimed.bitmap = bitmap // the next one may be the same object
    return true
  }
  if (!view.isClaimedBitmap(claimant, bitmap)) return false
  sender.claimed = { of: claimant, version: claimant.slotsVersion, bitmap }
  return true
}

/**
 * UPDATE: the sender knows a newer owner of slots that I claimed. Who has no slots and came lately is not believed; who
 * is, vouches for its subject, also if that one came lately.
 */
export function receiveUpdate(view: ClusterView, sender: ClusterNode, message: BusMessage): void {
  if (message.body.type !== 'update' || (isNewcomer(view, sender) && !sender.isVoter)) return
  const { subject, configEpoch, slots } = message.body
  const node = view.known(subject)
  if (node === null || node.isMyself || node.configEpoch > configEpoch) return
  // Its epoch is known, and was believed; its claims only if they were not refused.
  if (node.configEpoch === configEpoch && node.refusedClaimsAt === 0) return
  learnRole(view, node, null)
  node.configEpoch = configEpoch
  view.persist(true, 'an UPDATE raised a config epoch')
  applyClaims(view, node, configEpoch, slots, node !== sender)
}

/**
 * Binds what `sender` may have of `claims`, and draws the consequences for this node.
 * @param vouched  another node says so, too
 */
export function applyClaims(
  view: ClusterView, sender: ClusterNode, epoch: number, claims: Uint8Array, vouched = false,
): void {
  const { self, owners, notClaiming, importing, migrating } = view
  if (sender.isMyself) return
  const shard = self.shardPrimary
  const lost: number[] = []
  let takenFromShard = 0
  let refused = 0
  const trusted = vouched || isSettled(sender) || !isNewcomer(view, sender)
  const taken = new Uint8Array(SLOT_BYTES)
  let takenCount = 0
  const known = view.claimedBitmap(sender)
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    // Eight slots of which it says what it said before: nothing changes.
    if ((slot & 7) === 0 && claims[slot >> 3] === known[slot >> 3]) {
      slot += 7
      continue
    }
    const owner = owners[slot] ?? null
    if (!hasSlot(claims, slot)) {
      if (owner === sender) view.setNotClaiming(slot, true)
      continue
    }
    if (owner === sender) {
      view.setNotClaiming(slot, false)
      continue
    }
    if (importing.size > 0 && importing.has(slot)) continue
    if (owner !== null && notClaiming[slot] === 0) {
      if (owner.configEpoch >= epoch) continue
      if (!trusted && !mayTake(view, sender, owner, slot)) {
        refused++
        continue
      }
    }
    if (owner === self) lost.push(slot)
    if (owner === shard) takenFromShard++
    if (migrating.size > 0) migrating.delete(slot)
    setSlot(taken, slot, true)
    takenCount++
  }
  if (refused > 0) refuseClaims(view, sender, refused)
  if (takenCount === 0) return
  view.bindAll(taken, sender)
  view.persist(true, 'slots were bound to another node')
  view.emit({ type: 'slotMapChanged' })
  followSlots(view, sender, shard, takenFromShard, lost)
}

function followSlots(
  view: ClusterView, taker: ClusterNode, shard: ClusterNode, takenFromShard: number, lost: readonly number[],
): void {
  const { options } = view
  const emptied = takenFromShard > 0 && shard.slotCount === 0
  if (emptied && (options.allowReplicaMigration || taker.slotCount === takenFromShard)) {
    view.log('info', `Configuration change detected. Reconfiguring myself as a replica of ${taker.id}`)
    becomeReplicaOf(view, taker)
    return
  }
  if (followGrandPrimary(view) || lost.length === 0) return
  view.emit({ type: 'deleteKeysInSlots', slots: lost })
}

/** My primary has become a replica of somebody else: that one is my primary now. */
export function followGrandPrimary(view: ClusterView): boolean {
  const { self } = view
  const grand = self.primary?.primary ?? null
  if (grand === null || grand === self || !grand.isPrimary) return false
  view.log('info', `I'm a sub-replica! Reconfiguring myself from ${self.primary!.id} to ${grand.id}`)
  becomeReplicaOf(view, grand)
  view.persist(true, 'this node follows another primary')
  return true
}

function correctStaleClaims(view: ClusterView, sender: ClusterNode, claimant: ClusterNode, header: BusHeader): void {
  if (sender.link?.open !== true) return
  const told = new Set<ClusterNode>()
  const known = view.bitmap(claimant)
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if ((slot & 7) === 0 && (header.slots[slot >> 3]! & ~known[slot >> 3]!) === 0) { // none that is not the claimant's
      slot += 7
      continue
    }
    const owner = view.ownerOf(slot)
    if (owner === null || owner === sender || owner === claimant || view.notClaiming[slot] === 1) continue
    if (owner.configEpoch <= header.configEpoch || !hasSlot(header.slots, slot) || told.has(owner)) continue
    told.add(owner)
    update(view, sender, owner)
  }
}

function update(view: ClusterView, sender: ClusterNode, owner: ClusterNode): void {
  view.log('debug', `Node ${sender.id} has old slots configuration, sending an UPDATE message about ${owner.id}`)
  const slots = view.claimedBitmap(owner)
  sendTo(view, sender, { type: 'update', subject: owner.id, configEpoch: owner.configEpoch, slots })
}
