/** The change feed of a store in this process: order, transactions, where it goes on, and snapshots under load. */
import { tempDir, type TempDir, waitFor } from '@slotwise/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Change, open, PurgedError, ReplyError, type Store, StoreClosedError } from './index.js'

let dir: TempDir
let store: Store
beforeEach(async () => {
  dir = tempDir()
  store = await open({ dir: dir.path })
})
afterEach(async () => {
  await store.close()
  await dir.remove()
})

async function take(feed: AsyncIterable<Change>, count: number): Promise<Change[]> {
  const changes: Change[] = []
  if (count === 0) return changes
  for await (const change of feed) {
    changes.push(change)
    if (changes.length === count) break
  }
  return changes
}
const told = ({ kind, key, value }: Change): unknown[] => value === undefined ? [kind, key] : [kind, key, value]

describe('a feed', () => {
  it('tells what happens from its call on, with values', async () => {
    store.set('before', 1)
    const feed = store.changes()
    store.set('user:1', { name: 'Ada' })
    store.hSet('h', { f: 1 })
    store.expire('h', { ttlMs: 100_000 })
    store.setMany({ a: 1, b: 'two' })
    store.del(['a', 'user:1', 'none'])
    store.flushDb()
    const changes = await take(feed, 8)
    expect(changes.map(told)).toEqual([
      ['set', 'user:1', { name: 'Ada' }], ['update', 'h'], ['expire', 'h'], ['set', 'a', 1], ['set', 'b', 'two'],
      ['delete', 'a'], ['delete', 'user:1'], ['delete', 'none'],
    ])
    expect(changes[1]).toMatchObject({ command: 'HSET', db: 0, last: true })
    expect(Math.abs(Date.now() - changes[0]!.time!.getTime())).toBeLessThan(10_000)
  })

  it('keeps transactions together, and goes on behind them, also after a restart', async () => {
    const feed = store.changes()
    store.multi((batch) => [batch.incr('n'), batch.set('k', 'v')])
    store.incr('n')
    const [first, second, third] = await take(feed, 3)
    expect([first!.last, second!.last, third!.last]).toEqual([false, true, true])
    expect(first!.position).toBe(second!.position)
    await store.close()
    store = await open({ dir: dir.path })
    store.set('later', true)
    expect((await take(store.changes({ from: second!.position }), 2)).map(told)).toEqual([['update', 'n'], ['set', 'later', true]])
    expect((await take(store.changes({ from: '0' }), 4)).map(({ key }) => key)).toEqual(['n', 'k', 'n', 'later'])
    expect((await take(store.changes({ from: new Date(Date.now() - 3_600_000) }), 1)).map(({ key }) => key)).toEqual(['n'])
  })

  it('tells only of keys that match', async () => {
    const feed = store.changes({ keys: ['user:*', '?'] })
    store.set('other', 1)
    store.set('user:1', 1)
    store.rename('other', 'x')
    store.multi((batch) => [batch.set('ignored', 1), batch.set('y', 2)])
    const changes = await take(feed, 3)
    expect(changes.map(({ key, command, last }) => [key, command, last])).toEqual([['user:1', 'SET', true], ['other', 'RENAME', true], ['y', 'SET', true]])
    expect(changes[1]!.keys).toEqual(['other', 'x'])
  })

  it('begins with what is there, and misses and doubles nothing meanwhile', async () => {
    for (let i = 0; i < 2000; i++) store.command('SET', `n${i}`, '0')
    let running = true
    const isRunning = (): boolean => running
    const writing = (async () => {
      for (let i = 0; isRunning(); i++) {
        store.command('INCR', `n${(i * 7919) % 2000}`)
        if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const counted = new Map<string, number>()
    let rows = 0
    for await (const { kind, key, args, command } of store.changes({ snapshot: true })) {
      if (kind === 'snapshot') {
        counted.set(key, Number(Buffer.from(args[1]!).toString()))
        rows++
      } else if (command === 'INCR') {
        counted.set(key, (counted.get(key) ?? 0) + 1)
      } else if (key === 'end') {
        break
      }
      if (running && rows === 2000) {
        running = false
        await writing
        store.set('end', 1)
      }
    }
    expect(rows).toBe(2000)
    const wrong = [...counted].filter(([key, n]) => Number(store.command('GET', key)) !== n)
    expect(wrong).toEqual([])
  })

  it('ends by its signal, with the store, and with an error for what is no position or purged', async () => {
    const abort = new AbortController()
    const waiting = take(store.changes({ signal: abort.signal }), 1)
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(take(store.changes({ from: 'x' }), 1)).rejects.toThrow(ReplyError)
    await expect(take(store.changes({ from: '1:999999' }), 1)).rejects.toThrow(/There is no position/)
    expect(() => store.changes({ from: '0', snapshot: true })).toThrow(TypeError)
    store.set('k', 1)
    store.command('BGREWRITEAOF')
    await waitFor(() => (store.command('BINLOG STATUS') as Map<string, string>).get('oldest')!.startsWith('appendonly.aof.2.'), { what: 'the rewrite' })
    const purged = take(store.changes({ from: '0' }), 1)
    await expect(purged).rejects.toThrow(PurgedError)
    await expect(purged).rejects.toThrow('the oldest position held is appendonly.aof.2.incr.aof:0')
    const ended = expect(take(store.changes(), 1)).rejects.toThrow(StoreClosedError)
    await store.close()
    await ended
    const memory = await open()
    expect(() => memory.changes()).toThrow(/There is no binlog/)
    await memory.close()
  })
})
