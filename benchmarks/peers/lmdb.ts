/**
 * lmdb-js, the fastest store a Node service can embed today: a memory-mapped B+ tree. Without fsync (noSync), since the
 * others here promise no durability; writes are its own asynchronous batches, waited for every 1,024 sets.
 */
import type { EmbeddedPeer } from '../../apps/benchmark/src/scenario.js'

interface Lmdb {
  open(options: Record<string, unknown>): {
    get(key: string): unknown
    put(key: string, value: unknown): Promise<boolean>
    close(): Promise<void>
  }
}

export const peer: EmbeddedPeer = {
  kind: 'embedded',
  name: 'lmdb',
  codecs: ['default', 'text', 'binary'],
  install: 'npm package lmdb',
  async open({ load, dir, codec }) {
    const lmdb = await load('lmdb') as Lmdb
    const encoding = { default: 'msgpack', text: 'string', binary: 'binary' }[codec]
    const store = lmdb.open({ path: `${dir}/lmdb`, encoding, noSync: true, mapSize: 4 * 2 ** 30 })
    let last: Promise<unknown> = Promise.resolve()
    return {
      get: (key) => store.get(key),
      set: (key, value) => (last = store.put(key, value)),
      settle: () => last,
      close: () => store.close(),
    }
  },
}
