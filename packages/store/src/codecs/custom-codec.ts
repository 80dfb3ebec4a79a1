/** A user's Codec as the store needs it. */
import { type Bytes, CodecError, copyBytes, type Page } from '@slotwise/engine'
import type { Codec, ValueCodec } from './codec.js'
import { withLookUps } from './decoding-codec.js'

export function customCodec<V>(codec: Codec<V>): ValueCodec<V> {
  return withLookUps<V>({
    headBytes: 0,
    encode: (value: V): Bytes => codec.encode(value),
    read(page: Page, start: number, end: number): V {
      const bytes = copyBytes(page, start, end)
      try {
        return codec.decode(bytes)
      } catch (cause) {
        throw new CodecError('the codec refuses the value', { cause })
      }
    },
  })
}
