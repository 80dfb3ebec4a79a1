/** What codecs have in common that make a value of the bytes: encode, then store; look up, then read. */
import { ASCII_BIT, type Bytes, type Engine, LENGTH_MASK } from '@slotwise/engine'
import type { ValueCodec } from './codec.js'

/** Adds the look-ups to the codec proper. */
export function withLookUps<V>(codec: Omit<ValueCodec<V>, 'get' | 'getMany' | 'set'>): ValueCodec<V> {
  const read = codec.read.bind(codec)
  const encode = codec.encode.bind(codec)
  return {
    headBytes: codec.headBytes,
    encode,
    read,
    set(engine: Engine, key: Bytes, value: V, ttlMs: number): void {
      engine.set(key, encode(value), ttlMs)
    },
    get(engine: Engine, key: Bytes): V | null {
      const found = engine.get(key)
      if (found < 0) return null
      const { at } = engine
      return read(engine.result, at, at + (found & LENGTH_MASK), found >= ASCII_BIT)
    },
    getMany(engine: Engine, keys: readonly Bytes[]): (V | null)[] {
      return engine.getMany(keys, read)
    },
  }
}
