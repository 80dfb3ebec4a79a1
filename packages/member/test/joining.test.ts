/** What cannot be joined, and that nothing has changed then. */
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { freePort, RespClient, startRedis, startSlotwise, tempDir } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { join, JoinError, type JoinOptions } from '@slotwise/member'
import { child, code, folders, ports, quick } from './support.js'

/** A server that says of itself whatever it is told to, after it has said so often that it is loading. */
async function liar(info: string, { loading = 0 } = {}): Promise<AsyncDisposable & { port: number }> {
  let left = loading
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const [, words = ''] of data.toString('latin1').matchAll(/\*\d+\r\n((?:\$\d+\r\n[^\r\n]*\r\n)+)/g)) {
        const [, name = ''] = /^\$\d+\r\n([^\r\n]*)/.exec(words) ?? []
        if (name === 'HELLO') socket.write('%1\r\n$5\r\nproto\r\n:3\r\n')
        else if (name === 'INFO' && left-- > 0) socket.write('-LOADING Redis is loading the dataset in memory\r\n')
        else if (name === 'INFO') socket.write(`$${info.length}\r\n${info}\r\n`)
        else socket.write('+OK\r\n')
      }
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/**
 * Why joining took too long, with ever more time until it got so far as `expected` says: a busy machine starts slowly.
 */
async function whyInTime(options: JoinOptions, expected: RegExp): Promise<Error> {
  for (let joinTimeoutMs = 2000; ; joinTimeoutMs *= 2) {
    const error = await join({ ...options, joinTimeoutMs }).then(() => new Error('it joined'), (reason: unknown) => reason as Error)
    if (!expected.test(error.message) && joinTimeoutMs < 30_000) continue
    expect(error.message).toMatch(expected)
    return error
  }
}

describe('joining', () => {
  it('with seeds that are none is refused, and the directory is as it was', async () => {
    await using dir = tempDir()
    const [port, busPort] = await ports(1)
    const nobody = await freePort()
    const options = { dir: `${dir.path}/new`, port: port!, busPort: busPort!, ...quick }
    const refused = await join({ ...options, seeds: [`127.0.0.1:${nobody}`], joinTimeoutMs: 500 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(JoinError)
    expect(refused).toMatchObject({ code: 'SEEDS', message: expect.stringMatching(/no seed can be joined: .*ECONNREFUSED/) as string })
    await using alone = await startSlotwise()
    await expect(join({ ...options, seeds: [`127.0.0.1:${alone.port}`] })).rejects.toThrow(/no node of a cluster/)
    for (const bad of [
      { seeds: ['nohost'] }, { dir: '' }, { slots: 'all' }, { seeds: ['a:1'], members: 3 }, { host: '0.0.0.0' }, { host: '10.0.0.1' }, { wrong: 1 },
      { read: 'any' }, { read: 'replica', nearCache: true },
    ]) await expect(join({ ...options, ...bad } as never)).rejects.toThrow(TypeError)
    for (const bad of [{ replicas: -1 }, { maxLagMs: -1 }])
      await expect(join({ ...options, ...bad })).rejects.toThrow(RangeError)
    expect(existsSync(options.dir)).toBe(false)
    await expect(join({ ...options, directives: { nosuch: 1 } })).rejects.toThrow(code('OPEN'))
  }, 240_000)

  it('a cluster of another version is refused, and the directory is as it was', async () => {
    await using dir = tempDir()
    const [port, busPort] = await ports(1)
    const options = { dir: `${dir.path}/new`, port: port!, busPort: busPort!, ...quick }
    await using newer = await liar('redis_version:7.0.15\r\nredis_mode:cluster\r\nslotwise_version:9.1.0\r\n')
    await expect(join({ ...options, seeds: [`127.0.0.1:${newer.port}`] })).rejects.toThrow(expect.objectContaining({
      code: 'VERSION', message: expect.stringMatching(/is Slotwise 9\.1\.0: expected 0, as this is/) as string,
    }) as Error)
    // One that is being started is asked again until it can tell.
    await using older = await liar('redis_version:6.2.14\r\nredis_mode:cluster\r\n', { loading: 3 })
    await expect(join({ ...options, seeds: [`127.0.0.1:${older.port}`] })).rejects.toThrow(code('VERSION'))
    expect(existsSync(options.dir)).toBe(false)
  }, 240_000)

  it('a directory that has a member, in this process or another, is refused', async () => {
    await using dir = tempDir()
    const [port, busPort, otherPort, otherBus] = await ports(2)
    const options = { dir: dir.path, codec: 'text', ...quick } as const
    await using first = await join({ ...options, port: port!, busPort: busPort! })
    await first.set('k', 'v')
    await expect(join({ ...options, port: otherPort!, busPort: otherBus! })).rejects.toThrow(code('LOCKED'))
    expect(await first.get('k')).toBe('v')
    await using elsewhere = tempDir()
    const process_ = child({ ...options, dir: elsewhere.path, port: otherPort!, busPort: otherBus! })
    await process_.said('ready')
    const [third, thirdBus] = await ports(1)
    await expect(join({ ...options, dir: elsewhere.path, port: third!, busPort: thirdBus! }))
      .rejects.toThrow(expect.objectContaining({ code: 'LOCKED', pid: process_.pid }) as Error)
    await expect(join({ ...options, dir: `${elsewhere.path}/new`, port: port!, busPort: thirdBus! })).rejects.toThrow(code('LISTEN'))
    await process_.kill()
  }, 240_000)

  it('a SHUTDOWN that came before anybody listened is told', async () => {
    await using dir = tempDir()
    const [port, busPort] = await ports(1)
    await using member = await join({ dir: dir.path, port: port!, busPort: busPort!, ...quick })
    await using client = await RespClient.connect({ port: port! })
    client.send('SHUTDOWN NOSAVE\r\n')
    await client.closed
    await new Promise(setImmediate)
    expect(await new Promise((resolve) => member.on('shutdown', resolve))).toBe(0)
  }, 240_000)

  it('another cluster with data of a cluster of its own is refused, and both keep everything', async () => {
    const free = await ports(2)
    await using dirs = folders()
    const own = dirs.use()
    const mine = { dir: own, port: free[1]!, busPort: free[3]!, codec: 'text', ...quick } as const
    await using other = await join({ dir: dirs.use(), port: free[0]!, busPort: free[2]!, codec: 'text', ...quick })
    await other.set('k', 'theirs')
    const before = await join(mine)
    await before.set('k', 'mine')
    await before.close()
    await expect(join({ ...mine, seeds: [`127.0.0.1:${free[0]}`] })).rejects.toThrow(code('OTHERCLUSTER'))
    await using after = await join(mine)
    expect([await after.get('k'), await other.get('k')]).toEqual(['mine', 'theirs'])
    expect((await other.status()).members.length).toBe(1)
  }, 240_000)

  it('ends with what was missing when its time is up, or with the signal', async () => {
    await using dir = tempDir()
    const [port, busPort] = await ports(1)
    const options = { dir: dir.path, port: port!, busPort: busPort!, ...quick }
    expect(await whyInTime({ ...options, members: 2 }, /1 of 2 members are there/)).toMatchObject({ code: 'TIMEOUT' })
    const signal = AbortSignal.timeout(300)
    await expect(join({ ...options, members: 2, signal })).rejects.toThrow(/aborted due to timeout/)
    await using redis = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] })
    const seeds = [`127.0.0.1:${redis.port}`]
    expect(await whyInTime({ ...options, seeds }, /not all slots are assigned/)).toMatchObject({ code: 'TIMEOUT' })
  }, 240_000)
})
