/** A cluster of servers, made by what redis-cli --cluster create would send: primaries first, then their replicas. */
import { expect } from 'vitest'
import { freePort, type ServerProcess, startRedis, startSlotwise, waitFor } from '@slotwise/testing'

export interface SmallCluster extends AsyncDisposable {
  readonly nodes: readonly ServerProcess[]
}

export async function clusterOf(
  kinds: readonly ('slotwise' | 'redis')[], primaryCount = kinds.length,
): Promise<SmallCluster> {
  const nodes = await Promise.all(kinds.map(async (kind) => {
    const args = [
      // A node that does not run for a moment keeps its role.
      '--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '5000',
      '--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0',
    ]
    return kind === 'redis' ? startRedis({ args }) : startSlotwise({ args })
  }))
  const share = Math.ceil(16_384 / primaryCount)
  for (const [index, node] of nodes.entries()) {
    await using client = await node.client()
    const last = Math.min(16_383, (index + 1) * share - 1)
    if (index < primaryCount) await client.command('CLUSTER', 'ADDSLOTSRANGE', index * share, last)
    await client.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
  let meetAtMs = 0
  await waitFor(async () => {
    const infos: string[] = []
    for (const node of nodes) {
      await using client = await node.client()
      infos.push(await client.command('CLUSTER', 'INFO') as string)
    }
    const isWhole = infos.every((info) =>
      info.includes('cluster_state:ok') && info.includes('cluster_slots_assigned:16384') && info.includes(`cluster_known_nodes:${nodes.length}`))
    // A busy machine gives up a handshake: whoever asked asks again.
    if (!isWhole && performance.now() >= meetAtMs) {
      meetAtMs = performance.now() + MEET_AGAIN_MS
      await meetFirst(nodes)
    }
    return isWhole
  }, { timeoutMs: 60_000, intervalMs: 50, what: 'a cluster' })
  for (const [index, node] of nodes.slice(primaryCount).entries()) {
    await using primary = await nodes[index % primaryCount]!.client()
    await using client = await node.client()
    expect(await client.command('CLUSTER', 'REPLICATE', await primary.command('CLUSTER', 'MYID') as string)).toBe('OK')
    await waitFor(async () => (await client.command('INFO', 'replication') as string).includes('master_link_status:up'),
      { timeoutMs: 60_000, what: 'a replica' })
  }
  for (const node of nodes) {
    await using client = await node.client()
    await waitFor(async () => [...(await client.command('CLUSTER', 'NODES') as string).matchAll(/slave/g)].length === nodes.length - primaryCount,
      { timeoutMs: 60_000, what: 'replicas that are known' })
  }
  return {
    nodes,
    async [Symbol.asyncDispose]() { await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())) },
  }
}

const MEET_AGAIN_MS = 6000

async function meetFirst([first, ...others]: readonly ServerProcess[]): Promise<void> {
  await using client = await first!.client()
  const [, busPort] = /@(\d+)[^\n]*myself/.exec(await client.command('CLUSTER', 'NODES') as string)!
  for (const node of others) {
    await using other = await node.client()
    await other.command('CLUSTER', 'MEET', '127.0.0.1', first!.port, busPort!)
  }
}
