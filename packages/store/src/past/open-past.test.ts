/** Stores of earlier moments: at every position, across rewrites, at times; read-only; and what is not held. */
import { readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir, type TempDir, waitFor } from '@slotwise/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open, OpenError, PurgedError, ReadOnlyError, ReplyError, type Store } from '../index.js'

let dir: TempDir
let temporary: TempDir
beforeEach(() => {
  dir = tempDir()
  temporary = tempDir()
})
afterEach(async () => {
  await dir.remove()
  await temporary.remove()
})

async function endOf(store: Store): Promise<string> {
  await store.synced()
  const status = store.command('BINLOG STATUS') as Map<string, string | number>
  return `${status.get('file')}:${status.get('position')}`
}
function lastFile(store: Store): { name: string; lastTime: number } {
  const file = (store.command('BINLOG FILES') as unknown as Map<string, string | number>[]).at(-1)!
  return { name: file.get('name') as string, lastTime: file.get('last-time') as number }
}
const past = (at: string | Date, more: object = {}): Promise<Store> =>
  open({ dir: dir.path, at, pastDir: temporary.path, ...more })
const contents = async (store: Store): Promise<Record<string, unknown>> => {
  const found: Record<string, unknown> = {}
  for await (const key of store.scan()) found[key] = store.get(key)
  return found
}
async function rewrite(store: Store): Promise<void> {
  const before = await endOf(store)
  store.command('BGREWRITEAOF')
  const isOver = (): boolean => (store.command('INFO', 'persistence') as string).includes('aof_rewrite_in_progress:0')
  await waitFor(async () => (await endOf(store)).split(':')[0] !== before.split(':')[0] && isOver(),
    { timeoutMs: 30_000, what: 'the rewrite' })
}
/** Not indexes: their owner dates what was written a moment later. */
const files = (): string[] => readdirSync(dir.path, { recursive: true, encoding: 'utf8' })
  .filter((name) => !name.endsWith('.idx')).sort()
  .map((name) => `${name} ${statSync(join(dir.path, name)).size} ${statSync(join(dir.path, name)).mtimeMs}`)

describe('a store of an earlier moment', () => {
  it('has the data as it was at each position, before and behind a rewrite, and leaves no trace', async () => {
    const directives = { 'aof-archive-dir': join(dir.path, 'archive') }
    await using store = await open({ dir: dir.path, directives })
    const moments: [string, Record<string, unknown>][] = []
    const remember = async (): Promise<void> => void moments.push([await endOf(store), await contents(store)])
    for (let i = 0; i < 9; i++) {
      if (i === 3 || i === 6) await rewrite(store)
      store.multi((batch) => [batch.set(`k${i}`, i), batch.set('last', { i })])
      await remember()
      store.del(`k${i - 2}`)
      await remember()
    }
    const before = files()
    for (const [at, data] of moments) {
      await using then = await past(at, { directives })
      expect(await contents(then), at).toEqual(data)
    }
    expect(files()).toEqual(before)
    expect(readdirSync(temporary.path)).toEqual([])
    // Without the archive only what follows the base is known.
    const oldest = `${(await endOf(store)).split(':')[0]}:0`
    const [[first] = ['']] = moments
    await expect(past(first)).rejects.toThrow(PurgedError)
    await expect(past(first)).rejects.toThrow(`the oldest position held is ${oldest}`)
    await expect(past(new Date(1000))).rejects.toThrow(PurgedError)
    const [at, data] = moments.at(-1)!
    await using then = await past(at)
    expect(await contents(then)).toEqual(data)
    expect(readdirSync(temporary.path)).toHaveLength(1)
  })

  it('has what was written up to a second, and nothing later', async () => {
    await using store = await open({ dir: dir.path })
    store.set('early', 1)
    const dated = await waitFor(() => lastFile(store).lastTime, { what: 'the date of what was written' })
    await waitFor(() => Date.now() >= (dated + 1) * 1000, { intervalMs: 50, what: 'the next second' })
    store.set('late', 2)
    await store.synced()
    // As where the kernel's clock for files is behind.
    const { name } = lastFile(store)
    utimesSync(join(dir.path, 'appendonlydir', name), dated + 0.9, dated + 0.9)
    {
      await using then = await past(new Date(dated * 1000))
      expect(await contents(then)).toEqual({ early: 1 })
    }
    await using now = await past(new Date())
    expect(await contents(now)).toEqual({ early: 1, late: 2 })
  })

  it('refuses whatever would change it, by a typed error', async () => {
    await using store = await open({ dir: dir.path })
    store.set('k', 1)
    await using then = await past(await endOf(store))
    const writes: (() => unknown)[] = [
      () => then.set('k', 2), () => then.del('k'), () => then.setMany({ k: 3 }), () => then.incr('k'), () => then.command('FLUSHALL'),
      () => then.multi((batch) => [batch.get('k'), batch.set('k', 4)]), () => then.batch((batch) => [batch.set('k', 5)]), () => then.set('k', 6, { ttlMs: 1000 }),
    ]
    for (const write of writes) expect(write).toThrow(ReadOnlyError)
    await expect(then.async.set('k', 7)).rejects.toMatchObject({ code: 'READONLY' })
    expect(then.get('k')).toBe(1)
    expect(store.get('k')).toBe(1)
  })

  it('is none where there is nothing, or no position', async () => {
    await expect(past('1:0')).rejects.toThrow(OpenError)
    await using store = await open({ dir: dir.path })
    store.set('k', 1)
    const end = await endOf(store)
    const [file, byte] = end.split(':')
    await expect(past(`${file}:${Number(byte) - 1}`)).rejects.toThrow(/is no position between commands: what it lies in begins at/)
    await expect(past(`${file}:${Number(byte) + 1}`)).rejects.toThrow(`that file ends at ${end}`)
    await expect(past('99:0')).rejects.toThrow(ReplyError)
    for (const at of ['', 'x', 7, new Date(Number.NaN)]) await expect(past(at as string)).rejects.toThrow(TypeError)
    await expect(open({ at: '1:0' })).rejects.toThrow(TypeError)
    await expect(open({ dir: dir.path, pastDir: temporary.path })).rejects.toThrow(TypeError)
    expect(readdirSync(temporary.path)).toEqual([])
    await using then = await past(`${file}:0`)
    expect(await contents(then)).toEqual({})
  })
})
