/**
 * What CLUSTER NODES, INFO, SLOTS, SHARDS, LINKS, REPLICAS and the like answer, as plain data. INFO ends with
 * lines that Redis has not: why the cluster is down and why there is no failover, in words, which cluster it is, and
 * the node whose clock is the farthest from the own one, if that is more than a second.
 * Source: Redis 7.0, CLUSTER commands. Elsewhere: RESP (a driver), commands that change something (commands.ts).
 */
import {
  type ClusterNode, type ClusterView, farthestClock, type LinkId, type NodeId, rangesIn, reportCount, SLOT_COUNT,
} from '@slotwise/gossip'
import { nodeLine, ownIp } from './nodes-text.js'

export const clusterMyId = (view: ClusterView): NodeId => view.self.id

/** One line for each node, handshakes included, each ended by LF. */
export const clusterNodes = (view: ClusterView): string => view.list.map((node) => `${nodeLine(view, node)}\n`).join('')

/** @returns the lines of the replicas, or an error text. */
export function clusterReplicas(view: ClusterView, id: string): string[] | { error: string } {
  const node = view.nodes.get(id)
  if (node === undefined) return { error: `ERR Unknown node ${id}` }
  if (node.isReplica) return { error: 'ERR The specified node is not a master' }
  return node.replicas.map((replica) => nodeLine(view, replica))
}

export function clusterCountFailureReports(view: ClusterView, id: string): number | { error: string } {
  const node = view.nodes.get(id)
  return node === undefined ? { error: `ERR Unknown node ${id}` } : reportCount(view, node)
}

export interface InfoExtras {
  /** Why this replica has not replaced its failed primary, or empty. */
  failoverWhy: string
  linkBufferLimitExceeded: number
}

/** Lines ended by CR LF. */
export function clusterInfo(view: ClusterView, extras: InfoExtras): string {
  let pfail = 0
  let fail = 0
  for (const node of view.list) {
    if (node.isPfail) pfail += node.slotCount
    if (node.isFail) fail += node.slotCount
  }
  const sent = view.totals(view.sent)
  const received = view.totals(view.received)
  const clock = farthestClock(view)
  const sum = (counts: readonly (readonly [string, number])[]): number =>
    counts.reduce((total, [, count]) => total + count, 0)
  const lines = [
    `cluster_state:${view.state}`,
    `cluster_slots_assigned:${view.assignedCount}`,
    `cluster_slots_ok:${view.assignedCount - pfail - fail}`,
    `cluster_slots_pfail:${pfail}`,
    `cluster_slots_fail:${fail}`,
    `cluster_known_nodes:${view.list.length}`,
    `cluster_size:${view.voterCount}`,
    `cluster_current_epoch:${view.currentEpoch}`,
    `cluster_my_epoch:${view.self.shardPrimary.configEpoch}`,
    ...sent.map(([type, count]) => `cluster_stats_messages_${type}_sent:${count}`),
    `cluster_stats_messages_sent:${sum(sent)}`,
    ...received.map(([type, count]) => `cluster_stats_messages_${type}_received:${count}`),
    `cluster_stats_messages_received:${sum(received)}`,
    `total_cluster_links_buffer_limit_exceeded:${extras.linkBufferLimitExceeded}`,
    `cluster_state_reason:${view.stateWhy}`,
    `cluster_failover_reason:${extras.failoverWhy}`,
    `cluster_id:${view.clusterId}`,
    `cluster_clock_skew_ms:${clock?.skewMs ?? 0}`,
    `cluster_clock_skew_node:${clock?.node.id ?? ''}`,
  ]
  return lines.map((line) => `${line}\r\n`).join('')
}

export interface NodeAddress {
  id: NodeId
  ip: string
  port: number
  plainPort: number
  hostname: string
}

export interface SlotsRow {
  first: number
  last: number
  /** The primary, then its replicas that are up and have data. */
  nodes: NodeAddress[]
}

export function addressOfNode(view: ClusterView, node: ClusterNode): NodeAddress {
  const { options } = view
  return node.isMyself
    ? { id: node.id, ip: ownIp(view), port: options.port, plainPort: options.plainPort,
        hostname: options.announceHostname }
    : { id: node.id, ip: node.ip, port: node.port, plainPort: node.plainPort, hostname: node.hostname }
}

/** CLUSTER SLOTS: ranges of one owner, ascending. */
export function clusterSlots(view: ClusterView): SlotsRow[] {
  const rows: SlotsRow[] = []
  for (let first = 0; first < SLOT_COUNT;) {
    const owner = view.ownerOf(first)
    let last = first
    while (last + 1 < SLOT_COUNT && view.owners[last + 1] === owner) last++
    if (owner !== null) {
      // 0 means that it has no data yet; of a primary without data all replicas are as far as it is (Redis hides them).
      const replicas = owner.replicas.filter((node) => !node.isFail && (node.offset !== 0 || owner.offset === 0))
      rows.push({ first, last, nodes: [owner, ...replicas].map((node) => addressOfNode(view, node)) })
    }
    first = last + 1
  }
  return rows
}

export interface ShardNode extends NodeAddress {
  role: 'master' | 'replica'
  replicationOffset: number
  health: 'online' | 'loading' | 'fail'
}

export interface ShardRow {
  /** start, end, start, end, ... */
  slots: number[]
  nodes: ShardNode[]
}

/** CLUSTER SHARDS: every primary, also without slots, each followed by its replicas. */
export function clusterShards(view: ClusterView): ShardRow[] {
  const primaries = view.list.filter((node) => node.isPrimary && !node.inHandshake)
  return primaries.map((primary) => ({
    slots: rangesIn(view.bitmap(primary)).flat(),
    nodes: [primary, ...primary.replicas].map((node) => shardNode(view, node)),
  }))
}

const shardNode = (view: ClusterView, node: ClusterNode): ShardNode => ({
  ...addressOfNode(view, node),
  role: node.isPrimary ? 'master' : 'replica',
  replicationOffset: node.offset,
  health: node.isFail ? 'fail' : node.isReplica && node.offset === 0 && node.shardPrimary.offset !== 0 ? 'loading' : 'online',
})

export interface LinkRow {
  link: LinkId
  direction: 'to' | 'from'
  node: NodeId
  createdAt: number
}

/** CLUSTER LINKS, without what only the driver knows: events and buffers. */
export function clusterLinks(view: ClusterView): LinkRow[] {
  const rows: LinkRow[] = []
  for (const node of view.list) {
    if (node.link !== null) rows.push({ link: node.link.id, direction: 'to', node: node.id,
      createdAt: node.link.createdAt })
    if (node.inbound !== null) rows.push({ link: node.inbound.id, direction: 'from', node: node.id,
      createdAt: node.inbound.createdAt })
  }
  return rows
}
