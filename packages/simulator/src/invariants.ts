/**
 * What must hold after every step of every node, whatever the network and the crashes do.
 *   - one primary serves a slot in a config epoch, ever;
 *   - a node votes at most once in an epoch, also across restarts;
 *   - currentEpoch and lastVoteEpoch never go back while a process runs, and no restart forgets a vote that was sent.
 * Source: Redis Cluster specification, epochs and elections. Elsewhere: convergence after healing (convergence.ts).
 */
import type { BusMessage, ClusterMachine, NodeId } from '@slotwise/cluster'

export class Violation extends Error {
  override readonly name = 'Violation'
}

interface Seen {
  machine: ClusterMachine
  currentEpoch: number
  lastVoteEpoch: number
  configEpoch: number
  slotsVersion: number
  isPrimary: boolean
}

export class Invariants {
  readonly #seen: (Seen | undefined)[] = []
  readonly #votes = new Map<NodeId, Map<number, NodeId>>()
  /** By config epoch: who served which slots in it. */
  readonly #claims = new Map<number, Map<NodeId, Uint8Array>>()
  votes = 0

  /** A vote leaves `voter`. */
  voted(voter: NodeId, candidate: NodeId, { header }: BusMessage): void {
    const epochs = this.#votes.get(voter) ?? new Map<number, NodeId>()
    this.#votes.set(voter, epochs)
    const former = epochs.get(header.currentEpoch)
    if (former === candidate) return // the same vote, sent again
    if (former !== undefined)
      throw new Violation(`${short(voter)} voted twice in epoch ${header.currentEpoch}: for ${short(former)} and for ${short(candidate)}`)
    epochs.set(header.currentEpoch, candidate)
    this.votes++
  }

  /** A process starts with what its disk kept. */
  started(machine: ClusterMachine): void {
    const { view } = machine
    for (const epoch of this.#votes.get(view.self.id)?.keys() ?? [])
      if (epoch > view.lastVoteEpoch)
        throw new Violation(`${short(view.self.id)} forgot its vote in epoch ${epoch}: it started with lastVoteEpoch ${view.lastVoteEpoch}`)
  }

  /** Node `index` has made a step. */
  check(index: number, machine: ClusterMachine): void {
    const { view } = machine
    const { self } = view
    const seen = this.#seen[index]
    if (seen?.machine === machine) {
      if (view.currentEpoch < seen.currentEpoch || view.lastVoteEpoch < seen.lastVoteEpoch ||
        self.configEpoch < seen.configEpoch)
        throw new Violation(`an epoch of ${short(self.id)} went back`)
      if (seen.configEpoch === self.configEpoch && seen.slotsVersion === self.slotsVersion &&
        seen.isPrimary === self.isPrimary) {
        seen.currentEpoch = view.currentEpoch
        seen.lastVoteEpoch = view.lastVoteEpoch
        return
      }
    }
    if (view.lastVoteEpoch > view.currentEpoch) throw new Violation(`${short(self.id)} voted in an epoch to come`)
    this.#seen[index] = {
      machine, currentEpoch: view.currentEpoch, lastVoteEpoch: view.lastVoteEpoch, configEpoch: self.configEpoch,
      slotsVersion: self.slotsVersion, isPrimary: self.isPrimary,
    }
    if (self.isVoter) this.#claim(self.id, self.configEpoch, view.bitmap(self))
  }

  #claim(id: NodeId, epoch: number, bitmap: Uint8Array): void {
    const claims = this.#claims.get(epoch) ?? new Map<NodeId, Uint8Array>()
    this.#claims.set(epoch, claims)
    for (const [other, taken] of claims) {
      if (other === id) continue
      for (let index = 0; index < bitmap.length; index++)
        if ((bitmap[index]! & taken[index]!) !== 0)
          throw new Violation(`${short(id)} and ${short(other)} both serve slot ${index * 8} or one of the next 7 in epoch ${epoch}`)
    }
    const merged = (claims.get(id) ?? new Uint8Array(bitmap.length)).slice()
    for (let index = 0; index < bitmap.length; index++) merged[index]! |= bitmap[index]!
    claims.set(id, merged)
  }
}

export const short = (id: NodeId): string => id.slice(0, 8)
