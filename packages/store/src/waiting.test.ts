/** Calls that wait for a key: who gets what, when they end, and that nothing is lost on the way. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open, ReplyError, type Store, StoreClosedError, WrongTypeError } from './index.js'

let store: Store
beforeEach(async () => { store = await open() })
afterEach(() => store.close())

describe('a call that waits', () => {
  it('does not, if there is something', async () => {
    store.rPush('l', { job: 1 }, 2, 3)
    store.zAdd('z', { a: 1, b: 2, c: 3 })
    expect(await store.blPop(['none', 'l'])).toEqual({ key: 'l', element: { job: 1 } })
    expect(await store.brPop('l')).toEqual({ key: 'l', element: 3 })
    expect(await store.blMove('l', 'm', 'left', 'right')).toBe(2)
    expect(await store.blmPop(['l', 'm'], 'left', { count: 9 })).toEqual({ key: 'm', elements: [2] })
    expect(await store.bzPopMin('z')).toEqual({ key: 'z', member: 'a', score: 1 })
    expect(await store.bzPopMax(['none', 'z'])).toEqual({ key: 'z', member: 'c', score: 3 })
    expect(await store.bzmPop('z', 'min')).toEqual({ key: 'z', members: [['b', 2]] })
  })

  it('is served by whoever puts something there', async () => {
    const waiting = [
      store.blPop(['a', 'b']), store.brPop('c'), store.blMove('d', 'e', 'left', 'right'), store.blmPop('f', 'right', { count: 2 }),
      store.bzPopMin('y'), store.bzPopMax('z'), store.bzmPop(['w', 'x'], 'max', { count: 5 }),
    ]
    store.rPush('b', 'b1', 'b2')
    store.rPush('c', new Date(0))
    store.rPush('d', 'd1')
    store.rPush('f', 1, 2, 3)
    store.zAdd('y', { m: 1.5, n: 2 })
    store.zAdd('z', { m: 1.5, n: 2 })
    store.zAdd('x', { m: 1.5, n: Infinity })
    expect(await Promise.all(waiting)).toEqual([
      { key: 'b', element: 'b1' }, { key: 'c', element: new Date(0) }, 'd1', { key: 'f', elements: [3, 2] },
      { key: 'y', member: 'm', score: 1.5 }, { key: 'z', member: 'n', score: 2 },
      { key: 'x', members: [['n', Infinity], ['m', 1.5]] },
    ])
    expect(store.lRange('b', 0, -1)).toEqual(['b2'])
    expect(store.lRange('e', 0, -1)).toEqual(['d1'])
    expect(store.exists(['c', 'd', 'x'])).toBe(0)
  })

  it('stands in line, and leaves this thread free', async () => {
    const served: string[] = []
    const calls = ['first', 'second', 'third'].map((name) => store.blPop('l').then((found) => served.push(`${name} ${String(found?.element)}`)))
    store.set('meanwhile', 1)
    for (const element of [1, 2, 3]) store.rPush('l', element)
    expect(store.exists('l')).toBe(0)
    await Promise.all(calls)
    expect(served).toEqual(['first 1', 'second 2', 'third 3'])
  })

  it('ends with null when its time is up', async () => {
    const start = performance.now()
    expect(await store.blPop('l', { timeoutMs: 30 })).toBeNull()
    expect(performance.now() - start).toBeGreaterThan(25)
    expect(await store.bzPopMin('z', { timeoutMs: 1 })).toBeNull()
    expect(await store.blMove('l', 'm', 'left', 'left', { timeoutMs: 1 })).toBeNull()
    expect(await store.blmPop('l', 'left', { timeoutMs: 1 })).toBeNull()
    store.rPush('l', 'kept')
    expect(store.lLen('l')).toBe(1)
  })

  it('is aborted, unless it has been served', async () => {
    const early = new AbortController()
    const call = store.blPop('l', { signal: early.signal })
    early.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    await expect(store.blPop('l', { signal: early.signal })).rejects.toThrow('enough')
    store.rPush('l', 1)
    expect(store.lPop('l')).toBe(1)

    const late = new AbortController()
    const served = store.blPop('l', { signal: late.signal })
    store.rPush('l', 2)
    late.abort()
    expect(await served).toEqual({ key: 'l', element: 2 })
  })

  it('ends with the store, and loses nothing that it was given', async () => {
    const other = await open({ name: 'ends' })
    await using same = await open({ name: 'ends', attachOnly: true })
    const waiting = other.blPop('none')
    const served = other.blPop('l')
    same.rPush('l', 'taken')
    const closed = other.close()
    await expect(waiting).rejects.toThrow(StoreClosedError)
    expect(await served).toEqual({ key: 'l', element: 'taken' })
    await closed
    await expect(other.blPop('l')).rejects.toThrow(StoreClosedError)
    same.rPush('none', 'kept')
    expect(same.lLen('none')).toBe(1)
  })

  it('ends with a store that is destroyed, and is told why', async () => {
    const other = await open()
    const waiting = other.blPop('none')
    const reason = new Error('broken')
    other.destroy(reason)
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED', cause: reason })
  })

  it('is refused at once for what it cannot wait for', async () => {
    store.set('s', 1)
    await expect(store.blPop('s')).rejects.toThrow(WrongTypeError)
    await expect(store.blPop([])).rejects.toThrow(ReplyError)
    await expect(store.blPop('l', { timeoutMs: -1 })).rejects.toThrow(RangeError)
    await expect(store.blPop('l', { timeoutMs: 0.5 })).rejects.toThrow(RangeError)
    await expect(store.blPop(5 as never)).rejects.toThrow(TypeError)
    expect(store.command('BLPOP', 'l', 0)).toBeNull()
  })

  it('may be one of thousands', async () => {
    const calls = Array.from({ length: 5000 }, (_, i) => store.blPop([`k${i % 50}`, `other${i}`]))
    for (let i = 0; i < 5000; i++) store.rPush(`k${i % 50}`, i)
    const found = await Promise.all(calls)
    expect(found.map((item) => item?.element)).toEqual(Array.from({ length: 5000 }, (_, i) => i))
  })
})
