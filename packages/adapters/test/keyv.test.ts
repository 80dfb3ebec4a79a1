/** Keyv's own suite, and what builds on Keyv: cache-manager, Cacheable, Nest's cache module. */
import 'reflect-metadata'
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager'
import { Logger, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import * as vitest from 'vitest'
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { type Cache, createCache } from 'cache-manager'
import { Cacheable } from 'cacheable'
import Keyv from 'keyv'
import { type AsyncStore, open, type Store } from 'slotwise'
import { type ServerProcess, startSlotwise } from '@slotwise/testing'
import { KeyvSlotwise } from '../src/keyv.js'

const { afterAll, describe, expect, it } = vitest
const store: Store = await open()
const server: ServerProcess = await startSlotwise()
const far: AsyncStore = await open({ url: `redis://127.0.0.1:${server.port}` })
afterAll(async () => {
  await store.close()
  await far.close()
  await server[Symbol.asyncDispose]()
})

describe.each<[string, Store | AsyncStore]>([['in the process', store], ['at a server', far]])('Keyv\'s own suite, %s', (_, where) => {
  keyvTestSuite(vitest, Keyv, () => new KeyvSlotwise(where))
  keyvIteratorTests(vitest, Keyv, () => new KeyvSlotwise(where))
})

describe('a Keyv store', () => {
  it.each<[string, Store | AsyncStore]>([['in the process', store], ['at a server', far]])('%s clears what Keyv wrote, of its namespace, and nothing else', async (_, where) => {
    await where.set('mine', 1)
    const [all, one, other] = [undefined, 'a*', 'ab'].map((namespace) =>
      new Keyv({ store: new KeyvSlotwise(where), ...namespace !== undefined && { namespace } }))
    await Promise.all([one!.set('k', 1), other!.set('k', 2), all!.set('k', 3)])
    await one!.clear()
    expect([await one!.get('k'), await other!.get('k')]).toEqual([undefined, 2])
    expect(await where.get('mine')).toBe(1)
    // More than go at once.
    await one!.setMany(Array.from({ length: 1200 }, (_, index) => ({ key: `many:${index}`, value: index })))
    await one!.clear()
    expect([await one!.get('many:1199'), await one!.get('many:0')]).toEqual([undefined, undefined])
  })

  it('lets the store forget what is over, not only Keyv', async () => {
    const keyv = new Keyv({ store: new KeyvSlotwise(store, { prefix: 'short:' }), useKeyPrefix: false })
    await keyv.set('k', 'v', 60_000)
    expect(store.ttlMs('short:k')).toSatisfy((ttlMs: number) => ttlMs > 50_000 && ttlMs <= 60_000)
  })

  it('serves cache-manager', async () => {
    const cache = createCache({ stores: [new Keyv({ store: new KeyvSlotwise(store, { prefix: 'cache:' }) })] })
    let calls = 0
    const compute = (): Promise<number> => cache.wrap('answer', () => Promise.resolve(++calls), 60_000)
    expect([await compute(), await compute()]).toEqual([1, 1])
    await cache.mset([{ key: 'a', value: 1 }, { key: 'b', value: 2 }])
    expect(await cache.mget(['a', 'b', 'none'])).toEqual([1, 2, undefined])
    await cache.clear()
    expect(await cache.get('answer')).toBeUndefined()
  })

  it('serves Cacheable, as the layer that processes share', async () => {
    const layers = (): Cacheable => new Cacheable({ secondary: new Keyv({ store: new KeyvSlotwise(store, { prefix: 'layer:' }) }) })
    const [one, other] = [layers(), layers()]
    await one.set('k', { a: 1 }, '1h')
    expect(await other.get('k')).toEqual({ a: 1 })
    await one.delete('k')
    expect(await layers().get('k')).toBeUndefined()
  })

  it('serves the cache module of Nest, which leaves the store open', async () => {
    // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- Nest keeps what is said of a class
    class Root {}
    Logger.overrideLogger(false)
    const keyv = new Keyv({ store: new KeyvSlotwise(store, { prefix: 'nest:' }) })
    // Nest's types mean the Keyv of CommonJS, which to the compiler is another class.
    Module({ imports: [CacheModule.register({ stores: [keyv as never] })] })(Root)
    const app = await NestFactory.createApplicationContext(Root)
    const cache = app.get<Cache>(CACHE_MANAGER)
    await cache.set('a', { b: 1 }, 60_000)
    expect(await cache.get('a')).toEqual({ b: 1 })
    await app.close()
    expect(store.ttlMs('nest:keyv:a')).toSatisfy((ttlMs: number) => ttlMs > 50_000 && ttlMs <= 60_000)
  })
})
