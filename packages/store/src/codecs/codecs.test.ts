/** What the codecs keep: through a store, since that is where their shortcuts are. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CodecError, open, type Store } from '../index.js'
import type { CodecName } from './index.js'

const stores = new Map<CodecName, Store>()
const store = (codec: CodecName): Store => stores.get(codec)!

beforeAll(async () => {
  for (const codec of ['msgpack', 'json', 'text', 'binary'] as const) {
    stores.set(codec, await open({ name: 'codecs', codec: codec as 'msgpack' }))
  }
})
afterAll(async () => { for (const item of stores.values()) await item.close() })

const wellFormed = fc.string({ unit: 'binary', maxLength: 400 })
  .filter((text) => (text as string & { isWellFormed(): boolean }).isWellFormed())

/** By every way there is to write and to read. */
/** Bytes in a form that is compared at once: toEqual looks at one by one, which took seconds. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? `${value.constructor.name} ${Buffer.from(value).toString('latin1')}` : value

function roundTrips(codec: CodecName, value: unknown): void {
  const target = store(codec)
  target.set('a', value)
  target.setMany([['b', value]])
  target.batch((batch) => { batch.set('c', value) })
  const wanted = plain(value)
  expect(['a', 'b', 'c'].map((key) => plain(target.get(key)))).toEqual([wanted, wanted, wanted])
  expect(target.getMany(['a', 'none', 'b']).map(plain)).toEqual([wanted, null, wanted])
  expect(target.mGet(['a', 'none']).map(plain)).toEqual([wanted, null])
}

describe.each(['msgpack', 'json', 'text'] as const)('codec %s', (codec) => {
  it('keeps any text', () => {
    fc.assert(fc.property(wellFormed, (text) => roundTrips(codec, text)), { numRuns: 200 })
    for (const size of [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 255, 256, 65_535, 65_536, 1_000_000]) {
      roundTrips(codec, 'a'.repeat(size))
      roundTrips(codec, `${'a'.repeat(size)}é`)
      roundTrips(codec, 'é'.repeat(size))
    }
  })
})

describe.each(['msgpack', 'json'] as const)('codec %s', (codec) => {
  it('keeps any structure', () => {
    const structure = fc.jsonValue({ noUnicodeString: false, stringUnit: 'grapheme', depthSize: 'small' })
      .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
      // msgpackr gives that key another name (below).
      .filter((value) => codec === 'json' || !JSON.stringify(value).includes('__proto__'))
    fc.assert(fc.property(structure, (value) => roundTrips(codec, value)), { numRuns: 200 })
  })

  it('keeps numbers as Redis has them, so that counters work', () => {
    const numbers = [0, 1, -1, 127, 128, 255, 2 ** 31, -(2 ** 40), 0.5, -1.25, 1e21, 5e-324, 2 ** 53]
    for (const number of numbers) roundTrips(codec, number)
    const target = store(codec)
    target.set('n', 41)
    expect(target.incr('n')).toBe(42)
    expect(target.get('n')).toBe(42)
    expect(target.incrByFloat('n', 0.5)).toBe(42.5)
    expect(target.get('n')).toBe(42.5)
    expect(store('text').get('n')).toBe('42.5')
    expect(target.command('OBJECT ENCODING', 'n')).not.toBe('int')
    target.set('n', 7)
    expect(target.command('OBJECT ENCODING', 'n')).toBe('int')
  })

  it('says so when somebody else wrote the value', () => {
    for (const foreign of ['hello', '', '12 monkeys', '-', '{"a":', '\u0001']) {
      store('text').set('f', foreign)
      expect(() => store(codec).get('f')).toThrow(CodecError)
      expect(() => store(codec).getMany(['f'])).toThrow(CodecError)
      expect(() => store(codec).mGet(['f'])).toThrow(CodecError)
    }
    expect(() => store(codec).get('f')).toThrow(expect.objectContaining({ code: 'CODEC' }))
  })

  it.each([[undefined], [() => 1], [Symbol('x')]])('refuses %s and changes nothing', (value) => {
    store(codec).set('k', 'before')
    expect(() => store(codec).set('k', value)).toThrow(TypeError)
    expect(() => store(codec).setMany([['x', 1], ['k', value]])).toThrow(TypeError)
    expect(() => store(codec).batch((batch) => [batch.set('x', 1), batch.set('k', value)])).toThrow(TypeError)
    expect(store(codec).get('k')).toBe('before')
    expect(store(codec).exists('x')).toBe(0)
  })
})

describe.each(['msgpack', 'json'] as const)('codec %s', (codec) => {
  it('encodes values whose getters use the store', () => {
    const target = store(codec)
    target.set('seen', 'by the getter')
    const value = { get inner() { return target.get('seen') } }
    target.set('outer', value)
    target.setMany([['many', value]])
    expect(target.getMany(['seen', 'outer', 'many'])).toEqual(['by the getter', { inner: 'by the getter' }, { inner: 'by the getter' }])
  })
})

describe('codec msgpack', () => {
  it('keeps what JSON loses', () => {
    roundTrips('msgpack', { at: new Date(5), big: 2n ** 60n, none: undefined, set: new Set([1, 'a']), nan: NaN })
    for (const value of [NaN, Infinity, -0, 2n ** 63n, null, true, false, new Date(0), [], {}]) roundTrips('msgpack', value)
  })

  it('lets nobody put a prototype into a value', () => {
    store('msgpack').set('k', JSON.parse('{"__proto__":{"admin":true}}'))
    expect(store('msgpack').get('k')).toEqual({ __proto_: { admin: true } })
    expect(store('msgpack').get<{ admin?: boolean }>('k')!.admin).toBeUndefined()
  })

  it('gives bytes of their own', () => {
    const target = store('msgpack')
    target.set('k', { bytes: new Uint8Array([1, 2, 3]) })
    const found = target.get<{ bytes: Uint8Array }>('k')!
    target.set('other', 'x'.repeat(5000))
    target.get('other')
    expect([...found.bytes]).toEqual([1, 2, 3])
  })
})

describe('codec json', () => {
  it('is text for others', () => {
    store('json').set('k', { a: [1, null] })
    expect(store('text').get('k')).toBe('{"a":[1,null]}')
  })
})

describe('codec text', () => {
  it.each([[1], [null], [{}], [new Uint8Array(1)]])('refuses %j', (value) => {
    expect(() => store('text').set('k', value)).toThrow(TypeError)
    expect(() => store('text').setNx('k', value)).toThrow(TypeError)
  })
})

describe('codec binary', () => {
  it('keeps any bytes and gives a Uint8Array', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => roundTrips('binary', bytes)), { numRuns: 200 })
    for (const size of [0, 16_000, 16_384, 70_000]) roundTrips('binary', new Uint8Array(size).fill(200))
    store('binary').set('k', Buffer.from('abc'))
    expect(Buffer.isBuffer(store('binary').get('k'))).toBe(false)
  })

  it('refuses text', () => {
    expect(() => store('binary').set('k', 'text')).toThrow(TypeError)
  })
})

describe('a codec of your own', () => {
  it('is called with values and with bytes of its own', async () => {
    const seen: Uint8Array[] = []
    await using target = await open<number>({
      codec: {
        encode: (value) => new Uint8Array([value]),
        decode: (bytes) => {
          seen.push(bytes)
          if (bytes.length !== 1) throw new Error('one byte')
          return bytes[0]!
        },
      },
    })
    target.set('k', 7)
    expect(target.get('k')).toBe(7)
    target.append('k', 'x')
    expect(() => target.get('k')).toThrow(expect.objectContaining({ code: 'CODEC', cause: new Error('one byte') }))
    expect(seen.map((bytes) => bytes.length)).toEqual([1, 2])
  })

  it('must be one', async () => {
    await expect(open({ codec: 'bson' as 'text' })).rejects.toThrow(/msgpack, json, text, binary/)
    await expect(open({ codec: {} as 'text' })).rejects.toThrow(TypeError)
  })
})
