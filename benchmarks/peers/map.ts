/** A plain Map of JavaScript values: the floor. It copies, encodes and shares nothing, and nothing of it survives. */
import type { EmbeddedPeer } from '../../apps/benchmark/src/scenario.js'

export const peer: EmbeddedPeer = {
  kind: 'embedded',
  name: 'map',
  codecs: ['default', 'text', 'binary'],
  install: 'part of the language',
  open() {
    const map = new Map<string, string | Uint8Array>()
    return Promise.resolve({
      get: (key) => map.get(key),
      getMany: (keys) => keys.map((key) => map.get(key)),
      set: (key, value) => map.set(key, value),
      close: () => { map.clear() },
    })
  },
}
