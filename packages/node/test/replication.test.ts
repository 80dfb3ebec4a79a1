/**
 * A redis-server follows us with REPLICAOF: what it has at the end is what we have, told by DEBUG DIGEST, whatever is
 * written meanwhile; one that was away continues where it was, also when only the log's files still know that.
 */
import { describePeer, startRedis, startSlotwise, tempDir, waitFor, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { expectSame, field, fill, linkIsUp, load } from './fixtures/replication-load.js'

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']

async function startReplica(of: ServerProcess, ...more: string[]): Promise<ServerProcess> {
  return startRedis({ args: ['--enable-debug-command', 'yes', '--save', '', '--replicaof', '127.0.0.1', String(of.port), ...more] })
}

describePeer('redis-server', 'a redis-server as our replica', () => {
  it.each([
    ['diskless, without an append-only file', ['--appendonly', 'no']],
    ['through a file, with an append-only file', ['--appendonly', 'yes', '--repl-diskless-sync', 'no']],
  ])('copies everything and follows under load: %s', async (_, more) => {
    await using primary = await startSlotwise({ args: [...args, ...more] })
    await using client = await primary.client()
    await fill(client)
    await using writer = await primary.client()
    const writes = load(writer)
    await using first = await startReplica(primary)
    await using second = await startReplica(primary)
    await using one = await first.client()
    await using two = await second.client()
    await linkIsUp(one)
    await linkIsUp(two)
    expect(await writes.stop()).toBeGreaterThan(0)
    await expectSame(client, one)
    await expectSame(client, two)
    await client.command('SET', 'last', 'word')
    expect(await client.command('WAIT', 2, 25_000)).toBe(2)
    expect(await two.command('GET', 'last')).toBe('word')
    expect(await field(client, 'replication', 'connected_slaves')).toBe('2')
    const line = new RegExp(`^ip=127\\.0\\.0\\.1,port=${first.port},state=online,offset=\\d+,lag=[01]$`)
    const lines = async (): Promise<string[]> =>
      [await field(client, 'replication', 'slave0') ?? '', await field(client, 'replication', 'slave1') ?? '']
    await waitFor(async () => (await lines()).some((text) => line.test(text)), { what: 'the line of the first replica' })
  }, 240_000)

  it('that was cut off continues where it was', async () => {
    await using primary = await startSlotwise({ args: [...args, '--appendonly', 'no'] })
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    for (let i = 0; i < 5; i++) {
      await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
      await client.pipeline(Array.from({ length: 200 }, (_, k) => ['SET', `k:${i}:${k}`, 'v']))
      await waitFor(async () => Number(await field(client, 'stats', 'sync_partial_ok')) > i, { timeoutMs: 60_000, what: 'the partial resync' })
    }
    await expectSame(client, follower)
    expect(await field(client, 'stats', 'sync_full')).toBe('1')
  }, 240_000)

  it('that was away for longer than memory remembers continues from the log\'s files', async () => {
    await using primary = await startSlotwise({ args: [...args, '--appendonly', 'yes', '--repl-backlog-size', '16384'] })
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    await replica.suspend()
    await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
    for (let i = 0; i < 50; i++) await client.pipeline(Array.from({ length: 100 }, (_, k) => ['SET', `k:${i}:${k}`, 'v'.repeat(4000)]))
    expect(Number(await field(client, 'replication', 'repl_backlog_first_byte_offset'))).toBeGreaterThan(10_000_000)
    replica.signal('SIGCONT')
    await waitFor(async () => await field(client, 'stats', 'sync_partial_ok') === '1', { timeoutMs: 60_000, what: 'the partial resync' })
    await expectSame(client, follower)
    expect(await field(client, 'stats', 'sync_full')).toBe('1')
  }, 240_000)

  it('gets messages that are published here, and its append-only file and ours load', async () => {
    await using dir = tempDir()
    const primary = await startSlotwise({ dir: dir.path, args: [...args, '--appendonly', 'yes'] })
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    await client.pipeline([['SET', 'k', 'v'], ['PUBLISH', 'news', 'x'], ['WAIT', 1, 25_000]])
    await expectSame(client, follower)
    const digest = await client.command('DEBUG', 'DIGEST')
    await primary.stop()
    await using redis = await startRedis({ dir: dir.path, args: ['--appendonly', 'yes', '--enable-debug-command', 'yes'] })
    await using loaded = await redis.client()
    expect(await loaded.command('DEBUG', 'DIGEST')).toBe(digest)
    await redis.stop()
    await using again = await startSlotwise({ dir: dir.path, args: [...args, '--appendonly', 'yes'] })
    await using ours = await again.client()
    expect(await ours.command('DEBUG', 'DIGEST')).toBe(digest)
  }, 240_000)
})
