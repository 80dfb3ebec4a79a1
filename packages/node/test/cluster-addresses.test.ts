/**
 * A whole cluster comes back with other addresses: nobody is where the others knew it, and nobody is left who could
 * tell. The host names that the nodes announced lead to them, redis-server too, which does not look for anybody.
 */
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { waitInCluster } from './fixtures/cluster.js'
import { startShard } from './fixtures/shard.js'

const [before, after] = ['127.0.0.2', '127.0.0.1'] as const // the second one is what localhost means

const addressesIn = (text: string): string[] => text.trim().split('\n').map((line) => line.split(' ')[1]!)

describePeer('redis-server', 'a cluster whose nodes all come back with other addresses', () => {
  it('finds itself by the host names that they had announced', async () => {
    const kinds = ['slotwise', 'redis', 'slotwise', 'slotwise'] as const // the last one is a replica of the first
    const { cluster, tag } = await startShard(kinds, ['--cluster-announce-hostname', 'localhost'], before)
    await using _ = cluster
    const nodesAt = async (index: number): Promise<string> => {
      await using client = await cluster.nodes[index]!.client()
      return await client.command('CLUSTER', 'NODES') as string
    }
    for (const index of kinds.keys()) {
      await waitInCluster(cluster, async () => (await nodesAt(index)).match(/,localhost /g)?.length === kinds.length,
        { timeoutMs: 60_000, what: `all host names known to node ${index}` })
      expect(addressesIn(await nodesAt(index)).every((address) => address.startsWith(`${before}:`))).toBe(true)
    }
    {
      await using client = await cluster.nodes[0]!.client()
      expect(await client.command('SET', `{${tag}}`, 'v')).toBe('OK')
      await waitFor(async () => await client.command('WAIT', 1, 100) === 1, { timeoutMs: 60_000, what: 'the write at the replica' })
    }

    await Promise.all(cluster.nodes.map((node) => node.stop()))
    await Promise.all(kinds.map((_kind, index) => cluster.restart(index, after)))
    for (const index of kinds.keys()) {
      await using client = await cluster.nodes[index]!.client()
      await waitInCluster(cluster, async () => (await client.command('CLUSTER', 'INFO') as string).includes('cluster_state:ok'),
        { timeoutMs: 90_000, what: `cluster_state:ok at node ${index}` })
      // Of itself redis-server goes on saying what it said.
      const isWhole = (line: string): boolean => line.includes(' connected') && !line.includes('fail') &&
        (line.includes(` ${after}:`) || (kinds[index] === 'redis' && line.includes('myself')))
      await waitInCluster(cluster, async () => (await nodesAt(index)).trim().split('\n').every(isWhole),
        { timeoutMs: 90_000, what: `everybody at the new address for node ${index}` })
    }
    await using replica = await cluster.nodes[3]!.client()
    await waitFor(async () => (await replica.command('INFO', 'replication') as string).includes('master_link_status:up'),
      { timeoutMs: 60_000, what: 'the link to the primary' })
    await using other = await cluster.nodes[2]!.client()
    expect(await other.command('GET', `{${tag}}`)).toMatchObject({ message: expect.stringMatching(new RegExp(`^MOVED \\d+ ${after}:`)) as string })
  }, 300_000)
})
