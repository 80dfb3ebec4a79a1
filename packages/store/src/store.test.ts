import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tempDir, waitFor } from '@slotwise/testing'
import { BatchError, open, ReplyError, type Store, StoreClosedError, StoreError } from './index.js'

let store: Store
beforeEach(async () => { store = await open() })
afterEach(() => store.close())

describe('strings', () => {
  it('are set, read and removed', () => {
    expect(store.get('k')).toBeNull()
    expect(store.set('k', { a: 1 })).toBe(true)
    expect(store.get('k')).toEqual({ a: 1 })
    expect(store.get(Buffer.from('k'))).toEqual({ a: 1 })
    expect(store.getDel('k')).toEqual({ a: 1 })
    expect(store.exists(['k', 'k'])).toBe(0)
  })

  it('are set under conditions', () => {
    expect(store.set('k', 1, { xx: true })).toBe(false)
    expect(store.set('k', 1, { nx: true, ttlMs: 50_000 })).toBe(true)
    expect(store.set('k', 2, { nx: true })).toBe(false)
    expect(store.set('k', 2, { xx: true, keepTtl: true })).toBe(true)
    expect(store.ttlMs('k')).toBeGreaterThan(40_000)
    expect(store.getSet('k', 3)).toBe(2)
    expect(store.ttlMs('k')).toBe(Infinity)
    expect(store.setNx('k', 4)).toBe(false)
    expect(store.setNx('other', 4)).toBe(true)
  })

  it('live as long as they are told', async () => {
    const atMs = Date.now() + 60_000
    store.set('a', 1, { ttlMs: 20 })
    store.set('b', 1, { expireAtMs: atMs })
    expect(store.expireTimeMs('b')).toBe(atMs)
    expect(store.ttlMs('none')).toBeNull()
    await waitFor(() => store.get('a') === null)
    expect(store.getEx('b', { persist: true })).toBe(1)
    expect(store.expireTimeMs('b')).toBe(Infinity)
    expect(store.expire('b', { ttlMs: 5000, only: 'xx' })).toBe(false)
    expect(store.expire('b', { ttlMs: 5000 })).toBe(true)
    expect(store.persist('b')).toBe(true)
    expect(store.expire('b', { ttlMs: 0 })).toBe(true)
    expect(store.exists('b')).toBe(0)
    store.setMany({ x: 1, y: 2 }, { ttlMs: 60_000 })
    expect(store.ttlMs('y')).toBeGreaterThan(50_000)
  })

  it('count', () => {
    expect(store.incr('n')).toBe(1)
    expect(store.incrBy('n', 41)).toBe(42)
    expect(store.decr('n')).toBe(41)
    expect(store.decrBy('n', 40)).toBe(1)
    expect(store.incrByFloat('n', 0.25)).toBe(1.25)
    store.set('n', 'text')
    expect(() => store.incr('n')).toThrow(ReplyError)
    store.set('n', Number.MAX_SAFE_INTEGER)
    expect(store.incr('n')).toBe(2 ** 53)
    expect(store.get('n')).toBe(2 ** 53)
  })

  it('have parts and bits', async () => {
    await using text = await open({ codec: 'text' })
    expect(text.append('k', 'hello')).toBe(5)
    expect(text.setRange('k', 6, 'world')).toBe(11)
    expect(Buffer.from(text.getRange('k', -5, -1)).toString()).toBe('world')
    expect(text.strLen('k')).toBe(11)
    expect(Buffer.from(text.lcs('k', 'k')).toString()).toBe('hello\0world')
    expect(text.setBit('bits', 7, 1)).toBe(0)
    expect(text.getBit('bits', 7)).toBe(1)
    expect(text.bitCount('bits', { start: 0, end: 0 })).toBe(1)
    expect(text.bitPos('bits', 1)).toBe(7)
    expect(text.bitOp('not', 'inverse', ['bits'])).toBe(1)
    expect(text.bitCount('inverse')).toBe(7)
    expect(text.bitField('f', [
      { set: 'u8', offset: 0, value: 200 }, { incrBy: 'u8', offset: '#0', amount: 100, overflow: 'fail' },
      { incrBy: 'u8', offset: 0, amount: 100, overflow: 'sat' }, { get: 'u4', offset: 0 },
    ])).toEqual([0, null, 255, 15])
  })

  it('come in numbers', () => {
    store.setMany(new Map([['a', 1], ['b', 2]]))
    store.mSet([['c', 3]])
    expect(store.mSetNx([['c', 0], ['d', 0]])).toBe(false)
    expect(store.getMany(['a', 'none', 'c'])).toEqual([1, null, 3])
    expect(store.mGet(['d', 'b'])).toEqual([null, 2])
    store.setMany([])
    expect(store.getMany([])).toEqual([])
    const keys = Array.from({ length: 20_000 }, (_, index) => `key ${index}`)
    store.setMany(keys.map((key) => [key, key] as const))
    expect(store.getMany(keys)).toEqual(keys)
  })
})

describe('keys', () => {
  it('are named, counted, moved and listed', () => {
    store.setMany({ a: 1, b: 2 })
    store.rename('a', 'c')
    expect(store.renameNx('b', 'c')).toBe(false)
    expect(store.copy('c', 'd')).toBe(true)
    expect(store.copy('c', 'd')).toBe(false)
    expect(store.copy('c', 'b', { replace: true })).toBe(true)
    expect(store.keys().sort()).toEqual(['b', 'c', 'd'])
    expect(store.type('b')).toBe('string')
    expect(store.type('none')).toBe('none')
    expect(store.touch(['b', 'none'])).toBe(1)
    expect(store.move('b', 1)).toBe(true)
    expect(store.dbSize()).toBe(2)
    expect(['c', 'd']).toContain(store.randomKey())
    expect(store.unlink(['c', 'd', 'none'])).toBe(2)
    store.swapDb(0, 1)
    expect(store.get('b')).toBe(1)
    store.flushDb()
    expect(store.randomKey()).toBeNull()
    store.flushAll({ async: true })
    expect(() => store.rename('none', 'x')).toThrow('no such key')
  })

  it('may be empty, long, binary, or any text', () => {
    const binary = new Uint8Array([0, 255, 13, 10])
    for (const key of ['', 'x'.repeat(100_000), 'é'.repeat(50), '\r\n\0', binary]) {
      store.set(key, 'v')
      expect(store.get(key)).toBe('v')
      expect(store.getMany([key])).toEqual(['v'])
      expect(store.del(key)).toBe(1)
    }
  })

  it.each([[undefined], [null], [5], [{}], [['k']], [true], ['lone \ud800']])('cannot be %j: nothing changes', (key) => {
    const bad = key as string
    for (const use of [
      () => store.get(bad), () => store.set(bad, 1), () => store.getMany([bad]), () => store.setMany([['a', 1], [bad, 1]]),
      () => store.batch((batch) => [batch.set('a', 1), batch.get(bad)]), () => store.multi((multi) => [multi.set('a', 1), multi.get(bad)]),
    ]) expect(use).toThrow(TypeError)
    expect(store.dbSize()).toBe(0)
    store.set('still', 'works')
    expect(store.get('still')).toBe('works')
  })

  it('that are scanned come at least once while others come and go', async () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `stays:${index}`)
    store.setMany(keys.map((key) => [key, 1] as const))
    const seen = new Set<string>()
    let turn = 0
    for await (const key of store.scan({ count: 50 })) {
      seen.add(key)
      store.set(`comes:${turn++}`, 1)
      if (turn > 10) store.del(`comes:${turn - 10}`)
      if (turn > 20_000) break
    }
    expect(keys.filter((key) => !seen.has(key))).toEqual([])
    const matched = []
    for await (const key of store.scan({ match: 'stays:29*', type: 'string' })) matched.push(key)
    expect(new Set(matched).size).toBe(111)
  })

  it('are scanned until the signal says no', async () => {
    store.setMany(Array.from({ length: 1000 }, (_, index) => [`k${index}`, 1] as const))
    const stop = new AbortController()
    const scan = async (): Promise<void> => { for await (const _ of store.scan({ count: 1, signal: stop.signal })) stop.abort(new Error('enough')) }
    await expect(scan()).rejects.toThrow('enough')
  })
})

describe('bad options', () => {
  it.each<[name: string, use: () => unknown]>([
    ['ttlMs of 0', () => store.set('k', 1, { ttlMs: 0 })],
    ['negative ttlMs', () => store.set('k', 1, { ttlMs: -5 })],
    ['fractional ttlMs', () => store.set('k', 1, { ttlMs: 1.5 })],
    ['NaN', () => store.set('k', 1, { ttlMs: NaN, nx: true })],
    ['Infinity', () => store.expire('k', { ttlMs: Infinity })],
    ['expireAtMs of 0', () => store.set('k', 1, { expireAtMs: 0 })],
    ['ttlMs for many', () => store.setMany([['k', 1]], { ttlMs: 0 })],
    ['a negative offset', () => store.setRange('k', -1, 'x')],
    ['no attempts', () => store.multi((multi) => [multi.set('k', 1)], { attempts: 0 })],
    ['count of 0', () => store.scan({ count: 0 }).next().then(() => undefined, (error: unknown) => { throw error })],
  ])('%s is a RangeError and changes nothing', async (_, use) => {
    await expect(new Promise((resolve) => resolve(use()))).rejects.toThrow(RangeError)
    expect(store.dbSize()).toBe(0)
  })

  it('that contradict each other are a TypeError', () => {
    expect(() => store.set('k', 1, { nx: true, xx: true })).toThrow(TypeError)
    expect(() => store.set('k', 1, { ttlMs: 5, expireAtMs: 5 })).toThrow(TypeError)
    expect(() => store.set('k', 1, { ttlMs: 5, keepTtl: true })).toThrow(TypeError)
    expect(() => store.expire('k', {})).toThrow(TypeError)
    expect(store.dbSize()).toBe(0)
  })

  it.each([
    [{ dirr: './x' }, TypeError], [{ dir: '' }, TypeError], [{ dir: 5 }, TypeError], [{ name: '' }, TypeError],
    [{ databases: 0 }, RangeError], [{ db: -1 }, RangeError], [{ db: 16 }, RangeError],
    [{ maxMemoryBytes: -1 }, RangeError],
    [{ evictionPolicy: 'oldest' }, TypeError], [{ appendFsync: 'never' }, TypeError], [{ attachOnly: true }, TypeError],
    [null, TypeError],
  ])('open(%j) is refused', async (options, kind) => {
    await expect(open(options as never)).rejects.toThrow(kind)
  })

  it('of redis.conf are refused with their name', async () => {
    await expect(open({ directives: { 'maxmemory-policy': 'oldest' } })).rejects.toThrow(/maxmemory-policy/)
    await expect(open({ directives: { nonsense: '1' } })).rejects.toThrow(expect.objectContaining({ code: 'OPEN' }))
    await using small = await open({ directives: { databases: 2 } })
    expect(small.command('CONFIG GET', 'databases')).toEqual(new Map([['databases', '2']]))
  })
})

describe('a batch', () => {
  it('gives the values of what it returns, or all in order', () => {
    const [first, second, constant] = store.batch((batch) => [batch.incr('n'), batch.get('n'), 'constant'])
    expect([first, second, constant]).toEqual([1, 1, 'constant'])
    expect(store.batch((batch) => { batch.set('k', 'v'); batch.get('k'); batch.command('CONFIG GET', 'port') }))
      .toEqual([true, 'v', new Map([['port', '6379']])])
    expect(store.batch(() => [])).toEqual([])
  })

  it('tells what was refused, and what was not', () => {
    store.set('text', 'x')
    const refused = (): unknown => store.batch((batch) => [batch.incr('n'), batch.incr('text'), batch.incr('n')])
    expect(refused).toThrow(BatchError)
    try {
      refused()
    } catch (error) {
      expect((error as BatchError).code).toBe('ERR')
      expect((error as BatchError).results).toEqual([3, expect.any(ReplyError), 4])
    }
  })

  it('gives each result to its command', () => {
    let later: { value: number } | undefined
    store.batch((batch) => { later = batch.incr('n') })
    expect(later!.value).toBe(1)
    const unused: { value: number }[] = []
    expect(() => store.batch((batch) => { unused.push(batch.incr('n')); throw new Error('stop') })).toThrow('stop')
    expect(() => unused[0]!.value).toThrow(/has not run/)
    expect(store.get('n')).toBe(1)
  })

  it('is collected synchronously', () => {
    expect(() => store.batch((async () => Promise.resolve()) as never)).toThrow(TypeError)
  })

  it('keeps arguments as they were', () => {
    const key = Buffer.from('before')
    store.batch((batch) => {
      batch.set(key, 1)
      key.write('after!')
    })
    expect(store.keys()).toEqual(['before'])
  })
})

describe('a transaction', () => {
  it('happens at once', () => {
    expect(store.multi((multi) => [multi.set('a', 1), multi.incr('a'), multi.get('a')])).toEqual([true, 2, 2])
  })

  it('is tried again when a watched key has changed', () => {
    let tries = 0
    store.set('balance', 10)
    const done = store.multi((multi) => {
      const balance = store.get<number>('balance')!
      if (++tries < 3) store.incr('balance')
      return [multi.set('balance', balance * 2)]
    }, { watch: ['balance'] })
    expect([done, tries, store.get('balance')]).toEqual([[true], 3, 24])
  })

  it('is null when it lost every time', () => {
    expect(store.multi((multi) => { store.incr('k'); multi.set('other', 1) }, { watch: ['k'], attempts: 4 })).toBeNull()
    expect(store.get('k')).toBe(4)
    expect(store.exists('other')).toBe(0)
  })

  it('that is given up leaves nothing watched', () => {
    expect(() => store.multi(() => { throw new Error('no') }, { watch: ['k'] })).toThrow('no')
    expect(() => store.multi((multi) => [multi.get(5 as never)], { watch: ['k'] })).toThrow(TypeError)
    store.incr('k')
    expect(store.multi((multi) => [multi.incr('k')])).toEqual([2])
  })

  it('with a malformed command does nothing', () => {
    const use = (): unknown => store.multi((multi) => [multi.set('k', 1), multi.command('NOSUCH')])
    expect(use).toThrow(expect.objectContaining({ code: 'EXECABORT' }))
    expect(store.exists('k')).toBe(0)
    expect(() => store.multi(() => { store.multi((inner) => [inner.incr('k')]) })).toThrow(/inside/)
  })
})

describe('any command', () => {
  it('takes its words apart', () => {
    store.set('k', 5)
    expect(store.command('OBJECT ENCODING', 'k')).toBe('int')
    expect(store.command('object', 'encoding', 'k')).toBe('int')
    expect(store.command('BITFIELD', 'f', 'SET', 'i64', 0, -1)).toEqual([0])
    expect(store.commandBytes('GET', 'f')).toEqual(new Uint8Array(8).fill(255))
    expect(store.command('PING')).toBe('PONG')
  })

  it.each(['SELECT 1', 'select', 'MULTI', 'EXEC', 'WATCH k', 'SUBSCRIBE x', 'HELLO 2', 'RESET', 'QUIT', 'CLIENT REPLY OFF', ' ', ''])(
    'but not %j, which is about a connection', (name) => {
      expect(() => store.command(name)).toThrow(TypeError)
      expect(() => store.batch((batch) => [batch.command(name)])).toThrow(TypeError)
      expect(store.command('PING')).toBe('PONG')
    })
})

describe('messages', () => {
  it('come to every loop that wants them, until it is left', async () => {
    const first = store.subscribe(['a', 'b'])
    const second = store.subscribe('a')
    const pattern = store.subscribe('*', { patterns: true })
    expect(store.publish('a', 'one')).toBe(2)
    expect(store.publish('b', new Uint8Array([255]))).toBe(2)
    const take = async (loop: typeof first): Promise<unknown> => {
      const { channel, text } = (await loop.next()).value!
      return [channel, text]
    }
    expect([await take(first), await take(second), await take(pattern)]).toEqual([['a', 'one'], ['a', 'one'], ['a', 'one']])
    expect((await first.next()).value!.bytes).toEqual(Buffer.from([255]))
    await first.return()
    await pattern.return()
    expect(store.publish('b', 'x')).toBe(0)
    expect(store.publish('a', 'two')).toBe(1)
    expect(await take(second)).toEqual(['a', 'two'])
    await second.return()
    expect(store.publish('a', 'x')).toBe(0)
  })

  it('come from other stores of the process', async () => {
    await using one = await open({ name: 'messages' })
    await using two = await open({ name: 'messages' })
    const loop = one.subscribe('c')
    expect(two.publish('c', 'hi')).toBe(1)
    expect((await loop.next()).value!.text).toBe('hi')
  })

  it('end with an error for who does not keep up, who aborts, or when the store is closed', async () => {
    const slow = store.subscribe('c', { waitingMax: 2 })
    for (let i = 0; i < 5; i++) store.publish('c', 'x')
    await waitFor(async () => {
      await new Promise(setImmediate)
      return true
    })
    await expect(slow.next().then(() => slow.next()).then(() => slow.next())).rejects.toThrow(expect.objectContaining({ code: 'SLOW' }))
    const stop = new AbortController()
    const aborted = store.subscribe('c', { signal: stop.signal }).next()
    stop.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const closed = store.subscribe('c').next()
    const rejected = expect(closed).rejects.toThrow(StoreClosedError)
    await store.close()
    await rejected
    store = await open()
  })
})

describe('a store on disk', () => {
  it('has everything again', async () => {
    await using dir = tempDir()
    const first = await open({ dir: dir.path, appendFsync: 'always' })
    first.setMany({ a: { deep: [1] }, b: 2 })
    first.set('c', 3, { ttlMs: 60_000 })
    await first.close()
    await using second = await open({ dir: dir.path })
    expect(second.getMany(['a', 'b', 'c'])).toEqual([{ deep: [1] }, 2, 3])
    expect(second.ttlMs('c')).toBeGreaterThan(50_000)
  })

  it('is one store however its folder is spelled, and whatever name finds it', async () => {
    await using dir = tempDir()
    await using first = await open({ dir: dir.path, name: 'main' })
    await using second = await open({ dir: `${dir.path}/../${dir.path.split('/').at(-1)}`, codec: 'text', db: 0 })
    await using third = await open({ name: 'main', attachOnly: true, db: 3 })
    second.set('k', '1')
    expect(first.get('k')).toBe(1)
    expect(third.get('k')).toBeNull()
    third.set('k', 'three')
    expect(first.get('k')).toBe(1)
    expect(third.command('DBSIZE')).toBe(1)
  })

  it('makes its folder, and says so when it cannot', async () => {
    await using dir = tempDir()
    await (await open({ dir: `${dir.path}/a/b` })).close()
    writeFileSync(`${dir.path}/file`, '')
    await expect(open({ dir: `${dir.path}/file/b` })).rejects.toThrow(expect.objectContaining({ code: 'OPEN' }))
    await expect(open({ dir: `${dir.path}/a/c`, attachOnly: true })).rejects.toThrow(expect.objectContaining({ code: 'NOTOPEN' }))
  })

  it('syncs once for many who wait, and covers what came before each', async () => {
    await using dir = tempDir()
    await using disk = await open({ dir: dir.path, appendFsync: 'no' })
    const waits = Array.from({ length: 100 }, (_, index) => {
      disk.set(`k${index}`, index)
      const { tail } = disk.stats()
      return disk.synced().then(() => disk.stats().durable >= tail)
    })
    expect(new Set(await Promise.all(waits))).toEqual(new Set([true]))
    const stop = AbortSignal.abort(new Error('enough'))
    await expect(disk.synced({ signal: stop })).rejects.toThrow('enough')
  })
})

describe('the end', () => {
  it('is clean, once, and told', async () => {
    const target = await open()
    const closed = once(target as never, 'close')
    await Promise.all([target.close(), target.close()])
    await closed
    expect(target.closed).toBe(true)
    for (const use of [
      () => target.get('k'), () => target.set('k', 1), () => target.getMany(['k']), () => target.setMany([['k', 1]]),
      () => target.batch((batch) => [batch.get('k')]), () => target.multi((multi) => [multi.get('k')]),
      () => target.command('PING'), () => target.subscribe('c'), () => target.stats(),
    ]) expect(use).toThrow(StoreClosedError)
    await expect(target.synced()).rejects.toThrow(StoreClosedError)
    await expect(target.listen({ port: 0 })).rejects.toThrow(StoreClosedError)
    await expect(target.scan().next()).rejects.toThrow(StoreError)
  })

  it('can be at once: what waits is rejected with the reason', async () => {
    await using dir = tempDir()
    const target = await open({ dir: dir.path })
    target.set('k', 1)
    const waiting = target.synced()
    const message = target.subscribe('c').next()
    const rejected = Promise.all([
      expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'CLOSED', cause: new Error('reason') })),
      expect(message).rejects.toThrow(expect.objectContaining({ code: 'CLOSED' })),
    ])
    target.destroy(new Error('reason'))
    expect(() => target.get('k')).toThrow(StoreClosedError)
    await rejected
    await target.close()
    await using again = await open({ dir: dir.path })
    expect(again.get('k')).toBe(1)
  })

  it('waits for what is under way', async () => {
    await using dir = tempDir()
    const target = await open({ dir: dir.path, appendFsync: 'no' })
    target.set('k', 1)
    const order: string[] = []
    const synced = target.synced().then(() => order.push('synced'))
    await target.close().then(() => order.push('closed'))
    await synced
    expect(order).toEqual(['synced', 'closed'])
  })

  it('of opening comes with the signal', async () => {
    await using dir = tempDir()
    await expect(open({ signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early')
    const stop = new AbortController()
    const opening = open({ dir: dir.path, signal: stop.signal })
    stop.abort(new Error('late'))
    await expect(opening).rejects.toThrow('late')
    await (await open({ dir: dir.path })).close()
  })
})

describe('semi-sync', () => {
  it('makes synced() wait for replicas, until it falls back, which is an event', async () => {
    await using semi = await open({ codec: 'text', semiSync: { timeoutMs: 300 } })
    const changes: { status: string; clients: number }[] = []
    semi.on('semiSync', (change) => void changes.push(change))
    semi.set('k', 'v')
    expect(semi.get('k')).toBe('v')
    const before = performance.now()
    await semi.synced()
    expect(performance.now() - before).toBeGreaterThan(290)
    // That it is on from the start may be told before anybody listens, or after.
    await waitFor(() => changes.at(-1)?.status === 'fallenBack')
    expect(changes.map((change) => change.status).join(' ')).toMatch(/^(on )?fallenBack$/)
    expect(changes.at(-1)).toEqual({ status: 'fallenBack', clients: 0 })
  })

  it('refuses writes without replicas if it is strict, and close() ends a synced() that waits for them', async () => {
    const strict = await open({ semiSync: { strict: true } })
    expect(() => strict.set('k', 'v')).toThrow(expect.objectContaining({ code: 'NOREPLICAS' }) as Error)
    expect(strict.get('k')).toBeNull()
    await strict.close()
    const waiting = await open({ semiSync: { timeoutMs: 600_000 } })
    waiting.set('k', 'v')
    const synced = waiting.synced()
    const closed = waiting.close()
    await expect(synced).rejects.toThrow()
    await closed
  })

  it('is checked like all options', async () => {
    for (const semiSync of [{ acks: 0 }, { timeoutMs: 0.5 }, { ackOn: 'seen' }, { quorum: 2 }, 'yes'])
      await expect(open({ semiSync: semiSync as never })).rejects.toThrow(/semiSync/)
  })
})
