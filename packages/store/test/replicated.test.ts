/** Reads from the replicas of a primary without a cluster, ours and of Redis: which come, lag and go. */
import { describePeer, freePort, type ServerProcess, startRedis, startSlotwise, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { ConnectionError, open } from 'slotwise'

const urlOf = ({ port }: ServerProcess): string => `redis://127.0.0.1:${port}`
const args = ['--repl-diskless-sync-delay', '0']
const following = (primary: ServerProcess): string[] => [...args, '--replicaof', '127.0.0.1', String(primary.port)]
const debug = ['--enable-debug-command', 'yes']

async function served(node: ServerProcess): Promise<number> {
  await using client = await node.client()
  const info = await client.command('INFO', 'commandstats') as string
  return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

async function isOnline(primary: ServerProcess, count: number): Promise<boolean> {
  await using client = await primary.client()
  return (await client.command('INFO', 'replication') as string).match(/state=online/g)?.length === count
}

describe('a primary with replicas', () => {
  it('leaves reads to them, and answers itself what they cannot prove, or when they have gone', async () => {
    await using primary = await startSlotwise({ args })
    const port = await freePort()
    const replica = await startSlotwise({ port, args: [...following(primary), ...debug] })
    await waitFor(() => isOnline(primary, 1), { timeoutMs: 60_000, what: 'the replica' })
    await using store = await open({ url: `${urlOf(primary)}/3`, codec: 'text', read: 'replica' })
    await using limited = await open({ url: `${urlOf(primary)}/3`, codec: 'text', read: 'replica', maxLagMs: 400 })
    await using nearest = await open({ url: `${urlOf(primary)}/3`, codec: 'text', read: 'nearest' })
    const keys = ['a', 'b', 'c']
    for (const key of keys) await store.set(key, 'old')
    for (const reader of [store, limited]) {
      // One that has no proof yet is passed over for a second.
      await waitFor(async () => {
        const before = [await served(primary), await served(replica)] as const
        const found = [await reader.get('a'), ...await reader.getMany(keys)]
        return found.every((value) => value === 'old') &&
          await served(primary) === before[0] && await served(replica) === before[1] + 4
      }, { timeoutMs: 60_000, intervalMs: 100, what: 'reads from the replica' })
    }
    await expect(store.hGet('a', 'f')).rejects.toThrow(expect.objectContaining({ code: 'WRONGTYPE' }) as Error)
    expect(await store.batch((batch) => [batch.set('a', 'mine'), batch.get('a')])).toEqual([true, 'mine'])
    expect(await store.multi((multi) => [multi.set('a', 'old'), multi.get('a')])).toEqual([true, 'old'])
    expect((await store.keys()).sort()).toEqual(keys)
    await waitFor(async () => await store.get('a') === 'old', { what: 'the last write at the replica' })

    await using control = await replica.client()
    await control.command('DEBUG', 'PAUSE-REPLICA-APPLY', 120_000)
    await store.set('a', 'new')
    await waitFor(async () => await limited.get('a') === 'new', { timeoutMs: 60_000, what: 'what is new enough' })
    expect(await store.get('a')).toBe('old')
    await replica.sigkill()
    // A read that was under way when the connection broke goes to the primary.
    for (const reader of [store, limited, nearest]) expect(await reader.get('a')).toBe('new')

    await using again = await startSlotwise({ port: await freePort(), args: following(primary) })
    await waitFor(async () => {
      const before = await served(again)
      expect(await store.get('a')).toBe('new')
      return await served(again) > before
    }, { timeoutMs: 60_000, intervalMs: 100, what: 'the new replica' })
    await expect(open({ url: urlOf(again), read: 'replica' })).rejects.toThrow(ConnectionError)
    await replica[Symbol.asyncDispose]()
  }, 240_000)
})

describePeer('redis-server', 'a redis-server with a replica', () => {
  it('leaves reads to it, but for those with a limit, of which it knows nothing', async () => {
    await using primary = await startRedis({ args })
    await using replica = await startRedis({ args: following(primary) })
    await waitFor(() => isOnline(primary, 1), { timeoutMs: 60_000, what: 'the replica' })
    await using store = await open({ url: urlOf(primary), codec: 'text', read: 'replica' })
    await using limited = await open({ url: urlOf(primary), codec: 'text', read: 'replica', maxLagMs: 400 })
    await store.set('k', 'v')
    await waitFor(async () => await store.get('k') === 'v' && await served(replica) > 0, { timeoutMs: 60_000, what: 'reads from the replica' })
    for (let round = 0; round < 50; round++) {
      await store.set('k', `${round}`)
      expect(await limited.get('k')).toBe(`${round}`)
    }
  }, 240_000)
})
