/**
 * MIGRATE between us and a real redis-server, both ways: what arrives is what was sent, what could not be delivered is
 * still here. native/test/migrate_test.cc plays targets that misbehave.
 */
import { describePeer, freePort, type RespClient, RespError, startRedis, startSlotwise, waitFor } from '@slotwise/testing'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'

const options = { args: ['--enable-debug-command', 'yes'] }

/** A key or more of every type and encoding, two with a deadline. */
async function fill(client: RespClient): Promise<string[]> {
  const commands: (string | number)[][] = [['SET', 'integer', 12345], ['SET', 'short', 'text'], ['SET', 'long', 'x'.repeat(300_000)], ['SET', '', 'no name'],
    ['SADD', 'intset', 1, 2, 70_000], ['PFADD', 'hll', 'a', 'b'], ['PEXPIRE', 'integer', 1e7], ['SETBIT', 'bits', 1000, 1]]
  for (const size of [3, 300]) {
    for (let i = 0; i < size; i++) {
      commands.push(['RPUSH', `list:${size}`, `element ${i}`], ['SADD', `set:${size}`, `member ${i}`], ['HSET', `hash:${size}`, `field ${i}`, 'v'.repeat(i % 80)],
        ['ZADD', `sorted:${size}`, i * 1.37, `member ${i}`])
    }
    commands.push(['PEXPIRE', `list:${size}`, 1e7])
  }
  expect((await client.pipeline(commands)).filter((reply) => reply instanceof RespError)).toEqual([])
  return (await client.command('KEYS', '*') as string[]).sort()
}

async function digests(client: RespClient, keys: string[]): Promise<unknown> {
  return client.command('DEBUG', 'DIGEST-VALUE', ...keys)
}

describePeer('redis-server', 'MIGRATE', () => {
  it.each([['to', startSlotwise, startRedis], ['from', startRedis, startSlotwise]])('carries every type %s a redis-server', async (_, startSource, startTarget) => {
    await using source = await startSource(options)
    await using target = await startTarget(options)
    await using here = await source.client()
    await using there = await target.client()
    const migrate = (...args: (string | number)[]): Promise<unknown> => here.command('MIGRATE', '127.0.0.1', target.port, ...args)
    const keys = await fill(here)
    const sent = await digests(here, keys)
    await there.command('SELECT', 3)

    // `KEYS` may name the empty key, the argument before cannot.
    expect(await migrate('', 3, 25_000, 'COPY', 'KEYS', ...keys, 'not there')).toBe('OK')
    expect(await digests(there, keys)).toEqual(sent)
    expect(await here.command('DBSIZE')).toBe(keys.length)
    for (const key of ['integer', 'list:300']) {
      const left = await there.command('PTTL', key) as number
      expect(left, key).toBeGreaterThan(9e6)
      expect(left, key).toBeLessThanOrEqual(1e7)
    }
    expect(await there.command('PTTL', 'short')).toBe(-1)

    const busy = await migrate('short', 3, 25_000)
    expect((busy as RespError).message).toBe('ERR Target instance replied with error: BUSYKEY Target key name already exists.')
    expect(await here.command('GET', 'short')).toBe('text')
    await there.command('SET', 'short', 'other')
    expect(await migrate('short', 3, 25_000, 'REPLACE')).toBe('OK')
    expect(await there.command('GET', 'short')).toBe('text')
    expect(await here.command('EXISTS', 'short')).toBe(0)
    expect(await migrate('short', 3, 25_000)).toBe('NOKEY')
    expect(await migrate('', 3, 25_000, 'REPLACE', 'KEYS', ...keys)).toBe('OK')
    expect(await here.command('DBSIZE')).toBe(0)
    expect(await digests(there, keys)).toEqual(sent)
  })

  it('authenticates, and tells what the target says to that', async () => {
    await using target = await startRedis({ args: ['--user', 'mover', 'on', '>secret', '~*', '+restore', '+select', '--requirepass', 'pass'], password: 'pass' })
    await using source = await startSlotwise()
    await using here = await source.client()
    const migrate = (...args: string[]): Promise<unknown> => here.command('MIGRATE', '127.0.0.1', target.port, 'k', 0, 25_000, ...args)
    await here.command('CONFIG', 'SET', 'slowlog-log-slower-than', 0)
    for (const [auth, answer] of [
      [[], 'ERR Target instance replied with error: NOAUTH Authentication required.'],
      [['AUTH', 'wrong'], 'ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.'],
      [['AUTH2', 'mover', 'wrong'], 'ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.'],
      [['AUTH', 'pass'], 'OK'], [['AUTH2', 'mover', 'secret', 'REPLACE'], 'OK'],
    ] as const) {
      await here.command('SET', 'k', 'v')
      const reply = await migrate(...auth)
      expect(reply instanceof RespError ? reply.message : reply, auth.join(' ')).toBe(answer)
      expect(await here.command('EXISTS', 'k')).toBe(answer === 'OK' ? 0 : 1)
    }
    expect(JSON.stringify(await here.command('SLOWLOG', 'GET', 100))).not.toMatch(/secret|"pass"|mover/)
  })

  it('gives up in time, keeps the key, and nobody waits for its stripe meanwhile', async () => {
    await using source = await startSlotwise({ args: ['--io-threads', '2'] })
    await using here = await source.client()
    await here.command('SET', 'k', 'v')
    const nobody = await freePort()
    expect(await here.command('MIGRATE', '127.0.0.1', nobody, 'k', 0, 1000)).toMatchObject({ message: 'IOERR error or timeout connecting to the client' })

    let connected = 0
    await using silent = createServer((socket) => {
      connected++
      socket.on('error', () => undefined).resume()
    })
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    // Connections are dealt out to two threads: half of these are on the one that waits.
    const others = await Promise.all(Array.from({ length: 4 }, () => source.client()))
    const begin = performance.now()
    let took = 0
    const reply = here.command('MIGRATE', '127.0.0.1', port, 'k', 0, 3000).finally(() => { took = performance.now() - begin })
    await waitFor(() => connected > 0, { what: 'the connection to the target' })
    const waits = await Promise.all(others.map(async (client) => {
      await client.command('GET', 'k')
      return performance.now() - begin
    }))
    expect(await reply).toMatchObject({ message: 'IOERR error or timeout reading to target instance' })
    expect(took).toBeGreaterThan(2990)
    expect(took).toBeLessThan(30_000)
    // Who has to wait for it is answered when it has given up.
    expect(Math.min(...waits)).toBeLessThan(took - 100)
    for (const client of others) await client[Symbol.asyncDispose]()
    expect(await here.command('GET', 'k')).toBe('v')
  })
})
