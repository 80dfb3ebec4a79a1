/**
 * However a process or a thread ends, nothing crashes natively and what was promised is there afterwards: all that was
 * set before process.exit() or the natural end, and under SIGKILL all that synced() has confirmed.
 */
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { tempDir, waitFor } from '@slotwise/testing'
import { open } from 'slotwise'
import { run } from './child.js'

const COUNT = 20_000
const head = (dir: string): string => `
  import { open } from 'slotwise'
  const store = await open({ dir: ${JSON.stringify(dir)} })
  const fill = () => { for (let i = 0; i < ${COUNT}; i++) store.set('k' + i, i) }
`

async function contents(dir: string): Promise<{ size: number; last: unknown }> {
  await using store = await open({ dir })
  return { size: store.dbSize(), last: store.get(`k${COUNT - 1}`) }
}

describe('everything that was set is there after', () => {
  it.each<[how: string, script: string, code: number]>([
    ['process.exit()', 'fill(); process.exit(7)', 7],
    ['the natural end', 'fill()', 0],
    ['an uncaught exception', 'fill(); throw new Error("oops")', 1],
    ['an unhandled rejection', 'fill(); Promise.reject(new Error("oops"))', 1],
    ['process.exit() in the midst of synced()', 'fill(); store.synced(); process.exit(0)', 0],
    ['process.exit() in the midst of close()', 'fill(); store.close(); process.exit(0)', 0],
    ['process.exit() in a beforeExit', 'fill(); process.on("beforeExit", () => process.exit(3))', 3],
    ['process.exit() while listening', 'await store.listen({ port: 0 }); fill(); process.exit(0)', 0],
    ['destroy()', 'fill(); store.destroy()', 0],
    ['sets in an exit handler', 'process.on("exit", fill); process.exit(0)', 0],
    ['process.exit() while workers write', `
      const { Worker } = await import('node:worker_threads')
      const source = "import('slotwise').then(async ({ open }) => { const s = await open({ dir: " + JSON.stringify(process.argv[1]) + " });"
        + "require('worker_threads').parentPort.postMessage(1); for (;;) s.set('k0', 0) })"
      const worker = new Worker(source, { eval: true, execArgv: [] })
      await new Promise((resolve) => worker.once('message', resolve))
      fill(); process.exit(0)`, 0],
  ])('%s', async (_, script, code) => {
    await using dir = tempDir()
    const end = await run(head(dir.path) + script, [dir.path]).ended
    expect(end).toMatchObject({ code, signal: null })
    expect(await contents(dir.path)).toEqual({ size: COUNT, last: COUNT - 1 })
  })
})

describe('SIGKILL', () => {
  it('at any moment leaves everything that synced() has confirmed', async () => {
    for (let round = 0; round < 6; round++) {
      await using dir = tempDir()
      const child = run(`${head(dir.path)}
        for (let i = 0; ; i++) {
          store.set('k' + i, i)
          if (i % 100 === 99) { await store.synced(); process.stdout.write(i + '\\n') }
        }`)
      await waitFor(() => child.output().split('\n').length > 5 + round * 7, { timeoutMs: 90_000, what: 'lines of the child' })
      child.process.kill('SIGKILL')
      const { output } = await child.ended
      // The last line may be torn.
      const confirmed = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1))
      await using store = await open({ dir: dir.path })
      const keys = Array.from({ length: confirmed + 1 }, (_, index) => `k${index}`)
      expect(store.getMany(keys)).toEqual(keys.map((_, index) => index))
      // What comes back beyond that is a prefix.
      expect(store.exists(`k${store.dbSize() - 1}`)).toBe(1)
    }
  })
})

describe('a folder that another process has open', () => {
  it('is refused with its pid, and open to us when that has gone', async () => {
    await using dir = tempDir()
    const child = run(`${head(dir.path)} console.log('open'); setInterval(() => {}, 1000)`)
    await waitFor(() => child.output().includes('open'))
    await expect(open({ dir: dir.path })).rejects.toThrow(expect.objectContaining({
      name: 'LockedError', code: 'LOCKED', pid: child.process.pid,
    }))
    child.process.kill('SIGKILL')
    await child.ended
    await (await open({ dir: dir.path })).close()
  })
})

describe('the package', () => {
  it('loads with require() as well', async () => {
    const script = `
      const { createRequire } = await import('node:module')
      const { open } = createRequire(process.cwd() + '/x.js')('slotwise')
      open().then((store) => { store.set('k', 1); console.log(store.get('k')); return store.close() })`
    expect(await run(script).ended).toMatchObject({ code: 0, output: '1\n' })
    expect(typeof createRequire(import.meta.url)('slotwise').open).toBe('function')
  })

  it('lets the process end when nothing else is to do, and stay while it listens', async () => {
    expect(await run(`import { open } from 'slotwise'; const s = await open(); s.set('k', 1)`).ended).toMatchObject({ code: 0 })
    const idle = run(`import { open } from 'slotwise'; const s = await open(); await s.listen({ port: 0, keepAlive: false })`)
    expect(await idle.ended).toMatchObject({ code: 0 })
    const serving = run(`import { open } from 'slotwise'; const s = await open(); await s.listen({ port: 0 })
      process.once('SIGTERM', () => s.close()); console.log('up')`)
    await waitFor(() => serving.output().includes('up'))
    serving.process.kill('SIGTERM')
    expect(await serving.ended).toMatchObject({ code: 0, signal: null })
  })
})
