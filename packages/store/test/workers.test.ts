/** Worker threads share one keyspace, and may be terminated at any moment without harm to it. */
import { on, once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { tempDir } from '@slotwise/testing'
import { open } from 'slotwise'
import { entry } from './child.js'

/** A worker whose script is an async function body with `store`, `port` and `data`. */
function worker(options: object, body: string, data?: unknown): Worker {
  return new Worker(`
    const { parentPort: port, workerData: { options, data } } = require('node:worker_threads')
    import('${entry}').then(async ({ open }) => {
      const store = await open(options)
      ${body}
    })`, { eval: true, workerData: { options, data } })
}

const message = async (from: Worker): Promise<unknown> => (await once(from, 'message') as [unknown])[0]

describe('workers', () => {
  it('count together without losing one', async () => {
    await using store = await open({ name: 'count' })
    const workers = Array.from({ length: 4 }, () => worker({ name: 'count', attachOnly: true }, `
      for (let i = 0; i < 20000; i++) store.incr('n')
      const value = store.multi((multi) => { multi.incr('done') })
      await store.close()
      port.postMessage(value)`))
    const ends = await Promise.all(workers.map(message))
    expect(store.get('n')).toBe(80_000)
    expect(ends.flat().sort()).toEqual([1, 2, 3, 4])
    await Promise.all(workers.map((item) => item.terminate()))
  })

  it('see what others set at once, and transfer between accounts in transactions', async () => {
    await using store = await open({ name: 'bank' })
    store.setMany({ a: 500, b: 500 })
    const workers = ['a', 'b'].map((from, index) => worker({ name: 'bank' }, `
      const [from, to] = data
      let moved = 0
      for (let i = 0; i < 3000; i++) {
        const done = store.multi((multi) => {
          const left = store.get(from)
          if (left < 1) return []
          return [multi.set(from, left - 1), multi.incr(to)]
        }, { watch: [from], attempts: 1000 })
        if (done?.length) moved++
      }
      port.postMessage(moved)`, [from, ['b', 'a'][index]]))
    const answers = workers.map(message)
    let reads = 0
    for (let done = false; !done;) {
      const [a, b] = store.multi((multi) => [multi.get('a'), multi.get('b')]) as [number, number]
      expect(a + b).toBe(1000)
      if (++reads % 100 === 0) {
        const turn = new Promise<boolean>((resolve) => setImmediate(resolve, false))
        done = await Promise.race([Promise.all(answers).then(() => true), turn])
      }
    }
    await Promise.all(workers.map((item) => item.terminate()))
  })

  it('may be terminated while they write, read, sync, open and close', async () => {
    await using dir = tempDir()
    await using store = await open({ dir: dir.path, appendFsync: 'no' })
    const bodies = [
      'port.postMessage(1); for (let i = 0; ; i++) store.set("w" + i % 1000, "x".repeat(i % 5000))',
      'port.postMessage(1); for (;;) store.getMany(["w1", "w2", "w3"])',
      'port.postMessage(1); for (let i = 0; ; i++) { store.incr("n"); await store.synced() }',
      'port.postMessage(1); for (;;) { const s = await open({ name: "other" }); s.set("k", 1); await s.close() }',
      'port.postMessage(1); for (;;) store.multi((multi) => { multi.incr("a"); multi.incr("b") })',
      'const loop = store.subscribe("c"); port.postMessage(1); for await (const m of loop) store.publish("c", m.text)',
    ]
    for (let round = 0; round < 60; round++) {
      const item = worker({ dir: dir.path }, bodies[round % bodies.length]!)
      const gone = once(item, 'exit')
      await message(item)
      store.publish('c', 'go')
      // Some at once, some in full swing.
      for (let i = 0; i < round % 7; i++) await new Promise(setImmediate)
      await item.terminate()
      await gone
      store.set(`round:${round}`, round)
    }
    expect(store.get('a')).toBe(store.get('b'))
    const rounds = Array.from({ length: 60 }, (_, index) => `round:${index}`)
    expect(store.getMany(rounds)).toEqual(rounds.map((_, index) => index))
    expect(store.publish('c', 'anybody?')).toBe(0)
  })

  it('may be terminated while opening a folder, which stays usable', async () => {
    await using dir = tempDir()
    const filled = await open({ dir: dir.path })
    filled.setMany(Array.from({ length: 5000 }, (_, index) => [`k${index}`, 'x'.repeat(100)] as const))
    await filled.close()
    for (let round = 0; round < 20; round++) {
      const item = new Worker(`
        require('node:worker_threads').parentPort.postMessage(1)
        import('${entry}').then(({ open }) => { const p = open({ dir: ${JSON.stringify(dir.path)} }); require('node:worker_threads').parentPort.postMessage(2); return p })`,
      { eval: true })
      const messages = on(item, 'message') // from the start: two may come at once
      await messages.next()
      if (round % 2 === 0) await messages.next()
      await item.terminate()
    }
    await using store = await open({ dir: dir.path })
    expect(store.dbSize()).toBe(5000)
  })
})
