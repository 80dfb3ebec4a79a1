/**
 * The ring. Hashes and places are those of a MurmurHash64A and a TreeMap written apart from this one, from their
 * definitions: with Jedis's seed, prefixes and order.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmurHash64A, Ring } from './ring.js'

const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `key:${index}`)
const places = (ring: Ring, count: number): string => keys(count).map((key) => ring.ownerOf(key)).join('')

describe('MurmurHash64A', () => {
  it.each<[text: string, hash: bigint]>([
    ['', 8371356515094919947n],
    ['a', 7990182172224381693n],
    ['foo', -7063922479176959649n],
    ['12345678', 5197521178503088135n],
    ['SHARD-0-NODE-0', -4813603235750630532n],
    ['The quick brown fox jumps over the lazy dog', 5599730618772204185n],
    ['schlüssel', -7196126364447366662n],
  ])('of %j', (text, hash) => {
    expect(murmurHash64A(Buffer.from(text))).toBe(hash)
  })
})

describe('a ring', () => {
  it('has the places of Jedis, without names and with them', () => {
    expect(places(new Ring([{ weight: 1 }, { weight: 1 }, { weight: 2 }]), 60))
      .toBe('012212102221201112022001112222200002122010222120212221022222')
    expect(places(new Ring([{ name: 'a', weight: 1 }, { name: 'b', weight: 1 }]), 60))
      .toBe('100001010111110011010111111101000101011010010111011101011111')
  })

  it('does not care for the order of servers that have names', () => {
    const one = new Ring([{ name: 'a', weight: 1 }, { name: 'b', weight: 2 }, { name: 'c', weight: 1 }])
    const other = new Ring([{ name: 'c', weight: 1 }, { name: 'a', weight: 1 }, { name: 'b', weight: 2 }])
    for (const key of keys(500)) expect('abc'[one.ownerOf(key)]).toBe('cab'[other.ownerOf(key)])
  })

  it('gives by weight, and a new server takes from all others and moves nothing else', () => {
    const before = new Ring([{ name: 'a', weight: 1 }, { name: 'b', weight: 1 }])
    const after = new Ring([{ name: 'a', weight: 1 }, { name: 'b', weight: 1 }, { name: 'c', weight: 2 }])
    const taken = [0, 0]
    for (const key of keys(20_000)) {
      const owner = after.ownerOf(key)
      if (owner === 2) taken[before.ownerOf(key)]!++
      else expect(owner).toBe(before.ownerOf(key))
    }
    expect(taken[0]! + taken[1]!).toBeGreaterThan(8000)
    expect(taken[0]! + taken[1]!).toBeLessThan(12_000)
    expect(Math.min(...taken)).toBeGreaterThan(3000)
  })

  it('has one place for the bytes of a text and for the text', () => {
    const ring = new Ring([{ weight: 1 }, { weight: 1 }])
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => ring.ownerOf(text) === ring.ownerOf(Buffer.from(text))))
  })
})
