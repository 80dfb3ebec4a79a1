/**
 * FAILOVER: a primary hands over to a replica, between ours and redis-server either way, and says what redis-server
 * says where that cannot be. In a cluster: CLUSTER FAILOVER, cluster.test.ts.
 */
import { describePeer, peer, RespError, startRedis, startSlotwise, waitFor, type RespClient } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { expectSame, field, linkIsUp } from './fixtures/replication-load.js'

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']

const failovers: [string, typeof startSlotwise, typeof startSlotwise][] = [['ours to ours', startSlotwise, startSlotwise]]
if (peer('redis-server').usable) {
  failovers.push(['ours to redis-server', startSlotwise, startRedis], ['redis-server to ours', startRedis, startSlotwise])
}

describe.each(failovers)('FAILOVER from %s', (_, startOne, startOther) => {
  it('changes the roles, and no write is lost', async () => {
    await using one = await startOne({ args })
    await using a = await one.client()
    await using other = await startOther({ args: [...args, '--replicaof', '127.0.0.1', String(one.port)] })
    await using b = await other.client()
    await linkIsUp(b)
    await using writer = await one.client()
    let written = 0
    const writing = (async (): Promise<void> => {
      while (await writer.command('INCR', 'n') === written + 1) written++
    })()
    await waitFor(() => written > 100, { what: 'writes' })
    const online = async (): Promise<boolean> => (await field(a, 'replication', 'slave0') ?? '').includes('state=online')
    await waitFor(online, { timeoutMs: 60_000, what: 'the replica to be online' })
    expect(await a.command('FAILOVER', 'TO', '127.0.0.1', other.port)).toBe('OK')
    await waitFor(async () => await field(b, 'replication', 'role') === 'master', { timeoutMs: 60_000, what: 'the promotion' })
    await writing
    await linkIsUp(a)
    expect(await field(a, 'replication', 'master_failover_state')).toBe('no-failover')
    expect(await b.command('GET', 'n')).toBe(String(written))
    expect(await b.command('INCR', 'n')).toBe(written + 1)
    await expectSame(b, a)
    expect(await field(b, 'stats', 'sync_full')).toBe('0')
  }, 240_000)
})

/** Without replicas; with one that is online; at that one; while a hand-over waits for it. */
const refusedFailovers = [
  ['', 'ABORT', 'FORCE', 'x', 'TO h 1', 'TO h 1 FORCE', 'FORCE TO h 1', 'FORCE TO h 1 TIMEOUT 5', 'TIMEOUT', 'TIMEOUT 0', 'TIMEOUT -1', 'TIMEOUT x',
    'TIMEOUT 99999999999999999999', 'TIMEOUT 5 TIMEOUT 5', 'TO', 'TO h', 'TO h x', 'TO h 1 TO h 1', 'ABORT ABORT', 'ABORT TO h 1', 'FORCE FORCE'],
  ['ABORT', 'FORCE', 'x', 'TO 127.0.0.1 1', 'TO h 1 FORCE', 'FORCE TO h 1', 'FORCE TO h 1 TIMEOUT 5', 'TO h 1 FORCE TIMEOUT 5', 'TIMEOUT 0', 'TIMEOUT 5 FORCE'],
  ['', 'ABORT', 'FORCE', 'TIMEOUT 5', 'TO h 1', 'x'],
  ['', 'TIMEOUT 5', 'FORCE', 'TO h 1', 'x', 'TIMEOUT 0'],
] as const

/** What is said to each; then to ABORT, and to a write that had to wait. */
async function failoverAnswers(startOne: typeof startSlotwise): Promise<unknown[]> {
  await using primary = await startOne({ args })
  await using client = await primary.client()
  const [alone, online, atReplica, waiting] = refusedFailovers
  const said: unknown[] = []
  const ask = async (who: RespClient, lines: readonly string[]): Promise<void> => {
    for (const line of lines) {
      const reply = await who.command('FAILOVER', ...line.split(' ').filter((word) => word !== ''))
      said.push(`${line}: ${reply instanceof RespError ? reply.message : JSON.stringify(reply)}`)
    }
  }
  await ask(client, alone)
  await using replica = await startOne({ args: [...args, '--replicaof', '127.0.0.1', String(primary.port)] })
  await using follower = await replica.client()
  await linkIsUp(follower)
  await waitFor(async () => (await field(client, 'replication', 'slave0') ?? '').includes('state=online'), { timeoutMs: 60_000, what: 'the replica to be online' })
  await ask(client, online)
  await ask(follower, atReplica)
  // One that does not answer.
  await replica.suspend()
  await client.command('SET', 'k', 'v')
  said.push(await client.command('FAILOVER'))
  await ask(client, waiting)
  await using writer = await primary.client()
  writer.send('SET k w\r\n')
  said.push(await field(client, 'replication', 'master_failover_state'), writer.unreadCount)
  said.push(await client.command('FAILOVER', 'ABORT'), await writer.read(), await client.command('GET', 'k'), await field(client, 'replication', 'role'))
  replica.signal('SIGCONT')
  await expectSame(client, follower)
  return said
}

describePeer('redis-server', 'FAILOVER', () => {
  it('says what redis-server says where it cannot be, and is taken back by ABORT', async () => {
    const [ours, theirs] = [await failoverAnswers(startSlotwise), await failoverAnswers(startRedis)]
    expect(ours).toEqual(theirs)
    expect(ours).toContain('ABORT: ERR No failover in progress.')
  }, 240_000)
})

describe('FAILOVER', () => {
  it('is given up in time if the replica does not answer, and this server is what it was', async () => {
    await using primary = await startSlotwise({ args })
    await using client = await primary.client()
    await using replica = await startSlotwise({ args: [...args, '--replicaof', '127.0.0.1', String(primary.port)] })
    await using follower = await replica.client()
    await linkIsUp(follower)
    await replica.suspend()
    await client.command('SET', 'k', 'v')
    expect(await client.command('FAILOVER', 'TIMEOUT', 1000)).toBe('OK')
    await waitFor(async () => await field(client, 'replication', 'master_failover_state') === 'no-failover', { what: 'the time-out' })
    expect(await client.command('SET', 'k', 'w')).toBe('OK')
    replica.signal('SIGCONT')
    await expectSame(client, follower)
  }, 240_000)
})
