/**
 * Nodes that came back elsewhere, all of them at once perhaps, so that nobody is left who could tell: the host name
 * that a node announced is looked up when it cannot be reached, and who answers there is asked for its id. With the
 * right one the node has moved; with any other nothing was learned: an address may be somebody else's by now.
 * The question is a PING, which a stranger answers and learns nothing from: a MEET would join two clusters.
 * Redis shows host names to clients only. Elsewhere: that one node moved and calls the others (handshake.ts).
 */
import type { NodeId } from './bus-message.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { startHandshake } from './handshake.js'
import { expectedIds, formerPorts, lookUpAt, type Ports } from './lost-nodes.js'
import { NodeFlag } from './node-flags.js'

/** Nobody is missed by the tick. */
const LOOK_EVERY_MS = 500

/** A node is lost when no link to it was open for T / 2; then it is looked for each T. */
export function lookForLost(view: ClusterView): void {
  const { now, options } = view
  if (now - view.lookedForLostAt < LOOK_EVERY_MS) return
  view.lookedForLostAt = now
  for (const node of view.list) {
    if (node.hostname === '' || node.has(NodeFlag.myself | NodeFlag.handshake) || portsOf(node) === null) continue
    const at = lookUpAt.get(node)
    if (node.link?.open === true) {
      if (at !== undefined) lookUpAt.delete(node)
    } else if (at === undefined) lookUpAt.set(node, now + options.nodeTimeoutMs / 2)
    else if (now >= at) {
      lookUpAt.set(node, now + options.nodeTimeoutMs)
      view.emit({ type: 'resolve', node: node.id, hostname: node.hostname })
    }
  }
}

/** The addresses of the host name of `id`. */
export function resolved(view: ClusterView, id: NodeId, ips: readonly string[]): void {
  const node = view.known(id)
  const ports = node === null ? null : portsOf(node)
  if (node === null || ports === null || node.link?.open === true) return
  for (const ip of ips) {
    if (ip === node.ip || !startHandshake(view, { ip, ...ports }, false)) continue
    expectedIds.set(view.list.at(-1)!, id)
    view.log('debug', `Node ${id} is looked for at ${ip}:${ports.port}, an address of ${node.hostname}`)
  }
}

function portsOf(node: ClusterNode): Ports | null {
  const { port, plainPort, busPort } = node
  return busPort === 0 ? formerPorts.get(node) ?? null : { port, plainPort, busPort }
}
