/**
 * What every store with promises does alike, wherever its data is: in this process, at a server, in a cluster, at a
 * ring of servers, in a cluster that this process is a member of. One suite, run over each of them by the package that
 * has it. The stores come with the codec 'msgpack' and without keys. Keys that belong together have a hash tag.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

/** The methods that the suite calls; a structural copy, since this package knows none of the others. */
export interface ConformingStore {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown, options?: object): Promise<boolean>
  getSet(key: string, value: unknown): Promise<unknown>
  getMany(keys: readonly string[]): Promise<unknown[]>
  setMany(entries: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void>
  mGet(keys: readonly string[]): Promise<unknown[]>
  incr(key: string): Promise<number>
  incrByFloat(key: string, amount: number): Promise<number>
  del(keys: string | readonly string[]): Promise<number>
  exists(keys: string | readonly string[]): Promise<number>
  type(key: string): Promise<string>
  expire(key: string, options: object): Promise<boolean>
  ttlMs(key: string): Promise<number | null>
  rename(key: string, newKey: string): Promise<void>
  keys(pattern?: string): Promise<string[]>
  dbSize(): Promise<number>
  flushAll(): Promise<void>
  hSet(key: string, fields: Readonly<Record<string, unknown>>): Promise<number>
  hGet(key: string, field: string): Promise<unknown>
  hGetAll(key: string): Promise<Record<string, unknown>>
  hRandFieldWithValues(key: string, count: number): Promise<[string, unknown][]>
  rPush(key: string, ...elements: unknown[]): Promise<number>
  lPop(key: string): Promise<unknown>
  lRange(key: string, start: number, end: number): Promise<unknown[]>
  lmPop(keys: readonly string[], side: 'left' | 'right', options?: object): Promise<unknown>
  sAdd(key: string, members: string | readonly string[]): Promise<number>
  sMembers(key: string): Promise<Set<string>>
  zAdd(key: string, scores: Readonly<Record<string, number>>): Promise<unknown>
  zScore(key: string, member: string): Promise<number | null>
  zRangeWithScores(key: string, options?: object): Promise<unknown[]>
  blPop(keys: string | readonly string[], options?: object): Promise<unknown>
  bzPopMin(keys: string, options?: object): Promise<unknown>
  batch(build: (batch: ConformingBatch) => unknown): Promise<unknown>
  multi(build: (batch: ConformingBatch) => unknown): Promise<unknown>
  command(name: string, ...args: (string | number)[]): Promise<unknown>
  commandBytes(name: string, ...args: (string | number)[]): Promise<unknown>
  scan(options?: object): AsyncIterable<string>
  hScan(key: string, options?: object): AsyncIterable<[string, unknown]>
  zScan(key: string, options?: object): AsyncIterable<[string, number]>
  readonly closed: boolean
  close(): Promise<void>
  destroy(reason?: Error): void
}

export interface ConformingBatch {
  get(key: string): unknown
  set(key: string, value: unknown): unknown
  incr(key: string): unknown
  command(name: string, ...args: string[]): unknown
}

export interface ConformanceSubject extends AsyncDisposable {
  /** A store over the same data, each time a new one. */
  open(): Promise<ConformingStore>
}

const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/**
 * Declares the suite.
 * @param title  where the data is
 * @param start  starts what has the data; called once
 */
export function conformsAsAsyncStore(title: string, start: () => Promise<ConformanceSubject>): void {
  describe(`a store with promises, ${title},`, () => {
    let subject: ConformanceSubject
    let store: ConformingStore
    beforeAll(async () => {
      subject = await start()
      store = await subject.open()
    }, 180_000)
    afterAll(async () => {
      await store.close()
      await subject[Symbol.asyncDispose]()
    })
    beforeEach(() => store.flushAll())

    it('keeps values as they are', async () => {
      const value = { name: 'Ada', at: new Date(0), tags: ['a', null], bytes: new Uint8Array([0, 255]), big: 2n ** 60n }
      expect(await store.set('user:1', value)).toBe(true)
      expect(await store.get('user:1')).toEqual(value)
      for (const item of ['', 'text', 'schön €', 'x'.repeat(70_000), -1.5, 0, true, null, []]) {
        await store.set('one', item)
        expect(await store.get('one')).toEqual(item)
      }
      expect(await store.get('none')).toBeNull()
      expect(await store.getSet('one', 2)).toEqual([])
    })

    it('has the options of commands, and times', async () => {
      expect(await store.set('k', 1, { ttlMs: 60_000 })).toBe(true)
      expect(await store.set('k', 2, { nx: true })).toBe(false)
      expect(await store.ttlMs('k')).toBeGreaterThan(50_000)
      expect(await store.ttlMs('none')).toBeNull()
      expect(await store.expire('k', { ttlMs: 0 })).toBe(true)
      expect(await store.exists('k')).toBe(0)
    })

    it('counts as other clients do', async () => {
      await store.set('n', 5)
      expect(await store.incr('n')).toBe(6)
      expect(await store.get('n')).toBe(6)
      expect(await store.incrByFloat('n', 0.5)).toBe(6.5)
    })

    it('reads and writes many', async () => {
      const keys = Array.from({ length: 200 }, (_, index) => `many:${index}`)
      await store.batch((batch) => { for (const [index, key] of keys.entries()) batch.set(key, { index }) })
      expect(await store.getMany([...keys, 'none'])).toEqual([...keys.map((_, index) => ({ index })), null])
      expect(await store.getMany([])).toEqual([])
      await store.setMany({ '{t}a': 1, '{t}b': [2] })
      expect(await store.mGet(['{t}a', '{t}b', '{t}c'])).toEqual([1, [2], null])
      await store.setMany({ '{t}a': 3, '{t}b': 4 }, { ttlMs: 60_000 })
      expect([await store.get('{t}b'), (await store.ttlMs('{t}a'))! > 0]).toEqual([4, true])
      expect(await store.exists(keys)).toBe(200)
      expect(await store.dbSize()).toBe(202)
      expect((await store.keys('many:*')).sort()).toEqual(keys.toSorted())
      expect(await store.del(['none', ...keys])).toBe(200)
    })

    it('has hashes, lists, sets and sorted sets', async () => {
      const fields = { host: 'localhost', port: 80, __proto__x: { deep: [1] } }
      expect(await store.hSet('h', fields)).toBe(3)
      expect({ ...await store.hGetAll('h') }).toEqual(fields)
      expect({ ...await store.hGetAll('none') }).toEqual({})
      expect(await store.hGet('h', 'port')).toBe(80)
      expect(new Map(await store.hRandFieldWithValues('h', 3))).toEqual(new Map<string, unknown>(Object.entries(fields)))
      expect(await store.rPush('{l}1', { id: 1 }, 2, 'three')).toBe(3)
      expect(await store.lRange('{l}1', 0, -1)).toEqual([{ id: 1 }, 2, 'three'])
      expect(await store.lPop('{l}1')).toEqual({ id: 1 })
      expect(await store.lmPop(['{l}0', '{l}1'], 'right', { count: 5 })).toEqual({ key: '{l}1', elements: ['three', 2] })
      expect(await store.sAdd('s', ['a', 'b', 'a'])).toBe(2)
      expect(await store.sMembers('s')).toEqual(new Set(['a', 'b']))
      await store.zAdd('z', { ada: 1.5, bob: Infinity, eve: -3 })
      expect([await store.zScore('z', 'bob'), await store.zScore('z', 'nobody')]).toEqual([Infinity, null])
      expect(await store.zRangeWithScores('z')).toEqual([['eve', -3], ['ada', 1.5], ['bob', Infinity]])
      expect(await store.type('z')).toBe('zset')
    })

    it('runs batches, in which errors do not stop others, and transactions', async () => {
      expect(await store.batch((batch) => [batch.set('k', 1), batch.incr('k'), batch.get('k')])).toEqual([true, 2, 2])
      await store.rPush('list', 1)
      const failed = await store.batch((batch) => [batch.get('k'), batch.incr('list'), batch.incr('k')])
        .catch((error: unknown) => error) as { code: string; results: unknown[] }
      expect(failed.code).toBe('WRONGTYPE')
      expect([failed.results[0], failed.results[2]]).toEqual([2, 3])
      expect(await store.multi((multi) => [multi.set('{m}1', 'a'), multi.incr('{m}2'), multi.get('{m}1')])).toEqual([true, 1, 'a'])
      await expect(store.multi((multi) => [multi.set('{m}1', 'b'), multi.command('GET', '{m}1', 'too', 'many')]))
        .rejects.toThrow(code('EXECABORT'))
      expect(await store.get('{m}1')).toBe('a')
      await expect(store.multi((multi) => [multi.set('{l}', 1), multi.command('LPOP', '{l}')])).rejects.toThrow(code('WRONGTYPE'))
    })

    it('rejects with the same errors', async () => {
      await store.rPush('list', 1)
      await expect(store.get('list')).rejects.toThrow(code('WRONGTYPE'))
      await expect(store.getMany(['k', 'list'])).rejects.toThrow(code('WRONGTYPE'))
      await expect(store.rename('{a}', '{a}b')).rejects.toThrow(code('ERR'))
      await expect(store.command('GET', 'k', 'too many')).rejects.toThrow(code('ERR'))
      await store.command('SET', 'foreign', 'no msgpack \u0001')
      await expect(store.get('foreign')).rejects.toThrow(code('CODEC'))
      await expect(store.batch(() => Promise.resolve())).rejects.toThrow(TypeError)
    })

    it('rejects bad arguments, and never throws', async () => {
      await expect(store.get(5 as never)).rejects.toThrow(TypeError)
      await expect(store.get('\ud800')).rejects.toThrow(TypeError)
      await expect(store.set('k', undefined)).rejects.toThrow(TypeError)
      await expect(store.set('k', 1, { ttlMs: 0 })).rejects.toThrow(RangeError)
      await expect(store.expire('k', {})).rejects.toThrow(TypeError)
      await expect(store.blPop('k', { timeoutMs: -1 })).rejects.toThrow(RangeError)
      for (const name of ['SELECT', 'MULTI', 'SUBSCRIBE', '']) await expect(store.command(name)).rejects.toThrow(TypeError)
      expect(await store.exists('k')).toBe(0)
    })

    it('walks everything', async () => {
      const keys = Array.from({ length: 300 }, (_, index) => `walk:${index}`)
      await store.batch((batch) => { for (const key of keys) batch.set(key, 1) })
      expect(new Set(await all(store.scan({ match: 'walk:*', count: 50 })))).toEqual(new Set(keys))
      await store.hSet('h', { a: [1], b: 2 })
      expect((await all(store.hScan('h'))).sort()).toEqual([['a', [1]], ['b', 2]])
      await store.zAdd('z', { a: 1.5, b: -Infinity })
      expect((await all(store.zScan('z'))).sort()).toEqual([['a', 1.5], ['b', -Infinity]])
    })

    it('waits for elements without holding others up', async () => {
      const taken = store.blPop(['{q}1', '{q}2'], { timeoutMs: 20_000 })
      expect(await store.set('meanwhile', 1)).toBe(true)
      await store.rPush('{q}2', { id: 7 })
      expect(await taken).toEqual({ key: '{q}2', element: { id: 7 } })
      expect(await store.blPop('{q}1', { timeoutMs: 20 })).toBeNull()
      await store.zAdd('board', { ada: 1.5 })
      expect(await store.bzPopMin('board', { timeoutMs: 20_000 })).toEqual({ key: 'board', member: 'ada', score: 1.5 })
      const stop = new AbortController()
      const aborted = store.blPop('{q}1', { signal: stop.signal })
      await store.get('k')
      stop.abort(new Error('enough'))
      await expect(aborted).rejects.toThrow('enough')
      await store.rPush('{q}1', 'kept')
      expect(await store.lPop('{q}1')).toBe('kept')
    })

    it('runs any command', async () => {
      await store.set('k', 5)
      expect(await store.command('OBJECT ENCODING', 'k')).toBe('int')
      expect(await store.commandBytes('GET', 'k')).toEqual(new Uint8Array([0x35]))
      await store.hSet('h', { a: 1 })
      expect(await store.command('HGETALL', 'h')).toEqual(new Map([['a', '1']]))
      await store.sAdd('s', 'a')
      expect(await store.command('SMEMBERS', 's')).toEqual(new Set(['a']))
      expect(await store.command('SET', 'k', 'v', 'NX')).toBeNull()
    })

    it('shares its data with others, and ends', async () => {
      const other = await subject.open()
      await store.set('shared', [1])
      expect(await other.get('shared')).toEqual([1])
      expect(other.closed).toBe(false)
      await Promise.all([other.close(), other.close()])
      expect(other.closed).toBe(true)
      await expect(other.get('shared')).rejects.toThrow(code('CLOSED'))
      await expect(other.batch((batch) => [batch.get('shared')])).rejects.toThrow(code('CLOSED'))
      const destroyed = await subject.open()
      const waiting = destroyed.blPop('{q}none')
      const rejected = expect(waiting).rejects.toThrow(code('CLOSED'))
      await destroyed.get('shared')
      destroyed.destroy(new Error('reason'))
      await rejected
      expect(await store.get('shared')).toEqual([1])
    })
  })
}
