import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bench, idOf } from '../test/helpers.js'
import { decodeMessage, encodedLength, encodeMessage } from './index.js'
import type { BusBody, BusHeader, BusMessage } from './bus-message.js'
import { bitmapOf, NO_SLOTS, slotsOf } from './slots.js'

const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0))
const hex = (text: string): number[] => text.trim().split(/\s+/).map((byte) => Number.parseInt(byte, 16))

/** Bytes captured from redis-server 7.0.15: rows of an offset and what stands there; everything else is zero. */
function capture(length: number, rows: readonly (readonly [offset: number, bytes: number[]])[]): Uint8Array {
  const bytes = new Uint8Array(length)
  for (const [offset, part] of rows) bytes.set(part, offset)
  return bytes
}

const sender = 'cdeadbad89f388aaa4c99143058133a57b3a3169'
const other = 'bd69a4f103cb64c419655bc3b01afa088e7d5783'

const meetHeader = (type: number, length: string, port = '52 6d'): number[] =>
  hex(`52 43 6d 62 ${length} 00 01 ${port} 00 ${type.toString(16).padStart(2, '0')} 00 00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 02`)

const slots5461 = Array.from({ length: 10_922 - 5461 + 1 }, (_, index) => 5461 + index)

function decoded(bytes: Uint8Array): BusMessage {
  const result = decodeMessage(bytes)
  if ('refused' in result) throw new Error(result.refused)
  return result.message
}

describe('captures of redis-server 7.0.15', () => {
  it('MEET: the slots are counted from the least significant bit, state 1 is fail', () => {
    const bytes = capture(0x8d0, [
      [0, meetHeader(2, '00 00 08 d0')],
      [40, ascii(sender)],
      [0x2fa, hex('e0 ff ff ff ff ff')],
      [0x300, new Array<number>(0x2a0).fill(0xff)],
      [0x5a0, hex('ff ff ff ff ff 07')],
      [0x8c8, hex('53 35 00 11 01 00 00 00')],
    ])
    const message = decoded(bytes)
    expect(message.header).toMatchObject({
      port: 21_101, busPort: 21_301, currentEpoch: 2, configEpoch: 2, offset: 0, sender, replicaOf: null, ip: '',
      flags: 0x11,
      state: 'fail', paused: false, forceAck: false,
    })
    expect(slotsOf(message.header.slots)).toEqual(slots5461)
    expect(message.body).toEqual({ type: 'meet', gossip: [], hostname: '', extensions: [] })
    expect(encodeMessage(message)).toEqual(bytes)
  })

  it('PING with gossip: 104 bytes an entry, times in seconds', () => {
    const bytes = capture(0x8d0 + 104, [
      [0, meetHeader(0, '00 00 09 38')],
      [14, hex('00 01')],
      [40, ascii(sender)],
      [0x8c8, hex('53 36 00 11 00 00 00 00')],
      [0x8d0, [...ascii(other), ...hex('00 00 00 00 6b 01 fc a7'), ...ascii('127.0.0.1')]],
      [0x92e, hex('52 6c 53 34 00 01 00 00')],
    ])
    const message = decoded(bytes)
    expect(message.header).toMatchObject({ state: 'ok', busPort: 21_302 })
    expect(message.body).toEqual({
      type: 'ping', hostname: '', extensions: [],
      gossip: [{
        id: other, pingSentSeconds: 0, pongSeconds: 0x6b01fca7, ip: '127.0.0.1', port: 21_100, busPort: 21_300,
        flags: 1, plainPort: 0,
      }],
    })
    expect(encodeMessage(message)).toEqual(bytes)
  })

  it('PONG of a replica names its primary; a gossip entry may say migrate_to', () => {
    const bytes = capture(0x8d0 + 104, [
      [0, meetHeader(1, '00 00 09 38', '52 6f')],
      [14, hex('00 01')],
      [40, ascii(sender)],
      [0x850, ascii(other)],
      [0x8c8, hex('53 37 00 12 00 00 00 00')],
      [0x8d0, [...ascii(other), ...hex('00 00 00 00 6b 01 fc a7'), ...ascii('127.0.0.1')]],
      [0x92e, hex('52 6c 53 34 01 01 00 00')],
    ])
    const message = decoded(bytes)
    expect(message.header).toMatchObject({ replicaOf: other, flags: 0x12 })
    expect(message.body).toMatchObject({ gossip: [{ flags: 0x101 }] })
    expect(encodeMessage(message)).toEqual(bytes)
  })

  it('PING with a hostname: one extension of 24 bytes, flagged in the header', () => {
    const bytes = capture(0x8d0 + 24, [
      [0, meetHeader(0, '00 00 08 e8')],
      [40, ascii(sender)],
      [0x8a6, hex('00 01')],
      [0x8c8, hex('53 34 01 11 00 04 00 00')],
      [0x8d0, [...hex('00 00 00 18 00 00 00 00'), ...ascii('a.example.com')]],
    ])
    const message = decoded(bytes)
    expect(message.body).toEqual({ type: 'ping', gossip: [], hostname: 'a.example.com', extensions: [] })
    expect(encodeMessage(message)).toEqual(bytes)
  })

  it.each<[
    name: string, type: number, length: string, tail: string, body: number[], expected: BusBody,
      header: Partial<BusHeader>,
  ]>([
    ['FAIL', 3, '00 00 08 f8', '53 35 00 11 01 00 00 00', ascii(other), { type: 'fail', failed: other }, {}],
    [
      'PUBLISH', 4, '00 00 08 e1', '53 35 00 11 00 00 00 00', hex('00 00 00 04 00 00 00 05 6e 65 77 73 68 65 6c 6c 6f'),
      { type: 'publish', channel: new Uint8Array(ascii('news')), message: new Uint8Array(ascii('hello')) }, {},
    ],
    [
      'PUBLISHSHARD', 10, '00 00 08 df', '53 35 00 11 00 00 00 00', hex('00 00 00 05 00 00 00 02 6b 32 31 33 36 68 69'),
      { type: 'publishshard', channel: new Uint8Array(ascii('k2136')), message: new Uint8Array(ascii('hi')) }, {},
    ],
    ['AUTH_REQ', 5, '00 00 08 d0', '53 34 00 12 01 00 00 00', [], { type: 'auth-req' },
      { forceAck: false, state: 'fail' }],
    ['AUTH_REQ of a manual failover', 5, '00 00 08 d0', '53 37 00 12 00 02 00 00', [], { type: 'auth-req' },
      { forceAck: true }],
    ['AUTH_ACK', 6, '00 00 08 d0', '53 35 01 11 00 00 00 00', [], { type: 'auth-ack' }, { flags: 0x111 }],
    ['MFSTART', 8, '00 00 08 d0', '53 37 00 12 00 00 00 00', [], { type: 'mfstart' }, {}],
    ['PING of a paused primary', 0, '00 00 08 d0', '53 34 01 11 00 01 00 00', [],
      { type: 'ping', gossip: [], hostname: '', extensions: [] }, { paused: true }],
    [
      'UPDATE', 7, '00 00 11 00', '53 34 00 11 00 00 00 00', [...hex('00 00 00 00 00 00 00 07'), ...ascii(other), 0x81],
      { type: 'update', configEpoch: 7, subject: other, slots: bitmapOf([0, 7]) }, {},
    ],
  ])('%s', (_name, type, length, tail, body, expected, header) => {
    const size = Number.parseInt(length.replaceAll(' ', ''), 16)
    const bytes = capture(size, [[0, meetHeader(type, length)], [40, ascii(sender)], [0x8c8, hex(tail)], [0x8d0, body]])
    const message = decoded(bytes)
    expect(message.body).toEqual(expected)
    expect(message.header).toMatchObject(header)
    expect(encodeMessage(message)).toEqual(bytes)
  })
})

const header: BusHeader = {
  port: 7000, plainPort: 0, busPort: 17_000, currentEpoch: 9, configEpoch: 8, offset: 2 ** 40 + 1, sender,
  slots: bitmapOf([1, 16_383]),
  replicaOf: other, ip: '10.1.2.3', flags: 0x12, state: 'ok', paused: false, forceAck: false,
}

const bodies: BusBody[] = [
  {
    type: 'ping', hostname: 'node-1.example', extensions: [{ type: 9, data: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) }],
    gossip: [
      { id: other, pingSentSeconds: 5, pongSeconds: 6, ip: '::1', port: 1, busPort: 2, flags: 4, plainPort: 3 },
      { id: idOf(7), pingSentSeconds: 0, pongSeconds: 2 ** 32 - 1, ip: '', port: 0, busPort: 0, flags: 64,
        plainPort: 0 },
    ],
  },
  { type: 'pong', gossip: [], hostname: '', extensions: [] },
  { type: 'fail', failed: other },
  { type: 'publish', channel: new Uint8Array(), message: new Uint8Array([0, 255]) },
  { type: 'auth-req' },
  { type: 'update', configEpoch: 2 ** 53 - 1, subject: other, slots: bitmapOf([3]) },
  { type: 'module', moduleId: 2n ** 64n - 1n, moduleType: 200, payload: new Uint8Array([1, 2]) },
  { type: 'publishshard', channel: new Uint8Array([1]), message: new Uint8Array() },
]

describe('every type of message', () => {
  it.each(bodies.map((body) => [body.type, body] as const))('%s comes back as it was, in the length that was announced', (_type, body) => {
    const bytes = encodeMessage({ header, body })
    expect(bytes.length).toBe(encodedLength(body))
    expect(decoded(bytes)).toEqual({ header, body })
  })

  it.each(bodies.map((body) => [body.type, body] as const))('%s cut at any byte is refused', (_type, body) => {
    const bytes = encodeMessage({ header, body })
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length)
      expect(decodeMessage(cut)).toHaveProperty('refused')
      // Also when its length field says so: the type tells what must be there.
      if (length >= 8) new DataView(cut.buffer).setUint32(4, length)
      if (length !== bytes.length) expect(decodeMessage(cut)).toHaveProperty('refused')
    }
  })

  it('with any bytes changed is a message or refused, never an exception, and a node that gets it lives', () => {
    const bench = new Bench()
    bench.add(1, { slots: [1] })
    fc.assert(fc.property(
      fc.constantFrom(...bodies),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
      (body, changes) => {
        const bytes = encodeMessage({ header, body })
        for (const [position, value] of changes) bytes[position % bytes.length] = value
        const result = decodeMessage(bytes)
        if ('refused' in result) return
        bench.at(10, () => bench.gossip.receive(bench.view.nodes.get(idOf(1))!.link?.id ?? -1, result.message))
      }), { numRuns: 2000 })
    expect(bench.view.lastVoteEpoch).toBe(0)
  })
})

const changed = (body: BusBody, change: (view: DataView, bytes: Uint8Array) =>
void, over: Partial<BusHeader> = {}): Uint8Array => {
  const bytes = encodeMessage({ header: { ...header, ...over }, body })
  change(new DataView(bytes.buffer), bytes)
  return bytes
}

describe('bad input', () => {
  const ping = bodies[0]!
  const publish = bodies[3]!
  const extensionAt = 2256 + 2 * 104
  it.each<[row: string, bytes: Uint8Array, why: RegExp]>([
    ['row 69: another signature', changed(ping, (view) => view.setUint8(0, 0)), /signature/],
    ['row 69: version 0', changed(ping, (view) => view.setUint16(8, 0)), /version 0/],
    ['row 69: version 2', changed(ping, (view) => view.setUint16(8, 2)), /version 2/],
    ['row 69: version 65535', changed(ping, (view) => view.setUint16(8, 65_535)), /version 65535/],
    ['row 69: an unknown type', changed(ping, (view) => view.setUint16(12, 11)), /unknown type 11/],
    ['row 70: a length of 0', changed(ping, (view) => view.setUint32(4, 0)), /length 0/],
    ['row 70: a length of 2^32 - 1', changed(ping, (view) => view.setUint32(4, 2 ** 32 - 1)), /length 4294967295/],
    ['row 71: 65535 gossip entries that are not there', changed(bodies[1]!, (view) =>
      view.setUint16(14, 65_535)), /expected at least/],
    ['row 72: 65535 extensions', changed(ping, (view) => view.setUint16(2214, 65_535)), /crosses the end/],
    ['row 72: an extension of length 0', changed(ping, (view) => view.setUint32(extensionAt, 0)), /has length 0/],
    ['row 72: an extension of length 7', changed(ping, (view) => view.setUint32(extensionAt, 7)), /has length 7/],
    ['row 72: an extension longer than the rest', changed(ping, (view) =>
      view.setUint32(extensionAt, 800)), /crosses the end/],
    ['row 72: an extension of length 2^32 - 8', changed(ping, (view) =>
      view.setUint32(extensionAt, 2 ** 32 - 8)), /crosses the end/],
    ['row 72: bytes behind the last extension', changed(ping, (view) =>
      view.setUint16(2214, 1)), /follow the extensions/],
    [
      'row 73: channel and message lengths that wrap', changed(publish, (view) => {
        view.setUint32(2256, 2 ** 32 - 1)
        view.setUint32(2260, 3)
      }), /expected/,
    ],
    ['row 76: a current epoch of 2^64 - 1', changed(ping, (view) =>
      view.setBigUint64(16, 2n ** 64n - 1n)), /currentEpoch 18446744073709551615/],
    ['row 76: a config epoch of 2^53', changed(ping, (view) => view.setBigUint64(24, 2n ** 53n)), /configEpoch/],
    ['row 81: an id that is not hex', changed(ping, (view) => view.setUint8(40, 0x0a)), /not hex/],
    ['row 81: an id of a gossip entry that is not hex', changed(ping, (view) => view.setUint8(2256, 0x47)), /not hex/],
    ['row 81: a hostname with a line feed', changed(ping, (view) => view.setUint8(extensionAt + 8, 0x0a)), /hostname/],
    ['row 81: a hostname without end', changed(ping, (_view, bytes) =>
      bytes.fill(0x61, extensionAt + 8, extensionAt + 24)), /hostname without end/],
    ['row 81: a hostname of 300 characters', encodeMessage({ header,
      body: { ...ping, hostname: 'a'.repeat(300) } as BusBody }), /300 characters/],
    ['row 81: an address with a space', changed(ping, (view) => view.setUint8(2168, 0x20)), /address/],
    ['row 81: port 0', changed(ping, (view) => view.setUint16(10, 0)), /port 0/],
    ['row 81: bus port 0', changed(ping, (view) => view.setUint16(2248, 0)), /port 0/],
  ])('%s is dropped', (_row, bytes, why) => {
    expect(decodeMessage(bytes)).toEqual({ refused: expect.stringMatching(why) })
  })

  it('what is read of a Buffer is no part of it: whoever copies its slots and changes the copy changes nothing else', () => {
    const { slots } = decoded(Buffer.from(encodeMessage({ header, body: bodies[1]! }))).header
    const before = Uint8Array.from(slots)
    slots.slice().fill(0)
    expect(Uint8Array.from(slots)).toEqual(before)
  })

  it('an extension of a type that nobody knows is kept for whoever does, and the hostname behind it is read', () => {
    const body: BusBody = { type: 'pong', gossip: [], hostname: '',
      extensions: [{ type: 9, data: new Uint8Array(16) }] }
    expect(decoded(encodeMessage({ header, body })).body).toEqual(body)
  })

  it('a hostname that is missing is an empty one: it erases what was known', () => {
    expect(decoded(encodeMessage({ header: { ...header, slots: NO_SLOTS }, body: bodies[1]! })).body)
      .toMatchObject({ hostname: '' })
  })
})
