/** What is kept near, for how long, and what is not: scripts of reads, replies, invalidations and time. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cacheKey, NearCache } from './near-cache.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

describe('a near cache', () => {
  it('gives what it read until the server says that it changed', () => {
    const cache = new NearCache({ maxStalenessMs: 1000 })
    expect(cache.read('k', 0)).toBeUndefined()
    cache.finish(cache.begin('k'), bytes('v'))
    cache.proven(0)
    expect(cache.read('k', 10)).toEqual(bytes('v'))
    cache.invalidate('k')
    expect(cache.read('k', 20)).toBeUndefined()
    expect(cache.stats(20)).toEqual({ entries: 0, hits: 1, misses: 2, stalenessMs: 20 })
  })

  it('remembers that there is no such key', () => {
    const cache = new NearCache()
    cache.finish(cache.begin('k'), null)
    cache.proven(0)
    expect(cache.read('k', 1)).toBeNull()
  })

  it('does not keep a reply that was overtaken by an invalidation, or by another read', () => {
    const cache = new NearCache()
    cache.proven(0)
    const old = cache.begin('k')
    cache.invalidate('k')
    cache.finish(old, bytes('old'))
    expect(cache.read('k', 1)).toBeUndefined()
    const first = cache.begin('k')
    const second = cache.begin('k')
    cache.finish(second, bytes('new'))
    cache.finish(first, bytes('old'))
    expect(cache.read('k', 1)).toEqual(bytes('new'))
    const all = cache.begin('k')
    cache.invalidate(null)
    cache.finish(all, bytes('old'))
    expect(cache.read('k', 1)).toBeUndefined()
  })

  it('gives nothing that the connection has not proven lately, and all of it again when it has', () => {
    const cache = new NearCache({ maxStalenessMs: 100 })
    cache.finish(cache.begin('k'), bytes('v'))
    expect(cache.stats(0).stalenessMs).toBeNull()
    cache.proven(0)
    expect(cache.read('k', 100)).toEqual(bytes('v'))
    expect(cache.read('k', 101)).toBeUndefined()
    expect(cache.stats(101).stalenessMs).toBeNull()
    cache.proven(90)
    cache.proven(50) // an older question is answered later
    expect(cache.read('k', 190)).toEqual(bytes('v'))
    cache.lost()
    cache.proven(191)
    expect(cache.read('k', 191)).toBeUndefined()
  })

  it('lets go what was not asked for longest', () => {
    const cache = new NearCache({ maxEntries: 2 })
    cache.proven(0)
    for (const key of ['a', 'b']) cache.finish(cache.begin(key), bytes(key))
    cache.read('a', 1)
    cache.finish(cache.begin('c'), bytes('c'))
    expect(['a', 'b', 'c'].map((key) => cache.read(key, 1) !== undefined)).toEqual([true, false, true])
  })

  it('knows a key by its bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      expect(cacheKey(a)).toBe(cacheKey(Buffer.from(a)))
      expect(cacheKey(a) === cacheKey(b)).toBe(a === b)
    }))
  })
})
