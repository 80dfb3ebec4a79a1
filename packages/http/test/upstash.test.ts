/** The npm package @upstash/redis, unchanged, against the gateway: what its users call, with its defaults. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Redis } from '@upstash/redis'
import { waitFor } from '@slotwise/testing'
import { open, type Store } from 'slotwise'
import { createGateway, type Gateway } from '@slotwise/http'

const TOKEN = 'token-of-the-upstash-tests'
const READER = 'reader-of-the-upstash-tests'
let store: Store<string>
let gateway: Gateway
let url: string
let redis: Redis

const client = (options: object = {}): Redis => new Redis({ url, token: TOKEN, retry: false, ...options })

beforeAll(async () => {
  store = await open({ codec: 'text' })
  gateway = await createGateway({ store, tokens: [{ token: TOKEN }, { token: READER, readOnly: true }] })
  url = `http://127.0.0.1:${(await gateway.listen()).port}`
  redis = client()
})
afterAll(async () => {
  await gateway.close()
  await store.close()
})
beforeEach(() => store.flushAll())

describe('@upstash/redis', () => {
  it('strings, and values of any kind', async () => {
    expect(await redis.ping()).toBe('PONG')
    expect(await redis.set('text', 'héllo ✓')).toBe('OK')
    expect(await redis.get('text')).toBe('héllo ✓')
    expect(await redis.set('object', { a: [1, 'x', null] }, { ex: 100, nx: true })).toBe('OK')
    expect(await redis.get('object')).toEqual({ a: [1, 'x', null] })
    expect(await redis.set('object', 1, { nx: true })).toBeNull()
    expect(await redis.get('none')).toBeNull()
    expect(await redis.incrby('n', 41)).toBe(41)
    expect(await redis.incr('n')).toBe(42)
    expect(await redis.mset({ a: 1, b: 'two' })).toBe('OK')
    expect(await redis.mget('a', 'b', 'none')).toEqual([1, 'two', null])
    expect(await redis.ttl('object')).toBeGreaterThan(90)
    expect(await redis.del('a', 'b', 'none')).toBe(2)
    expect(await redis.set('big', 'x'.repeat(1_000_000))).toBe('OK')
    expect(await redis.strlen('big')).toBe(1_000_000)
  })

  it('hashes, lists, sets, sorted sets', async () => {
    expect(await redis.hset('h', { name: 'Ada', born: 1815 })).toBe(2)
    expect(await redis.hgetall('h')).toEqual({ name: 'Ada', born: 1815 })
    expect(await redis.hgetall('none')).toBeNull()
    expect(await redis.hmget('h', 'name', 'none')).toEqual({ name: 'Ada', none: null })
    expect(await redis.rpush<unknown>('l', 'a', 'b', { c: 1 })).toBe(3)
    expect(await redis.lrange('l', 0, -1)).toEqual(['a', 'b', { c: 1 }])
    expect(await redis.sadd('s', 'x', 'y')).toBe(2)
    expect((await redis.smembers('s')).sort()).toEqual(['x', 'y'])
    expect(await redis.zadd('z', { score: 1.5, member: 'a' }, { score: 2, member: 'b' })).toBe(2)
    expect(await redis.zrange('z', 0, -1, { withScores: true })).toEqual(['a', 1.5, 'b', 2])
    expect(await redis.zscore('z', 'a')).toBe(1.5)
    expect(await redis.zscore('z', 'none')).toBeNull()
  })

  it('scans to the end', async () => {
    for (let i = 0; i < 500; i++) store.set(`k${i}`, 'v')
    const found = new Set<string>()
    let cursor = '0'
    do {
      const [next, keys] = await redis.scan(cursor, { match: 'k*', count: 100 })
      for (const key of keys) found.add(key)
      cursor = next
    } while (cursor !== '0')
    expect(found.size).toBe(500)
  })

  it('pipelines and transactions', async () => {
    const pipeline = redis.pipeline()
    pipeline.set('a', 1)
    pipeline.incr('a')
    pipeline.hset('h', { f: 'v' })
    pipeline.get('a')
    expect(await pipeline.exec()).toEqual(['OK', 2, 1, 2])
    const multi = redis.multi()
    multi.set('b', { x: 1 })
    multi.get('b')
    expect(await multi.exec()).toEqual(['OK', { x: 1 }])
    await redis.set('text', 'no number')
    await expect(redis.pipeline().incr('text').get('text').exec()).rejects.toThrow(/not an integer/)
  })

  it('one request for what is asked in one turn (auto-pipelining)', async () => {
    const auto = client({ enableAutoPipelining: true })
    const before = await requests()
    const counts = await Promise.all(Array.from({ length: 50 }, () => auto.incr('n')))
    expect(counts).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    // With the one that asks how many there were; the client sends the first of a turn by itself now and then.
    expect(await requests() - before).toBeLessThanOrEqual(4)
  })

  it('subscriptions', async () => {
    const heard: unknown[] = []
    const subscription = redis.subscribe<unknown>(['news'])
    subscription.on('message', (message) => heard.push(message))
    const patterns = redis.psubscribe<unknown>(['n*'])
    patterns.on('pmessage', (message) => heard.push(message))
    await waitFor(() => subscribers() === 1 && store.command('PUBSUB NUMPAT') === 1)
    expect(await redis.publish('news', { a: 1 })).toBe(2)
    await waitFor(() => heard.length === 2)
    expect(heard).toEqual(expect.arrayContaining([{ channel: 'news', message: { a: 1 } }, { pattern: 'n*', channel: 'news', message: { a: 1 } }]))
    await subscription.unsubscribe()
    await patterns.unsubscribe()
    await waitFor(() => subscribers() === 0)
  })

  it('errors are its own, with Redis\'s sentence', async () => {
    await redis.set('text', 'x')
    await expect(redis.incr('text')).rejects.toMatchObject({ name: 'UpstashError', message: expect.stringContaining('ERR value is not an integer or out of range') })
    await expect(client({ token: 'wrong-token-of-nobody' }).get('text')).rejects.toThrow(/Unauthorized/)
    await expect(client({ token: READER }).set('text', 'y')).rejects.toThrow(/NOPERM/)
    expect(await client({ token: READER }).get('text')).toBe('x')
  })

  it('bytes as they are, if it is told not to decode', async () => {
    const raw = client({ responseEncoding: false, automaticDeserialization: false })
    expect(await raw.set('a', '{"a":1}')).toBe('OK')
    expect(await raw.get('a')).toBe('{"a":1}')
  })

  it('reads its own writes: a token comes with each answer once there is a stream', async () => {
    store.position() // begins it
    // The gateway looks ten times a second.
    await waitFor(async () => (await fetch(`${url}/ping?_token=${TOKEN}`, { headers: { 'upstash-sync-token': '' } })).headers.get('upstash-sync-token') !== null, { what: 'a token' })
    const tokens: string[] = []
    const listening = new Proxy(fetch, {})
    const original = globalThis.fetch
    globalThis.fetch = async (...args) => {
      const response = await listening(...args)
      tokens.push(response.headers.get('upstash-sync-token') ?? '')
      return response
    }
    try {
      const own = client({ readYourWrites: true })
      for (let i = 0; i < 3; i++) await own.set(`k${i}`, i)
      expect(await own.get('k2')).toBe(2)
    } finally {
      globalThis.fetch = original
    }
    expect(tokens).toHaveLength(4)
    for (const token of tokens) expect(token).toMatch(/^[0-9a-f]{40}:\d+$/)
    expect(new Set(tokens.slice(0, 3)).size).toBe(3)
  })
})

const subscribers = (): unknown => (store.command('PUBSUB NUMSUB', 'news') as [string, number])[1]

async function requests(): Promise<number> {
  const response = await fetch(`${url}/metrics?_token=${TOKEN}`)
  const text = await response.text()
  return [...text.matchAll(/^slotwise_http_requests_total\{[^}]*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
}
