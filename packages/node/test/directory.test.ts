/**
 * One data directory, two servers: a real redis-server starts from a copy of ours and we from a copy of its (AOF base
 * files), and both hold the same data, told by DEBUG DIGEST. Also after kill -9, and across generations of rewrites.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, startRedis, startSlotwise, tempDir, waitFor, type RespClient, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'

const args = ['--appendonly', 'yes', '--enable-debug-command', 'yes', '--aof-use-rdb-preamble', 'no', '--auto-aof-rewrite-percentage', '0']

/** Every kind of effect that this commands have on the log. Deterministic; errors are part of it. */
function commandsOf(seed: number, count: number): (string | number | Buffer)[][] {
  let state = seed
  const next = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor(state / 65536) % limit
  }
  const key = (): string => `key:${next(200)}`
  const bytes = (): Buffer => Buffer.from(Array.from({ length: next(300) }, () => next(256)))
  const far = 4_000_000_000_000
  const makers: (() => (string | number | Buffer)[])[] = [
    () => ['SET', key(), bytes()], () => ['SET', key(), next(1e9)], () => ['SET', key(), 'x'.repeat(next(5000))],
    () => ['SET', key(), bytes(), 'PXAT', far + next(1e9)], () => ['SET', key(), 'v', 'KEEPTTL'], () => ['SETEX', key(), 100_000, bytes()],
    () => ['INCR', key()], () => ['INCRBY', key(), next(1000)], () => ['INCRBYFLOAT', key(), '0.25'], () => ['DECR', key()],
    () => ['APPEND', key(), bytes()], () => ['SETRANGE', key(), next(100), 'abc'], () => ['GETDEL', key()], () => ['GETSET', key(), bytes()],
    () => ['SETBIT', key(), next(5000), next(2)], () => ['BITFIELD', key(), 'INCRBY', 'u8', `#${next(20)}`, 7], () => ['BITOP', 'XOR', key(), key(), key()],
    () => ['MSET', key(), 1, key(), bytes(), key(), 'c'], () => ['MSETNX', key(), 1, key(), 2], () => ['DEL', key(), key()], () => ['UNLINK', key()],
    () => ['EXPIRE', key(), 1e6], () => ['PEXPIREAT', key(), far + next(1e9)], () => ['PERSIST', key()], () => ['EXPIRE', key(), -1],
    () => ['RENAME', key(), key()], () => ['COPY', key(), key(), 'REPLACE'], () => ['COPY', key(), key(), 'DB', next(4)], () => ['MOVE', key(), next(4)],
    () => ['GETEX', key(), 'PERSIST'], () => ['GETEX', key(), 'EX', 1e6],
    () => ['SELECT', next(4)], () => next(20) === 0 ? ['SWAPDB', next(4), next(4)] : ['PING'], () => next(60) === 0 ? ['FLUSHDB'] : ['PING'],
  ]
  const commands: (string | number | Buffer)[][] = []
  while (commands.length < count) {
    if (next(15) > 0) commands.push(makers[next(makers.length)]!())
    else commands.push(['MULTI'], ...Array.from({ length: 1 + next(5) }, () => makers[next(makers.length - 3)]!()), ['EXEC'])
  }
  return commands
}

async function load(client: RespClient, seed: number, count = 3000): Promise<void> {
  const commands = commandsOf(seed, count)
  for (let at = 0; at < commands.length; at += 100) await client.pipeline(commands.slice(at, at + 100))
}

/** What a server holds: the digest of everything, and the deadlines, which the digest leaves out. */
async function contents(server: ServerProcess): Promise<unknown> {
  await using client = await server.client()
  const digest = await client.command('DEBUG', 'DIGEST')
  expect(digest).toMatch(/^[0-9a-f]{40}$/)
  const databases: unknown[] = []
  for (let db = 0; db < 4; db++) {
    await client.command('SELECT', db)
    const keys = (await client.command('KEYS', '*') as string[]).sort()
    const deadlines = await client.pipeline(keys.map((key) => ['PEXPIRETIME', key]))
    databases.push(Object.fromEntries(keys.map((key, index) => [key, deadlines[index]])))
  }
  return { digest, databases }
}

const rewritten = (client: RespClient): Promise<unknown> =>
  waitFor(async () => (await client.command('INFO', 'persistence') as string)
    .includes('aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0'))

function copyOf(from: ServerProcess, to: string): void {
  cpSync(join(from.dir, 'appendonlydir'), join(to, 'appendonlydir'), { recursive: true })
}

const slotwise = (dir: string): Promise<ServerProcess> => startSlotwise({ dir, args })
// With everysec Redis may answer up to two seconds before it writes: a copy taken meanwhile would be short.
const redis = (dir: string): Promise<ServerProcess> => startRedis({ dir, args: [...args, '--appendfsync', 'always'] })

describePeer(['redis-server', 'redis-check-aof'], 'the data directory', () => {
  it.each([1, 2, 3])('of ours starts a redis-server with the same data, after a clean stop and after kill -9 (seed %i)', async (seed) => {
    for (const end of ['stop', 'sigkill'] as const) {
      await using from = tempDir()
      await using to = tempDir()
      await using ours = await slotwise(from.path)
      await using client = await ours.client()
      await load(client, seed)
      const before = await contents(ours)
      await ours[end]()
      copyOf(ours, to.path)
      await using theirs = await redis(to.path)
      expect(await contents(theirs)).toEqual(before)
      expect(theirs.output).not.toMatch(/truncat|corrupt|bad file/i)
      const check = spawnSync('redis-check-aof', [join(from.path, 'appendonlydir', 'appendonly.aof.manifest')], { encoding: 'utf8' })
      expect({ status: check.status, valid: check.stdout.includes('All AOF files and manifest are valid') }).toEqual({ status: 0, valid: true })
    }
  })

  it.each([4, 5])('of a redis-server starts ours with the same data, before and after its rewrite (seed %i)', async (seed) => {
    await using from = tempDir()
    await using theirs = await redis(from.path)
    await using client = await theirs.client()
    for (const round of [0, 1, 2]) {
      await load(client, seed * 10 + round, 1000)
      if (round > 0) {
        await client.command('BGREWRITEAOF')
        await waitFor(async () => (await client.command('INFO', 'persistence') as string).includes('aof_rewrite_in_progress:0'))
        await load(client, seed * 10 + round + 5, 300)
      }
      await using to = tempDir()
      copyOf(theirs, to.path)
      const before = await contents(theirs)
      await using ours = await slotwise(to.path)
      expect(await contents(ours)).toEqual(before)
    }
  })

  it.each(['yes', 'no'])('after rewrites of ours, aof-use-rdb-preamble %s, starts a redis-server and ours with the same data', async (preamble) => {
    await using from = tempDir()
    await using ours = await slotwise(from.path)
    await using client = await ours.client()
    await client.command('CONFIG', 'SET', 'aof-use-rdb-preamble', preamble)
    for (const round of [0, 1]) {
      await load(client, 70 + round, 1000)
      expect(await client.command('BGREWRITEAOF')).toBe('Background append only file rewriting started')
      await load(client, 80 + round, 1000) // while it runs, and after
      await rewritten(client)
    }
    const before = await contents(ours)
    await ours.sigkill()
    expect(readdirSync(join(from.path, 'appendonlydir')).filter((name) => name.includes('.base.'))).toHaveLength(preamble === 'yes' ? 1 : 2)
    const check = spawnSync('redis-check-aof', [join(from.path, 'appendonlydir', 'appendonly.aof.manifest')], { encoding: 'utf8' })
    expect({ status: check.status, valid: check.stdout.includes('All AOF files and manifest are valid') }).toEqual({ status: 0, valid: true })
    await using to = tempDir()
    copyOf(ours, to.path)
    await using theirs = await redis(to.path)
    expect(await contents(theirs)).toEqual(before)
    await using again = await slotwise(from.path)
    expect(await contents(again)).toEqual(before)
  })

  it('with an RDB base and incr files of a redis-server starts ours, which goes on, and redis-server again', async () => {
    await using dir = tempDir()
    const withPreamble = (start: typeof redis) => async (): Promise<ServerProcess> => {
      const server = await start(dir.path)
      await using client = await server.client()
      await client.command('CONFIG', 'SET', 'aof-use-rdb-preamble', 'yes')
      return server
    }
    let before: unknown = null
    for (const [turn, start] of [redis, slotwise, redis, slotwise].entries()) {
      await using server = await withPreamble(start)()
      if (before !== null) expect(await contents(server), `turn ${turn}`).toEqual(before)
      await using client = await server.client()
      await load(client, 200 + turn, 700)
      await client.command('BGREWRITEAOF')
      await rewritten(client)
      await load(client, 300 + turn, 300)
      before = await contents(server)
      await server.stop()
      expect(readdirSync(join(dir.path, 'appendonlydir')).filter((name) => name.endsWith('.base.rdb'))).toHaveLength(1)
    }
  })

  it('of the old kind, one file with an RDB before its commands, is moved into the directory and goes on', async () => {
    await using from = tempDir()
    await using theirs = await redis(from.path)
    await using client = await theirs.client()
    await client.command('CONFIG', 'SET', 'aof-use-rdb-preamble', 'yes')
    await load(client, 401, 700)
    await client.command('BGREWRITEAOF')
    await rewritten(client)
    await load(client, 402, 300)
    const before = await contents(theirs)
    await theirs.stop()
    const parts = readdirSync(join(from.path, 'appendonlydir')).filter((name) => /\.(rdb|aof)$/.test(name)).sort()
    await using to = tempDir()
    writeFileSync(join(to.path, 'appendonly.aof'), Buffer.concat(parts.map((name) => readFileSync(join(from.path, 'appendonlydir', name)))))
    for (const turn of [0, 1]) {
      await using ours = await slotwise(to.path)
      expect(await contents(ours), `start ${turn}`).toEqual(before)
      await ours.stop()
    }
    expect(readdirSync(join(to.path, 'appendonlydir'))).toEqual(expect.arrayContaining(['appendonly.aof', 'appendonly.aof.1.incr.aof']))
  })

  it('is whole after a SIGTERM while it is rewritten', async () => {
    await using dir = tempDir()
    await using ours = await slotwise(dir.path)
    await using client = await ours.client()
    await load(client, 501, 1000)
    await client.command('CONFIG', 'SET', 'rdb-key-save-delay', 1_000_000)
    await client.command('BGREWRITEAOF')
    await load(client, 502, 300)
    const before = await contents(ours)
    await ours.stop()
    expect(readdirSync(dir.path).filter((name) => name.startsWith('temp-'))).toEqual([])
    await using again = await slotwise(dir.path)
    expect(await contents(again)).toEqual(before)
  })

  it('goes back and forth: each server writes on where the other stopped', async () => {
    await using dir = tempDir()
    let before: unknown = null
    for (const [turn, start] of [slotwise, redis, slotwise, slotwise, redis, slotwise].entries()) {
      await using server = await start(dir.path)
      if (before !== null) expect(await contents(server), `turn ${turn}`).toEqual(before)
      await using client = await server.client()
      await load(client, 100 + turn, 500)
      before = await contents(server)
      await server.stop()
    }
    const files = readdirSync(join(dir.path, 'appendonlydir'))
    expect(files).toContain('appendonly.aof.manifest')
  })

  it('of ours is plain RESP: a transaction is one MULTI ... EXEC, a deadline is absolute', async () => {
    await using dir = tempDir()
    await using ours = await slotwise(dir.path)
    await using client = await ours.client()
    await client.pipeline([['SET', 'a', 1, 'PXAT', 4_000_000_000_000], ['MULTI'], ['INCR', 'a'], ['DEL', 'none'], ['SET', 'b', 2], ['EXEC'],
      ['MULTI'], ['GET', 'a'], ['EXEC'], ['INCRBYFLOAT', 'f', '0.5'], ['GETEX', 'a', 'PERSIST'], ['SELECT', 3], ['SET', 'c', 3]])
    await ours.stop()
    const text = readFileSync(join(dir.path, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'latin1')
    const words = text.split('\r\n').filter((_, index, lines) => lines[index - 1]?.startsWith('$')).join(' ')
    expect(words).toBe('SELECT 0 SET a 1 PXAT 4000000000000 MULTI INCR a SET b 2 EXEC SET f 0.5 KEEPTTL PERSIST a SELECT 3 SET c 3')
  })
})
