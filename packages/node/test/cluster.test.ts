/**
 * Nodes of a cluster as an operator meets them: redis-cli makes the cluster, clients are redirected, a primary is
 * killed and replaced, comes back as a replica, with three of ours beside three of Redis. Six of ours:
 * cluster-walk-through.test.ts.
 */
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, isAgreed, isOk, type Kind, redisCli, rowsOf, startNodes, waitInCluster } from './fixtures/cluster.js'

const mixed: readonly [string, readonly Kind[]][] = [
  ['primaries of ours, replicas of Redis', ['slotwise', 'slotwise', 'slotwise', 'redis', 'redis', 'redis']],
  ['primaries of Redis, replicas of ours', ['redis', 'redis', 'redis', 'slotwise', 'slotwise', 'slotwise']],
]

describePeer(['redis-server', 'redis-cli'], 'a cluster', () => {
  it.each(mixed)('is made by redis-cli, redirects, and replaces a primary that was killed: %s', async (_, kinds) => {
    await using cluster = await startNodes(kinds)
    const printed = await createCluster(cluster, 1)
    expect(printed).toContain('[OK] All nodes agree about slots configuration.')
    expect(printed).toContain('[OK] All 16384 slots covered.')
    const port = String(cluster.nodes[0]!.port)

    const owner = rowsOf((await redisCli('-p', port, 'CLUSTER', 'NODES')).output).find(({ slots }) => slots.includes('5461-10922'))!
    const refused = await redisCli('-p', port, 'SET', 'name', 'test')
    expect(refused.output.trim()).toBe(`MOVED 5798 127.0.0.1:${owner.port}`)
    expect((await redisCli('-c', '-p', port, 'SET', 'name', 'test')).output.trim()).toBe('OK')
    expect((await redisCli('-c', '-p', port, 'GET', 'name')).output.trim()).toBe('test')
    const victim = cluster.nodes.findIndex((node) => node.port === owner.port)
    await using client = await cluster.nodes[victim]!.client()
    // WAIT is about what its own connection wrote.
    expect(await client.command('SET', 'name', 'test')).toBe('OK')
    await waitFor(async () => await client.command('WAIT', 1, 100) === 1, { timeoutMs: 60_000, what: 'the write at the replica' })

    await cluster.nodes[victim]!.sigkill()
    const other = (victim + 1) % 3
    await waitInCluster(cluster, async () => {
      const rows = await cluster.rows(other)
      const dead = rows.find(({ id }) => id === owner.id)!
      return dead.flags.includes('fail') && dead.slots.length === 0 &&
        rows.some(({ flags, slots, id }) => id !== owner.id && flags.includes('master') && slots.includes('5461-10922'))
    }, { timeoutMs: 90_000, what: 'a promoted replica' })
    await isOk(cluster, [victim])
    expect((await redisCli('-c', '-p', String(cluster.nodes[other]!.port), 'GET', 'name')).output.trim()).toBe('test')

    await cluster.restart(victim)
    await waitInCluster(cluster, async () => (await cluster.rows(other)).find(({ id }) => id === owner.id)?.flags.join() === 'slave',
      { timeoutMs: 90_000, what: 'the former primary back as a replica' })
    await isOk(cluster)
    await isAgreed(cluster, other)
  }, 300_000)
})

const half = ['slotwise', 'redis', 'slotwise', 'redis', 'slotwise', 'redis'] as const

describePeer(['redis-server', 'redis-cli'], 'a cluster of both', () => {
  it('moves slots between both with their keys, and everybody agrees at the end', async () => {
    await using cluster = await startNodes(half.slice(0, 3))
    await createCluster(cluster, 0)
    const addresses = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`)
    for (let key = 0; key < 100; key++) await redisCliSet(cluster.nodes[0]!.port, `key:${key}`, String(key))
    const rows = await cluster.rows(0)
    const [first, second, third] = cluster.nodes.map(({ port }) => rows.find((row) => row.port === port)!.id)
    const moves: [string, string][] = [[first!, second!], [second!, first!], [third!, second!], [second!, third!]]
    for (const [from, to] of moves) {
      const { code, output } = await redisCli('--cluster', 'reshard', addresses[0]!, '--cluster-from', from, '--cluster-to', to,
        '--cluster-slots', '200', '--cluster-yes')
      expect(code, output).toBe(0)
      // What a node said before it heard of the move may come behind the news: the next PING puts it right.
      await isAgreed(cluster, 0)
    }
    const rebalanced = await redisCli('--cluster', 'rebalance', addresses[1]!, '--cluster-threshold', '1')
    expect(rebalanced.code, rebalanced.output).toBe(0)
    for (const index of cluster.nodes.keys()) await isAgreed(cluster, index)
    for (let key = 0; key < 100; key += 7) {
      expect((await redisCli('-c', '-p', String(cluster.nodes[1]!.port), 'GET', `key:${key}`)).output.trim()).toBe(String(key))
    }
  }, 360_000)

  it('hands over by request, without losing a write, and remembers it after a restart', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'redis', 'slotwise', 'redis', 'slotwise'])
    await createCluster(cluster, 1)
    for (const index of [3, 4, 5]) {
      await using client = await cluster.nodes[index]!.client()
      const { port } = cluster.nodes[index]!
      await waitFor(
        async () => (await client.command('INFO', 'replication') as string).includes('master_link_status:up'),
        { what: 'the link' },
      )
      const isPrimary = async (): Promise<boolean> => (await cluster.rows(index)).find((row) => row.port === port)!.flags.includes('master')
      // A replica gives it up after five seconds, as Redis has it, and whoever asked asks again.
      await waitInCluster(cluster, async () => {
        if (await isPrimary()) return true
        if (await client.command('CLUSTER', 'FAILOVER') !== 'OK') return false
        return await waitFor(isPrimary, { timeoutMs: 7000 })
      }, { timeoutMs: 60_000, what: `node ${index} a primary` })
    }
    await isOk(cluster)
    const before = await cluster.rows(5)
    await cluster.nodes[5]!.stop()
    await cluster.restart(5)
    await isOk(cluster)
    const mine = (rows: typeof before): unknown => rows.filter(({ port }) => port === cluster.nodes[5]!.port)
      .map(({ id, slots, flags }) => ({ id, slots, primary: flags.includes('master') }))
    const after = await cluster.rows(5)
    expect(after.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort())
    expect((mine(after) as { id: string }[])[0]!.id).toBe((mine(before) as { id: string }[])[0]!.id)
  }, 300_000)

  it('carries what is published to subscribers at other nodes', async () => {
    await using cluster = await startNodes(half.slice(0, 4))
    await createCluster(cluster, 0)
    for (const [from, to] of [[0, 1], [1, 0], [0, 2], [3, 2]] as const) {
      await using listener = await cluster.nodes[to]!.client()
      await using publisher = await cluster.nodes[from]!.client()
      const news = `news:${from}:${to}`
      await listener.command('SUBSCRIBE', news)
      // At most once: while two nodes have no link it reaches nobody.
      await waitFor(async () => {
        expect(await publisher.command('PUBLISH', news, `from ${from}`)).toBe(0)
        return listener.unreadCount > 0
      }, { intervalMs: 100, what: 'what is published at another node' })
      expect(await listener.read()).toEqual(['message', news, `from ${from}`])
    }
  }, 240_000)
})

async function redisCliSet(port: number, key: string, value: string): Promise<void> {
  expect((await redisCli('-c', '-p', String(port), 'SET', key, value)).output.trim()).toBe('OK')
}
