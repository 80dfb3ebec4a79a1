/**
 * Epochs: currentEpoch is the clock of the cluster, a configEpoch says which claim to a slot is newer.
 * Both only grow. Two primaries with one configEpoch are told apart by their ids: the smaller id takes a new one.
 * Source: Redis 7.0 cluster, epochs. Elsewhere: epochs won by election (election).
 */
import type { BusHeader } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'

/** One message may move epochs this far; a million failovers at once are no history but an attack or a flipped bit. */
const EPOCH_JUMP_MAX = 2 ** 20

/** A node that knows no epoch yet must be able to learn that of an old cluster. */
export function isEpochPlausible(view: ClusterView, header: BusHeader): boolean {
  const epoch = Math.max(header.currentEpoch, header.configEpoch)
  // All nodes are looked at for those only that are far beyond the present epoch.
  return view.currentEpoch === 0 || epoch <= view.currentEpoch + EPOCH_JUMP_MAX ||
    epoch <= view.largestEpoch + EPOCH_JUMP_MAX
}

export function learnEpochs(view: ClusterView, sender: ClusterNode, header: BusHeader): void {
  if (header.currentEpoch > view.currentEpoch) view.currentEpoch = header.currentEpoch
  // What a replica sends is its primary's: it is learned from the primary itself or from an UPDATE.
  if (header.replicaOf === null && header.configEpoch > sender.configEpoch) {
    sender.configEpoch = header.configEpoch
    view.stateStale = true
    view.persist(true, 'a config epoch was raised')
  }
}

/** `sender` is a primary that claims my config epoch, by a PING, PONG or MEET. */
export function resolveCollision(view: ClusterView, sender: ClusterNode, header: BusHeader): void {
  const { self } = view
  if (!self.isPrimary || !sender.isPrimary || header.replicaOf !== null) return
  if (header.configEpoch !== self.configEpoch || sender.id <= self.id) return
  takeNewEpoch(view)
  view.persist(true, 'an epoch collision was resolved')
  view.event('epochCollision', sender.id)
  view.log('warn', `WARNING: configEpoch collision with node ${sender.id}. configEpoch set to ${self.configEpoch}`)
}

/** @returns whether a new epoch was taken: not if mine is the largest known and not 0. */
export function bumpWithoutConsensus(view: ClusterView): boolean {
  if (view.self.configEpoch !== 0 && view.self.configEpoch === view.largestEpoch) return false
  takeNewEpoch(view)
  view.persist(true, 'a new config epoch without consensus')
  view.log('info', `New configEpoch set to ${view.self.configEpoch}`)
  return true
}

/** For a claim that may come: nobody who knows of it takes it, and this node neither, over a restart too. */
export function reserveEpoch(view: ClusterView, why: string): number {
  view.currentEpoch = view.largestEpoch + 1
  view.persist(true, why)
  return view.currentEpoch
}

/** Is nothing newer than what was reserved? */
export const isNewestEpoch = (view: ClusterView, epoch: number): boolean =>
  epoch === view.currentEpoch && view.list.every((node) => node.configEpoch < epoch)

/** For a claim that must be newer than `epoch`, of which another node spoke, too. @returns whether that may be */
export function takeEpochBeyond(view: ClusterView, epoch: number, why: string): boolean {
  if (!Number.isSafeInteger(epoch) || epoch > view.largestEpoch + EPOCH_JUMP_MAX) return false
  view.currentEpoch = Math.max(view.currentEpoch, epoch)
  takeEpoch(view, why)
  return true
}

/** For a claim that must be newer than every other one. */
export function takeEpoch(view: ClusterView, why: string): void {
  takeNewEpoch(view)
  view.persist(true, why)
}

function takeNewEpoch(view: ClusterView): void {
  view.currentEpoch = Math.max(view.currentEpoch, view.largestEpoch) + 1
  view.self.configEpoch = view.currentEpoch
}
