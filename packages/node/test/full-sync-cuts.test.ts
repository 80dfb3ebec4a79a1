/**
 * A redis-server follows us under load: one full resync of everything, then its link is cut again and again, in three
 * ways, and it continues each time from what memory or the log's files still hold. At the end both hold the same, and
 * there was one full resync. `npm test` runs it small; `npm run test:kill -- --full-sync` with 1 GB and 50 cuts
 * (SLOTWISE_FULL_SYNC_MB, SLOTWISE_FULL_SYNC_CUTS).
 */
import { randomBytes } from 'node:crypto'
import { describePeer, startRedis, startSlotwise, tempDir, waitFor, type RespClient, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { field, fill, load } from './fixtures/replication-load.js'

const megabytes = Number(process.env.SLOTWISE_FULL_SYNC_MB ?? 20)
const cuts = Number(process.env.SLOTWISE_FULL_SYNC_CUTS ?? 6)
const patience = { timeoutMs: 120_000 }
const number = async (client: RespClient, section: string, name: string): Promise<number> =>
  Number(await field(client, section, name))

/** Values of 1 KiB that do not compress, in a database that the load leaves alone. */
async function fillWithMegabytes(client: RespClient): Promise<void> {
  await client.command('SELECT', 3)
  for (let i = 0; i < megabytes; i++) {
    await client.pipeline(Array.from({ length: 1024 }, (_, k) => ['SET', `big:${i}:${k}`, randomBytes(512).toString('hex')]))
  }
  await client.command('SELECT', 0)
}

describePeer('redis-server', 'a redis-server under load whose link is cut again and again', () => {
  it(`needs one full resync of ${megabytes} MB, and none after each of ${cuts} cuts`, async () => {
    await using dir = tempDir()
    await using primary = await startSlotwise({
      args: ['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0', '--repl-backlog-size', '16kb', '--enable-debug-command', 'yes',
        '--repl-diskless-sync-delay', '0', '--client-output-buffer-limit', 'replica 0 0 0'],
    })
    await using client = await primary.client(patience)
    await fill(client)
    await fillWithMegabytes(client)
    await using writer = await primary.client(patience)
    const writes = load(writer)

    const startReplica = async (): Promise<[ServerProcess, RespClient]> => {
      const replica = await startRedis({ dir: dir.path, args: ['--replicaof', '127.0.0.1', String(primary.port)], ...patience })
      return [replica, await replica.client(patience)]
    }
    let [replica, follower] = await startReplica()
    try {
      await waitFor(async () => await field(follower, 'replication', 'master_link_status') === 'up', { ...patience, what: 'the full resync' })
      let fromFiles = 0
      for (let cut = 0; cut < cuts; cut++) {
        const before = await number(client, 'stats', 'sync_partial_ok')
        if (cut % 10 === 5) { // it ends, and begins again with what its own snapshot says of the stream
          await follower.command('SHUTDOWN', 'SAVE').catch(() => undefined)
          await replica.exited;
          [replica, follower] = await startReplica()
        } else if (cut % 2 === 1) { // it is away until memory has forgotten where it was
          const applied = await number(follower, 'replication', 'slave_repl_offset')
          await replica.suspend()
          await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
          const forgotten = async (): Promise<boolean> => await number(client, 'replication', 'repl_backlog_first_byte_offset') > applied + 1_000_000
          await waitFor(forgotten, { ...patience, what: 'a megabyte of writes' })
          replica.signal('SIGCONT')
          fromFiles++
        } else {
          await client.command('CLIENT', 'KILL', 'TYPE', 'replica')
        }
        const continued = async (): Promise<boolean> => await number(client, 'stats', 'sync_partial_ok') > before
        await waitFor(continued, { ...patience, what: `the partial resync after cut ${cut}` })
      }
      expect(await writes.stop()).toBeGreaterThan(0)
      await waitFor(async () => await client.command('EXISTS', 'gone') === 0, { ...patience, what: 'the last expiry' })
      const applied = async (): Promise<boolean> =>
        await field(client, 'replication', 'master_repl_offset') === await field(follower, 'replication', 'slave_repl_offset')
      await waitFor(applied, { ...patience, what: 'the replica' })
      expect(await follower.command('DEBUG', 'DIGEST')).toBe(await client.command('DEBUG', 'DIGEST'))
      expect(await field(client, 'stats', 'sync_full')).toBe('1')
      console.log(`${megabytes} MB, ${cuts} cuts, ${fromFiles} of them beyond the backlog: 1 full resync, digests equal`)
    } finally {
      await follower.close()
      await replica.sigkill()
    }
  }, 60_000 + megabytes * 500 + cuts * 20_000)
})
