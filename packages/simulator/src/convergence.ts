/**
 * When a cluster has come to rest: everybody runs, sees everybody, agrees on who owns every slot and on all roles,
 * every slot is owned, and no two primaries with slots share a config epoch. In words, what is still missing.
 */
import { sameBitmap } from '@slotwise/gossip'
import { short } from './invariants.js'
import type { SimulatedNode } from './simulated-node.js'

/** What keeps `nodes` from agreement, or null. */
export function disagreement(nodes: readonly SimulatedNode[]): string | null {
  const running = nodes.filter((node) => node.machine !== null)
  if (running.length < nodes.length) return `${nodes.length - running.length} nodes are down`
  const reference = running[0]!.machine!.view
  const epochs = new Map<number, string>()
  const clusters = new Set(running.flatMap(({ machine, isPlain }) => isPlain ? [] : machine!.view.clusterId || []))
  if (clusters.size > 1) return `there are clusters ${[...clusters].map(short).join(', ')}`
  for (const { machine, name } of running) {
    const { view } = machine!
    if (view.state !== 'ok') return `${name} sees the cluster down: ${view.stateWhy}`
    if (view.list.length !== nodes.length) return `${name} knows ${view.list.length} of ${nodes.length} nodes`
    for (const node of view.list) if (node.isPfail || node.isFail) return `${name} sees ${short(node.id)} failing`
    const { self } = view
    if (self.isVoter) {
      const other = epochs.get(self.configEpoch)
      if (other !== undefined) return `${name} and ${other} share config epoch ${self.configEpoch}`
      epochs.set(self.configEpoch, name)
    }
    if (view === reference) continue
    for (const node of reference.list) {
      const here = view.nodes.get(node.id)
      if (here?.isPrimary !== node.isPrimary || here.primary?.id !== node.primary?.id) return `${name} sees another role of ${short(node.id)}`
      if (!sameBitmap(view.bitmap(here), reference.bitmap(node))) return `${name} sees other slots of ${short(node.id)}`
    }
  }
  return null
}
