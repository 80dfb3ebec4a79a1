/** Three shards of a primary and a replica, formed by commands as redis-cli does it, each server on its own port. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, RunningServer, Side } from '../../apps/benchmark/src/scenario.js'

export const SHARDS = 3
const LAST_SLOT = 16_383
/** Hash tags of the three shards: slots 3300, 7365 and 15495. */
export const TAGS = ['b', 'c', 'a'] as const

export interface ShardServers { readonly primary: RunningServer; readonly replica: RunningServer }

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 60_000; performance.now() < endMs;) {
    if (await condition().catch(() => false)) return
    await sleep(20)
  }
  throw new Error(`not within a minute: ${what}`)
}

const text = async (server: RunningServer, ...words: string[]): Promise<string> =>
  String(await server.command(...words))

export async function formCluster(bench: Bench, side: Side): Promise<ShardServers[]> {
  const starts = Array.from({ length: 2 * SHARDS }, () => bench.startOne(side, { pinned: false }))
  const servers = await Promise.all(starts)
  const [first] = servers
  const size = Math.floor((LAST_SLOT + 1) / SHARDS)
  for (const [index, server] of servers.entries()) {
    if (index < SHARDS) {
      const last = index === SHARDS - 1 ? LAST_SLOT : (index + 1) * size - 1
      await server.command('CLUSTER', 'ADDSLOTSRANGE', String(index * size), String(last))
    }
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
  }
  // A MEET is given up after the node timeout: on a busy machine it is said again.
  for (const server of servers) {
    await until('everybody knows everybody', async () => {
      const nodes = await text(server, 'CLUSTER', 'NODES')
      if (nodes.trim().split('\n').filter((line) => !line.includes('handshake')).length === servers.length) return true
      for (const other of servers)
        if (other !== first) await other.command('CLUSTER', 'MEET', '127.0.0.1', String(first!.port))
      await sleep(200)
      return false
    })
  }
  const shards = servers.slice(0, SHARDS).map((primary, index) => ({ primary, replica: servers[index + SHARDS]! }))
  for (const { primary, replica } of shards) {
    const id = await text(primary, 'CLUSTER', 'MYID')
    await until('the replica knows its primary', async () => await replica.command('CLUSTER', 'REPLICATE', id) === 'OK')
  }
  for (const server of servers) {
    await until('everybody agrees', async () => {
      const nodes = await text(server, 'CLUSTER', 'NODES')
      const replicas = nodes.split('\n').filter((line) => line.includes('slave')).length
      return replicas === SHARDS && !/handshake|fail/.test(nodes) &&
        (await text(server, 'CLUSTER', 'INFO')).includes('cluster_state:ok')
    })
  }
  for (const { primary, replica } of shards) {
    await until('the replica has the data', async () =>
      (await text(replica, 'INFO', 'replication')).includes('master_link_status:up') &&
      (await text(primary, 'INFO', 'replication')).includes('state=online'))
  }
  return shards
}

/** It has become a replica of who replaced it. */
export const untilDemoted = (server: RunningServer): Promise<void> =>
  until('the old primary is a replica', async () => (await text(server, 'INFO', 'replication')).includes('role:slave'))
