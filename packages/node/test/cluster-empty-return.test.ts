/**
 * A primary without persistence is killed and back before anybody has missed it: empty. Its replica, of ours or of
 * Redis, must not copy that, but take over with all it has.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { type Kind, rowsOf, waitInCluster } from './fixtures/cluster.js'
import { startShard } from './fixtures/shard.js'

const KEYS = 500
const REPLICA = 3

describePeer('redis-server', 'a primary that comes back without its data', () => {
  it.each<Kind>(['slotwise', 'redis'])('is replaced by its replica, and the shard keeps everything (replica: %s)', async (kind) => {
    const { cluster, tag } = await startShard(['slotwise', 'slotwise', 'slotwise', kind], ['--appendonly', 'no', '--repl-ping-replica-period', '1'])
    await using _ = cluster
    const ids: string[] = []
    for (const node of cluster.nodes) {
      await using client = await node.client()
      ids.push(await client.command('CLUSTER', 'MYID') as string)
    }
    const keys = Array.from({ length: KEYS }, (_key, index) => `{${tag}}:${index}`)
    {
      await using primary = await cluster.nodes[0]!.client()
      await using replica = await cluster.nodes[REPLICA]!.client()
      await waitFor(async () => (await replica.command('INFO', 'replication') as string).includes('master_link_status:up'),
        { timeoutMs: 60_000, what: 'the link of the replica' })
      await primary.pipeline(keys.map((key) => ['SET', key, 'v']))
      await waitFor(async () => await primary.command('WAIT', 1, 100) === 1, { timeoutMs: 60_000, what: 'the writes at the replica' })
    }
    // What it remembers after its end is what it has written.
    const saved = join(cluster.nodes[0]!.dir, 'nodes.conf')
    await waitFor(() => readFileSync(saved, 'utf8').includes(` slave ${ids[0]!} `), { timeoutMs: 60_000, what: 'the replica in nodes.conf' })

    await cluster.nodes[0]!.sigkill()
    const back = await cluster.restart(0)
    await waitFor(() => back.output.includes('This primary has come back without data'), { what: 'the line in the log' })
    await using heir = await cluster.nodes[REPLICA]!.client()
    await waitInCluster(cluster, async () => {
      const rows = rowsOf(await heir.command('CLUSTER', 'NODES') as string)
      const [former, promoted] = [ids[0], ids[REPLICA]].map((id) => rows.find((row) => row.id === id)!)
      return promoted!.flags.includes('master') && promoted!.slots.join() === '0-5460' && former!.flags.join() === 'slave'
    }, { timeoutMs: 90_000, what: 'the replica in the place of its primary' })
    expect(await heir.command('EXISTS', ...keys)).toBe(KEYS)
    await using former = await back.client()
    await waitFor(async () => (await former.command('INFO', 'replication') as string).includes('master_link_status:up'),
      { timeoutMs: 60_000, what: 'the former primary a replica' })
    await waitFor(async () => await former.command('DBSIZE') === KEYS, { timeoutMs: 60_000, what: 'the data back where it was lost' })
  }, 240_000)
})
