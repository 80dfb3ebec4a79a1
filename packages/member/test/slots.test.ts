/** Slots and roles that change hands while all goes on: by joining, by leaving, by closing. */
import { freePort, RespClient, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { type ClusterChange, join, type JoinProgress } from '@slotwise/member'
import { code, folders, listener, numbered, ports } from './support.js'

describe('a member', () => {
  it('that comes later takes slots with their keys, from others that go on, and gives them back when it leaves', async () => {
    const free = await ports(3)
    await using dirs = folders()
    const at = (index: number): { dir: string; port: number; busPort: number } =>
      ({ dir: dirs.use(), port: free[index]!, busPort: free[3 + index]! })
    const common = { codec: 'text', nodeTimeoutMs: 2000, commandTimeoutMs: 20_000 } as const
    const seeds = [`127.0.0.1:${free[0]}`]
    await using first = await join({ ...at(0), ...common })
    const told: ClusterChange[] = []
    first.on('change', (change) => told.push(change))
    const keys = numbered(2000)
    await first.batch((batch) => { for (const key of keys) batch.set(key, key) })
    const writing = new AbortController()
    let writes = 0
    const writer = (async () => {
      while (!writing.signal.aborted) {
        await first.set(`new:${writes}`, 'v')
        writes++
        await new Promise(setImmediate) // a local write is done when it returns: the loop would never turn
      }
    })()
    const progress: JoinProgress[] = []
    const second = await join({ ...at(1), seeds, ...common, onProgress: (step) => progress.push(step) })
    await using third = await join({ ...at(2), seeds, slots: 2000, ...common })
    const moved = progress.filter(({ phase }) => phase === 'moving').map((step) => step.moved)
    expect([...new Set(moved)]).toEqual([0, 1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192])
    writing.abort()
    await writer
    await waitFor(async () => (await first.status()).slotCount + (await second.status()).slotCount === 14_384, { timeoutMs: 60_000, what: 'the claims' })
    expect((await third.status()).slotCount).toBe(2000)
    for (const member of [first, second, third]) expect(await member.getMany(keys)).toEqual(keys)
    // What has gone is deleted in the background.
    await waitFor(async () => await third.dbSize() === 2000 + writes, { timeoutMs: 60_000, what: 'each key once' })
    expect((await Promise.all(keys.map((key) => second.isLocal(key)))).filter(Boolean).length).toBeGreaterThan(500)

    const { id } = await second.status()
    await second.leave()
    await waitFor(async () => (await first.status()).slotCount + (await third.status()).slotCount === 16_384, { timeoutMs: 60_000, what: 'the slots' })
    expect(await third.getMany(keys)).toEqual(keys)
    await waitFor(async () => await first.dbSize() === 2000 + writes, { timeoutMs: 60_000, what: 'each key once again' })
    expect((await first.status()).members.map((member) => member.id)).not.toContain(id)
    await expect(second.get('key:1')).rejects.toThrow(code('CLOSED'))

    // What a page would show of it: who came and who went, the epoch, how many slots this one has.
    const of = (name: string): ClusterChange[] => told.filter((change) => change.name === name)
    expect(of('nodeAdded').map(({ node }) => node)).toContain(id)
    expect(of('nodeRemoved').map(({ node }) => node)).toContain(id)
    expect(of('slots').some(({ slots }) => slots!.migrating > 0)).toBe(true)
    await waitFor(async () => {
      const { epoch, slotCount } = await first.status()
      return of('epoch').at(-1)?.epoch === epoch && of('slots').at(-1)?.slots?.owned === slotCount
    }, { timeoutMs: 60_000, what: 'the last figures as changes' })
  }, 240_000)

  it('becomes a copy where one is wished, takes over when its primary goes, and whose primary comes back as a copy', async () => {
    const free = await ports(2)
    await using dirs = folders()
    const at = (index: number): { port: number; busPort: number } => ({ port: free[index]!, busPort: free[2 + index]! })
    const { said, logger } = listener()
    const common = {
      logger, codec: 'text', replicas: 1, directives: { 'repl-diskless-sync-delay': 0 }, nodeTimeoutMs: 2000, commandTimeoutMs: 60_000, handOverTimeoutMs: 60_000,
    } as const
    const dir = dirs.use()
    const seeds = [`127.0.0.1:${free[0]}`]
    const first = await join({ dir, ...at(0), ...common })
    await first.set('k', 'v')
    await using second = await join({ dir: dirs.use(), ...at(1), seeds, ...common })
    const told: Record<'first' | 'second', string[]> = { first: [], second: [] }
    first.on('change', ({ name }) => told.first.push(name))
    second.on('change', ({ name }) => told.second.push(name))
    const { id } = await first.status()
    expect(await second.status()).toMatchObject({ role: 'replica', primaryId: id, slotCount: 0 })
    expect(await second.isLocal('k')).toBe(false)
    expect(await second.get('k')).toBe('v')
    expect(await second.set('k', 'w')).toBe(true)
    await waitFor(() => told.first.includes('offset'), { timeoutMs: 60_000, what: 'how far replication is' })
    await first.close()
    expect(await second.status(), said.join('\n')).toMatchObject({ role: 'primary', slotCount: 16_384 })
    expect(await second.get('k')).toBe('w')
    // Who asked for a vote, who gave it, and what came of it.
    expect(told.second).toEqual(expect.arrayContaining(['electionStarted', 'promoted']))
    expect(told.first).toContain('voteGranted')
    // It remembers the others: its seeds may be gone.
    const nobody = await freePort()
    await using again = await join({ dir, ...at(0), seeds: [`127.0.0.1:${nobody}`], ...common })
    // A primary that has just started waits two seconds for such news, as in Redis; the other one may need longer.
    await waitFor(async () => (await again.status()).role === 'replica', { timeoutMs: 60_000, what: 'the news that another one took over' })
    expect((await again.status()).id).toBe(id)
    expect(await again.get('k')).toBe('w')
  }, 240_000)

  it('that goes waits for a replica that is still copying the data, longer than a fail-over may take', async () => {
    const free = await ports(2)
    await using dirs = folders()
    const { said, logger } = listener()
    const common = { logger, codec: 'text', nodeTimeoutMs: 2000, commandTimeoutMs: 30_000 } as const
    const seeds = [`127.0.0.1:${free[0]}`]
    const first = await join({
      dir: dirs.use(), port: free[0]!, busPort: free[2]!, ...common, handOverTimeoutMs: 60_000, directives: { 'repl-diskless-sync-delay': 7 },
    })
    await first.set('k', 'v')
    await using second = await join({ dir: dirs.use(), port: free[1]!, busPort: free[3]!, seeds, slots: 'none', ...common })
    const [{ id }, own] = [await first.status(), await second.status()]
    await using client = await RespClient.connect({ port: free[1]! })
    expect(await client.command('CLUSTER', 'REPLICATE', id)).toBe('OK')
    const isKnown = async (): Promise<boolean> =>
      (await first.status()).members.some((member) => member.id === own.id && member.primaryId === id)
    await waitFor(isKnown, { timeoutMs: 30_000, what: 'the replica, in the eyes of its primary' })
    await first.close()
    expect(await second.status(), said.join('\n')).toMatchObject({ role: 'primary', slotCount: 16_384 })
    expect(await second.get('k')).toBe('v')
  }, 240_000)
})
