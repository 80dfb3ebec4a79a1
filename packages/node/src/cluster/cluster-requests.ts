/**
 * CLUSTER commands that the control plane answers: what only asks is read from the machine's view, what changes
 * something is an event for it.
 * Elsewhere: the replies as data, and errors (packages/cluster), which commands come here
 * (native/src/commands/cluster_commands.cc).
 */
import {
  clusterCountFailureReports, clusterInfo, clusterLinks, clusterNodes, clusterReplicas, clusterShards, clusterSlots,
  type ClusterMachine, type NodeAddress, type ShardNode,
} from '@slotwise/cluster'
import type { BusSockets } from './bus-sockets.js'
import type { RespValue } from './resp-writer.js'
import type { EndpointType } from './slot-map-of.js'

export interface Asked {
  readonly machine: ClusterMachine
  readonly bus: BusSockets
  readonly endpointType: EndpointType
}

type Answer = (asked: Asked, args: readonly string[]) => RespValue

const answers: Readonly<Record<string, Answer>> = {
  myid: ({ machine }) => machine.view.self.id,
  nodes: ({ machine }) => ({ verbatim: clusterNodes(machine.view) }),
  info: ({ machine, bus }) => ({
    verbatim: clusterInfo(machine.view, {
      failoverWhy: machine.failoverWhy, linkBufferLimitExceeded: bus.sendBufferExceeded,
    }),
  }),
  slots: slots,
  shards: ({ machine, endpointType }) => clusterShards(machine.view).map((shard) => new Map<string, RespValue>([
    ['slots', shard.slots],
    ['nodes', shard.nodes.map((node) => shardNode(node, endpointType))],
  ])),
  links: ({ machine, bus }) => clusterLinks(machine.view).map(({ link, direction, node, createdAt }) => {
    const waiting = bus.waitingBytes(link)
    return new Map<string, RespValue>([
      ['direction', direction], ['node', node], ['create-time', Math.floor(createdAt)], ['events', waiting > 0 ? 'rw' : 'r'],
      ['send-buffer-allocated', waiting], ['send-buffer-used', waiting],
    ])
  }),
  replicas: replicas,
  slaves: replicas,
  'count-failure-reports': ({ machine }, [id = '']) => orError(clusterCountFailureReports(machine.view, id)),
}

/** @returns undefined if the sub-command changes something, or is none */
export function answerOf(asked: Asked, args: readonly string[]): RespValue | undefined {
  const [word = '', ...rest] = args
  const name = word.toLowerCase()
  return Object.hasOwn(answers, name) ? answers[name]!(asked, rest) : undefined
}

function replicas({ machine }: Asked, [id = '']: readonly string[]): RespValue {
  return orError(clusterReplicas(machine.view, id))
}

const orError = (reply: number | string[] | { error: string }): RespValue => reply

function slots({ machine, endpointType }: Asked): RespValue {
  return clusterSlots(machine.view).map(({ first, last, nodes }) =>
    [first, last, ...nodes.map((node) => slotsNode(node, endpointType))])
}

/** The endpoint, and as metadata what it is not. */
function slotsNode(node: NodeAddress, endpointType: EndpointType): RespValue {
  const metadata = new Map<string, RespValue>()
  if (endpointType !== 'ip') metadata.set('ip', node.ip)
  if (endpointType !== 'hostname' && node.hostname !== '') metadata.set('hostname', node.hostname)
  return [endpointOf(node, endpointType), node.port, node.id, metadata]
}

function endpointOf(node: NodeAddress, endpointType: EndpointType): string | null {
  if (endpointType === 'ip') return node.ip
  return endpointType === 'hostname' ? node.hostname || '?' : null
}

function shardNode(node: ShardNode, endpointType: EndpointType): RespValue {
  return new Map<string, RespValue>([
    ['id', node.id], ['port', node.port], ['ip', node.ip], ['endpoint', endpointOf(node, endpointType) ?? ''],
    ...(node.hostname === '' ? [] : [['hostname', node.hostname] as const]),
    ['role', node.role], ['replication-offset', node.replicationOffset], ['health', node.health],
  ])
}
