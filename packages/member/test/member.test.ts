/** Members of clusters: alone, with others, and beside processes that block or are killed. */
import { waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { join, type Member } from '@slotwise/member'
import { open } from 'slotwise'
import { child, code, folders, numbered, ports, quick, together } from './support.js'

describe('a member', () => {
  it('alone is a whole cluster, and comes back with its data', async () => {
    await using dirs = folders()
    const [port, busPort] = await ports(1)
    const options = { dir: dirs.use(), port: port!, busPort: busPort!, codec: 'text', ...quick } as const
    const phases: string[] = []
    const first = await join({ ...options, onProgress: ({ phase }) => phases.push(phase) })
    expect([phases[0], phases.at(-1)]).toEqual(['meeting', 'ready'])
    expect(await first.status()).toMatchObject({ role: 'primary', slotCount: 16_384, state: 'ok' })
    await first.set('k', 'v')
    expect(await first.isLocal('k')).toBe(true)
    await first.rPush('list', 'a')
    await expect(first.get('list')).rejects.toThrow(code('WRONGTYPE'))
    await expect(first.get(5 as never)).rejects.toThrow(TypeError)
    const { id } = await first.status()
    await first.close()
    await expect(first.get('k')).rejects.toThrow(code('CLOSED'))
    await expect(first.set('k', 'w')).rejects.toThrow(code('CLOSED'))
    await using again = await join(options)
    expect(await again.get('k')).toBe('v')
    expect((await again.status()).id).toBe(id)
  }, 240_000)

  it('reads its own slots in the process and all others one hop away, while a blocked process keeps its seat and a killed one comes back', async () => {
    const free = await ports(3)
    await using dirs = folders()
    const [a, b, c] = [1, 2, 3].map(() => dirs.use()) as [string, string, string]
    const common = { codec: 'text', directives: { 'cluster-require-full-coverage': 'no' }, ...quick, nodeTimeoutMs: 4000 } as const
    const seeds = [`127.0.0.1:${free[0]}`]
    const joining = join({ dir: a, port: free[0]!, busPort: free[3]!, members: 3, ...common })
    const second = child({ dir: b, port: free[1]!, busPort: free[4]!, seeds, ...common })
    const third = child({ dir: c, port: free[2]!, busPort: free[5]!, seeds, appendFsync: 'always', ...common })
    await using node = await joining
    await Promise.all([second.said('ready'), third.said('ready')])
    const failures: string[] = []
    const thirdId = (await node.status()).members.find(({ port }) => port === free[2])!.id
    node.on('change', ({ name, node: id }) => { if (name === 'failed') failures.push(id) })

    const keys = numbered(300)
    await Promise.all(keys.map((key) => node.set(key, key)))
    expect(await node.getMany(keys)).toEqual(keys)
    expect(await Promise.all(keys.map((key) => node.get(key)))).toEqual(keys)
    const local = await Promise.all(keys.map((key) => node.isLocal(key)))
    expect(local.filter(Boolean).length).toBeGreaterThan(50)
    expect(local.filter(Boolean).length).toBeLessThan(150)
    expect((await node.status()).members.map(({ slotCount }) => slotCount).sort()).toEqual([5461, 5461, 5462])
    // The engine itself refuses what is elsewhere, also by the shortest way.
    await using attached = await open({ dir: a, attachOnly: true, codec: 'text' })
    const here = keys.filter((_, index) => local[index])
    const there = keys.filter((_, index) => !local[index])
    expect(attached.getMany(here)).toEqual(here)
    expect(attached.get(here[0]!)).toBe(here[0])
    expect(() => attached.get(there[0]!)).toThrow(expect.objectContaining({ code: 'MOVED', message: expect.stringMatching(/^\d+ 127\.0\.0\.1:\d+$/) as string }))
    expect(() => attached.getMany(keys)).toThrow(code('MOVED'))

    // Longer than the node timeout: clients of the blocked process are served, and nobody thinks it is gone.
    second.tell('6000')
    for (let round = 0; round < 20; round++) expect(await node.getMany(keys)).toEqual(keys)
    await second.said('free')
    expect(failures).not.toContain((await node.status()).members.find(({ port }) => port === free[1])!.id)

    await third.kill()
    expect(await node.getMany(here)).toEqual(here)
    await waitFor(() => failures.includes(thirdId), { timeoutMs: 60_000, what: 'the failure' })
    expect(await node.getMany(here)).toEqual(here)
    const back = child({ dir: c, port: free[2]!, busPort: free[5]!, appendFsync: 'always', ...common })
    await back.said('ready')
    await waitFor(async () => (await node.getMany(keys)).every((value, index) => value === keys[index]), { timeoutMs: 60_000, what: 'all keys' })
    await Promise.all([second.kill(), back.kill()])
  }, 240_000)

  it('keeps what it has read of others near, and hears that it has changed', async () => {
    await using cluster = await together(2, { nearCache: { maxStalenessMs: 60_000 }, codec: 'text' })
    const [one, two] = cluster.members as [Member<string>, Member<string>]
    const keys = numbered(40)
    await Promise.all(keys.map((key) => one.set(key, 'old')))
    await one.getMany(keys)
    expect(await one.getMany(keys)).toEqual(keys.map(() => 'old'))
    expect(one.nearCache()!.hits).toBeGreaterThan(5)
    await Promise.all(keys.map((key) => two.set(key, 'new')))
    await waitFor(async () => (await one.getMany(keys)).every((value) => value === 'new'), { timeoutMs: 60_000, what: 'the news' })
  }, 240_000)
})
