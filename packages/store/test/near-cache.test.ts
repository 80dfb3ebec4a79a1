/** What is kept near, and reads that replicas answer: with real servers, which stop, lag and die. */
import { describePeer, type ServerProcess, startRedis, startSlotwise, waitFor } from '@slotwise/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AsyncStore, open } from 'slotwise'
import { clusterOf, type SmallCluster } from './cluster-of.js'

const urlOf = ({ port }: ServerProcess): string => `redis://127.0.0.1:${port}`

async function keepsNear(server: ServerProcess): Promise<void> {
  await using near = await open({ url: urlOf(server), nearCache: { maxStalenessMs: 300 } })
  await using other = await open({ url: urlOf(server) })
  expect(near.nearCache()).toMatchObject({ entries: 0, hits: 0, stalenessMs: null })
  await other.set('k', { n: 1 })
  expect(await near.get('k')).toEqual({ n: 1 })
  expect(await near.get('none')).toBeNull()
  for (let round = 0; round < 100; round++) expect(await near.get('k')).toEqual({ n: 1 })
  expect(await near.get('none')).toBeNull()
  // A process that does not run for a moment has no proof, and asks the server.
  await waitFor(async () => {
    expect(await near.get('k')).toEqual({ n: 1 })
    return near.nearCache()!.hits > 90
  }, { intervalMs: 1, what: 'values that are given from here' })
  // Each get decodes anew: what one caller changes, another does not see.
  const mine = await near.get<{ n: number }>('k')
  mine!.n = 99
  expect(await near.get('k')).toEqual({ n: 1 })

  await other.set('k', { n: 2 })
  await waitFor(async () => (await near.get<{ n: number }>('k'))!.n === 2, { what: 'the news' })
  // What this store writes itself it reads at once.
  for (let n = 3; n < 200; n++) {
    await near.set('k', { n })
    expect(await near.get('k')).toEqual({ n })
  }
  await near.multi((multi) => [multi.set('k', { n: 'in a transaction' })])
  expect(await near.get('k')).toEqual({ n: 'in a transaction' })
  await other.flushAll()
  await waitFor(async () => await near.get('k') === null, { what: 'the flush' })
}

describe('a near cache', () => {
  it('is right, and reads its own writes', async () => {
    await using server = await startSlotwise()
    await keepsNear(server)
  })

  it('gives nothing older than its bound when the server has become silent', async () => {
    await using server = await startSlotwise()
    await using near = await open({ url: urlOf(server), codec: 'text', nearCache: { maxStalenessMs: 200 } })
    await near.set('k', 'v')
    await near.get('k')
    expect(await near.get('k')).toBe('v')
    // It is proven again and again; a process that did not run has no proof for a moment.
    await waitFor(() => near.nearCache()!.stalenessMs !== null, { what: 'a proof' })
    expect(near.nearCache()!.stalenessMs ?? 0).toBeLessThanOrEqual(200)
    try {
      await server.suspend()
      await waitFor(() => near.nearCache()!.stalenessMs === null, { what: 'the end of the proof' })
      let answered = false
      const asked = near.get('k').then((value) => {
        answered = true
        return value
      })
      await waitFor(() => near.nearCache()!.stalenessMs === null)
      expect(answered).toBe(false)
      server.signal('SIGCONT')
      expect(await asked).toBe('v')
      await waitFor(() => near.nearCache()!.stalenessMs !== null, { what: 'a proof' })
    } finally {
      server.signal('SIGCONT')
    }
  })

  it('forgets all with its connection', async () => {
    await using server = await startSlotwise()
    await using near = await open({ url: urlOf(server), codec: 'text', nearCache: { maxStalenessMs: 60_000 } })
    await using client = await server.client()
    await near.set('k', 'v')
    expect(await near.get('k')).toBe('v')
    await client.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await client.command('SET', 'k', 'new')
    await waitFor(async () => await near.get('k') === 'new', { what: 'the new value' })
  })

  it('in a cluster is kept by each node', async () => {
    await using cluster = await clusterOf(['slotwise', 'slotwise'])
    await using near = await open({ url: urlOf(cluster.nodes[0]!), codec: 'text', nearCache: { maxStalenessMs: 60_000 } })
    await using other = await open({ url: urlOf(cluster.nodes[1]!), codec: 'text' })
    const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`)
    for (const key of keys) await near.set(key, 'old')
    for (let round = 0; round < 3; round++) expect(new Set(await near.getMany(keys))).toEqual(new Set(['old']))
    expect(near.nearCache()).toMatchObject({ entries: 50, hits: 100 })
    for (const key of keys) await other.set(key, 'new')
    await waitFor(async () => (await near.getMany(keys)).every((value) => value === 'new'), { what: 'the news' })
    await near.set('key:1', 'mine')
    expect(await near.get('key:1')).toBe('mine')
    for (let round = 0; round < 50; round++) {
      const value = `${round}`
      const [, found] = await near.batch((batch) => [batch.set('key:2', value), batch.get('key:2')])
      expect([found, await near.get('key:2')]).toEqual([value, value])
    }
  })
})

describePeer('redis-server', 'with redis-server', () => {
  it('a near cache is right, and reads its own writes', async () => {
    await using server = await startRedis()
    await keepsNear(server)
  })
})

describe('reads of a cluster with replicas', () => {
  const readsServed = async (node: ServerProcess): Promise<number> => {
    await using client = await node.client()
    const info = await client.command('INFO', 'commandstats') as string
    return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0)
  }

  let cluster: SmallCluster
  beforeAll(async () => { cluster = await clusterOf(['slotwise', 'slotwise', 'slotwise', 'slotwise'], 2) }, 180_000)
  afterAll(() => cluster[Symbol.asyncDispose]())

  it('go to replicas that can prove that they are new enough, and to the primary when they cannot', async () => {
    const [primary, , replica] = cluster.nodes as [ServerProcess, ServerProcess, ServerProcess]
    const url = urlOf(primary)
    await using writer = await open({ url, codec: 'text' })
    const key = 'bar' // slot 5061, of the first primary
    await writer.set(key, 'v')
    // CLUSTER SLOTS, where the client looks once, names a replica whose offset is known, or whose primary has none yet.
    const known = new RegExp(`"port",${replica.port},[^\\]]*"replication-offset",[1-9]`)
    for (const node of cluster.nodes) {
      await using client = await node.client()
      const shards = async (): Promise<string> => JSON.stringify(await client.command('CLUSTER', 'SHARDS'))
      await waitFor(async () => known.test(await shards()), { timeoutMs: 60_000, what: 'an offset of the replica' })
    }

    await using fromReplicas = await open({ url, codec: 'text', read: 'replica' })
    // Who could not answer yet, since it was copying, is passed over for a second.
    await waitFor(async () => {
      const served = await readsServed(replica)
      return await fromReplicas.get(key) === 'v' && await readsServed(replica) > served
    }, { what: 'a replica that answers', intervalMs: 100 })
    const before = await readsServed(primary)
    for (let round = 0; round < 50; round++) expect(await fromReplicas.get(key)).toBe('v')
    expect(await readsServed(primary)).toBe(before)
    expect(await readsServed(replica)).toBeGreaterThanOrEqual(50)
    await expect(fromReplicas.hGet(key, 'f')).rejects.toThrow(expect.objectContaining({ code: 'WRONGTYPE' }) as Error)
    // What stands in one batch is in order, whoever answers reads.
    for (let round = 0; round < 50; round++) {
      expect(await fromReplicas.batch((batch) => [batch.set(key, `${round}`), batch.get(key)])).toEqual([true, `${round}`])
    }
    expect(await fromReplicas.set(key, 'w')).toBe(true)

    await using limited = await open({ url, codec: 'text', read: 'replica', maxLagMs: 400 })
    await waitFor(async () => {
      const served = await readsServed(replica)
      return await limited.get(key) === 'w' && await readsServed(replica) > served
    }, { what: 'a replica that proves its age', intervalMs: 100 })
    // A stopped replica answers nobody; one whose link stands still cannot prove anything.
    await using atReplica = await replica.client()
    primary.signal('SIGSTOP')
    const stale = await waitFor(async () => {
      await atReplica.command('READONLY')
      await atReplica.command('SLOTWISE.STALENESS', 100)
      const reply = await atReplica.command('GET', key)
      return reply instanceof Error && reply.message.startsWith('STALE')
    }, { what: 'STALE' }).finally(() => primary.signal('SIGCONT'))
    expect(stale).toBe(true)
    expect(await limited.get(key)).toBe('w')
  })

  it('go to the nearest, and on when a replica dies', async () => {
    const store: AsyncStore<string> = await open({ url: urlOf(cluster.nodes[0]!), codec: 'text', read: 'nearest', commandTimeoutMs: 20_000 })
    await store.set('bar', 'v')
    await using atReplica = await cluster.nodes[2]!.client()
    await atReplica.command('READONLY')
    await waitFor(async () => await atReplica.command('GET', 'bar') === 'v', { what: 'the value at the replica' })
    for (let round = 0; round < 20; round++) expect(await store.get('bar')).toBe('v')
    await cluster.nodes[2]!.sigkill()
    for (let round = 0; round < 20; round++) expect(await store.get('bar')).toBe('v')
    await store.close()
  })

  it('are not together with a near cache', async () => {
    await using server = await startSlotwise()
    for (const options of [{ read: 'any' }, { read: 'replica', nearCache: true }, { nearCache: 5 }, { nearCache: { ttl: 1 } }]) {
      await expect(open({ url: urlOf(server), ...options } as never)).rejects.toThrow(TypeError)
    }
    await expect(open({ url: urlOf(server), nearCache: { maxEntries: 0 } })).rejects.toThrow(RangeError)
    await expect(open({ url: urlOf(server), maxLagMs: -1 })).rejects.toThrow(RangeError)
  })
})
