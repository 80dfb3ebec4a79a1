/** Values are what JSON can say, kept as UTF-8 text. Numbers are as Redis has them, so INCR and the like work. */
import { CodecError, describe, type Page } from '@slotwise/engine'
import type { ValueCodec } from './codec.js'
import { withLookUps } from './decoding-codec.js'

function encode(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`codec 'json' keeps what JSON can say, found ${describe(value)}`)
  return text
}

export const jsonCodec: ValueCodec<unknown> = withLookUps({
  headBytes: 0,
  encode,
  read(page: Page, start: number, end: number, ascii: boolean): unknown {
    const text = ascii ? page.latin1Slice(start, end) : page.utf8Slice(start, end)
    try {
      return JSON.parse(text) as unknown
    } catch (cause) {
      throw new CodecError('the value is not JSON: another client or codec wrote it', { cause })
    }
  },
})
