/**
 * What a node says about itself and about others: the header, the gossip section, and to whom.
 * A replica sends its primary's slots and config epoch. Suspected nodes are in every gossip section, beyond the number
 * wanted, so that suspicion reaches a majority soon.
 * Source: Redis 7.0 cluster bus, header and gossip. Elsewhere: when to PING (ping-schedule.ts).
 */
import type { BusBody, BusExtension, BusHeader, BusMessage, GossipEntry } from './bus-message.js'
import { identityOf, isToldIdentity } from './cluster-identity.js'
import type { ClusterNode, Link } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { NodeFlag } from './node-flags.js'
import { Cell, CELLS, type NodeRows } from './node-rows.js'

export function headerOf(view: ClusterView, forceAck = false): BusHeader {
  const { self, options } = view
  const shard = self.shardPrimary
  return {
    port: options.port,
    plainPort: options.plainPort,
    busPort: options.busPort,
    currentEpoch: view.currentEpoch,
    configEpoch: shard.configEpoch,
    offset: self.offset,
    sender: self.id,
    slots: view.bitmap(shard),
    replicaOf: self.primary?.id ?? null,
    ip: options.announceIp,
    flags: self.flags,
    state: view.state,
    paused: view.pausedFor !== null,
    forceAck,
  }
}

export const gossipCount = (nodeCount: number): number =>
  Math.max(0, Math.min(Math.max(3, Math.floor(nodeCount / 10)), nodeCount - 2))

const notToldOf = NodeFlag.pfail | NodeFlag.handshake | NodeFlag.noAddress | NodeFlag.myself
const notSuspectable = NodeFlag.handshake | NodeFlag.noAddress

export function gossipOf(view: ClusterView): GossipEntry[] {
  const { rows, random } = view
  const { cells, count } = rows
  const wanted = gossipCount(count)
  const entries = new Array<GossipEntry>(wanted)
  let drawn = 0
  const section = ++view.gossipSections
  for (let draws = wanted * 3; draws > 0 && drawn < wanted; draws--) {
    const row = Math.floor(random() * count)
    const at = row * CELLS
    if ((cells[at + Cell.flags]! & notToldOf) !== 0 || cells[at + Cell.drawnFor] === section) continue
    if (cells[at + Cell.linked] === 0 && cells[at + Cell.slotCount] === 0) continue
    cells[at + Cell.drawnFor] = section
    entries[drawn++] = entryOf(rows, row)
  }
  entries.length = drawn
  for (const node of view.suspects) if (!node.has(notSuspectable)) entries.push(entryOf(rows, node.row))
  return entries
}

/** Of 32 bits, as on the wire. */
const secondsOf = (time: number): number => (time / 1000) >>> 0

function entryOf({ cells, places }: NodeRows, row: number): GossipEntry {
  const at = row * CELLS
  const flags = cells[at + Cell.flags]! | 0
  return places[row]!.entry(flags, secondsOf(cells[at + Cell.pingSentAt]!), secondsOf(cells[at + Cell.pongAt]!))
}

export function sendGossip(
  view: ClusterView, link: Link, type: 'ping' | 'pong' | 'meet', extensions: readonly BusExtension[] = [],
): void {
  const message: BusMessage = {
    header: headerOf(view),
    body: { type, gossip: gossipOf(view), hostname: view.options.announceHostname, extensions },
  }
  view.send(link, message)
}

/** A PING on the outbound link of `node`, if that is open. A PING that is already pending keeps its time. */
export function ping(view: ClusterView, node: ClusterNode): void {
  if (node.link?.open !== true) return
  if (node.pingSentAt === 0) {
    node.pingSentAt = view.now
    node.pingLeftAt = view.now
  }
  sendGossip(view, node.link, node.has(NodeFlag.meet) ? 'meet' : 'ping', isToldIdentity(view, node) ? identityOf(view) : [])
}

/** On our outbound link to `node`: everything but a PONG that answers. @returns whether there was a link. */
export function sendTo(view: ClusterView, node: ClusterNode, body: BusBody, forceAck = false): boolean {
  if (node.link?.open !== true) return false
  view.send(node.link, { header: headerOf(view, forceAck), body })
  return true
}

/** To every node with an open link; handshakes are left out. */
export function broadcast(view: ClusterView, body: BusBody, forceAck = false): void {
  const message = { header: headerOf(view, forceAck), body }
  for (const node of view.list)
    if (!node.isMyself && !node.inHandshake && node.link?.open === true) view.send(node.link, message)
}

/** Tells `nodes`, or everybody, of a change at once, by a PONG that nobody asked for. */
export function broadcastPong(view: ClusterView, nodes: readonly ClusterNode[] = view.list): void {
  for (const node of nodes)
    if (!node.isMyself && !node.inHandshake && node.link?.open === true) sendGossip(view, node.link, 'pong')
}
