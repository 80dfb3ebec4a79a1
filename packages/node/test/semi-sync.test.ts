/** Semi-sync with real replicas: one that stands still, and one of ours that says what it has fsynced. */
import { describePeer, startRedis, startSlotwise, waitFor, type RespClient } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const args = ['--repl-ack', 'semisync', '--repl-diskless-sync-delay', '0']

const field = async (client: RespClient, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*)\r$`, 'm').exec(await client.command('INFO', 'replication') as string)?.[1]

const untilClients = (client: RespClient, count: number): Promise<unknown> =>
  waitFor(async () => await field(client, 'semi_sync_master_clients') === String(count), { timeoutMs: 60_000, what: 'the replica' })

describePeer('redis-server', 'semi-sync and a redis-server', () => {
  it('that stands still: falls back after the time-out, and returns by itself when it goes on', async () => {
    await using primary = await startSlotwise({ args: [...args, '--repl-semi-sync-timeout', '600000'] })
    await using client = await primary.client()
    await using replica = await startRedis({ args: ['--save', '', '--replicaof', '127.0.0.1', String(primary.port)] })
    await untilClients(client, 1)
    expect(await client.command('SET', 'a', 1)).toBe('OK')
    expect(await field(client, 'semi_sync_master_yes_tx')).toBe('1')
    await client.command('CONFIG', 'SET', 'repl-semi-sync-timeout', 300)
    await replica.suspend()
    const before = performance.now()
    expect(await client.command('SET', 'a', 2)).toBe('OK')
    expect(performance.now() - before).toBeGreaterThan(290)
    expect(await field(client, 'semi_sync_master_status')).toBe('OFF')
    expect(await field(client, 'semi_sync_master_no_times')).toBe('1')
    await waitFor(() => primary.output.includes('Semi-sync replication fell back to asynchronous'))
    replica.signal('SIGCONT')
    await waitFor(async () => await field(client, 'semi_sync_master_status') === 'ON', { timeoutMs: 60_000, what: 'the return' })
    await client.command('CONFIG', 'SET', 'repl-semi-sync-timeout', 600_000)
    expect(await client.command('SET', 'a', 3)).toBe('OK')
    await using follower = await replica.client()
    expect(await follower.command('GET', 'a')).toBe('3')
  })
})

describe('semi-sync and a replica of ours', () => {
  it('counts what it has fsynced', async () => {
    const durable = ['--repl-semi-sync-ack-on', 'durable', '--repl-semi-sync-strict', 'yes']
    await using primary = await startSlotwise({ args: [...args, ...durable] })
    await using client = await primary.client()
    await using memoryOnly = await startSlotwise({ args: ['--replicaof', '127.0.0.1', String(primary.port)] })
    await waitFor(async () => await field(client, 'connected_slaves') === '1', { timeoutMs: 60_000, what: 'the replica' })
    await using replica = await startSlotwise({
      args: ['--appendonly', 'yes', '--appendfsync', 'always', '--replicaof', '127.0.0.1', String(primary.port)],
    })
    await untilClients(client, 1)
    for (let i = 0; i < 20; i++) expect(await client.command('INCR', 'n')).toBe(i + 1)
    const lines = [await field(client, 'slave0'), await field(client, 'slave1')]
    expect(lines.filter((line) => line?.includes('fsynced='))).toHaveLength(1)
    await replica.sigkill()
    await untilClients(client, 0)
    // The other one is still there, and has nothing on a disk.
    expect(await field(client, 'connected_slaves')).toBe('1')
    expect(memoryOnly.pid).toBeGreaterThan(0)
    expect(await client.command('INCR', 'n')).toMatchObject({ message: expect.stringContaining('NOREPLICAS') as string })
  })
})
