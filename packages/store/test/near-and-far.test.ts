/** The same store with promises in this process, at servers, in clusters and at a ring of servers; and what differs. */
import {
  conformsAsAsyncStore, describePeer, freePort, type ServerProcess, startRedis, startSlotwise,
} from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { type AsyncStore, ConnectionError, open } from 'slotwise'
import { clusterOf } from './cluster-of.js'

const urlOf = ({ port }: ServerProcess): string => `redis://127.0.0.1:${port}`
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error

conformsAsAsyncStore('in this process', async () => {
  const keeper = await open({ name: 'conformance' })
  return {
    open: async () => (await open({ name: 'conformance' })).async,
    [Symbol.asyncDispose]: () => keeper.close(),
  }
})

conformsAsAsyncStore('at a server', async () => {
  const server = await startSlotwise()
  return { open: () => open({ url: urlOf(server) }), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
})

conformsAsAsyncStore('at a server, with a near cache', async () => {
  const server = await startSlotwise()
  return {
    open: () => open({ url: urlOf(server), nearCache: true }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

conformsAsAsyncStore('in a cluster', async () => {
  const cluster = await clusterOf(['slotwise', 'slotwise', 'slotwise'])
  return {
    open: () => open({ url: cluster.nodes.map(urlOf) }),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
})

describePeer('redis-server', 'with Redis', () => {
  conformsAsAsyncStore('at redis-server', async () => {
    const server = await startRedis()
    return { open: () => open({ url: urlOf(server) }), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  })

  conformsAsAsyncStore('at a ring of servers', async () => {
    const servers = [await startSlotwise(), await startRedis(), await startSlotwise()]
    return {
      open: () => open({ shards: servers.map(urlOf), hashTags: true }),
      [Symbol.asyncDispose]: async () => {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
      },
    }
  })
})

describe('a server', () => {
  it('is found again after it was away, and what waits for it is sent then', async () => {
    const port = await freePort()
    const server = await startSlotwise({ port })
    await using store = await open({ url: `redis://127.0.0.1:${port}`, codec: 'text', commandTimeoutMs: 60_000 })
    await store.set('k', 'v')
    await server.sigkill()
    // Sent into the dead connection, or kept for the next one.
    const later = store.get('k').catch((error: unknown) => {
      expect(error).toBeInstanceOf(ConnectionError)
      return store.get('k')
    })
    await using again = await startSlotwise({ port })
    expect(await later).toBeNull()
    expect(again.pid).not.toBe(server.pid)
    await server[Symbol.asyncDispose]()
  })

  it('that is not there, or is something else, is a rejection at once', async () => {
    const port = await freePort()
    await expect(open({ url: `redis://secret:word@127.0.0.1:${port}` })).rejects.toThrow(code('CONNECTION'))
    const refused = await open({ url: [`redis://127.0.0.1:${port}`, `redis://127.0.0.1:${port}`] }).catch((error: unknown) => (error as Error).message)
    expect(refused).toMatch(/no server answers.*ECONNREFUSED/)
    expect(refused).not.toContain('secret')
    await using server = await startSlotwise({ args: ['--requirepass', 'right'], password: 'right' })
    await expect(open({ url: `redis://:wrong@127.0.0.1:${server.port}` })).rejects.toThrow(code('WRONGPASS'))
    await using store = await open({ url: `redis://:right@127.0.0.1:${server.port}/3`, codec: 'text' })
    expect(await store.set('k', 'v')).toBe(true)
    expect(await store.command('CLIENT LIST')).toContain('db=3')
    await expect(open({ url: urlOf(server), signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early')
  })

  it('is told by good options only', async () => {
    for (const options of [
      { url: '' }, { url: 'http://host' }, { url: 'redis://' }, { url: [] }, { url: 5 }, { url: 'redis://h', dir: './data' },
      { shards: [] }, { shards: ['redis://h', 5] }, { shards: [{ url: 'redis://h', wait: 1 }] },
      { shards: [{ url: 'redis://h', name: 'a' }, 'redis://i'] },
      { shards: [{ url: 'redis://h', name: 'a' }, { url: 'redis://i', name: 'a' }] },
      { url: 'redis://h', codec: 'xml' },
    ]) await expect(open(options as never)).rejects.toThrow(TypeError)
    await expect(open({ shards: [{ url: 'redis://h', weight: 0 }] })).rejects.toThrow(RangeError)
    await expect(open({ url: 'redis://h', connectTimeoutMs: 0 })).rejects.toThrow(RangeError)
  })

  it('keeps calls apart that would wait on the connection of all', async () => {
    await using server = await startSlotwise()
    await using store = await open({ url: urlOf(server) })
    await expect(store.command('BLPOP', 'k', 0)).rejects.toThrow(TypeError)
    await expect(store.command('XREAD', 'BLOCK', 0, 'STREAMS', 's', '0')).rejects.toThrow(TypeError)
    expect(await store.command('PING')).toBe('PONG')
  })
})

describe('a store of many parts', () => {
  async function refusesWhatSpansParts(store: AsyncStore): Promise<void> {
    await expect(store.setMany({ a: 1, b: 2, c: 3, d: 4 })).rejects.toThrow(code('CROSSSLOT'))
    await expect(store.multi((multi) => [multi.set('a', 1), multi.set('b', 1), multi.set('c', 1), multi.set('d', 1)]))
      .rejects.toThrow(code('CROSSSLOT'))
    await expect(store.blPop(['a', 'b', 'c', 'd'])).rejects.toThrow(code('CROSSSLOT'))
    await expect(store.command('SCAN', 0)).rejects.toThrow(TypeError)
    expect(await store.exists(['a', 'b', 'c', 'd'])).toBe(0)
  }

  it('is told CROSSSLOT by a cluster and by a ring, and nothing has changed', async () => {
    await using cluster = await clusterOf(['slotwise', 'slotwise'])
    await using store = await open({ url: urlOf(cluster.nodes[0]!) })
    await refusesWhatSpansParts(store)
    await using one = await startSlotwise()
    await using two = await startSlotwise()
    await using ring = await open({ shards: [urlOf(one), urlOf(two)] })
    await refusesWhatSpansParts(ring)
    await expect(ring.command('INFO')).rejects.toThrow(TypeError)
    expect(await ring.command('PUBLISH', 'news', 'x')).toBe(0)
    await expect(open({ url: [urlOf(one), urlOf(two)] })).rejects.toThrow(/no node of a cluster/)
  })

  it('has the keys of a ring where Jedis would look for them', async () => {
    await using one = await startSlotwise()
    await using two = await startSlotwise()
    const shards = [{ url: urlOf(one), name: 'a' }, { url: urlOf(two), name: 'b' }]
    await using ring = await open({ shards, codec: 'text' })
    await using turned = await open({ shards: shards.toReversed(), codec: 'text' })
    // As in ring.test.ts: key:0 belongs to b, key:1 to a.
    await ring.set('key:0', 'at b')
    await ring.set('key:1', 'at a')
    await using atTwo = await two.client()
    expect(await atTwo.command('KEYS', '*')).toEqual(['key:0'])
    expect(await turned.getMany(['key:0', 'key:1'])).toEqual(['at b', 'at a'])
  })

  it('follows slots of a cluster that move, in transactions too', async () => {
    await using cluster = await clusterOf(['slotwise', 'slotwise'])
    const [first, second] = cluster.nodes as [ServerProcess, ServerProcess]
    await using store = await open({ url: urlOf(first), codec: 'text' })
    await using one = await first.client()
    await using two = await second.client()
    const slot = await one.command('CLUSTER', 'KEYSLOT', 'bar') as number // 5061, of the first node
    await store.get('bar')
    const id = await two.command('CLUSTER', 'MYID') as string
    await two.command('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    await one.command('CLUSTER', 'SETSLOT', slot, 'NODE', id)
    expect(await store.multi((multi) => [multi.set('bar', '1'), multi.incr('bar')])).toEqual([true, 2])
    expect(await two.command('GET', 'bar')).toBe('2')
    expect(await store.get('bar')).toBe('2')
  })
})
