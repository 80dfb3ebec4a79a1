/**
 * When a cluster has come to rest: everybody runs, sees everybody, agrees on who owns every slot and on all roles,
 * every slot is owned, and no two primaries with slots share a config epoch. In words, what is still missing.
 * First what each node says of itself, then its table row by row: of a thousand nodes a million rows.
 */
import { sameBitmap } from '@slotwise/gossip'
import { short } from './invariants.js'
import type { SimulatedNode } from './simulated-node.js'

/** What keeps `nodes` from agreement, or null. */
export function disagreement(nodes: readonly SimulatedNode[]): string | null {
  const running = nodes.filter((node) => node.machine !== null)
  if (running.length < nodes.length) return `${nodes.length - running.length} nodes are down`
  const clusters = new Set(running.flatMap(({ machine, isPlain }) => isPlain ? [] : machine!.view.clusterId || []))
  if (clusters.size > 1) return `there are clusters ${[...clusters].map(short).join(', ')}`
  return unrest(running) ?? contradiction(running)
}

/** A node that sees the cluster down, or another one failing, or too few; or two primaries of one epoch. */
function unrest(running: readonly SimulatedNode[]): string | null {
  const epochs = new Map<number, string>()
  for (const { machine, name } of running) {
    const { view } = machine!
    if (view.state !== 'ok') return `${name} sees the cluster down: ${view.stateWhy}`
    if (view.list.length !== running.length) return `${name} knows ${view.list.length} of ${running.length} nodes`
    if (view.rows.failing > 0) {
      const failing = view.list.filter((node) => node.isPfail || node.isFail)
      return `${name} sees ${short(failing[0]!.id)} failing, one of ${failing.length}`
    }
    const { self } = view
    if (!self.isVoter) continue
    const other = epochs.get(self.configEpoch)
    if (other !== undefined) return `${name} and ${other} share config epoch ${self.configEpoch}`
    epochs.set(self.configEpoch, name)
  }
  return null
}

/** A row of a table in which a node says something else than the first one. */
function contradiction(running: readonly SimulatedNode[]): string | null {
  const reference = running[0]!.machine!.view
  const bitmaps = reference.list.map((node) => reference.bitmap(node))
  for (const { machine, name } of running) {
    const { view } = machine!
    if (view === reference) continue
    for (const [index, node] of reference.list.entries()) {
      const here = view.nodes.get(node.id)
      if (here?.isPrimary !== node.isPrimary || here.primary?.id !== node.primary?.id) return `${name} sees another role of ${short(node.id)}`
      if (!sameBitmap(view.bitmap(here), bitmaps[index]!)) return `${name} sees other slots of ${short(node.id)}`
    }
  }
  return null
}

/** What keeps the survivors from serving everything, or null. */
export function unserved(nodes: readonly SimulatedNode[]): string | null {
  const running = nodes.filter((node) => node.machine !== null)
  const alive = new Set(running.map((node) => node.machine!.view.self.id))
  const reference = running[0]!.machine!.view
  for (const { machine, name } of running)
    if (machine!.view.state !== 'ok') return `${name} sees the cluster down: ${machine!.view.stateWhy}`
  for (const { machine, name } of running) {
    const { view } = machine!
    for (let slot = 0; slot < view.owners.length; slot++) {
      const owner = view.owners[slot]
      if (owner?.id !== reference.owners[slot]?.id) return `${name} sees slot ${slot} elsewhere`
      if (owner === null || owner === undefined || !alive.has(owner.id)) return `slot ${slot} is not served`
    }
    for (const node of view.list)
      if (alive.has(node.id) && (node.isPfail || node.isFail)) return `${name} sees ${short(node.id)} failing, which is alive`
  }
  return null
}
