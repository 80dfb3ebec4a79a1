/**
 * A voter's side: who gets my vote. One vote an epoch, on disk before it leaves, so that a restart cannot vote again.
 * The checks are in Redis's order; a refusal is silent on the wire and its text is a line in the log.
 * Source: Redis 7.0 cluster, election, a voter's rules. Elsewhere: asking and counting (election.ts).
 */
import { type BusMessage, type ClusterNode, type ClusterView, hasSlot, sendTo, SLOT_COUNT } from '@slotwise/gossip'

/** Planted faults, to see that the simulator's invariants notice: never set outside of tests. */
export interface VoteFaults {
  voteTwice?: boolean
  skipPersist?: boolean
}

/** AUTH_REQ of a known sender; its epochs were learned before. */
export function receiveVoteRequest(view: ClusterView, sender: ClusterNode, message: BusMessage,
  faults: VoteFaults = {}): void {
  if (!view.self.isVoter) return
  if (isVotedFor(view, sender, message)) { // it asks again: what I answered was lost
    sendTo(view, sender, { type: 'auth-ack' })
    return
  }
  const why = refusalOf(view, sender, message, faults)
  if (why !== null) {
    view.log('info', `Failover auth denied to ${sender.id}: ${why}`)
    return
  }
  view.lastVoteEpoch = view.currentEpoch
  view.lastVoteFor = sender.id
  Object.assign(sender.primary!, { votedAt: view.now, votedFor: sender })
  if (faults.skipPersist !== true) view.persist(true, 'a vote')
  sendTo(view, sender, { type: 'auth-ack' })
  view.log('info', `Failover auth granted to ${sender.id} for epoch ${view.currentEpoch}`)
  view.event('voteGranted', sender.id)
}

function isVotedFor(view: ClusterView, sender: ClusterNode, { header }: BusMessage): boolean {
  const { currentEpoch } = view
  return view.lastVoteFor === sender.id && view.lastVoteEpoch === currentEpoch && header.currentEpoch === currentEpoch
}

function refusalOf(view: ClusterView, sender: ClusterNode, { header }: BusMessage, faults: VoteFaults): string | null {
  if (header.currentEpoch < view.currentEpoch) return `reqEpoch (${header.currentEpoch}) < curEpoch(${view.currentEpoch})`
  if (view.lastVoteEpoch === view.currentEpoch && faults.voteTwice !== true) return `already voted for epoch ${view.currentEpoch}`
  if (sender.isPrimary) return 'it is a master node'
  const { primary } = sender
  if (primary === null) return `I don't know its master`
  if (!primary.isFail && !header.forceAck) return 'its master is up'
  // The wait keeps rivals apart. A manual failover that came to nothing, since disks were slow, has no rival: it may be
  // tried again at once. Redis lets it wait.
  const isSecondTry = header.forceAck && !primary.isFail && primary.votedFor === sender
  const waitMs = 2 * view.options.nodeTimeoutMs - (view.now - primary.votedAt)
  if (primary.votedAt !== 0 && waitMs > 0 && !isSecondTry && faults.voteTwice !== true)
    return `can't vote about this master before ${Math.ceil(waitMs)} milliseconds`
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if ((slot & 7) === 0 && header.slots[slot >> 3] === 0) { // none of these eight is claimed
      slot += 7
      continue
    }
    const owner = view.ownerOf(slot)
    if (owner === null || view.notClaiming[slot] === 1 || owner.configEpoch <= header.configEpoch) continue
    if (hasSlot(header.slots, slot))
      return `slot ${slot} epoch (${owner.configEpoch}) > reqEpoch (${header.configEpoch})`
  }
  return null
}
