/**
 * Ours -> Redis -> ours, every type and encoding, by each way that data can go: DEBUG DIGEST is the same at each of the
 * three. snapshot, directory, replica and migrate.test.ts have more of each way.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, startRedis, startSlotwise, tempDir, waitFor, type RespClient, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { expectSame, field, fill, linkIsUp } from './fixtures/replication-load.js'

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0']
const memory = ['--appendonly', 'no', ...args]
const logged = ['--appendonly', 'yes', ...args]
const databases = [0, 5]
const digest = (client: RespClient): Promise<unknown> => client.command('DEBUG', 'DIGEST')

async function fillAll(client: RespClient): Promise<unknown> {
  await fill(client)
  await client.pipeline([['RPUSH', 'plain node', 'a', 'x'.repeat(20_000), 'b'], ['ZADD', 'infinite', '-inf', 'low', 'inf', 'high'],
    ['SET', '', 'the empty key'], ['SET', 'bytes', Buffer.from([0, 13, 10, 255])], ['SET', 'long', 'y'.repeat(300_000)], ['HSET', 'wide', 'f', 'z'.repeat(70)]])
  return digest(client)
}

/** Stops each server before the next one starts on a copy of `names` in its directory. `prepare` makes these. */
async function byFiles(names: string[], options: string[], prepare: string): Promise<void> {
  let wanted: unknown
  let before: string | undefined
  for (const start of [startSlotwise, startRedis, startSlotwise]) {
    const { path } = tempDir()
    const from = before
    if (from !== undefined) names.forEach((name) => cpSync(join(from, name), join(path, name), { recursive: true }))
    await using server = await start({ dir: path, args: options })
    await using client = await server.client()
    wanted ??= await fillAll(client)
    expect(await digest(client)).toBe(wanted)
    await client.command(prepare)
    await waitFor(async () => await field(client, 'persistence', 'aof_rewrite_in_progress') === '0', { timeoutMs: 60_000 })
    before = path
  }
}

/** `carry` brings everything from the first to the second, of which nothing is there yet. */
async function byConnection(carry: (from: ServerProcess, to: ServerProcess) => Promise<void>): Promise<void> {
  await using ours = await startSlotwise({ args: memory })
  await using redis = await startRedis({ args: memory })
  await using again = await startSlotwise({ args: memory })
  await using client = await ours.client()
  const wanted = await fillAll(client)
  for (const [from, to] of [[ours, redis], [redis, again]] as const) {
    await carry(from, to)
    await using target = await to.client()
    expect(await digest(target)).toBe(wanted)
  }
}

describePeer('redis-server', 'everything, from here to redis-server and back', () => {
  it('by dump.rdb', () => byFiles(['dump.rdb'], memory, 'SAVE'), 240_000)
  it('by an append-only directory with an RDB base', () => byFiles(['appendonlydir'], logged, 'BGREWRITEAOF'), 240_000)
  it('by an append-only directory of commands', () => byFiles(['appendonlydir'], [...logged, '--aof-use-rdb-preamble', 'no'], 'BGREWRITEAOF'), 240_000)

  it('by PSYNC', () => byConnection(async (from, to) => {
    await using source = await from.client()
    await using target = await to.client()
    await target.command('REPLICAOF', '127.0.0.1', from.port)
    await linkIsUp(target)
    await expectSame(source, target)
    await target.command('REPLICAOF', 'NO', 'ONE')
  }), 240_000)

  it('by DUMP and RESTORE', () => byConnection(async (from, to) => {
    await using source = await from.client({ binary: true })
    await using target = await to.client()
    for (const db of databases) {
      await source.command('SELECT', db)
      await target.command('SELECT', db)
      const keys = await source.command('KEYS', '*') as Buffer[]
      const payloads = await source.pipeline(keys.map((key) => ['DUMP', key])) as Buffer[]
      const left = await source.pipeline(keys.map((key) => ['PTTL', key])) as number[]
      const replies = await target.pipeline(keys.map((key, i) => ['RESTORE', key, Math.max(0, left[i]!), payloads[i]!]))
      expect(new Set(replies)).toEqual(new Set(['OK']))
    }
  }), 240_000)

  it('by MIGRATE', () => byConnection(async (from, to) => {
    await using source = await from.client()
    for (const db of databases) {
      await source.command('SELECT', db)
      const keys = await source.command('KEYS', '*') as string[]
      expect(await source.command('MIGRATE', '127.0.0.1', to.port, '', db, 25_000, 'COPY', 'KEYS', ...keys)).toBe('OK')
    }
  }), 240_000)
})
