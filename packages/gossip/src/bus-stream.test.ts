import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { idOf } from '../test/helpers.js'
import type { BusMessage } from './bus-message.js'
import { BusStream, encodeMessage, NO_SLOTS, type StreamItem } from './index.js'

const message = (channel: string): BusMessage => ({
  header: {
    port: 1, plainPort: 0, busPort: 2, currentEpoch: 0, configEpoch: 0, offset: 0, sender: idOf(1), slots: NO_SLOTS,
    replicaOf: null,
    ip: '', flags: 1, state: 'ok', paused: false, forceAck: false,
  },
  body: { type: 'publish', channel: new TextEncoder().encode(channel), message: new Uint8Array(100) },
})

const prefix = (length: number, signature = 0x52436d62): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, signature)
  new DataView(bytes.buffer).setUint32(4, length)
  return bytes
}

describe('a stream of bus messages', () => {
  it('gives the same messages wherever it is cut', () => {
    const messages = ['a', 'bb', 'ccc'].map(message)
    const parts = messages.map(encodeMessage)
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let filled = 0
    for (const part of parts) {
      bytes.set(part, filled)
      filled += part.length
    }
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 20 }), (cuts) => {
      const stream = new BusStream()
      const items: StreamItem[] = []
      let start = 0
      for (const end of [...cuts.sort((left, right) => left - right), bytes.length]) {
        items.push(...stream.push(bytes.slice(start, end)))
        start = end
      }
      expect(items).toEqual(messages.map((item) => ({ message: item })))
      expect(stream.bufferedBytes).toBe(0)
    }))
  })

  it.each([
    ['another signature', prefix(3000, 0x12345678), 'wrong signature'],
    ['a length of 0', prefix(0), 'length 0 is shorter than the header'],
    ['a length of 15', prefix(15), 'length 15 is shorter than the header'],
    ['a length of 2255', prefix(2255), 'length 2255 is shorter than the header'],
    ['a length of 2^31 - 1', prefix(2 ** 31 - 1), 'length 2147483647 is over the limit 1050840'],
    ['a length of 2^32 - 1', prefix(2 ** 32 - 1), 'length 4294967295 is over the limit 1050840'],
  ])('row 70: %s closes the link, and nothing is held', (_name, bytes, why) => {
    const stream = new BusStream()
    expect(stream.push(bytes)).toEqual([{ close: why }])
    expect(stream.push(encodeMessage(message('a')))).toEqual([])
    expect(stream.bufferedBytes).toBe(0)
  })

  it('holds what came, not what a length promises', () => {
    const stream = new BusStream()
    expect(stream.push(prefix(1_000_000))).toEqual([])
    expect(stream.bufferedBytes).toBe(8)
  })

  it('a message that is wrong inside is dropped and the next one read', () => {
    const bytes = encodeMessage(message('a'))
    new DataView(bytes.buffer).setUint16(8, 2)
    const stream = new BusStream()
    expect(stream.push(bytes)).toEqual([{ refused: 'version 2' }])
    expect(stream.push(encodeMessage(message('a')))).toEqual([{ message: message('a') }])
  })
})
