/**
 * Servers without an append-only file that restart from dump.rdb: the snapshot says where in which history it was
 * taken, so what was written meanwhile is all that is sent, between our servers and redis-server in either role.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  describePeer, freePort, type RespClient, type ServerOptions, type ServerProcess, startRedis, startSlotwise, tempDir,
  waitFor,
} from '@slotwise/testing'
import { expect, it } from 'vitest'

type Start = (options: ServerOptions) => Promise<ServerProcess>
const atOnce = ['--repl-diskless-sync-delay', '0']
const ours: Start = (options) =>
  startSlotwise({ ...options, args: ['--enable-debug-command', 'yes', ...atOnce, ...options.args ?? []] })
const redis: Start = (options) => startRedis({ ...options, args: [...atOnce, ...options.args ?? []] })
const pairs = [
  ['ours', 'redis-server', ours, redis], ['redis-server', 'ours', redis, ours], ['ours', 'ours', ours, ours],
] as const

async function figures(client: RespClient): Promise<{ full: number; partial: number; offset: number }> {
  const info = `${await client.command('INFO', 'stats') as string}${await client.command('INFO', 'replication') as string}`
  const number = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
  return { full: number('sync_full'), partial: number('sync_partial_ok'), offset: number('master_repl_offset') }
}

async function same(one: RespClient, two: RespClient): Promise<void> {
  const state = async (client: RespClient): Promise<string> =>
    `${(await figures(client)).offset} ${await client.command('DEBUG', 'DIGEST') as string}`
  await waitFor(async () => await state(one) === await state(two), { timeoutMs: 60_000 })
}

async function up(client: RespClient): Promise<void> {
  const isUp = async (): Promise<boolean> => (await client.command('INFO', 'replication') as string).includes('master_link_status:up')
  await waitFor(isUp, { timeoutMs: 60_000 })
}

async function saveAndEnd(server: ServerProcess): Promise<void> {
  await using client = await server.client()
  client.send('SHUTDOWN SAVE\r\n')
  expect(await server.exited).toEqual({ code: 0, signal: null })
}

async function write(client: RespClient, from: number, count: number): Promise<void> {
  const sets = Array.from({ length: count }, (_, index) => ['SET', `key:${from + index}`, from + index])
  await client.pipeline([['SELECT', 3], ...sets, ['SELECT', 0]])
  await client.pipeline([['SET', 'short', from, 'PX', 40], ['RPUSH', 'list', from]])
}

describePeer('redis-server', 'a restart from a snapshot', () => {
  it.each(pairs)('of a primary (%s) lets its replica (%s) go on', async (_p, _r, startPrimary, startReplica) => {
    await using dir = tempDir()
    const port = await freePort()
    let primary = await startPrimary({ dir: dir.path, port })
    await using replica = await startReplica({ args: ['--replicaof', '127.0.0.1', String(port)] })
    await using following = await replica.client()
    {
      await using client = await primary.client()
      await up(following)
      await write(client, 0, 500)
      await same(client, following)
    }
    await saveAndEnd(primary)
    await sleep(60) // the key with an expiry is expired when the primary loads it: the replica has to be told
    primary = await startPrimary({ dir: dir.path, port })
    await using _ = primary
    await using client = await primary.client()
    await up(following)
    await write(client, 500, 500)
    await same(client, following)
    expect(await figures(client)).toMatchObject({ full: 0, partial: 1 })
    // Which key has expired the replica is told when the primary notices.
    await expect.poll(async () => await following.command('DBSIZE') === await client.command('DBSIZE'), { timeout: 60_000 }).toBe(true)
  })

  it.each(pairs)('of a replica goes on with its primary (%s, replica %s)', async (_p, _r, startPrimary, startReplica) => {
    await using dir = tempDir()
    await using primary = await startPrimary({})
    await using client = await primary.client()
    const args = ['--replicaof', '127.0.0.1', String(primary.port)]
    const replica = await startReplica({ dir: dir.path, args })
    {
      await using following = await replica.client()
      await up(following)
      await write(client, 0, 500)
      await same(client, following)
    }
    const before = await figures(client)
    await saveAndEnd(replica)
    await write(client, 500, 500)
    await using again = await startReplica({ dir: dir.path, args })
    await using following = await again.client()
    await up(following)
    await write(client, 1000, 10)
    await same(client, following)
    expect(await figures(client)).toMatchObject({ full: before.full, partial: before.partial + 1 })
    expect(await following.command('LRANGE', 'list', 0, -1)).toEqual(['0', '500', '1000'])
  })

  it.each(pairs)('of a primary (%s) from an older one copies everything to its replica (%s)', async (_p, _r, startPrimary, startReplica) => {
    await using dir = tempDir()
    const port = await freePort()
    let primary = await startPrimary({ dir: dir.path, port })
    await using replica = await startReplica({ args: ['--replicaof', '127.0.0.1', String(port)] })
    await using following = await replica.client()
    {
      await using client = await primary.client()
      await up(following)
      await write(client, 0, 100)
      await client.command('SAVE')
      await write(client, 100, 100)
      await same(client, following)
    }
    await primary.sigkill()
    primary = await startPrimary({ dir: dir.path, port })
    await using _ = primary
    await using client = await primary.client()
    await up(following)
    await write(client, 1000, 10)
    await same(client, following)
    expect(await figures(client)).toMatchObject({ full: 1, partial: 0 })
  })
})
