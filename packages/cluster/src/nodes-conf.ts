/**
 * nodes.conf: what a node must know after a restart, in the text that redis-server reads and writes.
 * Reading is strict: Redis starts with slots missing, or under a new identity, from a file that was cut. Here the last
 * line, `vars`, must be there and end with a line feed, or the file is refused and the caller has to find a better one.
 * Source: Redis 7.0, cluster config file. Elsewhere: files (a driver), when to write (`persist` effects).
 */
import {
  bitmapOf, ClusterNode, type ClusterView, flagsText, type NodeId, NodeFlag, NodePlace, parseFlags, SLOT_COUNT, slotsOf,
} from '@slotwise/gossip'
import type { MigrationFacts } from './migration/migration-facts.js'
import { nodeLine, ownIp } from './nodes-text.js'

interface SavedNode {
  id: NodeId
  ip: string
  port: number
  busPort: number
  hostname: string
  flags: number
  primary: NodeId | null
  pinged: boolean
  ponged: boolean
  configEpoch: number
  slots: number[]
}

export interface SavedCluster {
  nodes: SavedNode[]
  self: SavedNode
  migrating: [slot: number, id: NodeId][]
  importing: [slot: number, id: NodeId][]
  currentEpoch: number
  lastVoteEpoch: number
  /** That a second node had, too; empty: none is known. */
  clusterId: string
  /** How many times the node had saved something by then; null: the file is not of ours. */
  fileVersion: number | null
  /** Variables of a later version, skipped. */
  unknownVars: string[]
  /** Not of nodes.conf: Redis has no such thing. */
  migrations?: MigrationFacts
}

export function nodesConf(view: ClusterView): string {
  const lines = view.list.filter((node) => !node.inHandshake).map((node) => nodeLine(view, node))
  const cluster = view.clusterIdShared ? ` ${CLUSTER_ID} ${view.clusterId}` : ''
  return `${lines.join('\n')}\nvars currentEpoch ${view.currentEpoch} lastVoteEpoch ${view.lastVoteEpoch}${cluster}\n`
}

/** `text` with a number in it that a driver gives it. */
export const withFileVersion = (text: string, version: number): string => `${text.slice(0, -1)} ${FILE_VERSION} ${version}\n`

/** Variables of our own: redis-server skips them with a line in its log, and forgets them. */
const CLUSTER_ID = 'slotwiseClusterId'
const FILE_VERSION = 'slotwiseFileVersion'

/** What was read so far. */
type Reading = Omit<SavedCluster, 'self'> & { self: SavedNode | null; ids: Set<NodeId> }

class Corrupted extends Error {}

export const CORRUPTED = 'Unrecoverable error: corrupted cluster config file.'

/** @returns what the text says, or why it cannot be believed. */
export function parseNodesConf(text: string): SavedCluster | { refused: string } {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof Corrupted) return { refused: `${CORRUPTED} ${error.message}` }
    throw error
  }
}

function parse(text: string): SavedCluster {
  if (!text.endsWith('\n')) throw new Corrupted('The last line has no end.')
  const saved: Reading = {
    ids: new Set(), nodes: [], self: null, migrating: [], importing: [], currentEpoch: -1, lastVoteEpoch: -1,
    clusterId: '', fileVersion: null, unknownVars: [],
  }
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const fields = line.trim().split(' ')
    if (fields[0] === 'vars') readVars(saved, fields)
    else {
      if (saved.currentEpoch !== -1) throw new Corrupted('A node follows the variables.')
      readNode(saved, fields)
    }
  }
  const { self, nodes, migrating, importing, lastVoteEpoch, clusterId, fileVersion, unknownVars } = saved
  if (self === null) throw new Corrupted('No line is my own.')
  if (saved.currentEpoch === -1 || lastVoteEpoch === -1) throw new Corrupted('The variables are missing.')
  const currentEpoch = nodes.reduce((largest, { configEpoch }) => Math.max(largest, configEpoch), saved.currentEpoch)
  return { nodes, self, migrating, importing, currentEpoch, lastVoteEpoch, clusterId, fileVersion, unknownVars }
}

function readVars(saved: Reading, fields: readonly string[]): void {
  if (fields.length % 2 === 0) throw new Corrupted('A variable has no value.')
  for (let index = 1; index < fields.length; index += 2) {
    const name = fields[index]!
    if (name === 'currentEpoch') saved.currentEpoch = readNumber(fields[index + 1]!)
    else if (name === 'lastVoteEpoch') saved.lastVoteEpoch = readNumber(fields[index + 1]!)
    else if (name === CLUSTER_ID) saved.clusterId = readClusterId(fields[index + 1]!)
    else if (name === FILE_VERSION) saved.fileVersion = readNumber(fields[index + 1]!)
    else saved.unknownVars.push(name)
  }
}

function readClusterId(text: string): string {
  if (!/^[0-9a-f]{32}$/.test(text)) throw new Corrupted('The id of the cluster is none.')
  return text
}

const isId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)

function readNode(saved: Reading, fields: readonly string[]): void {
  if (fields.length < 8) throw new Corrupted(`A line has ${fields.length} fields.`)
  const [id, address, flagWords, primary, ping, pong, epoch, , ...slots] = fields as [string, string, string, string,
    string, string, string, string, ...string[]]
  if (!isId(id)) throw new Corrupted('A node id is none.')
  if (saved.ids.has(id)) throw new Corrupted(`Node ${id} is there twice.`)
  const flags = parseFlags(flagWords)
  if (flags === null) throw new Corrupted(`Unknown flags ${flagWords}.`)
  if (primary !== '-' && !isId(primary)) throw new Corrupted('The id of a primary is none.')
  const node: SavedNode = {
    id, ...readAddress(address), flags, primary: primary === '-' ? null : primary,
    pinged: ping !== '0', ponged: pong !== '0',
    configEpoch: (flags & NodeFlag.replica) !== 0 ? 0 : readNumber(epoch), slots: [],
  }
  if ((flags & NodeFlag.myself) !== 0) {
    if (saved.self !== null) throw new Corrupted('Two lines are my own.')
    saved.self = node
  }
  for (const text of slots) readSlots(saved, node, text)
  saved.ids.add(id)
  saved.nodes.push(node)
}

function readAddress(text: string): Pick<SavedNode, 'ip' | 'port' | 'busPort' | 'hostname'> {
  const match = /^([0-9a-fA-F.:]*):(\d{1,5})(?:@(\d{1,5}))?(?:,([A-Za-z0-9.-]*))?$/.exec(text)
  if (match === null) throw new Corrupted('An address is none.')
  const port = Number(match[2])
  const busPort = match[3] === undefined ? port + 10_000 : Number(match[3])
  if (port > 65_535 || busPort > 65_535) throw new Corrupted('A port is out of range.')
  return { ip: match[1]!, port, busPort, hostname: match[4] ?? '' }
}

function readSlots(saved: Reading, node: SavedNode, text: string): void {
  const open = /^\[(\d+)-([<>])-([0-9a-f]{40})\]$/.exec(text)
  if (open !== null) {
    const list = open[2] === '>' ? saved.migrating : saved.importing
    list.push([readSlot(open[1]!), open[3]!])
    return
  }
  const range = /^(\d+)(?:-(\d+))?$/.exec(text)
  if (range === null) throw new Corrupted(`${text} is no slot.`)
  const first = readSlot(range[1]!)
  const last = range[2] === undefined ? first : readSlot(range[2])
  if (first > last) throw new Corrupted(`${text} is no range.`)
  for (let slot = first; slot <= last; slot++) node.slots.push(slot)
}

function readSlot(text: string): number {
  const slot = Number(text)
  if (slot >= SLOT_COUNT) throw new Corrupted(`Slot ${text} is out of range.`)
  return slot
}

function readNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new Corrupted(`${text} is no epoch.`)
  return value
}

/** What parseNodesConf(nodesConf(view)) is, without the text, for which a thousand simulated disks have no time. */
export function savedCluster(view: ClusterView): SavedCluster {
  const nodes = view.list.filter((node) => !node.inHandshake).map((node) => savedNode(view, node))
  const open = (slots: ReadonlyMap<number, ClusterNode>): [slot: number, id: NodeId][] =>
    [...slots].map(([slot, { id }]): [number, NodeId] => [slot, id]).sort(([left], [right]) => left - right)
  return {
    nodes, self: nodes.find(({ flags }) => (flags & NodeFlag.myself) !== 0)!,
    migrating: open(view.migrating), importing: open(view.importing),
    currentEpoch: nodes.reduce((largest, { configEpoch }) => Math.max(largest, configEpoch), view.currentEpoch),
    lastVoteEpoch: view.lastVoteEpoch, clusterId: view.clusterIdShared ? view.clusterId : '', fileVersion: null, unknownVars: [],
  }
}

function savedNode(view: ClusterView, node: ClusterNode): SavedNode {
  const { options } = view
  const mine = node.isMyself
  return {
    id: node.id, ip: mine ? ownIp(view) : node.ip, port: mine ? options.port : node.port,
    busPort: mine ? options.busPort : node.busPort, hostname: mine ? options.announceHostname : node.hostname,
    flags: savedFlags(node.flags), primary: node.primary?.id ?? null,
    pinged: node.pingSentAt >= 1, ponged: node.pongAt >= 1,
    configEpoch: node.isReplica ? 0 : node.shardPrimary.configEpoch,
    slots: node.isPrimary && node.slotCount > 0 ? slotsIn(view.bitmap(node)) : [],
  }
}

/** Of bitmaps, which are values. */
const slotLists = new WeakMap<Uint8Array, number[]>()

function slotsIn(bitmap: Uint8Array): number[] {
  const kept = slotLists.get(bitmap)
  if (kept !== undefined) return kept
  const slots = slotsOf(bitmap)
  slotLists.set(bitmap, slots)
  return slots
}

const flagsSaved = new Map<number, number>()

/** Some flags are not written. */
function savedFlags(flags: number): number {
  const kept = flagsSaved.get(flags)
  if (kept !== undefined) return kept
  const saved = parseFlags(flagsText(flags))!
  flagsSaved.set(flags, saved)
  return saved
}

/** Enters what was saved into a new view, which got the id of `saved.self`. */
export function restore(view: ClusterView, saved: SavedCluster): void {
  view.currentEpoch = saved.currentEpoch
  view.lastVoteEpoch = saved.lastVoteEpoch
  view.clusterId = saved.clusterId
  view.clusterIdShared = saved.clusterId !== ''
  for (const row of saved.nodes) {
    const node = row === saved.self ? view.self : new ClusterNode(row.id, row.flags, view.now)
    node.flags = row.flags
    node.place = new NodePlace(row.id, row.ip, row.port, 0, row.busPort)
    node.hostname = row.hostname
    node.configEpoch = row.configEpoch
    if (node.isMyself) node.clear(NodeFlag.pfail | NodeFlag.fail | NodeFlag.noAddress)
    else {
      if (row.pinged) node.pingSentAt = view.now
      if (row.ponged) node.pongAt = view.now
      if (node.isFail) node.failAt = view.now
      view.add(node)
    }
  }
  for (const row of saved.nodes) {
    const node = view.nodes.get(row.id)!
    const primary = row.primary === null ? undefined : view.nodes.get(row.primary)
    if (primary !== undefined && primary !== node) view.setPrimaryOf(node, primary)
    view.bindAll(bitmapOf(row.slots), node)
  }
  for (const [slot, id] of saved.migrating) enterOpen(view, view.migrating, slot, id)
  for (const [slot, id] of saved.importing) enterOpen(view, view.importing, slot, id)
}

function enterOpen(view: ClusterView, map: Map<number, ClusterNode>, slot: number, id: NodeId): void {
  const node = view.nodes.get(id)
  if (node !== undefined) map.set(slot, node)
}
