/** A process looks into the past of a directory that another one owns, writes and rewrites meanwhile. */
import { open } from 'slotwise'
import { tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { run } from './child.js'

/** Writes without a pause, and tells now and then what it had at which position. */
const script = (dir: string): string => `
  import { open } from 'slotwise'
  const store = await open({ dir: ${JSON.stringify(dir)}, codec: 'text' })
  for (let round = 1; ; round++) {
    for (let i = 0; i < 50; i++) store.multi((batch) => [batch.incr('n'), batch.incrBy('sum', 2), batch.set('k' + i, String(round))])
    await store.synced()
    const status = store.command('BINLOG STATUS')
    process.stdout.write(status.get('file') + ':' + status.get('position') + ' ' + store.get('n') + '\\n')
    if (round % 20 === 0) try { store.command('BGREWRITEAOF') } catch {}
  }`

it('shows what was there while its owner goes on', async () => {
  await using dir = tempDir()
  const child = run(script(dir.path))
  try {
    const told = (): [string, string][] => child.output().split('\n').slice(0, -1).map((line) => line.split(' ') as [string, string])
    let shown = 0
    for (let look = 0; shown < 6; look++) {
      expect(look).toBeLessThan(200)
      const count = told().length
      await waitFor(() => told().length >= count + 3, { timeoutMs: 90_000, what: `progress: ${child.output().slice(-200)}` })
      const [at, n] = told().at(-1)!
      let past
      try {
        past = await open({ dir: dir.path, codec: 'text', at })
      } catch (error) {
        // A rewrite came in between.
        expect(error).toMatchObject({ code: 'PURGED' })
        continue
      }
      await using store = past
      expect([store.get('n'), store.get('sum')], at).toEqual([n, String(Number(n) * 2)])
      shown++
    }
  } finally {
    child.process.kill('SIGKILL')
    await child.ended
  }
  // Nobody is kept out by having looked.
  await using store = await open({ dir: dir.path, codec: 'text' })
  expect(Number(store.get('sum'))).toBe(Number(store.get('n')) * 2)
})
