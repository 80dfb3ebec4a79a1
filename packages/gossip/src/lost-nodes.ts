/** What is remembered of the few nodes that are looked for (host-names.ts); a thousand others have no room for it. */
import type { NodeId } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'

export interface Ports {
  readonly port: number
  readonly plainPort: number
  readonly busPort: number
}

/** Of a handshake with who answers at an address of a node's host name: the id that it has to have. */
export const expectedIds = new WeakMap<ClusterNode, NodeId>()
/** Where a node listened before it lost its address: hosts change theirs, ports stay. */
export const formerPorts = new WeakMap<ClusterNode, Ports>()
/** When the host name of a node is looked up next. */
export const lookUpAt = new WeakMap<ClusterNode, number>()
