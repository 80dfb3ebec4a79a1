/**
 * The cluster that a schedule begins with: everybody knows everybody, from nodes.conf. Forming one by MEET is tested
 * elsewhere; here it would be most of the time and none of the danger.
 */
import { type NodeId, parseNodesConf, type SavedCluster } from '@slotwise/cluster'
import { NodeFlag } from '@slotwise/gossip'
import { ipOf } from './simulated-node.js'

const SLOTS = 16_384

export const nodeId = (index: number, random: () => number): NodeId => {
  let id = ''
  while (id.length < 32) id += Math.floor(random() * 16).toString(16)
  return id + index.toString(16).padStart(8, '0')
}

/**
 * @returns the text of nodes.conf for each node; the first `shards` are primaries, the others replicas, in turn unless
 * `shardOf` says whose.
 */
export function initialConfs(
  nodeCount: number, shards: number, random: () => number, shardOf?: (replica: number) => number,
): string[] {
  const confOf = confsOf(nodeCount, shards, random, shardOf)
  return Array.from({ length: nodeCount }, (_, own) => confOf(own))
}

/** The same, read: one text instead of a thousand of 130 kB, and one copy of each row that is not about oneself. */
export function initialSaved(nodeCount: number, shards: number, random: () => number): SavedCluster[] {
  const saved = parseNodesConf(confsOf(nodeCount, shards, random)(0))
  if ('refused' in saved) throw new Error(saved.refused)
  const rows = saved.nodes.map((row) => ({ ...row, flags: row.flags & ~NodeFlag.myself }))
  return rows.map((row, own) => {
    const self = { ...row, flags: row.flags | NodeFlag.myself }
    return { ...saved, self, nodes: rows.with(own, self) }
  })
}

/** @returns the text of the node of an index. */
function confsOf(
  nodeCount: number, shards: number, random: () => number, shardOf?: (replica: number) => number,
): (own: number) => string {
  const ids = Array.from({ length: nodeCount }, (_, index) => nodeId(index, random))
  const lineOf = (index: number, self: boolean): string => {
    const isPrimary = index < shards
    const shard = isPrimary ? index : shardOf?.(index - shards) ?? (index - shards) % shards
    const first = Math.floor(shard * SLOTS / shards)
    const last = Math.floor((shard + 1) * SLOTS / shards) - 1
    const flags = `${self ? 'myself,' : ''}${isPrimary ? 'master' : 'slave'}`
    const slots = isPrimary ? ` ${first}-${last}` : ''
    return `${ids[index]!} ${ipOf(index)}:7000@17000 ${flags} ${isPrimary ? '-' : ids[shard]!} 0 1 ${shard + 1} connected${slots}`
  }
  const others = ids.map((_, index) => lineOf(index, false))
  return (own) => {
    const lines = others.with(own, lineOf(own, true))
    return `${lines.join('\n')}\nvars currentEpoch ${shards} lastVoteEpoch 0\n`
  }
}
