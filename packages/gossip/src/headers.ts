/**
 * What a node says about itself and about others: the header, the gossip section, and to whom.
 * A replica sends its primary's slots and config epoch. Suspected nodes are in every gossip section, beyond the number
 * wanted, so that suspicion reaches a majority soon.
 * Source: Redis 7.0 cluster bus, header and gossip. Elsewhere: when to PING (ping-schedule.ts).
 */
import type { BusBody, BusExtension, BusHeader, GossipBody, GossipEntry } from './bus-message.js'
import { isClockDue } from './clock-skew.js'
import { identityOf, isToldIdentity } from './cluster-identity.js'
import type { ClusterNode, Link } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { NodeFlag } from './node-flags.js'
import type { NodePlaces } from './node-place.js'
import { Cell, CELLS, type NodeRows, StateBit, TIMES, Word, WORDS } from './node-rows.js'
import { PlacedGossip, told, TOLD } from './placed-gossip.js'

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
/** Of a node that I have no link to nothing is known, unless it has slots. */
const canBeTold = StateBit.linked | StateBit.hasSlots
const notSuspectable = NodeFlag.handshake | NodeFlag.noAddress

/** While a section is made: rows to draw, which of them it tells of, and for which section each was drawn last. */
let candidates = new Int32Array(0)
let drawnRows = new Int32Array(0)
let drawnFor = new Int32Array(0)
let sections = 0

/** Some rows at random, and all suspects. @returns how many of `drawnRows` */
function draw({ rows, random, suspects }: ClusterView): number {
  const { words, count } = rows
  if (count > drawnRows.length) {
    candidates = new Int32Array(2 * count)
    drawnRows = new Int32Array(2 * count)
    drawnFor = new Int32Array(2 * count)
  }
  const wanted = gossipCount(count)
  const section = sections = (sections + 1) | 0
  // So many draws there are in any case: their rows are looked at together, and the memory is waited for once.
  for (let draw = 0; draw < wanted; draw++) candidates[draw] = Math.floor(random() * count)
  rows.fetch(candidates, wanted)
  let drawn = 0
  for (let draw = 0; draw < wanted * 3 && drawn < wanted; draw++) {
    const row = draw < wanted ? candidates[draw]! : Math.floor(random() * count)
    const state = words[row * WORDS + Word.state]!
    if ((state & notToldOf) !== 0 || (state & canBeTold) === 0 || drawnFor[row] === section) continue
    drawnFor[row] = section
    drawnRows[drawn++] = row
  }
  for (const node of suspects) if (!node.has(notSuspectable)) drawnRows[drawn++] = node.row
  return drawn
}

/** Of 32 bits, as on the wire. */
const secondsOf = (time: number): number => (time / 1000) >>> 0

const pingSentSeconds = ({ words, cells }: NodeRows, row: number): number =>
  (words[row * WORDS + Word.state]! & StateBit.asked) === 0 ? 0 : secondsOf(cells[row * CELLS + Cell.pingSentAt]!)

export function gossipOf(view: ClusterView): GossipEntry[] {
  const { rows } = view
  return Array.from({ length: draw(view) }, (_, index) => {
    const row = drawnRows[index]!
    return rows.places[row]!.entry(rows.flags(row), pingSentSeconds(rows, row), secondsOf(rows.pongTimes[row * TIMES]!))
  })
}

const NOBODY: readonly number[] = []

function placedGossip(
  view: ClusterView, places: NodePlaces, type: GossipBody['type'], extensions: readonly BusExtension[],
): PlacedGossip {
  const { rows } = view
  const { words, pongTimes } = rows
  const count = draw(view)
  const numbers = new Array<number>(count * TOLD)
  let asked = NOBODY as number[]
  for (let index = 0; index < count; index++) {
    const row = drawnRows[index]!
    const state = words[row * WORDS + Word.state]!
    numbers[index * TOLD] = told(words[row * WORDS + Word.place]!, rows.flags(row))
    numbers[index * TOLD + 1] = secondsOf(pongTimes[row * TIMES]!) | 0
    if ((state & StateBit.asked) === 0) continue
    if (asked === NOBODY) asked = []
    asked.push(index, pingSentSeconds(rows, row))
  }
  return new PlacedGossip(type, view.options.announceHostname, extensions, places, numbers, asked)
}

export function sendGossip(
  view: ClusterView, link: Link, type: GossipBody['type'], extensions: readonly BusExtension[] = [],
): void {
  const { shared } = view.rows
  const body = shared === null
    ? { type, gossip: gossipOf(view), hostname: view.options.announceHostname, extensions }
    : placedGossip(view, shared, type, extensions)
  view.send(link, { header: headerOf(view), body })
}

/** A PING on the outbound link of `node`, if that is open. A PING that is already pending keeps its time. */
export function ping(view: ClusterView, node: ClusterNode): void {
  if (node.link?.open !== true) return
  if (node.pingSentAt === 0) {
    node.pingSentAt = view.now
    node.pingLeftAt = view.now
  }
  sendGossip(view, node.link, node.has(NodeFlag.meet) ? 'meet' : 'ping', isClockDue(view, node) || isToldIdentity(view, node) ? identityOf(view) : [])
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
