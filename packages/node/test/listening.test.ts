/**
 * The listening side while the server runs: CONFIG SET port and bind move it and keep every connection, a port that is
 * taken is found before the data is loaded, and `loglevel` is followed. Compared with a live redis-server where it has
 * a word for it.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { describePeer, freePort, RespClient, RespError, startRedis, startSlotwise, tempDir, waitFor, type ServerProcess } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, '../../../apps/server/bin/slotwise-server')

const answers = async (port: number, host = '127.0.0.1'): Promise<boolean> => {
  try {
    await using client = await RespClient.connect({ port, host, timeoutMs: 30_000 })
    return await client.command('PING') === 'PONG'
  } catch {
    return false
  }
}

/** The same on both servers: what is answered, and where somebody listens afterwards. */
async function moves(server: ServerProcess): Promise<unknown[]> {
  await using client = await server.client()
  const [next, taken] = [await freePort(), await startSlotwise()]
  await using _ = taken
  const seen: unknown[] = [await client.command('CONFIG', 'SET', 'port', next)]
  const known = (port: number): string => port === next ? 'next' : port === server.port ? 'first' : String(port)
  const state = async (): Promise<unknown[]> => {
    const [, port] = await client.command('CONFIG', 'GET', 'port') as string[]
    return [known(Number(port)), await answers(server.port), await answers(next)]
  }
  seen.push(await state(), await client.command('CONFIG', 'SET', 'port', taken.port), await state())
  for (const bind of ['0.0.0.0', '127.0.0.1 -::9', '192.0.2.1', '127.0.0.1']) {
    seen.push(bind, await client.command('CONFIG', 'SET', 'bind', bind), await client.command('CONFIG', 'GET', 'bind'), await state())
  }
  seen.push(await client.command('CONFIG', 'SET', 'port', 0), await answers(next), await client.command('CONFIG', 'SET', 'port', server.port), await state())
  return seen
}

const failed = (name: string, why: string): RespError => new RespError(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`)

describe('listening', () => {
  it.each([1, 2])('CONFIG SET port and bind move it, and connections stay (io-threads %i)', async (threads) => {
    await using server = await startSlotwise({ args: ['--io-threads', String(threads)] })
    await using stays = await server.client()
    const seen = await moves(server)
    expect(seen.slice(0, 4)).toEqual(['OK', ['next', false, true], failed('port', 'Unable to listen on this port. Check server logs.'), ['next', false, true]])
    expect(seen).toContainEqual(failed('bind', 'Failed to bind to specified addresses.'))
    expect(seen.at(-1)).toEqual(['first', true, false])
    expect(await stays.command('PING')).toBe('PONG')
    await waitFor(() => server.output.includes('Address already in use'), { what: 'the line in the log' })
  })

  describePeer('redis-server', 'as Redis', () => {
    it('CONFIG SET port and bind answer the same', async () => {
      await using redis = await startRedis()
      await using ours = await startSlotwise()
      const [wanted, found] = [await moves(redis), await moves(ours)]
      expect(found).toEqual(wanted)
    })
  })

  it('a port that is taken is found before the data is loaded', async () => {
    await using dir = tempDir()
    await using first = await startSlotwise({ dir: dir.path, args: ['--appendonly', 'yes'] })
    await using client = await first.client()
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
    await first.stop()
    // Data that refuses the start: whichever is found first is what is said.
    appendFileSync(join(dir.path, 'appendonlydir', 'appendonly.aof.1.incr.aof'), '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$nonsense\r\n')
    await using holder = await startSlotwise()
    const start = (port: number): string => spawnSync(process.execPath, [program, '--port', String(port), '--bind', '127.0.0.1', '--dir', dir.path, '--appendonly', 'yes'], { encoding: 'utf8', timeout: 60_000 }).stdout
    expect(start(holder.port)).toContain(`Failed listening on port ${holder.port} (TCP), aborting.`)
    expect(start(await freePort())).toContain('appendonly.aof.1.incr.aof')
  })

  it('CONFIG SET loglevel is followed', async () => {
    await using server = await startSlotwise({ args: ['--loglevel', 'warning'] })
    await using client = await server.client()
    const malformed = async (): Promise<void> => {
      await using stranger = await server.client()
      stranger.send('*x\r\n')
      await stranger.closed
    }
    await malformed()
    expect(await client.command('CONFIG', 'SET', 'loglevel', 'debug')).toBe('OK')
    await malformed()
    await waitFor(() => server.output.includes('Protocol error'))
    expect(server.output.split('Protocol error (')).toHaveLength(2)
    expect(await client.command('CONFIG', 'SET', 'loglevel', 'notice')).toBe('OK')
  })

  it('notify-keyspace-events given at start keeps the n that A does not contain', async () => {
    await using server = await startSlotwise({ args: ['--notify-keyspace-events', 'AEn'] })
    await using listener = await server.client()
    await using client = await server.client()
    await listener.command('PSUBSCRIBE', '*')
    await client.command('SET', 'k', 'v')
    expect([await listener.read(), await listener.read()].map((push) => (push as string[]).slice(2))).toEqual([['__keyevent@0__:new', 'k'], ['__keyevent@0__:set', 'k']])
  })
})
