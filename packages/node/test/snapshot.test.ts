/**
 * Snapshots there and back: redis-server starts from our dump.rdb, we from its, with every type and encoding, told by
 * DEBUG DIGEST. And what a server without an append-only file does with its snapshot: starts from it, saves on a stop.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  describePeer, RespError, startRedis, startSlotwise, tempDir, waitFor, type RespClient, type ServerProcess,
} from '@slotwise/testing'
import { expect, it } from 'vitest'

const args = ['--appendonly', 'no', '--enable-debug-command', 'yes', '--save', '3600', '1']
const slotwise = (dir: string): Promise<ServerProcess> => startSlotwise({ dir, args })
const redis = (dir: string): Promise<ServerProcess> => startRedis({ dir, args })
const file = (dir: string): string => join(dir, 'dump.rdb')

/** Every type with every encoding, in several databases, some with a deadline. */
async function fill(client: RespClient): Promise<void> {
  for (const [db, sizes] of [[0, [1, 5, 60, 130, 600]], [3, [2, 3000]]] as const) {
    await client.command('SELECT', db)
    for (const size of sizes) {
      const commands: (string | number)[][] = []
      for (let i = 0; i < size; i++) {
        commands.push(['RPUSH', `list:${size}`, i, `element ${i}`], ['SADD', `integers:${size}`, i * 3], ['SADD', `set:${size}`, `member ${i}`],
          ['HSET', `hash:${size}`, `field ${i}`, 'v'.repeat(i % 80)], ['ZADD', `sorted:${size}`, i * 1.37 - 50, `member ${i}`],
          ['SET', `string:${size}:${i}`, i % 2 === 0 ? i : 'x'.repeat(i * 3)], ['PEXPIRE', `string:${size}:${i}`, 1e9])
      }
      await client.pipeline(commands)
    }
  }
  await client.command('SELECT', 0)
  await client.pipeline([['RPUSH', 'plain', 'a', 'x'.repeat(20_000), 'b'], ['PFADD', 'log', ...Array.from({ length: 500 }, String)],
    ['ZADD', 'infinite', '-inf', 'low', 'inf', 'high'], ['SET', '', 'the empty key']])
}

async function digestOf(server: ServerProcess): Promise<unknown> {
  await using client = await server.client()
  const digest = await client.command('DEBUG', 'DIGEST')
  expect(digest).toMatch(/^[0-9a-f]{40}$/)
  return digest
}

describePeer(['redis-server', 'redis-check-rdb'], 'a snapshot', () => {
  it.each([['of ours starts a redis-server', slotwise, redis], ['of a redis-server starts us', redis, slotwise]] as const)('%s', async (_, first, second) => {
    await using from = tempDir()
    await using to = tempDir()
    await using source = await first(from.path)
    await using client = await source.client()
    await fill(client)
    expect(await client.command('SAVE')).toBe('OK')
    expect(spawnSync('redis-check-rdb', [file(from.path)], { encoding: 'utf8' }).stdout).toContain('RDB looks OK!')
    copyFileSync(file(from.path), file(to.path))
    await using target = await second(to.path)
    expect(await digestOf(target)).toBe(await digestOf(source))
  })

  it('is taken on a clean stop and loaded at the next start', async () => {
    await using dir = tempDir()
    const before = await slotwise(dir.path)
    await using client = await before.client()
    await fill(client)
    const digest = await digestOf(before)
    await before.stop()
    await using after = await slotwise(dir.path)
    expect(await digestOf(after)).toBe(digest)
  })

  it('is not taken after SHUTDOWN NOSAVE', async () => {
    await using dir = tempDir()
    await using server = await slotwise(dir.path)
    await using client = await server.client()
    await client.command('SET', 'k', 'v')
    client.command('SHUTDOWN', 'NOSAVE').catch(() => undefined)
    await server.exited
    expect(existsSync(file(dir.path))).toBe(false)
  })

  it('is taken by itself when a save point is reached, and by kill -9 nothing before it is lost', async () => {
    await using dir = tempDir()
    const before = await startSlotwise({ dir: dir.path, args: ['--save', '1', '3'] })
    await using client = await before.client()
    const changes = async (): Promise<string | undefined> =>
      /rdb_changes_since_last_save:(\d+)/.exec(await client.command('INFO', 'persistence') as string)?.[1]
    await client.pipeline([['SET', 'a', 1], ['SET', 'b', 2], ['DEL', 'nothing']])
    expect(await changes()).toBe('2')
    const saved = await client.command('LASTSAVE') as number
    // With the clock of the server past the point, two changes are not enough.
    await waitFor(async () => Number((await client.command('TIME') as string[])[0]) > saved + 2, { what: 'the seconds of the save point' })
    expect([await changes(), existsSync(file(dir.path))]).toEqual(['2', false])
    await client.command('SET', 'c', 3)
    await waitFor(async () => await changes() === '0' && existsSync(file(dir.path)), { timeoutMs: 60_000, what: 'the snapshot' })
    expect(await client.command('LASTSAVE')).toBeGreaterThan(saved)
    await client.command('SET', 'late', 4)
    await before.sigkill()
    await using after = await startSlotwise({ dir: dir.path, args: ['--save', '3600', '1'] })
    await using reader = await after.client()
    expect(await reader.command('MGET', 'a', 'b', 'c')).toEqual(['1', '2', '3'])
  })

  it('that fails has writes refused until one succeeds, unless that is not wanted, in the words of redis-server', async () => {
    const story = async (start: (dir: string) => Promise<ServerProcess>): Promise<unknown[]> => {
      await using dir = tempDir()
      await using server = await start(dir.path)
      await using client = await server.client()
      await client.command('SET', 'k', 'v')
      const save = async (): Promise<string | undefined> => {
        await client.command('BGSAVE')
        const persistence = async (): Promise<string> => await client.command('INFO', 'persistence') as string
        await waitFor(async () => (await persistence()).includes('rdb_bgsave_in_progress:0'), { timeoutMs: 60_000, what: 'the end of BGSAVE' })
        return /rdb_last_bgsave_status:(\w+)/.exec(await persistence())?.[1]
      }
      const told: unknown[] = []
      const ask = async (...words: string[]): Promise<unknown> => {
        const reply = await client.command(...words)
        return reply instanceof RespError ? reply.message : reply
      }
      mkdirSync(file(dir.path)) // nothing can be renamed to that
      told.push(await save(), await ask('SET', 'k', 'w'), await ask('GET', 'k'), await ask('PING'))
      // The one in the background may not have let go yet.
      const failure = await waitFor(async () => {
        const reply = String(await ask('SAVE'))
        return reply.includes('in progress') ? null : reply
      }, { what: 'SAVE to be tried' })
      told.push(failure.split(' ')[0]) // redis-server leaves the reason to its log
      told.push(await ask('MULTI'), await ask('INCR', 'n'), await ask('EXEC'))
      told.push(await ask('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'), await ask('SET', 'k', 'w'))
      told.push(await ask('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes'), await ask('SET', 'k', 'x'))
      told.push(await ask('CONFIG', 'SET', 'save', ''), await ask('SET', 'k', 'y'), await ask('CONFIG', 'SET', 'save', '3600 1'), await ask('SET', 'k', 'z'))
      rmdirSync(file(dir.path))
      told.push(await save(), await ask('SET', 'k', 'x'), await ask('GET', 'k'))
      return told
    }
    const [ours, theirs] = [await story(slotwise), await story(redis)]
    expect(ours).toEqual(theirs)
    expect(ours[0]).toBe('err')
    expect(ours[1]).toMatch(/^MISCONF /)
  })

  it('that is damaged stops the start, with the byte and what to do', async () => {
    await using dir = tempDir()
    writeFileSync(file(dir.path), 'REDIS0010\xfe\x00\x00\x01k\x7f', 'latin1')
    await expect(slotwise(dir.path)).rejects.toThrow(/dump\.rdb can't be loaded, byte \d+.*redis-check-rdb/s)
  })
})
