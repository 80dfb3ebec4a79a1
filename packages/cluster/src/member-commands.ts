/**
 * CLUSTER MEET, FORGET, REPLICATE, FAILOVER, RESET and the epochs: what an operator says about nodes and roles.
 * Source: Redis 7.0, CLUSTER commands. Elsewhere: slots (slot-commands.ts), dispatch (commands.ts).
 */
import type { Election, ManualFailover } from '@slotwise/election'
import {
  becomePrimary, becomeReplicaOf, bumpWithoutConsensus, type ClusterNode, type ClusterView, startHandshake,
} from '@slotwise/gossip'
import { type CommandReply, OK, refuse } from './command-reply.js'
import { type KeyCounts, readInteger } from './slot-commands.js'

/** How long gossip may not bring a forgotten id back. */
export const FORGET_MS = 60_000

export function meet(view: ClusterView, [ip, portText, busPortText]: readonly string[]): CommandReply {
  const port = readInteger(portText!)
  if (port === null) refuse(`Invalid TCP base port specified: ${portText!}`)
  const busPort = busPortText === undefined ? port + 10_000 : readInteger(busPortText)
  if (busPort === null) refuse(`Invalid TCP bus port specified: ${busPortText!}`)
  if (!isIp(ip!) || !isPort(port) || !isPort(busPort)) refuse(`Invalid node address specified: ${ip!}:${portText!}`)
  if (startHandshake(view, { ip: ip!, port, plainPort: 0, busPort }, true)) view.persist(false, 'a MEET was asked for')
  return OK
}

const isPort = (port: number): boolean => port > 0 && port <= 65_535

function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

export function isIp(text: string): boolean {
  if (isIpv4(text)) return true
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => half === '' ? [] : half.split(':'))
  const last = groups.at(-1)
  const embedded = last !== undefined && isIpv4(last)
  const count = groups.length + (embedded ? 1 : 0)
  return groups.every((group, index) => /^[0-9a-fA-F]{1,4}$/.test(group) || (embedded && index === groups.length - 1)) &&
    (halves.length === 2 ? count < 8 : count === 8)
}

export function forget(view: ClusterView, id: string): CommandReply {
  const node = lookup(view, id)
  if (node.isMyself) refuse('I tried hard but I can\'t forget myself...')
  if (view.self.primary === node) refuse('Can\'t forget my master!')
  view.blocked.set(node.id, view.now + FORGET_MS)
  view.remove(node)
  view.event('nodeRemoved', node.id)
  view.persist(false, 'a node was forgotten')
  view.emit({ type: 'slotMapChanged' })
  return OK
}

export function replicate(view: ClusterView, id: string, keys: KeyCounts): CommandReply {
  const node = lookup(view, id)
  if (node.isMyself) refuse('Can\'t replicate myself')
  if (node.isReplica) refuse('I can only replicate a master, not a replica.')
  if (view.self.isPrimary && (view.self.slotCount > 0 || keys.total() > 0))
    refuse('To set a master the node must be empty and without assigned slots.')
  view.persist(false, 'this node was made a replica')
  becomeReplicaOf(view, node)
  return OK
}

export function lookup(view: ClusterView, id: string): ClusterNode {
  const node = view.nodes.get(id)
  if (node === undefined) refuse(`Unknown node ${id}`)
  return node
}

export function failover(view: ClusterView, election: Election, manual: ManualFailover,
  option: string | undefined): CommandReply {
  const word = option?.toLowerCase()
  if (word !== undefined && word !== 'force' && word !== 'takeover') refuse('syntax error')
  if (view.self.isPrimary) refuse('You should send CLUSTER FAILOVER to a replica')
  const { primary } = view.self
  if (primary === null) refuse('I\'m a replica but my master is unknown to me')
  if (word === undefined && (primary.isFail || primary.link?.open !== true))
    refuse('Master is down or failed, please use CLUSTER FAILOVER FORCE')
  if (word === 'takeover') election.takeOverWithoutVotes()
  else manual.begin(word === 'force')
  return OK
}

export function reset(view: ClusterView, option: string | undefined, keys: KeyCounts): CommandReply {
  const word = option?.toLowerCase() ?? 'soft'
  if (word !== 'soft' && word !== 'hard') refuse('syntax error')
  if (view.self.isPrimary && keys.total() > 0) refuse('CLUSTER RESET can\'t be called with master nodes containing keys')
  view.persist(true, 'this node was reset')
  if (view.self.isReplica) {
    becomePrimary(view)
    view.emit({ type: 'flushData' })
  }
  view.clusterId = ''
  view.clusterIdShared = false
  view.migrating.clear()
  view.importing.clear()
  for (let slot = 0; slot < view.owners.length; slot++) view.bind(slot, null)
  for (const node of [...view.list]) if (!node.isMyself) view.remove(node)
  if (word === 'hard') {
    view.currentEpoch = 0
    view.lastVoteEpoch = 0
    view.lastVoteFor = ''
    view.self.configEpoch = 0
    const former = view.self.id
    view.rename(view.self, view.randomId())
    view.log('info', `Node hard reset, now I'm ${view.self.id} (was ${former})`)
  }
  view.emit({ type: 'slotMapChanged' })
  return OK
}

export function setConfigEpoch(view: ClusterView, text: string): CommandReply {
  const epoch = readInteger(text)
  if (epoch === null || !Number.isSafeInteger(epoch)) refuse('value is not an integer or out of range')
  if (epoch < 0) refuse(`Invalid config epoch specified: ${epoch}`)
  if (view.list.length > 1) refuse('The user can assign a config epoch only when the node does not know any other node.')
  if (view.self.configEpoch !== 0) refuse('Node config epoch is already non-zero')
  view.self.configEpoch = epoch
  view.currentEpoch = Math.max(view.currentEpoch, epoch)
  view.log('info', `configEpoch set to ${epoch} via CLUSTER SET-CONFIG-EPOCH`)
  view.persist(false, 'a config epoch was set')
  view.stateStale = true
  return OK
}

export function bumpEpoch(view: ClusterView): CommandReply {
  const bumped = bumpWithoutConsensus(view)
  return { type: 'status', text: `${bumped ? 'BUMPED' : 'STILL'} ${view.self.configEpoch}` }
}
