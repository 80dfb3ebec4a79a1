/** The codecs by name. */
import { describe } from '@slotwise/engine'
import { binaryCodec } from './binary-codec.js'
import type { Codec, ValueCodec } from './codec.js'
import { customCodec } from './custom-codec.js'
import { jsonCodec } from './json-codec.js'
import { msgpackCodec } from './msgpack-codec.js'
import { textCodec } from './text-codec.js'

export type CodecName = 'msgpack' | 'json' | 'text' | 'binary'

const codecs: Record<CodecName, unknown> = {
  msgpack: msgpackCodec, json: jsonCodec, text: textCodec, binary: binaryCodec,
}

/** @throws {TypeError} if there is no such codec */
export function codecOf<V>(codec: CodecName | Codec<V>): ValueCodec<V> {
  if (typeof codec === 'object' && typeof codec.encode === 'function' && typeof codec.decode === 'function') {
    return customCodec(codec)
  }
  if (typeof codec === 'string' && Object.hasOwn(codecs, codec)) return codecs[codec] as ValueCodec<V>
  const names = Object.keys(codecs).join(', ')
  throw new TypeError(`codec is one of ${names} or { encode, decode }, found ${typeof codec === 'string' ? codec : describe(codec)}`)
}
