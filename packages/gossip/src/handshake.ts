/**
 * Becoming known: by MEET, by a MEET of others, by gossip; and what an address means.
 * An id is the only identity. A node behind a new address is entered under a random id until it has said its own; an
 * address that answers with another id belongs to somebody else, and the node that was there has none any more.
 * Source: Redis 7.0 cluster, links, handshake, addresses. Elsewhere: gossip about unknown ids (gossip-receive.ts).
 */
import type { BusHeader } from './bus-message.js'
import { ClusterNode, type Link } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { expectedIds, formerPorts } from './lost-nodes.js'
import { NodeFlag, ROLE_FLAGS } from './node-flags.js'

export interface Address {
  ip: string
  port: number
  plainPort: number
  busPort: number
}

/**
 * @param meet  an operator asked for it here; else it was a MEET of who knows whom, and the table has a limit
 * @returns false if that address is in handshake already, or the table is full.
 */
export function startHandshake(view: ClusterView, address: Address, meet: boolean): boolean {
  if (!meet && view.list.length >= view.options.nodesMax) return false
  for (const node of view.list)
    if (node.inHandshake && node.ip === address.ip && node.busPort === address.busPort) return false
  const node = new ClusterNode(view.randomId(), NodeFlag.handshake | (meet ? NodeFlag.meet : 0), view.now)
  Object.assign(node, address)
  node.newcomerAt = view.now
  view.add(node)
  return true
}

/** Where a sender says it is: what it announces, or where its connection comes from. */
export const addressOf = (header: BusHeader, link: Link): Address => ({
  ip: header.ip === '' ? link.remoteIp : header.ip,
  port: header.port,
  plainPort: header.plainPort,
  busPort: header.busPort,
})

/**
 * The first answer on the outbound link of a node in handshake.
 * @returns the node under its own id, or null if that id was known already and the handshake is dropped.
 */
export function finishHandshake(
  view: ClusterView, node: ClusterNode, header: BusHeader, link: Link,
): ClusterNode | null {
  const known = view.nodes.get(header.sender)
  const expected = expectedIds.get(node)
  if (expected !== undefined && expected !== header.sender) {
    view.log('debug', `${header.sender} answers at ${node.ip}:${node.port}, not ${expected}`)
    view.remove(node)
    return null
  }
  if (known !== undefined && known !== node) {
    // The known entry may stand under an old address: this one answers with its id.
    if (!known.isMyself)
      moveTo(view, known, { ip: node.ip, port: header.port, plainPort: header.plainPort, busPort: node.busPort })
    view.remove(node)
    return null
  }
  view.log('debug', `Handshake with node ${header.sender} completed.`)
  view.rename(node, header.sender)
  node.clear(NodeFlag.handshake | NodeFlag.meet)
  node.set(header.flags & ROLE_FLAGS)
  node.port = header.port
  node.plainPort = header.plainPort
  if (header.ip !== '') node.ip = header.ip
  link.node = node
  view.stateStale = true
  view.persist(false, 'a handshake was completed')
  view.event('nodeAdded', node.id)
  return node
}

/**
 * A PING of a known node on an inbound link from elsewhere than we knew. Anybody can say such an id, a copy of its
 * directory does; so a node that answers where it was has not moved, unless it says so there (`followAnnounced`).
 * Redis believes the last who spoke, and points replicas with their password to it.
 * @returns whether it moved.
 */
export function updateAddress(view: ClusterView, node: ClusterNode, header: BusHeader, link: Link): boolean {
  if (link === node.link) return false
  const address = addressOf(header, link)
  if (!isAnswering(view, node)) return moveTo(view, node, address)
  const same = node.ip === address.ip && node.port === address.port && node.busPort === address.busPort
  if (same || address.ip === '' || (node.doubtedAt !== 0 && view.now - node.doubtedAt < DOUBT_EVERY_MS)) return false
  node.doubtedAt = view.now
  view.event('duplicateId', node.id)
  view.log('warn', `Node ${node.id} answers at ${node.ip}:${node.port}, and somebody under its id calls from ${address.ip}:${address.port}: not believed`)
  return false
}

const DOUBT_EVERY_MS = 60_000

export const isAnswering = (view: ClusterView, node: ClusterNode): boolean =>
  node.link?.open === true && view.now - node.confirmedAt < view.options.nodeTimeoutMs

/** An answer on our own link: the node itself says where it wants to be called. @returns whether it moved. */
export function followAnnounced(view: ClusterView, node: ClusterNode, header: BusHeader): boolean {
  const { port, plainPort, busPort } = header
  return moveTo(view, node, { ip: header.ip === '' ? node.ip : header.ip, port, plainPort, busPort })
}

export function moveTo(view: ClusterView, node: ClusterNode, address: Address): boolean {
  const same = node.ip === address.ip && node.port === address.port && node.plainPort === address.plainPort &&
    node.busPort === address.busPort
  if (same || address.ip === '') return false
  Object.assign(node, address)
  node.clear(NodeFlag.noAddress)
  node.refusedAt = 0
  node.refusedCount = 0
  if (node.link !== null) view.closeLink(node.link)
  view.log('info', `Address updated for node ${node.id}, now ${node.ip}:${node.port}`)
  view.persist(false, 'an address changed')
  view.emit({ type: 'slotMapChanged' })
  if (view.self.primary === node) view.emit({ type: 'replicateFrom', node: node.id, ip: node.ip, port: node.port })
  return true
}

/** Another id answers at the address of `node`: wherever it is, it is not there. */
export function loseAddress(view: ClusterView, node: ClusterNode, header: BusHeader): void {
  view.log('debug', `PONG contains mismatching sender ID. About node ${node.id} in slot map, sender is ${header.sender}`)
  node.set(NodeFlag.noAddress)
  const { port, plainPort, busPort } = node
  formerPorts.set(node, { port, plainPort, busPort })
  node.ip = ''
  node.port = 0
  node.plainPort = 0
  node.busPort = 0
  if (node.link !== null) view.closeLink(node.link)
  view.persist(false, 'an address was lost')
  view.emit({ type: 'slotMapChanged' })
}
