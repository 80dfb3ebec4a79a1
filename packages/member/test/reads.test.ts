/** Reads that copies may answer: this process's own, one elsewhere, and the primary where a copy may be too old. */
import { RespClient, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { join, type JoinOptions, type Member } from '@slotwise/member'
import { folders, numbered, ports, quick } from './support.js'

/** How many GET the node at `port` has run for whoever it was. */
async function served(port: number): Promise<number> {
  await using client = await RespClient.connect({ port })
  const info = await client.command('INFO', 'commandstats') as string
  return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

it('a member reads from its own copy, or from one elsewhere, and from the primary what might be too old', async () => {
  const free = await ports(4)
  await using dirs = folders()
  const common = {
    codec: 'text', ...quick, directives: { 'repl-diskless-sync-delay': 0, 'enable-debug-command': 'yes' },
  } as const
  const member = (index: number, options: Partial<JoinOptions>): Promise<Member<string>> => join({
    dir: dirs.use(), port: free[index]!, busPort: free[4 + index]!, ...common, ...options,
    ...index > 0 && { seeds: [`127.0.0.1:${free[0]}`] },
  } as JoinOptions<string>)
  await using primary = await member(0, {})
  await using copy = await member(1, { replicas: 1, read: 'replica', maxLagMs: 400 })
  await using reader = await member(2, { slots: 'none', read: 'replica' })
  await using limited = await member(3, { slots: 'none', read: 'replica', maxLagMs: 400 })
  const keys = numbered(20)
  for (const key of keys) await primary.set(key, 'old')
  const [atPrimary, atCopy] = [free[0]!, free[1]!]

  // Who cannot answer yet, or not prove its age, is passed over for a moment.
  for (const [who, store] of [['its holder', copy], ['another one', reader], ['one with a limit', limited]] as const) {
    await waitFor(async () => {
      const before = [await served(atPrimary), await served(atCopy)] as const
      expect(await store.get(keys[0]!)).toBe('old')
      expect(await store.getMany(keys)).toEqual(keys.map(() => 'old'))
      return await served(atPrimary) === before[0] && await served(atCopy) === before[1] + 21
    }, { timeoutMs: 60_000, intervalMs: 100, what: `reads from the copy by ${who}` })
  }
  await expect(reader.hGet(keys[0]!, 'field')).rejects.toThrow(expect.objectContaining({ code: 'WRONGTYPE' }) as Error)
  expect(await reader.set(keys[1]!, 'old')).toBe(true)

  await using control = await RespClient.connect({ port: atCopy })
  await control.command('DEBUG', 'PAUSE-REPLICA-APPLY', 120_000)
  await primary.set(keys[0]!, 'new')
  for (const store of [copy, limited]) {
    await waitFor(async () => await store.get(keys[0]!) === 'new', { timeoutMs: 60_000, what: 'what is new enough' })
    expect((await store.getMany(keys))[0]).toBe('new')
  }
  await waitFor(async () => await reader.get(keys[0]!) === 'old', { timeoutMs: 60_000, what: 'the copy that may be old' })
  await control.command('DEBUG', 'PAUSE-REPLICA-APPLY', 0)
  await waitFor(async () => await reader.get(keys[0]!) === 'new', { timeoutMs: 60_000, what: 'the end of the lag' })

  await copy.close()
  expect(await reader.getMany(keys)).toEqual(['new', ...keys.slice(1).map(() => 'old')])
  await expect(copy.get(keys[0]!)).rejects.toThrow(expect.objectContaining({ code: 'CLOSED' }) as Error)
}, 240_000)
