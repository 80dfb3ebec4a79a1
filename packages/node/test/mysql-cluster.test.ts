/**
 * A cluster that follows a real MariaDB: the node that follows is stopped, killed and replaced, so is another primary,
 * and slots move, while the source works. Every row is there at the end, and no log has any change of it twice.
 */
import { describeMariadb, describePeer, startMariadb, waitFor, type MariadbProcess } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask, ids, LAST, migrate } from './fixtures/migration.js'
import { eachOnce, FollowedSource, isWhole, leaderOf, nodeIn, primaries, statusOf, WAIT_MS } from './fixtures/mysql-cluster.js'

describePeer(['redis-server', 'redis-cli'], 'a cluster with a MySQL source', () => describeMariadb('', () => {
  let server: MariadbProcess
  beforeAll(async () => { server = await startMariadb() })
  afterAll(async () => { await server[Symbol.asyncDispose]() })

  it('has each row once, whoever is killed, stands still or hands its slots over', async () => {
    const source = new FollowedSource(server)
    source.work(50)
    await using cluster = await source.startCluster(['--cluster-node-timeout', '3000'])
    const first = await leaderOf(cluster)
    await source.isHeldBy(cluster, 'what was there')
    expect((await statusOf(cluster, first)).get('snapshot-rows')).toBeGreaterThanOrEqual(70)
    // One follows; whoever else is told what to do says who it is.
    const states = await Promise.all([...cluster.nodes.keys()].map(async (index) => (await statusOf(cluster, index)).get('state')))
    expect(states.sort()).toEqual(['elsewhere', 'elsewhere', 'following', 'replica', 'replica', 'replica'])
    const { index: other } = (await primaries(cluster)).find(({ index }) => index !== first)!
    expect(await ask(cluster, other, 'MYSQLSOURCE', 'PAUSE')).toMatchObject({ message: `MOVED 2466 127.0.0.1:${cluster.nodes[first]!.port}` })

    // It stands still, in the middle of something, until another one has followed for a while; then it goes on.
    source.work(200)
    await cluster.nodes[first]!.suspend()
    source.work(100)
    const second = await leaderOf(cluster, [first])
    await waitFor(async () => (await statusOf(cluster, second)).get('transactions') !== 0, { timeoutMs: WAIT_MS, what: 'progress of the second' })
    cluster.nodes[first]!.signal('SIGCONT')
    source.work(100)
    await source.isHeldBy(cluster, 'everything after one stood still')
    expect((await statusOf(cluster, second)).get('snapshot-rows')).toBe(0)
    await isWhole(cluster)

    // Slots move while rows arrive, those with the follower's position among them.
    const nodes = await ids(cluster)
    const from = (await primaries(cluster)).find(({ row: { slots } }) => slots.some((range) => range.startsWith('0-')))!.index
    const to = (await primaries(cluster)).find(({ index }) => index !== from)!.index
    source.work(100)
    const moved = migrate(cluster, from, [0, LAST], nodes[to]!)
    source.work(200)
    await moved
    await source.isHeldBy(cluster, 'everything after slots moved')

    // Another primary is killed, and then the one that follows.
    await isWhole(cluster)
    const leader = await leaderOf(cluster)
    const victim = (await primaries(cluster)).find(({ index }) => index !== leader)!.index
    source.work(200)
    await cluster.nodes[victim]!.sigkill()
    source.work(100)
    await source.isHeldBy(cluster, 'everything after a primary was replaced')
    await cluster.restart(victim)
    await isWhole(cluster)
    source.work(100)
    const last = await leaderOf(cluster)
    await cluster.nodes[last]!.sigkill()
    source.work(100)
    await source.isHeldBy(cluster, 'everything after the follower was replaced')
    await cluster.restart(last)
    await isWhole(cluster) // one that takes its primary's data in has no log to read
    expect(await eachOnce(cluster)).toBeGreaterThanOrEqual(source.rows)

    // What stops it is skipped, and what was not applied then is put right by a new snapshot.
    source.truncate()
    const stuck = await nodeIn(cluster, 'failed')
    expect((await statusOf(cluster, stuck)).get('last-error')).toMatch(/onTruncate: stop/)
    expect(await ask(cluster, stuck, 'MYSQLSOURCE', 'SKIP')).toBe(1)
    source.work(20)
    expect(await ask(cluster, stuck, 'MYSQLSOURCE', 'START')).toBe('OK')
    expect(await ask(cluster, await leaderOf(cluster), 'MYSQLSOURCE', 'SNAPSHOT')).toBe('OK')
    source.work(20)
    await source.isHeldBy(cluster, 'what is there after a new snapshot')
  }, 300_000)
}))
