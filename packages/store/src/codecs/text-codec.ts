/** Values are strings, kept as UTF-8: what other Redis clients read and write. */
import { type Bytes, describe, type Engine, type Page } from '@slotwise/engine'
import type { ValueCodec } from './codec.js'

export const textCodec: ValueCodec<string> = {
  headBytes: 0,

  encode(value: string): string {
    if (typeof value !== 'string') throw new TypeError(`codec 'text' keeps strings, found ${describe(value)}`)
    return value
  },

  set(engine: Engine, key: Bytes, value: string, ttlMs: number): void {
    if (typeof value !== 'string') throw new TypeError(`codec 'text' keeps strings, found ${describe(value)}`)
    engine.set(key, value, ttlMs)
  },

  read(page: Page, start: number, end: number, ascii: boolean): string {
    return ascii ? page.latin1Slice(start, end) : page.utf8Slice(start, end)
  },

  get(engine: Engine, key: Bytes): string | null {
    return engine.getText(key)
  },

  getMany(engine: Engine, keys: readonly Bytes[]): (string | null)[] {
    return engine.getManyText(keys)
  },
}
