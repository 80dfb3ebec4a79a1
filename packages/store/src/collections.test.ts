/** Hashes, lists, sets, sorted sets and SORT as methods: replies in their shapes, values through the codec. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BatchError, CodecError, open, ReplyError, type Store, WrongTypeError } from './index.js'

let store: Store
beforeEach(async () => { store = await open() })
afterEach(() => store.close())

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('hashes', () => {
  it('keep values by field', () => {
    expect(store.hSet('h', 'name', 'Ada')).toBe(1)
    expect(store.hSet('h', { name: 'Grace', tags: ['x', { y: 1 }], n: 5 })).toBe(2)
    expect(store.hSet('h', new Map([['m', true]]))).toBe(1)
    expect(store.hSet('h', [[Buffer.from('bytes'), null]])).toBe(1)
    expect(store.hGet('h', 'name')).toBe('Grace')
    expect(store.hGet('h', 'none')).toBeNull()
    expect(store.hmGet('h', ['n', 'none', 'tags'])).toEqual([5, null, ['x', { y: 1 }]])
    expect({ ...store.hGetAll('h') }).toEqual({ name: 'Grace', tags: ['x', { y: 1 }], n: 5, m: true, bytes: null })
    expect(store.hGetAll('none')).toEqual({})
    expect(store.hKeys('h').sort()).toEqual(['bytes', 'm', 'n', 'name', 'tags'])
    expect(store.hVals('none')).toEqual([])
    expect(store.hVals('h')).toContainEqual(['x', { y: 1 }])
    expect(store.hLen('h')).toBe(5)
    expect(store.hExists('h', 'm')).toBe(true)
    expect(store.hStrLen('h', 'n')).toBe(1)
    expect(store.hSetNx('h', 'n', 6)).toBe(false)
    expect(store.hSetNx('h', 'new', 6)).toBe(true)
    expect(store.hDel('h', ['new', 'm', 'none'])).toBe(2)
    expect(store.hDel('h', 'n')).toBe(1)
  })

  it('count', () => {
    expect(store.hIncrBy('h', 'n', 41)).toBe(41)
    expect(store.hIncrByFloat('h', 'n', 0.5)).toBe(41.5)
    expect(store.hGet('h', 'n')).toBe(41.5)
    store.hSet('h', 'text', 'x')
    expect(() => store.hIncrBy('h', 'text', 1)).toThrow(ReplyError)
  })

  it('give fields at random', () => {
    expect(store.hRandField('h')).toBeNull()
    expect(store.hRandField('h', 3)).toEqual([])
    expect(store.hRandFieldWithValues('h', 3)).toEqual([])
    store.hSet('h', { a: 1, b: [2] })
    expect(['a', 'b']).toContain(store.hRandField('h'))
    expect(store.hRandField('h', 5).sort()).toEqual(['a', 'b'])
    expect(store.hRandField('h', -7)).toHaveLength(7)
    expect(new Map(store.hRandFieldWithValues('h', 2))).toEqual(new Map<string, unknown>([['a', 1], ['b', [2]]]))
  })

  it('have fields of any name', () => {
    store.hSet('h', [['__proto__', 1], ['constructor', 2]])
    const fields = store.hGetAll('h')
    expect(Object.keys(fields).sort()).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(fields.__proto__).toBe(1)
  })

  it('are scanned', async () => {
    const fields = Array.from({ length: 1000 }, (_, i) => [`f${i}`, { i }] as const)
    store.hSet('h', fields)
    expect(new Map(await all(store.hScan('h', { count: 10 })))).toEqual(new Map(fields))
    expect((await all(store.hScan('h', { match: 'f99*' }))).length).toBe(11)
    expect(await all(store.hScan('none'))).toEqual([])
  })

  it('refuse what is no field or value, and change nothing', () => {
    expect(() => store.hSet('h', {})).toThrow(TypeError)
    expect(() => store.hSet('h', 'f', undefined)).toThrow(TypeError)
    expect(() => store.hSet('h', { a: 1, b: undefined })).toThrow(TypeError)
    expect(() => store.hSet('h', 'f' as never)).toThrow(TypeError)
    expect(() => store.hSet('h', [[1 as never, 2]])).toThrow(TypeError)
    expect(store.exists('h')).toBe(0)
    store.set('s', 1)
    expect(() => store.hGet('s', 'f')).toThrow(WrongTypeError)
  })
})

describe('lists', () => {
  it('are queues and stacks of values', () => {
    expect(store.rPush('l', 'a', { b: 1 }, [1, 2])).toBe(3)
    expect(store.lPush('l', 0, -1)).toBe(5)
    expect(store.lRange('l', 0, -1)).toEqual([-1, 0, 'a', { b: 1 }, [1, 2]])
    expect(store.lLen('l')).toBe(5)
    expect(store.lIndex('l', -1)).toEqual([1, 2])
    expect(store.lIndex('l', 9)).toBeNull()
    expect(store.lPop('l')).toBe(-1)
    expect(store.rPop('l', 2)).toEqual([[1, 2], { b: 1 }])
    expect(store.lPop('none')).toBeNull()
    expect(store.lPop('none', 2)).toEqual([])
    expect(store.lPushX('none', 1)).toBe(0)
    expect(store.rPushX('l', 'end')).toBe(3)
    store.lTrim('l', 1, 1)
    expect(store.lRange('l', 0, -1)).toEqual(['a'])
  })

  it('find, replace and remove elements that encode alike', () => {
    store.rPush('l', 'x', { a: 1 }, 'x', 5, 'x')
    expect(store.lPos('l', 'x')).toBe(0)
    expect(store.lPos('l', 'x', { rank: -1 })).toBe(4)
    expect(store.lPos('l', 'x', { count: 0 })).toEqual([0, 2, 4])
    expect(store.lPos('l', 'x', { count: 0, maxLen: 3 })).toEqual([0, 2])
    expect(store.lPos('l', 'none')).toBeNull()
    expect(store.lPos('l', 'none', { count: 1 })).toEqual([])
    expect(store.lInsert('l', 'before', { a: 1 }, 'new')).toBe(6)
    expect(store.lInsert('l', 'after', 'none', 'new')).toBe(-1)
    store.lSet('l', -2, { five: 5 })
    expect(() => { store.lSet('l', 100, 1) }).toThrow(ReplyError)
    expect(store.lRem('l', -2, 'x')).toBe(2)
    expect(store.lRange('l', 0, -1)).toEqual(['x', 'new', { a: 1 }, { five: 5 }])
  })

  it('hand elements over', () => {
    store.rPush('a', 1, 2, 3)
    expect(store.lMove('a', 'b', 'right', 'left')).toBe(3)
    expect(store.lMove('none', 'b', 'left', 'left')).toBeNull()
    expect(store.lmPop(['none', 'a', 'b'], 'left', { count: 5 })).toEqual({ key: 'a', elements: [1, 2] })
    expect(store.lmPop('b', 'right')).toEqual({ key: 'b', elements: [3] })
    expect(store.lmPop(['a', 'b'], 'left')).toBeNull()
  })

  it('are text for others under the text codec', async () => {
    await using text = await open({ codec: 'text' })
    text.rPush('l', 'é', 'b')
    expect(text.command('LRANGE', 'l', 0, -1)).toEqual(['é', 'b'])
    await using binary = await open({ codec: 'binary' })
    binary.rPush('l', Buffer.of(0, 255))
    expect(binary.lRange('l', 0, 0)).toEqual([Uint8Array.of(0, 255)])
  })

  it('need something to push', () => {
    expect(() => store.rPush('l')).toThrow(TypeError)
    expect(() => store.rPush('l', 1, undefined)).toThrow(TypeError)
    expect(store.exists('l')).toBe(0)
    store.command('RPUSH', 'l', 'plain text')
    expect(() => store.lPop('l')).toThrow(CodecError)
  })
})

describe('sets', () => {
  it('hold members once', () => {
    expect(store.sAdd('s', ['a', 'b', 'a', Buffer.from('c')])).toBe(3)
    expect(store.sAdd('s', 'a')).toBe(0)
    expect(store.sMembers('s')).toEqual(new Set(['a', 'b', 'c']))
    expect(store.sMembers('none')).toEqual(new Set())
    expect(store.sCard('s')).toBe(3)
    expect(store.sIsMember('s', 'b')).toBe(true)
    expect(store.smIsMember('s', ['a', 'x'])).toEqual([true, false])
    expect(store.sRem('s', ['a', 'x'])).toBe(1)
    expect(store.sMove('s', 't', 'b')).toBe(true)
    expect(store.sMove('s', 't', 'b')).toBe(false)
    expect(() => store.sAdd('s', 5 as never)).toThrow(TypeError)
    expect(() => store.sAdd('s', [])).toThrow(ReplyError)
  })

  it('are combined', () => {
    store.sAdd('a', ['1', '2', '3'])
    store.sAdd('b', ['2', '3', '4'])
    expect(store.sInter(['a', 'b'])).toEqual(new Set(['2', '3']))
    expect(store.sUnion(['a', 'b'])).toEqual(new Set(['1', '2', '3', '4']))
    expect(store.sDiff(['a', 'b', 'none'])).toEqual(new Set(['1']))
    expect(store.sInterCard(['a', 'b'])).toBe(2)
    expect(store.sInterCard(['a', 'b'], { limit: 1 })).toBe(1)
    expect(store.sInterStore('i', ['a', 'b'])).toBe(2)
    expect(store.sUnionStore('u', 'a')).toBe(3)
    expect(store.sDiffStore('d', ['a', 'b'])).toBe(1)
    expect(store.sMembers('d')).toEqual(new Set(['1']))
  })

  it('give and lose members at random', () => {
    expect(store.sPop('s')).toBeNull()
    expect(store.sPop('s', 2)).toEqual([])
    expect(store.sRandMember('s')).toBeNull()
    store.sAdd('s', ['a', 'b', 'c'])
    expect(store.sRandMember('s', 9).sort()).toEqual(['a', 'b', 'c'])
    expect(store.sRandMember('s', -9)).toHaveLength(9)
    const popped = [store.sPop('s'), ...store.sPop('s', 5)]
    expect(popped.sort()).toEqual(['a', 'b', 'c'])
    expect(store.exists('s')).toBe(0)
  })

  it('are scanned', async () => {
    const members = Array.from({ length: 2000 }, (_, i) => `m${i}`)
    store.sAdd('s', members)
    expect(new Set(await all(store.sScan('s')))).toEqual(new Set(members))
    const controller = new AbortController()
    await expect(async () => {
      for await (const _ of store.sScan('s', { signal: controller.signal, count: 1 })) controller.abort()
    }).rejects.toThrow('aborted')
  })
})

describe('sorted sets', () => {
  beforeEach(() => { store.zAdd('z', { a: 1, b: 2, c: 3 }) })

  it('order members by score', () => {
    expect(store.zAdd('z', [['d', 2.5], [Buffer.from('e'), -Infinity]])).toBe(2)
    expect(store.zRange('z')).toEqual(['e', 'a', 'b', 'd', 'c'])
    expect(store.zRangeWithScores('z', { start: 0, end: 1 })).toEqual([['e', -Infinity], ['a', 1]])
    expect(store.zRange('z', { start: 0, end: 1, reverse: true })).toEqual(['c', 'd'])
    expect(store.zRange('z', { by: 'score', min: 2, max: '(3' })).toEqual(['b', 'd'])
    expect(store.zRange('z', { by: 'score', min: 2, reverse: true, limit: { count: 2 } })).toEqual(['c', 'd'])
    expect(store.zRange('z', { by: 'score', limit: { offset: 1, count: 1 } })).toEqual(['a'])
    expect(store.zScore('z', 'd')).toBe(2.5)
    expect(store.zScore('z', 'none')).toBeNull()
    expect(store.zmScore('z', ['e', 'none', 'c'])).toEqual([-Infinity, null, 3])
    expect(store.zRank('z', 'a')).toBe(1)
    expect(store.zRevRank('z', 'a')).toBe(3)
    expect(store.zRank('z', 'none')).toBeNull()
    expect(store.zCard('z')).toBe(5)
    expect(store.zCount('z', '(1', Infinity)).toBe(3)
    expect(store.zRangeStore('top', 'z', { by: 'score', min: 2 })).toBe(3)
  })

  it('change scores under conditions', () => {
    expect(store.zAdd('z', { a: 9, n: 1 }, { nx: true })).toBe(1)
    expect(store.zAdd('z', { a: 9, o: 1 }, { xx: true, changed: true })).toBe(1)
    expect(store.zAdd('z', { a: 5 }, { only: 'gt', changed: true })).toBe(0)
    expect(store.zScore('z', 'a')).toBe(9)
    expect(store.zIncrBy('z', -0.5, 'a')).toBe(8.5)
    expect(store.zIncrBy('z', 1, 'new')).toBe(1)
    expect(store.zIncrBy('z', 1, 'a', { nx: true })).toBeNull()
    expect(() => store.zAdd('z', { a: 1 }, { nx: true, only: 'lt' })).toThrow(TypeError)
  })

  it('are ranges of names where scores are equal', () => {
    store.zAdd('names', { ada: 0, bob: 0, eve: 0 })
    expect(store.zRange('names', { by: 'lex', min: '[b' })).toEqual(['bob', 'eve'])
    expect(store.zRange('names', { by: 'lex', max: '(bob', reverse: true })).toEqual(['ada'])
    expect(store.zLexCount('names', '-', '+')).toBe(3)
    expect(store.zRemRangeByLex('names', '[ada', '[bob')).toBe(2)
  })

  it('lose members', () => {
    store.zAdd('z', { d: 4, e: 5, f: 6 })
    expect(store.zPopMin('z')).toEqual(['a', 1])
    expect(store.zPopMax('z', 2)).toEqual([['f', 6], ['e', 5]])
    expect(store.zPopMin('none')).toBeNull()
    expect(store.zPopMax('none', 2)).toEqual([])
    expect(store.zmPop(['none', 'z'], 'min', { count: 2 })).toEqual({ key: 'z', members: [['b', 2], ['c', 3]] })
    expect(store.zmPop('none', 'max')).toBeNull()
    store.zAdd('z', { a: 1, b: 2, c: 3 })
    expect(store.zRem('z', ['a', 'none'])).toBe(1)
    expect(store.zRemRangeByScore('z', 2, '(3')).toBe(1)
    expect(store.zRemRangeByRank('z', 0, -1)).toBe(2)
    expect(store.exists('z')).toBe(0)
  })

  it('are combined', () => {
    store.zAdd('y', { b: 10, d: 20 })
    store.sAdd('s', ['a', 'b'])
    expect(store.zUnion(['z', 'y'], { weights: [1, 2] })).toEqual([['a', 1], ['c', 3], ['b', 22], ['d', 40]])
    expect(store.zInter(['z', 'y'], { aggregate: 'max' })).toEqual([['b', 10]])
    expect(store.zInter(['z', 's'])).toEqual([['a', 2], ['b', 3]])
    expect(store.zDiff(['z', 'y'])).toEqual([['a', 1], ['c', 3]])
    expect(store.zInterCard(['z', 'y'])).toBe(1)
    expect(store.zUnionStore('u', ['z', 'y'])).toBe(4)
    expect(store.zInterStore('i', ['z', 'y'])).toBe(1)
    expect(store.zDiffStore('d', ['z', 'y'])).toBe(2)
  })

  it('give members at random and are scanned', async () => {
    expect(store.zRandMember('none')).toBeNull()
    expect(store.zRandMember('z', 9).sort()).toEqual(['a', 'b', 'c'])
    expect(new Map(store.zRandMemberWithScores('z', 9))).toEqual(new Map([['a', 1], ['b', 2], ['c', 3]]))
    const scores = Array.from({ length: 1000 }, (_, i) => [`m${i}`, i / 4] as const)
    store.zAdd('big', [...scores, ['end', Infinity]])
    expect(new Map(await all(store.zScan('big')))).toEqual(new Map([...scores, ['end', Infinity]]))
  })

  it('have numbers as scores', () => {
    expect(() => store.zAdd('z', { a: NaN })).toThrow(RangeError)
    expect(() => store.zAdd('z', { a: '1' as never })).toThrow(TypeError)
    expect(() => store.zAdd('z', {})).toThrow(TypeError)
    store.zAdd('z', { inf: Infinity })
    expect(() => store.zIncrBy('z', -Infinity, 'inf')).toThrow(ReplyError)
    expect(store.zScore('z', 'inf')).toBe(Infinity)
  })
})

describe('collections in batches', () => {
  it('cross together, and settle to the same', () => {
    const [fields, popped, members, top] = store.batch((batch) => {
      batch.hSet('h', { a: [1], b: 'x' })
      batch.rPush('l', 'first', 'second')
      batch.zAdd('z', { m: 1.5 })
      return [batch.hGetAll('h'), batch.lmPop(['none', 'l'], 'left'), batch.sMembers('s'), batch.zPopMin('z')]
    })
    expect({ ...fields }).toEqual({ a: [1], b: 'x' })
    expect(popped).toEqual({ key: 'l', elements: ['first'] })
    expect(members).toEqual(new Set())
    expect(top).toEqual(['m', 1.5])
  })

  it('are transactions too, of which one may be refused', () => {
    store.set('k', 1)
    expect(() => store.multi((multi) => [multi.sAdd('k', 'm'), multi.sAdd('s', 'm')])).toThrow(BatchError)
    expect(store.sCard('s')).toBe(1)
  })
})
