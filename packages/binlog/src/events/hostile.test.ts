/**
 * Events that nobody should send: bombs, lies about lengths, rows without a table, documents that refer to
 * themselves.
 */
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { event, formatDescription, lenenc, rowsBody, tableMapBody } from '../../test/event-bytes.js'
import { DecodeError, TooLargeError, UnsupportedError } from '../errors.js'
import { readJson } from '../json/json-document.js'
import { EventDecoder } from './event-decoder.js'
import { EventType } from './event-types.js'
import { expandZstd } from './zstd.js'

function decoder(flavour: 'mysql' | 'mariadb', maxUncompressedBytes = 1 << 20): EventDecoder {
  const made = new EventDecoder({ maxUncompressedBytes })
  made.decode(formatDescription(flavour))
  return made
}

/** MariaDB's form: a length that is announced, and what is there. */
const compressed = (announced: number, bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(announced)
  return Buffer.concat([Buffer.from([0x84]), length, deflateSync(bytes)])
}

describe('decompression bombs', () => {
  const body = (images: Buffer): Buffer => rowsBody({ id: 7, columns: 1, images })
  const rows = (images: Buffer): (() => unknown) => {
    const made = decoder('mariadb')
    made.decode(event(EventType.TABLE_MAP, tableMapBody({ id: 7, types: [3] })))
    return () => made.decode(event(EventType.WRITE_ROWS_COMPRESSED_V1, body(images)))
  }

  it('that announce themselves are refused by the announcement', () => {
    expect(rows(compressed(2 ** 32 - 1, Buffer.alloc(10)))).toThrow(TooLargeError)
  })

  it('that do not are cut off at what they announce', () => {
    expect(rows(compressed(100, Buffer.alloc(10_000_000)))).toThrow(DecodeError)
    expect(rows(compressed(100, Buffer.alloc(99)))).toThrow(DecodeError)
  })

  it('of transactions, too', () => {
    const payload = (size: number, frame: Buffer): Buffer => {
      return Buffer.concat([
        Buffer.from([2, 1, 0]), Buffer.from([3, 9, 0xfe]), Buffer.from(BigUint64Array.of(BigInt(size)).buffer),
        Buffer.from([1, 1]), lenenc(frame.length), Buffer.from([0]), frame,
      ])
    }
    const frame = zstdOfZeros(1000)
    const decode = (size: number, bytes = frame): (() => unknown) => () => {
      const decoded = decoder('mysql').decode(event(EventType.TRANSACTION_PAYLOAD, payload(size, bytes)))
      return decoded.name === 'transactionPayload' && [...decoded.events()]
    }
    expect(decode(2 ** 40)).toThrow(TooLargeError)
    expect(decode(10)).toThrow(DecodeError)
    expect(decode(1000, frame.subarray(0, -1))).toThrow(DecodeError)
    // A frame that says another size than the event.
    const sized = Buffer.concat([frame.subarray(0, 4), Buffer.from([0x60, 0xe8, 0x02]), frame.subarray(6)])
    expect(expandZstd(sized, 1000, 1 << 20)).toHaveLength(1000)
    expect(() => expandZstd(sized, 999, 1 << 20)).toThrow(DecodeError)
    // A window of a gigabyte is memory that some decoders take before the first byte.
    const window = Buffer.from(frame)
    window[4] = 0
    window[5] = 20 << 3
    expect(() => expandZstd(window, 1000, 1 << 20)).toThrow(TooLargeError)
  })

  it('a transaction in a transaction is refused', () => {
    const inner = event(EventType.TRANSACTION_PAYLOAD, Buffer.from([2, 1, 255, 1, 1, 0, 0])).subarray(0, -4)
    inner.writeUInt32LE(inner.length, 9)
    const head = Buffer.from([2, 3, 0xfc, 255, 0, 1, 1])
    const body = Buffer.concat([head, lenenc(inner.length), Buffer.from([0]), inner])
    const outer = event(EventType.TRANSACTION_PAYLOAD, body)
    const decoded = decoder('mysql').decode(outer)
    expect(() => decoded.name === 'transactionPayload' && [...decoded.events()]).toThrow(/inside a payload/)
  })
})

/** A frame of one RLE block: `count` zeros in four bytes. */
function zstdOfZeros(count: number): Buffer {
  const frame = Buffer.alloc(6 + 3 + 1)
  frame.writeUInt32LE(0xfd2fb528, 0)
  frame[4] = 0
  frame[5] = 0 // a window of 1 KiB
  frame.writeUIntLE(count << 3 | 1 << 1 | 1, 6, 3)
  return frame
}

describe('events that lie', () => {
  it('rows without their TABLE_MAP are an error, also when an earlier statement had it', () => {
    const made = decoder('mysql')
    const rows = event(EventType.WRITE_ROWS, rowsBody({ id: 7, columns: 1, version: 2, images: Buffer.from('0001000000', 'hex') }))
    expect(() => made.decode(rows)).toThrow(/no TABLE_MAP/)
    made.decode(event(EventType.TABLE_MAP, tableMapBody({ id: 7, types: [3] })))
    made.decode(rows)
    expect(() => made.decode(rows)).toThrow(/no TABLE_MAP/)
  })

  it('the same table id with other columns is another table', () => {
    const made = decoder('mysql')
    const read = (types: number[], images: string): unknown => {
      made.decode(event(EventType.TABLE_MAP, tableMapBody({ id: 7, types })))
      const decoded = made.decode(event(EventType.WRITE_ROWS, rowsBody({ id: 7, columns: types.length, version: 2, images: Buffer.from(images, 'hex') })))
      return decoded.name === 'rows' && decoded.changes().map(({ after }) => after)
    }
    expect(read([3], '0001000000')).toEqual([[1]])
    expect(read([2], '000200')).toEqual([[2]])
    expect(read([2, 1], '00020003')).toEqual([[2, 3]])
  })

  it('an unknown type stops the stream unless it is marked as ignorable', () => {
    expect(() => decoder('mysql').decode(event(99, Buffer.from('x')))).toThrow(UnsupportedError)
    expect(decoder('mysql').decode(event(99, Buffer.from('x'), { flags: 0x80 }))).toMatchObject({ name: 'ignored' })
  })

  it('columns by the thousand are refused by their count', () => {
    const table = tableMapBody({ id: 7, types: [3] })
    const lie = Buffer.concat([table.subarray(0, 14), Buffer.from('fdffffff', 'hex'), table.subarray(15)])
    expect(() => decoder('mysql').decode(event(EventType.TABLE_MAP, lie))).toThrow(DecodeError)
  })
})

describe('JSON documents that refer to themselves', () => {
  it('do not grow beyond their bytes', () => {
    // Arrays of ten, each of whose values is the same array behind it: 10^40 values in 1,400 bytes.
    const levels = 40
    const width = 10
    const size = 4 + width * 3
    const document = Buffer.alloc(1 + levels * size)
    document[0] = 2
    for (let level = 0; level < levels; level++) {
      const at = 1 + level * size
      document.writeUInt16LE(width, at)
      document.writeUInt16LE(document.length - at, at + 2)
      for (let i = 0; i < width; i++) {
        document[at + 4 + 3 * i] = level + 1 < levels ? 2 : 4
        document.writeUInt16LE(level + 1 < levels ? size : 0, at + 5 + 3 * i)
      }
    }
    expect(() => readJson(document, 0, document.length)).toThrow(/overlap/)
  })

  it('nor deeper than a server allows', () => {
    const document = Buffer.alloc(1 + 200 * 7)
    document[0] = 2
    for (let level = 0; level < 200; level++) {
      const at = 1 + level * 7
      document.writeUInt16LE(1, at)
      document.writeUInt16LE(document.length - at, at + 2)
      document[at + 4] = 2
      document.writeUInt16LE(7, at + 5)
    }
    expect(() => readJson(document, 0, document.length)).toThrow(/deeper/)
  })
})
