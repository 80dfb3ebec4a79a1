/**
 * Servers that follow each other's binlog: from the beginning, from the middle, after a purge; in both directions; and
 * killed in the middle of it.
 */
import { execFileSync } from 'node:child_process'
import { peer, RespError, startSlotwise, waitFor, type RespClient, type RespReply, type ServerOptions, type ServerProcess } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const start = (options: ServerOptions = {}): Promise<ServerProcess> =>
  startSlotwise({ ...options, args: ['--appendonly', 'yes', '--enable-debug-command', 'yes', ...options.args ?? []] })

function fieldsOf(reply: RespReply): Map<string, RespReply> {
  const list = reply as RespReply[]
  return new Map(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i] as string, list[2 * i + 1]!]))
}
const status = async (client: RespClient, name = 'a'): Promise<Map<string, RespReply>> =>
  fieldsOf((await client.command('FOLLOWER', 'STATUS', name) as RespReply[])[0]!)
const binlog = async (client: RespClient): Promise<Map<string, RespReply>> => fieldsOf(await client.command('BINLOG', 'STATUS'))
const endOf = async (client: RespClient): Promise<string> => {
  const fields = await binlog(client)
  return `${fields.get('file') as string}:${fields.get('position') as number}`
}
/** Everything that the source has written so far is applied. */
async function caughtUp(follower: RespClient, source: RespClient, name = 'a'): Promise<void> {
  const end = Number((await binlog(source)).get('position'))
  await waitFor(async () => {
    const fields = await status(follower, name)
    const there = fields.get('state') === 'reading' && fields.get('bytes-behind') === 0 && Number(fields.get('position')) >= end
    if (!there) throw new Error(JSON.stringify([...fields]))
    return true
  }, { timeoutMs: 60_000, what: `the follower to catch up with ${end}` })
}
const follow = (client: RespClient, source: ServerProcess, ...where: (string | number)[]): Promise<RespReply> =>
  client.command('FOLLOW', 'a', '127.0.0.1', source.port, ...where)

describe('a server that follows another', () => {
  it('applies everything from the beginning, then what comes, with transactions and databases', async () => {
    await using source = await start()
    await using target = await start()
    await using there = await source.client()
    await using here = await target.client()
    await there.pipeline([['SET', 'k', 'v'], ['SELECT', 3], ['RPUSH', 'l', 'a', 'b'], ['MULTI'], ['INCR', 'n'], ['INCR', 'm'], ['EXEC'], ['SELECT', 0], ['SET', 't', 'v', 'PX', 600_000]])
    expect(await follow(here, source, 'POS', 0)).toBe('OK')
    await caughtUp(here, there)
    await there.pipeline([['DEL', 'k'], ['HSET', 'h', 'f', 'v']])
    await caughtUp(here, there)
    expect(await here.command('LRANGE', 'l', 0, -1)).toEqual([])
    await here.command('SELECT', 3)
    expect(await here.command('LRANGE', 'l', 0, -1)).toEqual(['a', 'b'])
    await here.command('SELECT', 0)
    expect(Number(await here.command('PTTL', 't'))).toBeGreaterThan(500_000)
    const fields = await status(here)
    expect(fields.get('source-id')).toBe((await binlog(there)).get('id'))
    expect([fields.get('io-running'), fields.get('apply-running'), fields.get('last-error'), fields.get('refused-commands')]).toEqual(['yes', 'yes', '', 0])
    expect(await follow(here, source, 'POS', 0)).toMatchObject({ message: expect.stringContaining('is followed already') as string })
    // Nothing of the follower is left but the data.
    expect(await here.command('FOLLOWER', 'FORGET', 'a')).toBe(1)
    expect(await here.command('DEBUG', 'DIGEST')).toBe(await there.command('DEBUG', 'DIGEST'))
    expect(await here.command('FOLLOWER', 'STATUS')).toEqual([])
  })

  it('begins in the middle, follows only some keys, stops and goes on, and refuses what is no position', async () => {
    await using source = await start()
    await using target = await start()
    await using there = await source.client()
    await using here = await target.client()
    await there.command('SET', 'user:1', 'early')
    const [file = '', position = ''] = (await endOf(there)).split(/:(?=\d+$)/)
    await there.pipeline([['SET', 'user:2', 'late'], ['SET', 'other', 'x']])
    await follow(here, source, 'FILE', file, 'POS', position, 'KEYS', 'user:*')
    await caughtUp(here, there)
    expect(await here.command('MGET', 'user:1', 'user:2', 'other')).toEqual([null, 'late', null])
    expect((await status(here)).get('filtered-commands')).toBe(1)
    await here.command('STOP', 'FOLLOWER', 'a')
    await there.command('SET', 'user:3', 'later')
    expect((await status(here)).get('state')).toBe('stopped')
    await here.command('FOLLOWER', 'START', 'a')
    await waitFor(async () => await here.command('GET', 'user:3') === 'later', { what: 'the rest' })
    await here.command('STOP', 'FOLLOWER')
    await follow(here, source, 'FILE', file, 'POS', Number(position) - 1)
    await waitFor(async () => (await status(here)).get('state') === 'failed', { what: 'a refusal' })
    expect((await status(here)).get('last-error')).toMatch(/is no position between commands/)
  })

  it('follows several at once, each from where it was, and stops one of them', async () => {
    await using one = await start()
    await using two = await start()
    await using target = await start()
    await using first = await one.client()
    await using second = await two.client()
    await using here = await target.client()
    await first.command('SET', 'a:1', 'x')
    await second.command('SET', 'b:1', 'y')
    expect(await here.command('FOLLOW', 'a', '127.0.0.1', one.port, 'POS', 0)).toBe('OK')
    expect(await here.command('FOLLOW', 'b', '127.0.0.1', two.port, 'POS', 0)).toBe('OK')
    await caughtUp(here, first, 'a')
    await caughtUp(here, second, 'b')
    expect(await here.command('MGET', 'a:1', 'b:1')).toEqual(['x', 'y'])
    await here.command('STOP', 'FOLLOWER', 'a')
    await first.command('INCR', 'n')
    await second.command('INCR', 'm')
    await caughtUp(here, second, 'b')
    expect(await here.command('MGET', 'n', 'm')).toEqual([null, '1'])
    await here.command('FOLLOWER', 'START', 'a')
    await caughtUp(here, first, 'a')
    expect(await here.command('MGET', 'n', 'm')).toEqual(['1', '1'])
    expect((await here.command('FOLLOWER', 'STATUS') as RespReply[]).map((fields) => fieldsOf(fields).get('name')).sort()).toEqual(['a', 'b'])
  })

  it('says what is purged, and where it could begin', async () => {
    await using source = await start()
    await using target = await start()
    await using there = await source.client()
    await using here = await target.client()
    await there.command('SET', 'k', 'v')
    await there.command('BGREWRITEAOF')
    await waitFor(async () => ((await binlog(there)).get('oldest') as string).startsWith('appendonly.aof.2.'), { what: 'the rewrite' })
    for (const where of [['POS', 0], ['FILE', 'appendonly.aof.1.incr.aof', 'POS', 0]]) {
      await follow(here, source, ...where)
      await waitFor(async () => (await status(here)).get('state') === 'failed', { what: 'a refusal' })
      expect((await status(here)).get('last-error')).toMatch(/^PURGED .* the oldest position held is appendonly\.aof\.2\.incr\.aof:0$/)
    }
    await follow(here, source, 'FILE', '2', 'POS', 0)
    await there.command('SET', 'k2', 'v')
    await waitFor(async () => await here.command('GET', 'k2') === 'v', { what: 'what is held' })
  })

  it('comes back by itself when the source does', async () => {
    await using target = await start()
    await using here = await target.client()
    const source = await start()
    const there = await source.client()
    await there.command('SET', 'k', 1)
    await follow(here, source, 'POS', 0)
    await caughtUp(here, there)
    await source.stop()
    await waitFor(async () => (await status(here)).get('io-running') === 'connecting', { what: 'the loss' })
    await using again = await start({ port: source.port, dir: source.dir })
    await using back = await again.client()
    await back.command('INCR', 'k')
    await waitFor(async () => await here.command('GET', 'k') === '2', { what: 'the return' })
    await there.close()
  })
})

describe('a follower that begins with a copy', () => {
  it('has the data of a source whose binlog is purged, and everything since, once', async () => {
    await using source = await start({ args: ['--repl-diskless-sync-delay', '0'] })
    await using target = await start()
    await using there = await source.client()
    await using here = await target.client()
    await there.pipeline([['SET', 'k', 'v', 'PX', 600_000], ['RPUSH', 'l', ...Array.from({ length: 300 }, String)], ['HSET', 'h', 'f', 'v'], ['SELECT', 3], ['SADD', 's', 1, 2], ['ZADD', 'z', 1.5, 'm'], ['SELECT', 0], ['SET', 'n', 0]])
    await there.pipeline(Array.from({ length: 700 }, (_, i) => ['SET', `key:${i}`, i]))
    await there.command('BGREWRITEAOF')
    await waitFor(async () => ((await binlog(there)).get('oldest') as string).startsWith('appendonly.aof.2.'), { timeoutMs: 60_000, what: 'the rewrite' })
    // What a copy left that was killed: the source has deleted it since.
    await here.pipeline([['SET', 'gone', 1], ['SADD', '__binlog:{a}:copied:0', 'gone'], ['SET', 'own', 1]])
    let running = true
    const isRunning = (): boolean => running
    let written = 0
    const writing = (async () => {
      await using other = await source.client()
      while (isRunning()) {
        await other.pipeline([['INCR', 'n'], ['MULTI'], ['INCR', 'x'], ['INCR', 'y'], ['EXEC'], ['RENAME', 'k', 'k2'], ['RENAME', 'k2', 'k']])
        written++
      }
    })()
    await waitFor(() => written > 20, { timeoutMs: 60_000, what: 'writes' })
    expect(await here.command('FOLLOW', 'a', '127.0.0.1', source.port, 'SNAPSHOT', 'yes')).toBe('OK')
    await waitFor(async () => (await status(here)).get('state') === 'reading', { timeoutMs: 60_000, what: 'the copy' })
    const copied = written
    await waitFor(() => written > copied + 20, { timeoutMs: 60_000, what: 'more writes' })
    running = false
    await writing
    await caughtUp(here, there)
    expect(await here.command('MGET', 'n', 'x', 'y')).toEqual(await there.command('MGET', 'n', 'x', 'y'))
    expect(await here.command('MGET', 'n', 'gone', 'own')).toEqual([String(written), null, '1'])
    await here.pipeline([['DEL', 'own'], ['FOLLOWER', 'FORGET', 'a']])
    expect(await here.command('DEBUG', 'DIGEST')).toBe(await there.command('DEBUG', 'DIGEST'))
    expect(await here.command('KEYS', '__binlog:*')).toEqual([])
  })

  it('copies only the keys that it follows, and gives nothing back to a source that follows it', async () => {
    await using one = await start({ args: ['--repl-diskless-sync-delay', '0'] })
    await using two = await start({ args: ['--repl-diskless-sync-delay', '0'] })
    await using first = await one.client()
    await using second = await two.client()
    await first.pipeline([['SET', 'user:1', 'a'], ['SET', 'other', 'b']])
    await follow(first, two, 'POS', 0)
    await follow(second, one, 'SNAPSHOT', 'yes', 'KEYS', 'user:*')
    await caughtUp(second, first)
    expect(await second.command('MGET', 'user:1', 'other')).toEqual(['a', null])
    await second.command('SET', 'back', 1)
    await waitFor(async () => await first.command('GET', 'back') === '1', { timeoutMs: 60_000, what: 'the way back' })
    // What it says of itself follows the data.
    await waitFor(async () => (await status(first)).get('transactions') as number > 0, { timeoutMs: 60_000, what: 'what is told of it' })
    const fields = await status(first)
    // The copy was passed over there as what it is: made at that server.
    expect(fields.get('own-transactions')).toBeGreaterThan(0)
    expect(fields.get('transactions')).toBe(1)
  })
})

describe('a position by replication id and offset', () => {
  it('is the same place at every copy of the source: a follower goes on at the one that was promoted', async () => {
    await using primary = await start({ args: ['--repl-diskless-sync-delay', '0'] })
    await using replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] })
    await using target = await start()
    await using there = await primary.client()
    await using copy = await replica.client()
    await using here = await target.client()
    await waitFor(async () => (await copy.command('INFO', 'replication') as string).includes('master_link_status:up'), { timeoutMs: 60_000, what: 'the link' })
    await there.pipeline(Array.from({ length: 100 }, () => ['INCR', 'n']))
    await follow(here, primary, 'POS', 0)
    await caughtUp(here, there)
    await there.pipeline([['INCR', 'n'], ['RPUSH', 'l', 'a']])
    await waitFor(async () => await copy.command('LLEN', 'l') === 1 && await here.command('LLEN', 'l') === 1, { timeoutMs: 60_000, what: 'both copies' })
    const origin = await waitFor(async () => (await status(here)).get('origin'), { timeoutMs: 60_000, what: 'the place in the history' }) as string
    expect(origin).toMatch(/^[0-9a-f]{40}:\d+$/)
    expect(await there.command('BINLOG', 'READ', 'FROM', origin)).toEqual(expect.arrayContaining(['events', []]))
    await primary.sigkill()
    expect(await copy.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    await copy.pipeline([['INCR', 'n'], ['RPUSH', 'l', 'b']])
    await here.command('STOP', 'FOLLOWER', 'a')
    expect(await follow(here, replica, 'ORIGIN', origin)).toBe('OK')
    await waitFor(async () => await here.command('LLEN', 'l') === 2, { timeoutMs: 60_000, what: 'what came after' })
    expect([await here.command('GET', 'n'), await here.command('LRANGE', 'l', 0, -1)]).toEqual(['102', ['a', 'b']])
    // Of another history, or of none.
    await here.command('STOP', 'FOLLOWER', 'a')
    await follow(here, replica, 'ORIGIN', `${'a'.repeat(40)}:5`)
    await waitFor(async () => (await status(here)).get('state') === 'failed', { timeoutMs: 60_000, what: 'a refusal' })
    expect((await status(here)).get('last-error')).toMatch(/^HISTORY /)
  })
})

describe('two servers that follow each other', () => {
  it('have the same data, and nothing goes around', async () => {
    await using one = await start()
    await using two = await start()
    await using first = await one.client()
    await using second = await two.client()
    await follow(first, two, 'POS', 0)
    await follow(second, one, 'POS', 0)
    for (let i = 0; i < 200; i++) {
      await first.pipeline([['INCR', 'n1'], ['MULTI'], ['INCRBY', 'a', i], ['LPUSH', 'l1', i], ['EXEC']])
      await second.pipeline([['INCR', 'n2'], ['INCR', 'shared'], ['SADD', 's', i]])
      if (i % 50 === 0) await first.command('INCR', 'shared')
    }
    const both = async (): Promise<RespReply[]> => [...await first.command('MGET', 'n1', 'n2', 'shared', 'a') as RespReply[]]
    await waitFor(async () => JSON.stringify(await both()) === '["200","200","204","19900"]', { what: 'all counters' })
    await caughtUp(second, first)
    await caughtUp(first, second)
    expect(await second.command('MGET', 'n1', 'n2', 'shared', 'a')).toEqual(['200', '200', '204', '19900'])
    // Quiet: nobody writes because somebody else has written.
    const ends = [await endOf(first), await endOf(second)]
    await first.command('SET', 'last', 1)
    await caughtUp(second, first)
    await caughtUp(first, second)
    const after = await endOf(second)
    expect(await endOf(first)).not.toBe(ends[0])
    await waitFor(async () => (await status(first)).get('own-transactions') as number > 0, { what: 'the own writes to be seen' })
    await caughtUp(first, second)
    expect(await endOf(second)).toBe(after)
    expect((await status(first)).get('own-transactions')).toBeGreaterThan(0)
    await first.command('FOLLOWER', 'FORGET', 'a')
    await second.command('FOLLOWER', 'FORGET', 'a')
    expect(await first.command('DEBUG', 'DIGEST')).toBe(await second.command('DEBUG', 'DIGEST'))
  })
})

describe('a follower that is killed', () => {
  it('has applied each change once, however often', async () => {
    await using source = await start()
    await using there = await source.client()
    let target = await start()
    const { port, dir } = target
    const here = await target.client()
    await follow(here, source, 'POS', 0)
    await here.close()
    let running = true
    const isRunning = (): boolean => running
    let written = 0
    const writing = (async () => {
      while (isRunning()) {
        await there.pipeline(Array.from({ length: 20 }, () => ['INCR', 'n']))
        await there.pipeline([['MULTI'], ['INCR', 'x'], ['INCR', 'y'], ['EXEC']])
        written += 20
      }
    })()
    for (let round = 0; round < 3; round++) {
      await using client = await target.client()
      const before = Number(await client.command('GET', 'n'))
      await waitFor(async () => Number(await client.command('GET', 'n')) > before + 50, { timeoutMs: 60_000, what: 'progress' })
      await target.sigkill()
      target = await start({ port, dir })
    }
    running = false
    await writing
    await using client = await target.client()
    await waitFor(async () => Number(await client.command('GET', 'n')) >= written, { timeoutMs: 60_000, what: 'all of it' })
    await caughtUp(client, there)
    expect(await client.command('MGET', 'n', 'x', 'y')).toEqual(await there.command('MGET', 'n', 'x', 'y'))
    expect(await client.command('GET', 'n')).toBe(String(written))
    await target.stop()
  })
})

describe('BINLOG', () => {
  it.skipIf(!peer('redis-cli').usable)('is of use from redis-cli', async () => {
    await using source = await start()
    await using client = await source.client()
    await client.command('SET', 'k', 'v')
    const cli = (...args: string[]): string => execFileSync('redis-cli', ['-p', String(source.port), ...args], { encoding: 'utf8' })
    expect(cli('BINLOG', 'FILES')).toMatch(/^name\nappendonly\.aof\.1\.incr\.aof\nfirst-offset\n0\nsize\n50\n/)
    expect(cli('BINLOG', 'EVENTS', 'FROM', '23')).toMatch(/^23\n50\n\d+\n0\nSET\nk\nv\n$/)
    expect(cli('BINLOG', 'HELP')).toContain('READ FROM <position> [COUNT <count>] [BLOCK <milliseconds>] [CONSUMER <consumer>]')
    expect(cli('BINLOG', 'READ', 'FROM', '$', 'BLOCK', '10')).toContain('position\nappendonly.aof.1.incr.aof:50\n')
    expect(cli('FOLLOWER', 'STATUS')).toBe('\n')
  })

  it('is not for who may not administer', async () => {
    await using source = await start()
    await using client = await source.client()
    await client.command('ACL', 'SETUSER', 'app', 'on', 'nopass', '~*', '+@all', '-@admin')
    await client.command('AUTH', 'app', 'x')
    for (const words of [['BINLOG', 'READ', 'FROM', '0'], ['BINLOG', 'FILES'], ['FOLLOW', 'a', 'h', '1', 'POS', '0'], ['STOP', 'FOLLOWER'], ['FOLLOWER', 'STATUS']]) {
      const reply = await client.command(...words)
      expect(reply instanceof RespError && reply.message).toMatch(/^NOPERM/)
    }
  })
})
