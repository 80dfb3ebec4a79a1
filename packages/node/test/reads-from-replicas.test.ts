/**
 * Reading from replicas: SLOTWISE.STALENESS refuses what may be too old, SLOTWISE.WAITFOR waits for one's own writes.
 * With primaries of ours and real ones, which know nothing of either.
 */
import {
  describePeer, peer, RespError, startRedis, startSlotwise, waitFor, type RespClient, type RespReply,
  type ServerOptions, type ServerProcess,
} from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { field, linkIsUp } from './fixtures/replication-load.js'

// Without PINGs: a position is that of a write.
const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '3600', '--repl-timeout', '7200']
const startReplica = (of: { port: number }, more: string[] = []): Promise<ServerProcess> =>
  startSlotwise({ args: [...args, '--replicaof', '127.0.0.1', String(of.port), ...more] })
const pause = (replica: RespClient, ms: number): Promise<RespReply> => replica.command('DEBUG', 'PAUSE-REPLICA-APPLY', ms)
const code = (reply: RespReply): string | null => reply instanceof RespError ? reply.message.split(' ')[0]! : null
const isStale = async (client: RespClient): Promise<boolean> => code(await client.command('GET', 'k')) === 'STALE'

const primaries: [string, (options?: ServerOptions) => Promise<ServerProcess>][] = [
  ['one of ours', (options = {}) => startSlotwise({ ...options, args: [...args, ...options.args ?? []] })],
]
if (peer('redis-server').usable) primaries.push(['a redis-server', (options = {}) => startRedis({ ...options, args: [...args, ...options.args ?? []] })])

describe.each(primaries)('a replica of %s', (_, startPrimary) => {
  it('answers a session with a limit while it can prove its data to be new enough, and says STALE when it cannot', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await client.command('SET', 'k', 'old')
    await using replica = await startReplica(primary)
    await using control = await replica.client()
    await linkIsUp(control)
    await using reader = await replica.client()
    expect(await reader.command('SLOTWISE.STALENESS', 300)).toBe('OK')
    await waitFor(async () => await reader.command('GET', 'k') === 'old', { what: 'a proof' })
    expect(await reader.command('CLIENT', 'INFO')).toMatch(/ staleness=300\n/)
    const [limit, proven] = await reader.command('SLOTWISE.STALENESS') as [number, number]
    expect(limit).toBe(300)
    expect(proven).toBeGreaterThan(0)

    await pause(control, 60_000)
    await client.command('SET', 'k', 'new')
    await waitFor(() => isStale(reader), { what: 'STALE' })
    expect(await control.command('GET', 'k')).toBe('old')
    expect(await reader.pipeline([['MULTI'], ['GET', 'k'], ['EXEC']]))
      .toEqual(['OK', 'QUEUED', expect.objectContaining({ message: expect.stringContaining('EXECABORT Transaction discarded because of: STALE') as string })])
    await pause(control, 0)
    await waitFor(async () => await reader.command('GET', 'k') === 'new', { what: 'the lag to end' })

    // A primary that does not answer may have anything; one that answers again has nothing newer than it says.
    primary.signal('SIGSTOP')
    await waitFor(() => isStale(reader), { what: 'STALE' })
    primary.signal('SIGCONT')
    await waitFor(async () => await reader.command('GET', 'k') === 'new', { what: 'the primary' })
    expect(await reader.command('RESET')).toBe('RESET')
    await primary.sigkill()
    await waitFor(async () => await field(control, 'replication', 'master_link_status') === 'down', { what: 'the end of the link' })
    expect(await reader.command('GET', 'k')).toBe('new')
  }, 240_000)

  it('proves it with masteruser and masterauth, if the user may ask INFO', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await client.command('ACL', 'SETUSER', 'follower', 'on', '>secret', '+psync', '+replconf', '+ping')
    await client.command('ACL', 'SETUSER', 'default', '>password')
    await client.command('SET', 'k', 'v')
    await using replica = await startReplica(primary, ['--masteruser', 'follower', '--masterauth', 'secret'])
    await using reader = await replica.client()
    await linkIsUp(reader)
    await reader.command('SLOTWISE.STALENESS', 500)
    await waitFor(() => replica.output.includes('cannot be asked how far its stream is'), { what: 'the line in the log' })
    expect(await isStale(reader)).toBe(true)
    await client.command('ACL', 'SETUSER', 'follower', '+info')
    await waitFor(async () => await reader.command('GET', 'k') === 'v', { what: 'a proof' })
  }, 240_000)

  it('waits for a position, which INFO tells too', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using control = await replica.client()
    await linkIsUp(control)
    await pause(control, 60_000)
    await client.command('SET', 'k', 'v')
    const position = `${await field(client, 'replication', 'master_replid')}:${await field(client, 'replication', 'master_repl_offset')}`
    await using reader = await replica.client()
    expect(code(await reader.command('SLOTWISE.WAITFOR', position, 20))).toBe('TIMEOUT')
    const waiting = reader.pipeline([['SLOTWISE.WAITFOR', position, 0], ['GET', 'k']])
    await waitFor(async () => await field(control, 'clients', 'blocked_clients') === '1', { what: 'the waiting' })
    await pause(control, 0)
    expect(await waiting).toEqual(['OK', 'v'])
    expect(await reader.command('SLOTWISE.POSITION')).toBe(position)
  }, 240_000)

  it('tells who waits for what was lost with a primary that it never comes', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using control = await replica.client()
    await linkIsUp(control)
    await client.command('SET', 'k', 'v')
    const at = async (): Promise<string> =>
      `${await field(client, 'replication', 'master_replid')}:${await field(client, 'replication', 'master_repl_offset')}`
    const kept = await at()
    expect(await control.command('SLOTWISE.WAITFOR', kept, 10_000)).toBe('OK')
    await pause(control, 60_000)
    await client.command('SET', 'k', 'lost')
    const lost = await at()
    await using reader = await replica.client()
    const waiting = reader.command('SLOTWISE.WAITFOR', lost, 0)
    await waitFor(async () => await field(control, 'clients', 'blocked_clients') === '1', { what: 'the waiting' })
    await primary.sigkill()
    await control.command('REPLICAOF', 'NO', 'ONE')
    expect(code(await waiting)).toBe('HISTORY')
    expect(await control.command('SLOTWISE.WAITFOR', kept, 0)).toBe('OK')
  }, 240_000)
})

describePeer('redis-server', 'a replica behind a redis-server that is a replica itself', () => {
  it('cannot prove anything, and says why once', async () => {
    await using primary = await startRedis({ args })
    await using middle = await startRedis({ args: [...args, '--replicaof', '127.0.0.1', String(primary.port)] })
    await using between = await middle.client()
    await linkIsUp(between)
    await using replica = await startReplica(middle)
    await using reader = await replica.client()
    await linkIsUp(reader)
    await reader.command('SLOTWISE.STALENESS', 100)
    await waitFor(() => replica.output.includes('the MASTER is a replica that does not prove how old its data is'), { what: 'the line in the log' })
    expect(await isStale(reader)).toBe(true)
    expect(await reader.command('SLOTWISE.STALENESS')).toEqual([100, -1])
  }, 240_000)
})
