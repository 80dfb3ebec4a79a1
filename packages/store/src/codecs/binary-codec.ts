/** Values are bytes, kept as they are. What is read belongs to the caller. */
import { type Bytes, copyBytes, describe, type Engine } from '@slotwise/engine'
import type { ValueCodec } from './codec.js'

export const binaryCodec: ValueCodec<Uint8Array> = {
  headBytes: 0,

  encode(value: Uint8Array): Uint8Array {
    if (!(value instanceof Uint8Array)) throw new TypeError(`codec 'binary' keeps Uint8Array, found ${describe(value)}`)
    return value
  },

  set(engine: Engine, key: Bytes, value: Uint8Array, ttlMs: number): void {
    engine.set(key, binaryCodec.encode(value), ttlMs)
  },

  read: copyBytes,

  get(engine: Engine, key: Bytes): Uint8Array | null {
    return engine.getBytes(key)
  },

  getMany(engine: Engine, keys: readonly Bytes[]): (Uint8Array | null)[] {
    return engine.getManyBytes(keys)
  },
}
