/** The slot map that the data plane gets, from what the machine knows. */
import type { ClusterView } from '@slotwise/cluster'
import type { SlotMap, SlotMapNode } from '@slotwise/engine'

export type EndpointType = 'ip' | 'hostname' | 'unknown-endpoint'

type Node = ClusterView['self']

export function slotMapOf(view: ClusterView, endpointType: EndpointType): SlotMap {
  const nodes: SlotMapNode[] = []
  const indexes = new Map<Node, number>()
  const indexOf = (node: Node): number => {
    let index = indexes.get(node)
    if (index === undefined) {
      const port = node.isMyself ? view.options.port : node.port
      index = nodes.push({ host: hostOf(view, node, endpointType), port }) - 1
      indexes.set(node, index)
    }
    return index
  }
  const myself = indexOf(view.self)
  const { owners } = view
  const runs: [number, number, number][] = []
  for (let first = 0, slot = 1; slot <= owners.length; slot++) { // for every SETSLOT of a reshard
    const owner = view.ownerOf(first)
    if (slot < owners.length && owners[slot] === owner) continue
    if (owner !== null) runs.push([first, slot - 1, indexOf(owner)])
    first = slot
  }
  const openSlots = (slots: ReadonlyMap<number, Node>): [number, number][] =>
    [...slots].map(([slot, node]) => [slot, indexOf(node)])
  return {
    ok: view.state === 'ok',
    myself,
    primary: view.self.primary === null ? null : indexOf(view.self.primary),
    runs, migrating: openSlots(view.migrating), importing: openSlots(view.importing), nodes,
  }
}

/** What redirects name: '' for the host that the client came by, '?' for a host name that is not known. */
export function hostOf(view: ClusterView, node: Node, endpointType: EndpointType): string {
  if (endpointType === 'unknown-endpoint') return ''
  if (endpointType === 'hostname') return (node.isMyself ? view.options.announceHostname : node.hostname) || '?'
  if (!node.isMyself) return node.ip
  return view.options.announceIp || view.self.ip
}
