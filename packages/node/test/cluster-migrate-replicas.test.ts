/**
 * CLUSTER MIGRATE with replicas on both sides: they have what came and lose what went, by the log, and a replica that
 * takes over from the new owner has the slot with all its keys.
 */
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, isAgreed, redisCli, startNodes } from './fixtures/cluster.js'
import { migrate } from './fixtures/migration.js'

const KEYS = 5000

describePeer(['redis-server', 'redis-cli'], 'CLUSTER MIGRATE with replicas', () => {
  it('moves the keys at the replicas, too, and one of them takes over with all of them', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise', 'slotwise', 'redis', 'slotwise'])
    await createCluster(cluster, 1)
    const rows = await cluster.rows(0)
    const rowOf = (index: number): typeof rows[0] => rows.find(({ port }) => port === cluster.nodes[index]!.port)!
    const replicaOf = (index: number): number => [3, 4, 5].find((other) => rowOf(other).primary === rowOf(index).id)!
    const ask = async (index: number, ...words: (string | number)[]): Promise<unknown> => {
      await using client = await cluster.nodes[index]!.client()
      return await client.command(...words)
    }
    // All of one slot, which is walked in pieces.
    const slot = await ask(0, 'CLUSTER', 'KEYSLOT', '{bar3}') as number
    const keys = (index: number): Promise<unknown> => ask(index, 'CLUSTER', 'COUNTKEYSINSLOT', slot)
    const from = [0, 1, 2].find((index) => rowOf(index).slots.some((range) => {
      const [first, last] = range.split('-').map(Number) as [number, number]
      return first <= slot && slot <= last
    }))!
    // A replica of ours takes over.
    const to = [0, 1, 2].find((index) => index !== from && replicaOf(index) !== 4)!
    const words = Array.from({ length: KEYS }, (_, n) => [`{bar3}${n}`, String(n)]).flat()
    expect(await ask(from, 'MSET', ...words)).toBe('OK')
    await migrate(cluster, from, [slot, slot], rowOf(to).id)
    const successor = replicaOf(to)
    await waitFor(async () => await keys(successor) === KEYS, { timeoutMs: 60_000, what: 'the keys at the replica' })
    for (const index of [from, replicaOf(from)])
      await waitFor(async () => await keys(index) === 0, { timeoutMs: 60_000, what: `no keys left at node ${index}` })
    // Whose slot it is, a replica and who votes for it have to have heard, and that takes a PING.
    await isAgreed(cluster, from)

    await cluster.nodes[to]!.sigkill()
    const { port } = cluster.nodes[successor]!
    await waitFor(async () => (await cluster.rows(successor)).find((row) => row.port === port)!.flags.includes('master'),
      { timeoutMs: 90_000, what: 'a replica that takes over' })
    const get = ['-c', '-p', String(cluster.nodes[from]!.port), 'GET', '{bar3}7']
    await waitFor(async () => (await redisCli(...get)).output.trim() === '7', { timeoutMs: 90_000, what: 'a key of the slot' })
    expect(await keys(successor)).toBe(KEYS)
  }, 300_000)
})
