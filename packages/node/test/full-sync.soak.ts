/**
 * A big copy under load, and a replica that loses its link again and again: to a redis-server from us, and from a
 * redis-server to us.
 * SLOTWISE_SYNC_MB says how much is copied (1024), SLOTWISE_SYNC_CUTS how often the link is lost (50);
 * `npm run test:full-sync -- --mb 1024 --cuts 50`.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describePeer, type RespClient, type ServerProcess, startRedis, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { expectSame, field } from './fixtures/replication-load.js'

const megabytes = Number(process.env.SLOTWISE_SYNC_MB ?? 1024)
const cuts = Number(process.env.SLOTWISE_SYNC_CUTS ?? 50)
const VALUE_BYTES = 1000
const keys = Math.ceil(megabytes * 2 ** 20 / VALUE_BYTES)
const BACKLOG_BYTES = 1 << 20
const WAIT_MS = 120_000
const common = ['--enable-debug-command', 'yes', '--save', '']

async function fill(client: RespClient): Promise<void> {
  const batch = 1000
  for (let from = 0; from < keys; from += batch) {
    const commands = Array.from({ length: Math.min(batch, keys - from) }, (_, i) =>
      ['SET', `key:${from + i}`, String(from + i).padEnd(VALUE_BYTES, '.')])
    await client.pipeline(commands)
  }
}

/** Writes to keys old and new until it is stopped; goes on for as long as the other end lags. */
class Writer {
  rounds = 0
  #isStopped = false
  readonly #done: Promise<void>

  constructor(client: RespClient) {
    this.#done = this.#run(client)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  async #run(client: RespClient): Promise<void> {
    for (; !this.#isStopped; this.rounds++) {
      const at = this.rounds * 7919
      const key = (i: number): string => `key:${(at + i * 104_729) % keys}`
      await client.pipeline(Array.from({ length: 20 }, (_, i) => [
        ['SET', key(i), String(at).padEnd(VALUE_BYTES, '-')], ['APPEND', key(i + 20), '+'], ['INCR', 'count'],
        ['HSET', `hash:${at % 1000}`, String(i), at], ['RPUSH', `list:${i}`, at], ['LTRIM', `list:${i}`, -100, -1],
        ['ZADD', 'scores', at, i], ['SADD', `set:${at % 100}`, at], ['SPOP', `set:${at % 100}`],
      ]).flat())
    }
  }
}

const linkIsUp = (replica: RespClient): Promise<unknown> => waitFor(
  async () => await field(replica, 'replication', 'master_link_status') === 'up', { timeoutMs: WAIT_MS, what: 'the link' })
const numberOf = async (client: RespClient, section: string, name: string): Promise<number> =>
  Number(await field(client, section, name))

describePeer(['redis-server', 'redis-benchmark'], 'a big copy', () => {
  it(`${megabytes} MB to a redis-server under load; ${cuts} times its link is lost, and what is in files is never copied again`, async () => {
    await using primary = await startSlotwise({
      args: [
        ...common, '--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0', '--repl-diskless-sync-delay', '0',
        '--repl-backlog-size', String(BACKLOG_BYTES), '--repl-ping-replica-period', '3600', // nothing moves while digests are made
      ],
    })
    await using client = await primary.client()
    await fill(client)
    await using writing = await primary.client()
    const writer = new Writer(writing)
    await using dir = tempDir()
    const start = (): Promise<ServerProcess> =>
      startRedis({ dir: dir.path, timeoutMs: WAIT_MS, args: [...common, '--replicaof', '127.0.0.1', String(primary.port)] })
    let replica = await start()
    try {
      const startedMs = performance.now()
      let follower = await replica.client()
      await linkIsUp(follower)
      const copiedMs = performance.now() - startedMs
      const happened = { cut: 0, 'cut for longer than memory remembers': 0, restarted: 0 }
      for (let cut = 0; cut < cuts; cut++) {
        const partial = await numberOf(client, 'stats', 'sync_partial_ok')
        if (cut % 10 === 9) {
          happened.restarted++
          await follower.command('SHUTDOWN', 'SAVE').catch(() => undefined) // its file remembers where it was
          await replica.exited
          await follower.close()
          replica = await start()
          follower = await replica.client()
        } else if (cut % 3 === 0) {
          happened['cut for longer than memory remembers']++
          const offset = await numberOf(client, 'replication', 'master_repl_offset')
          replica.signal('SIGSTOP')
          await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
          await waitFor(async () => await numberOf(client, 'replication', 'repl_backlog_first_byte_offset') > offset,
            { timeoutMs: WAIT_MS, what: 'writes' })
          replica.signal('SIGCONT')
        } else {
          happened.cut++
          await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
        }
        await waitFor(async () => await numberOf(client, 'stats', 'sync_partial_ok') > partial, { timeoutMs: WAIT_MS, what: `the partial resync after cut ${cut + 1}` })
        await linkIsUp(follower)
      }
      await writer.stop()
      await expectSame(client, follower)
      expect(await numberOf(client, 'stats', 'sync_full')).toBe(1)
      await follower.close()
      console.log(`${megabytes} MB copied under load in ${(copiedMs / 1000).toFixed(1)} s; ${JSON.stringify(happened)}, ${writer.rounds} rounds of 180 writes; one full resync, equal digests`)
    } finally {
      await replica.stop()
    }
  }, 3_600_000)

  it('of a redis-server under redis-benchmark: the lag is gone within a second of its end, and the data is the same', async () => {
    await using primary = await startRedis({ args: [...common, '--repl-diskless-sync-delay', '0'] })
    await using client = await primary.client()
    await using replica = await startSlotwise({ args: [...common, '--replicaof', '127.0.0.1', String(primary.port)] })
    await using follower = await replica.client()
    await linkIsUp(follower)
    const lags: number[] = []
    for (let round = 0; round < 3; round++) {
      await promisify(execFile)('redis-benchmark', ['-p', String(primary.port), '-n', '100000', '-r', '100000', '-P', '16', '-q'])
      const endMs = performance.now()
      const offset = await numberOf(client, 'replication', 'master_repl_offset')
      await waitFor(async () => await numberOf(follower, 'replication', 'slave_repl_offset') >= offset, { timeoutMs: WAIT_MS, intervalMs: 1, what: 'the replica' })
      lags.push(performance.now() - endMs)
      await expectSame(client, follower)
    }
    console.log(`lag after redis-benchmark: ${lags.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}`)
    expect(Math.max(...lags)).toBeLessThan(1000)
  }, 600_000)
})
