/** Old values of the feed: of every type, in transactions, of keys whose time came, from any position, any database. */
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { tempDir, type TempDir, waitFor } from '@slotwise/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Change, open, PurgedError, type Store } from '../index.js'

let dir: TempDir
let store: Store
beforeEach(async () => {
  dir = tempDir()
  store = await open({ dir: dir.path, directives: { 'enable-debug-command': 'yes' } })
})
afterEach(async () => {
  await store.close()
  await dir.remove()
})

async function take(feed: AsyncIterable<Change>, count: number): Promise<Change[]> {
  const changes: Change[] = []
  for await (const change of feed) {
    if (changes.push(change) === count) break
  }
  return changes
}
async function endOf(): Promise<string> {
  await store.synced()
  const status = store.command('BINLOG STATUS') as Map<string, string | number>
  return `${status.get('file')}:${status.get('position')}`
}
async function rewrite(): Promise<void> {
  const before = await endOf()
  store.command('BGREWRITEAOF')
  const isOver = (): boolean => (store.command('INFO', 'persistence') as string).includes('aof_rewrite_in_progress:0')
  await waitFor(async () => (await endOf()).split(':')[0] !== before.split(':')[0] && isOver(), { timeoutMs: 60_000, what: 'the rewrite' })
}
const told = ({ kind, key, oldValue }: Change): unknown[] => [kind, key, oldValue]

/** What the key holds, from the store itself. */
function held(key: string): unknown {
  switch (store.command('TYPE', key) as string) {
    case 'string': return store.get(key)
    case 'hash': return store.hGetAll(key)
    case 'list': return store.lRange(key, 0, -1)
    case 'set': return store.sMembers(key)
    case 'zset': return new Map(store.zRangeWithScores(key))
    default: return null
  }
}

/** One command that changes `key` for certain. */
function change(key: string, i: number, choice: number): void {
  switch (store.command('TYPE', key) as string) {
    case 'none':
      if (choice === 0) store.hSet(key, { f: i })
      else if (choice === 1) store.rPush(key, i)
      else if (choice === 2) store.sAdd(key, `${i}`)
      else if (choice === 3) store.zAdd(key, { m: i })
      else store.set(key, { i })
      return
    case 'hash': if (choice < 3) return void store.hSet(key, { [`f${choice}`]: i }); break
    case 'list': if (choice < 3) return void store.rPush(key, i); break
    case 'set': if (choice < 3) return void store.sAdd(key, `${i}`); break
    case 'zset': if (choice < 3) return void store.zAdd(key, { [`m${choice}`]: i }); break
    default: break
  }
  if (choice === 3) store.expire(key, { ttlMs: 1_000_000 + 1000 * i })
  else if (choice === 4) store.del(key)
  else store.set(key, `v${i}`)
}

describe('old values', () => {
  it('are what the key held, of every type, also from the middle and behind a rewrite', async () => {
    let seed = 6
    const below = (limit: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      return (seed >>> 8) % limit
    }
    const begin = await endOf()
    const expected: [string, unknown][] = []
    let middle = { position: '', index: 0 }
    for (let i = 0; i < 400; i++) {
      if (i === 200) middle = { position: await endOf(), index: expected.length }
      const key = `k${below(8)}`
      if (below(8) === 0) {
        expected.push([key, held(key)], ['other', held('other')])
        store.setMany({ [key]: i, other: i })
      } else {
        expected.push([key, held(key)])
        change(key, i, below(6))
      }
    }
    const all = await take(store.changes({ from: begin, oldValues: true }), expected.length)
    expect(all.map(({ key, oldValue }) => [key, oldValue])).toEqual(expected)
    expect(new Set(all.map(({ oldValue }) => Object.prototype.toString.call(oldValue))).size).toBe(7)
    const later = expected.slice(middle.index)
    const fromMiddle = await take(store.changes({ from: middle.position, oldValues: true }), later.length)
    expect(fromMiddle.map(({ key, oldValue }) => [key, oldValue])).toEqual(later)
    const others = later.filter(([key]) => key === 'other')
    const ofOthers = store.changes({ from: middle.position, oldValues: true, keys: 'other' })
    expect((await take(ofOthers, others.length)).map(({ key, oldValue }) => [key, oldValue])).toEqual(others)

    await rewrite()
    const base = await endOf()
    const before = held('k1')
    store.set('k1', 'behind')
    store.del('k1')
    expect((await take(store.changes({ from: base, oldValues: true }), 2)).map(told)).toEqual([['set', 'k1', before], ['delete', 'k1', 'behind']])
    await expect(take(store.changes({ from: begin, oldValues: true }), 1)).rejects.toThrow(PurgedError)
  })

  it('are those inside of a transaction, and of all keys of a command', async () => {
    const feed = store.changes({ oldValues: true })
    store.command('SET', 'n', '1')
    store.multi((batch) => [batch.incr('n'), batch.incr('n'), batch.set('to', 'old'), batch.rename('n', 'to'), batch.del(['to', 'none'])])
    store.command('MSET', 'a', '1', 'a', '2')
    store.flushDb()
    store.set('a', 3)
    const changes = await take(feed, 11)
    expect(changes.map(({ kind, key }) => `${kind} ${key}`)).toEqual([
      'set n', 'update n', 'update n', 'set to', 'update n', 'delete to', 'delete none', 'set a', 'set a', 'flush ', 'set a',
    ])
    expect(changes.map(({ oldValue }) => oldValue === null ? null : typeof oldValue)).toEqual([
      null, 'number', 'number', null, 'number', 'number', null, null, 'number', 'undefined', null,
    ])
    expect(changes[4]!.oldValues).toEqual([changes[5]!.oldValue, 'old'])
  })

  it('are there of keys whose time came, however late the feed is read', async () => {
    store.command('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
    const begin = await endOf()
    store.set('s', 'v', { ttlMs: 600_000 })
    store.hSet('h', { f: 1 })
    store.expire('s', { ttlMs: 1 })
    store.expire('h', { ttlMs: 1 })
    await waitFor(() => store.get('s') === null && store.hGetAll('h').f === undefined, { what: 'the end of both' })
    store.set('s', 'new')
    expect((await take(store.changes({ from: begin, oldValues: true }), 7)).map(told)).toEqual([
      ['set', 's', null], ['update', 'h', null], ['expire', 's', 'v'], ['expire', 'h', { f: 1 }],
      ['delete', 's', 'v'], ['delete', 'h', { f: 1 }], ['set', 's', null],
    ])

    // In the base of the log as well: nobody has asked for it since.
    store.set('late', 'v', { ttlMs: 1 })
    await rewrite()
    const base = await endOf()
    await waitFor(() => store.get('late') === null, { what: 'its end' })
    expect((await take(store.changes({ from: base, oldValues: true }), 1)).map(told)).toEqual([['delete', 'late', 'v']])
  })

  it('are of each database, live, and nothing is left of them', async () => {
    const copies = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('slotwise-past-'))
    const before = new Set(copies())
    await using second = await open({ dir: dir.path, db: 1 })
    store.set('k', 'zero')
    second.set('k', 'one')
    const feed = store.changes({ oldValues: true })
    const changes = take(feed, 4)
    second.set('k', 1)
    store.set('k', 0)
    second.del('k')
    store.del('k')
    expect((await changes).map(({ db, oldValue }) => [db, oldValue])).toEqual([[1, 'one'], [0, 'zero'], [1, 1], [0, 0]])
    await waitFor(() => copies().every((name) => before.has(name)), { what: 'the copies to go' })
    store.set('k', 2)
    const [plain] = await take(store.changes({ from: '0' }), 1)
    expect([plain!.oldValue, plain!.oldValues]).toEqual([undefined, undefined])
  })

  it('come behind a snapshot, whose rows have none', async () => {
    store.set('a', 1)
    const seen: unknown[] = []
    for await (const row of store.changes({ snapshot: true, oldValues: true })) {
      seen.push(told(row))
      if (seen.length === 1) store.set('a', 2)
      else break
    }
    expect(seen).toEqual([['snapshot', 'a', undefined], ['set', 'a', 1]])
  })
})
