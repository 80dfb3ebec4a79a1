/**
 * Semi-sync's second channel between two of our servers: new writes are protected while a replica still lags, the gap
 * is closed, both become one stream; and what becomes of it when somebody dies meanwhile.
 * The lag is made by DEBUG PAUSE-REPLICA-APPLY, so that it lasts as long as a test says; SIGSTOP stops a whole replica.
 */
import { readdirSync } from 'node:fs'
import { tempDir, waitFor, type RespClient } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { impatient, info, number, patient, ready, startPrimary, startReplica, untilRelay, untilStatus } from './fixtures/dual-channel.js'
import { expectSame, load } from './fixtures/replication-load.js'

const pause = (replica: RespClient, ms: number): Promise<unknown> => replica.command('DEBUG', 'PAUSE-REPLICA-APPLY', ms)
const relays = (dir: string): string[] => readdirSync(dir).filter((name) => name.startsWith('semi-sync-relay'))

describe('a replica of ours that lags', () => {
  it('protects new writes by a second channel at once, closes the gap, and goes on with one connection', async () => {
    await using primary = await startPrimary()
    await using replica = await startReplica(primary)
    await using client = await primary.client()
    await using follower = await replica.client()
    await ready(follower)
    expect(await client.command('SET', 'before', 1)).toBe('OK')

    await impatient(client)
    await pause(follower, 60_000)
    expect(await client.command('SET', 'gap', 'x'.repeat(1000))).toBe('OK') // after the time-out, without anybody having it
    await untilStatus(client, 'ON')
    expect(await number(client, 'semi_sync_master_relays')).toBe(1)
    expect(await number(client, 'semi_sync_master_gap_bytes')).toBeGreaterThan(1000)
    const unprotectedUs = await number(client, 'semi_sync_master_last_unprotected_time')
    expect(unprotectedUs).toBeGreaterThan(0)
    expect(unprotectedUs).toBeLessThan(60_000_000)
    await patient(client)
    const protectedBefore = await number(client, 'semi_sync_master_yes_tx')
    for (let i = 0; i < 50; i++) expect(await client.command('SET', `new:${i}`, i)).toBe('OK')
    expect(await number(client, 'semi_sync_master_yes_tx')).toBe(protectedBefore + 50)
    expect(await number(client, 'semi_sync_master_no_times')).toBe(1)

    // It is one replica, and what it has applied is behind the gap.
    expect(await number(client, 'connected_slaves')).toBe(1)
    expect(await number(client, 'semi_sync_master_clients')).toBe(1)
    expect((await client.command('ROLE') as unknown[])[2]).toHaveLength(1)
    expect(await client.command('WAIT', 1, 100)).toBe(0)
    expect(await follower.command('EXISTS', 'gap', 'new:0')).toBe(0)
    expect(await info(client, 'slave0')).toMatch(/,relay=\d+-\d+/)
    expect(relays(replica.dir)).toHaveLength(1)

    await pause(follower, 0)
    await expectSame(client, follower)
    await untilRelay(follower, 'standby')
    expect(await follower.command('GET', 'new:49')).toBe('49')
    expect(await client.command('WAIT', 1, 25_000)).toBe(1)
    expect(await number(client, 'connected_slaves')).toBe(1)
    expect(await info(client, 'slave0')).toMatch(new RegExp(`^ip=127.0.0.1,port=${replica.port},state=online`))
    await waitFor(() => relays(replica.dir).length === 0, { timeoutMs: 60_000, what: 'the relay to go' })
    await waitFor(() => replica.output.includes('its channel is the link to the MASTER now'), { what: 'the line in the log' })
    // Nothing was asked for twice: one full copy at the beginning, no partial one since.
    expect(/sync_full:(\d+)\r\nsync_partial_ok:(\d+)/.exec(await client.command('INFO', 'stats') as string)?.slice(1)).toEqual(['1', '0'])
    expect(await client.command('SET', 'after', 1)).toBe('OK')
    expect(await number(client, 'semi_sync_master_no_times')).toBe(1)
  }, 240_000)

  it('does so again and again under load, and ends with the same data', async () => {
    await using primary = await startPrimary()
    await using replica = await startReplica(primary)
    await using client = await primary.client()
    await using follower = await replica.client()
    await ready(follower)
    await impatient(client)
    await using writer = await primary.client()
    const writes = load(writer)
    for (let round = 1; round <= 5; round++) {
      await untilRelay(follower, 'standby')
      await pause(follower, 60_000)
      await untilRelay(follower, 'relaying')
      await untilStatus(client, 'ON')
      await waitFor(async () => await number(follower, 'semi_sync_relay_bytes') > 20_000 * round, { timeoutMs: 60_000, what: 'the relay to grow' })
      await pause(follower, 0)
    }
    await untilRelay(follower, 'standby')
    await writes.stop()
    await expectSame(client, follower)
    expect(await number(client, 'semi_sync_master_no_times')).toBeGreaterThanOrEqual(5)
    await waitFor(() => relays(replica.dir).length === 0, { timeoutMs: 60_000, what: 'the relays to go' })
  }, 300_000)

  it('that stood still is protected again when it goes on, and the relay begins there', async () => {
    await using primary = await startPrimary()
    await using replica = await startReplica(primary)
    await using client = await primary.client()
    await using follower = await replica.client()
    await ready(follower)
    await impatient(client)
    await replica.suspend()
    const stoppedAt = await number(client, 'master_repl_offset')
    expect(await client.command('SET', 'gap', 1)).toBe('OK')
    await client.command('SET', 'late', 1)
    const end = await number(client, 'master_repl_offset')
    expect(await info(client, 'semi_sync_master_status')).toBe('OFF')
    replica.signal('SIGCONT')
    await untilStatus(client, 'ON')
    await expectSame(client, follower)
    await untilRelay(follower, 'standby')
    // There may be an earlier one, if the replica was slow to come up, and none since, if it has caught up at once.
    const starts = [...replica.output.matchAll(/Semi-sync goes on in a relay from offset (\d+)/g)].map(([, offset]) => Number(offset))
    expect(starts.filter((start) => start > stoppedAt + 1 && start <= end)).toEqual([])
  }, 240_000)

  it('waits for the gap as ever without the second channel, and with strict', async () => {
    for (const more of [['--repl-semi-sync-dual-channel', 'no'], ['--repl-semi-sync-strict', 'yes']]) {
      await using primary = await startPrimary(more)
      await using replica = await startReplica(primary)
      await using client = await primary.client()
      await using follower = await replica.client()
      await ready(follower, false)
      expect(await info(follower, 'semi_sync_relay')).toBeUndefined()
      if (more.includes('--repl-semi-sync-strict')) continue
      await impatient(client)
      await pause(follower, 60_000)
      await client.command('SET', 'gap', 1)
      expect(await info(client, 'semi_sync_master_status')).toBe('OFF')
      for (let i = 0; i < 20; i++) await client.command('SET', 'k', i)
      expect(await info(client, 'semi_sync_master_status')).toBe('OFF')
      await pause(follower, 0)
      await untilStatus(client, 'ON')
    }
  }, 240_000)

  it('counts its relay as durable once that is fsynced', async () => {
    await using primary = await startPrimary(['--repl-semi-sync-ack-on', 'durable'])
    await using replica = await startReplica(primary, ['--appendfsync', 'always'])
    await using client = await primary.client()
    await using follower = await replica.client()
    await ready(follower)
    await waitFor(async () => await number(client, 'semi_sync_master_clients') === 1, { timeoutMs: 60_000, what: 'the replica' })
    await impatient(client)
    await pause(follower, 60_000)
    await client.command('SET', 'gap', 1)
    await untilStatus(client, 'ON')
    await patient(client)
    const before = await number(client, 'semi_sync_master_yes_tx')
    await client.command('SET', 'new', 1)
    expect(await number(client, 'semi_sync_master_yes_tx')).toBe(before + 1)
    await pause(follower, 0)
    await expectSame(client, follower)
  }, 240_000)
})

describe('a replica with a relay', () => {
  /** A lag with a gap of `gap` and a relay with `relayed`, both acknowledged. */
  async function lag(client: RespClient, follower: RespClient): Promise<void> {
    await ready(follower)
    await client.command('SET', 'before', 1)
    await impatient(client)
    await pause(follower, 60_000)
    await client.command('SET', 'gap', 1)
    await untilStatus(client, 'ON')
    await patient(client)
    await untilStatus(client, 'ON')
    await client.pipeline([['SET', 'relayed', 1], ['INCR', 'n'], ['INCR', 'n']])
  }

  it('that is killed fetches the gap when it comes back, and has everything', async () => {
    await using primary = await startPrimary()
    const dir = tempDir()
    await using client = await primary.client()
    {
      await using replica = await startReplica(primary, [], dir.path)
      await using follower = await replica.client()
      await lag(client, follower)
      await replica.sigkill()
    }
    expect(relays(dir.path)).toHaveLength(1)
    await using replica = await startReplica(primary, [], dir.path)
    await using follower = await replica.client()
    await ready(follower)
    await expectSame(client, follower)
    expect(await follower.command('GET', 'n')).toBe('2')
    await waitFor(() => replica.output.includes('Found a relay of semi-sync'), { what: 'the line in the log' })
    await waitFor(() => relays(dir.path).length === 0, { timeoutMs: 60_000, what: 'the relay to go' })
    expect(await client.command('INFO', 'stats')).toContain('sync_full:1\r\n')
    await dir.remove()
  }, 240_000)

  it('whose primary died before the gap was closed keeps the relay aside when it is promoted, and says so', async () => {
    await using primary = await startPrimary()
    await using replica = await startReplica(primary)
    await using client = await primary.client()
    await using follower = await replica.client()
    await lag(client, follower)
    await primary.sigkill()
    expect(await follower.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    expect(await follower.pipeline([['EXISTS', 'before'], ['EXISTS', 'gap', 'relayed']])).toEqual([1, 0])
    await waitFor(() => relays(replica.dir).some((name) => name.endsWith('.kept')), { timeoutMs: 60_000, what: 'the relay to be set aside' })
    await waitFor(() => replica.output.includes('cannot be applied and is set aside'), { what: 'the line in the log' })
    expect(await follower.command('SET', 'on', 1)).toBe('OK')
  }, 240_000)

  it('whose primary died after the gap was closed has what it acknowledged when it is promoted, also after a restart', async () => {
    // Both die: what outlives them is what was acknowledged as durable.
    await using primary = await startPrimary(['--repl-timeout', '3600', '--repl-semi-sync-ack-on', 'durable'])
    const fsync = ['--appendfsync', 'always']
    const dir = tempDir()
    await using client = await primary.client()
    {
      await using replica = await startReplica(primary, fsync, dir.path)
      await using follower = await replica.client()
      await ready(follower)
      await waitFor(async () => await number(client, 'semi_sync_master_clients') === 1, { timeoutMs: 60_000, what: 'the replica' })
      await impatient(client)
      await pause(follower, 60_000)
      // No gap but the question's: what follows is relayed from the byte that comes next on.
      await client.command('SET', 'gap', 1)
      await untilStatus(client, 'ON')
      await patient(client)
      await untilStatus(client, 'ON')
      const start = await number(follower, 'semi_sync_relay_first_offset')
      const big = 'x'.repeat(1 << 20)
      await using other = await primary.client()
      for (let i = 0; i < 40; i++) expect(await other.command('SET', `relayed:${i}`, big)).toBe('OK')
      // Killed while it applies the relay.
      await pause(follower, 0)
      await waitFor(async () => await number(follower, 'master_fsynced_offset') >= start - 1, { timeoutMs: 60_000, intervalMs: 1, what: 'the gap to be closed' })
      await Promise.all([primary.sigkill(), replica.sigkill()])
    }
    await using replica = await startReplica({ port: primary.port }, fsync, dir.path)
    await using follower = await replica.client()
    expect(await follower.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    expect(await follower.command('EXISTS', 'gap', ...Array.from({ length: 40 }, (_, i) => `relayed:${i}`))).toBe(41)
    await dir.remove()
  }, 240_000)
})
