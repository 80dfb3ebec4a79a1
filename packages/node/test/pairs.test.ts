/**
 * Pairs of servers that write the same keys: what each had before, what comes while they are together and apart, and
 * both killed in the middle of it. Longer: `npm run test:pairs -- --seconds 60`.
 */
import { RespError, type RespClient, type RespReply, type ServerProcess, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { digests, endOf, follow, startOne, statusOf, untilSettled, WAIT_MS } from './fixtures/pair.js'

const seconds = Number(process.env.SLOTWISE_PAIR_SECONDS ?? 5)
const TEST_MS = seconds * 1000 + 4 * WAIT_MS

describe('a pair of servers', () => {
  it('has the keys of both, of every type and database, and of one that both had, one version', async () => {
    await using one = await startOne()
    await using two = await startOne()
    await using a = await one.client()
    await using b = await two.client()
    await a.pipeline([
      ['SET', 's', 'v', 'PX', 600_000], ['RPUSH', 'l', 1, 2, 3], ['HSET', 'h', 'f', 'v'], ['SADD', 'set', 1, 'x'], ['ZADD', 'z', 1.5, 'm'], ['XADD', 'x', '1-1', 'f', 'v'],
      ['PFADD', 'hll', 'a'], ['SET', 'both', 'a'], ['SELECT', 3], ['SET', 'three', 'a'], ['SELECT', 0],
    ])
    await b.pipeline([['SET', 'own', 'b'], ['SET', 'both', 'b'], ...Array.from({ length: 1500 }, (_, i) => ['SET', `many:${i}`, i])])
    expect(await follow(a, two)).toBe('OK')
    expect(await follow(b, one)).toBe('OK')
    await untilSettled(a, b)
    expect(await b.command('LRANGE', 'l', 0, -1)).toEqual(['1', '2', '3'])
    expect(Number(await b.command('PTTL', 's'))).toBeGreaterThan(400_000)
    expect(await a.command('GET', 'own')).toBe('b')
    expect(await a.command('GET', 'both')).toBe(await b.command('GET', 'both'))
    // Together: what is written at one is at the other, whatever the command.
    await a.pipeline([['INCR', 'n'], ['RENAME', 'both', 'renamed'], ['DEL', 'own'], ['SUNIONSTORE', 'union', 'set', 'nothing'], ['MULTI'], ['LPUSH', 'l', 0], ['EXPIRE', 'h', 900], ['EXEC']])
    await untilSettled(a, b)
    await b.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `more:${i}`, i]))
    await b.pipeline([['INCR', 'n'], ['HSET', 'h', 'g', 'w'], ['COPY', 's', 's2', 'DB', 3], ['MOVE', 'z', 3], ['SET', 'short', 1, 'PX', 30]])
    await untilSettled(a, b)
    expect(await a.command('GET', 'n')).toBe('2')
    expect(await a.command('HGETALL', 'h')).toEqual(['f', 'v', 'g', 'w'])
    expect(await a.command('EXISTS', 'own', 'both', 'z')).toBe(0)
    await waitFor(async () => await a.command('EXISTS', 'short') === 0 && await b.command('EXISTS', 'short') === 0, { timeoutMs: WAIT_MS, what: 'the end of a key' })
    // Apart: of each key the last write wins, also a deletion; a hash is one value.
    const stop = async (): Promise<void> => { for (const client of [a, b]) await client.command('STOP', 'FOLLOWER') }
    const go = async (): Promise<void> => { for (const client of [a, b]) await client.command('FOLLOWER', 'START') }
    /** And what is written next is later by the clock, too. */
    const stampedBy = async (client: RespClient): Promise<void> => {
      await waitFor(async () => (await statusOf(client)).get('stamped') === await endOf(client), { timeoutMs: WAIT_MS, what: 'the stamps' })
      const atMs = Date.now()
      await waitFor(() => Date.now() > atMs + 2, { what: 'the next milliseconds' })
    }
    await stop()
    await a.pipeline([['SET', 'k1', 'a'], ['HSET', 'h', 'a', 1], ['SET', 'k3', 'a'], ['INCR', 'n']])
    await stampedBy(a)
    await b.pipeline([['SET', 'k1', 'b'], ['HSET', 'h', 'b', 1], ['DEL', 'k3', 'l'], ['INCR', 'n']])
    await stampedBy(b)
    await a.pipeline([['DEL', 'k1'], ['RPUSH', 'l', 4]])
    await stampedBy(a)
    await go()
    await untilSettled(a, b)
    for (const client of [a, b]) {
      expect(await client.command('GET', 'k1')).toBeNull()
      expect(await client.command('HKEYS', 'h')).toEqual(['f', 'g', 'b'])
      expect(await client.command('GET', 'n')).toBe('3')
      expect(await client.command('LRANGE', 'l', 0, -1)).toEqual(['0', '1', '2', '3', '4'])
      expect(Number((await statusOf(client)).get('conflicts'))).toBeGreaterThan(2)
    }
    // A flush takes what is older, and what is written at the other side later stays.
    await stop()
    await b.command('SET', 'older', 1)
    await stampedBy(b)
    await a.command('FLUSHALL')
    await stampedBy(a)
    await b.command('SET', 'newer', 1)
    await go()
    await untilSettled(a, b)
    for (const client of [a, b]) expect((await client.command('KEYS', '*') as string[]).filter((key) => !key.startsWith('__binlog:'))).toEqual(['newer'])
    const [first, second] = await digests(a, b)
    expect(first).toBe(second)
    expect(await a.command('KEYS', '*')).toEqual(['newer'])
  }, TEST_MS)

  it('gives back to a side what it has lost', async () => {
    await using two = await startOne()
    await using b = await two.client()
    const one = await startOne()
    const a = await one.client()
    await a.pipeline([['SET', 'k', 'v'], ['SET', 'kept', 'v']])
    await follow(a, two)
    await follow(b, one)
    await untilSettled(a, b)
    // As if the power had taken it: a key and its stamp, with nothing in the log that a client would have written.
    const state = await a.command('GET', '__binlog:{.pair}:state') as string
    const hashes = (await a.command('KEYS', '__binlog:{.pair}:at:*') as string[]).map((hash) => ['HDEL', hash, 'k'])
    await a.pipeline([['MULTI'], ['DEL', 'k'], ...hashes, ['SET', '__binlog:{.pair}:state', state], ['EXEC']])
    await a.close()
    await one.sigkill()
    await using again = await startOne({ port: one.port, dir: one.dir })
    await using back = await again.client()
    await waitFor(async () => await back.command('GET', 'k') === 'v', { timeoutMs: WAIT_MS, what: 'the key' })
    await untilSettled(back, b)
    const [first, second] = await digests(back, b)
    expect(first).toBe(second)
  }, TEST_MS)

  it('is not made where it could not be one', async () => {
    await using one = await startOne()
    await using two = await startOne()
    await using three = await startOne()
    await using a = await one.client()
    await using b = await two.client()
    await using c = await three.client()
    const refused = async (client: RespClient, ...words: (string | number)[]): Promise<string> => {
      const reply: RespReply = await client.command('FOLLOW', ...words, 'CONFLICTS', 'last-write')
      return reply instanceof RespError ? reply.message : JSON.stringify(reply)
    }
    await follow(a, two)
    expect(await refused(a, 'more', '127.0.0.1', three.port)).toBe("ERR this server is one of a pair already, with 'other'")
    // The other side has to follow back.
    await waitFor(async () => (await statusOf(a)).get('last-error') === 'the source does not follow this server with CONFLICTS last-write yet', { timeoutMs: WAIT_MS, what: 'a hint' })
    await follow(b, one)
    await untilSettled(a, b)
    await follow(c, one)
    await waitFor(async () => (await statusOf(c)).get('state') === 'failed', { timeoutMs: WAIT_MS, what: 'a refusal' })
    expect((await statusOf(c)).get('last-error')).toMatch(/^the source is one of another pair \(with [0-9a-f]{8}\.\.\.\)/)
    await c.command('FOLLOWER', 'FORGET', 'other')
    await c.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await refused(c, 'other', '127.0.0.1', one.port)).toBe('ERR a pair cannot have a maxmemory-policy that evicts any key')
    await using none = await startOne({ args: ['--appendonly', 'no'] })
    await using d = await none.client()
    expect(await refused(d, 'other', '127.0.0.1', one.port)).toBe('ERR a pair needs an append-only file on both sides (appendonly yes)')
    // Who was one of a pair can be one of another.
    await a.command('FOLLOWER', 'FORGET', 'other')
    await b.command('FOLLOWER', 'FORGET', 'other')
    await c.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await a.command('SET', 'k', 'v')
    await follow(c, one)
    await follow(a, three)
    await untilSettled(a, c)
    expect(await c.command('GET', 'k')).toBe('v')
  }, TEST_MS)
})

/** One of some commands, for a key of a type of its own. */
function randomCommand(random: () => number): (string | number)[] {
  const below = (count: number): number => Math.floor(random() * count)
  const [key, type] = [below(200), below(5)]
  const name = `${['s', 'l', 'h', 'set', 'z'][type]!}:${key}`
  const word = `w${below(1000)}`
  if (below(8) === 0) return below(4) === 0 ? ['PEXPIRE', name, 1 + below(3000)] : ['DEL', name]
  switch (type) {
    case 0: return below(2) === 0 ? ['SET', name, word] : ['APPEND', name, word]
    case 1: return below(2) === 0 ? ['RPUSH', name, word] : ['LPOP', name]
    case 2: return below(3) > 0 ? ['HSET', name, `f${below(10)}`, word] : ['HDEL', name, `f${below(10)}`]
    case 3: return below(3) > 0 ? ['SADD', name, word] : ['SPOP', name]
    default: return below(3) > 0 ? ['ZADD', name, below(100), word] : ['ZPOPMIN', name]
  }
}

describe('a pair of servers that are killed', () => {
  it(`has the same data after both wrote 1,000 keys for ${seconds} s and were killed in turn`, async () => {
    const servers: ServerProcess[] = [await startOne(), await startOne()]
    try {
      await using first = await servers[0]!.client()
      await using second = await servers[1]!.client()
      await follow(first, servers[1]!)
      await follow(second, servers[0]!)
      await untilSettled(first, second)
      const endMs = performance.now() + seconds * 1000
      const written = [0, 0]
      let kills = 0
      const isOver = (): boolean => performance.now() >= endMs && kills > 0
      const write = async (index: number): Promise<void> => {
        while (!isOver()) {
          try {
            await using client = await servers[index]!.client()
            while (!isOver()) {
              await client.pipeline(Array.from({ length: 20 }, () => randomCommand(Math.random)))
              written[index]! += 20
            }
          } catch {
            // Killed: the next one takes it up.
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
      }
      const kill = async (): Promise<void> => {
        while (!isOver()) {
          const index = kills % 2
          const target = written[index]! + 1000
          await waitFor(() => written[index]! > target || isOver(), { timeoutMs: WAIT_MS, what: 'writes' })
          if (isOver()) break
          const { port, dir } = servers[index]!
          await servers[index]!.sigkill()
          kills++
          servers[index] = await startOne({ port, dir })
        }
      }
      await Promise.all([kill(), write(0), write(1)])
      await using a = await servers[0]!.client()
      await using b = await servers[1]!.client()
      await untilSettled(a, b)
      const conflicts = [Number((await statusOf(a)).get('conflicts')), Number((await statusOf(b)).get('conflicts'))]
      console.log(`${written.join(' and ')} writes, ${kills} kills, ${conflicts.join(' and ')} conflicts`)
      expect(kills).toBeGreaterThan(0)
      expect(conflicts[0]! + conflicts[1]!).toBeGreaterThan(0)
      // Keys that are to end do so at both, and then nothing goes around any more.
      await waitFor(async () => {
        const volatile = await Promise.all([a, b].map(async (client) => /db0:.*expires=(\d+)/.exec(await client.command('INFO', 'keyspace') as string)?.[1]))
        return volatile.every((count) => count === '0')
      }, { timeoutMs: WAIT_MS, what: 'the end of all keys that have one' })
      await waitFor(async () => {
        const ends = await untilSettled(a, b)
        await using reader = await servers[0]!.client()
        const quiet = await reader.command('BINLOG', 'READ', 'FROM', ends[0], 'BLOCK', 500) as RespReply[]
        return JSON.stringify(quiet[quiet.indexOf('events') + 1]) === '[]' && JSON.stringify([await endOf(a), await endOf(b)]) === JSON.stringify(ends)
      }, { timeoutMs: WAIT_MS, what: 'both logs to end' })
      const [one, two] = await digests(a, b)
      expect(one).toBe(two)
      expect(await a.command('DBSIZE')).toBe(await b.command('DBSIZE'))
    } finally {
      for (const server of servers) await server[Symbol.asyncDispose]()
    }
  }, TEST_MS)
})
