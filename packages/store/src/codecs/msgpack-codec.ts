/**
 * The default: any structured value, as MessagePack by msgpackr, which keeps what JSON loses (Date, Uint8Array, bigint,
 * undefined in objects, NaN) and is smaller and faster for objects.
 * One exception makes counters work: a finite number by itself is kept as decimal text, as Redis has numbers, so that
 * `set('n', 5)`, `incr('n')` and other clients agree. The two cannot be confused: text begins with a digit or '-', and
 * in MessagePack only small integers begin with such a byte, which are never written here.
 * A string by itself, the commonest value, is written and read here: msgpackr would take longer than the look-up.
 * '#msgpackr' is a copy in dist (scripts/vendor.mjs): the package itself brings an optional helper with an install
 * script along, and the library must do without.
 * Records (msgpackr's own extension) are off, so that any MessagePack library can read the values.
 * A property named __proto__ comes back as __proto_: msgpackr's guard against values that bring a prototype along.
 * Source: MessagePack specification.
 */
import {
  ASCII_BIT, type Bytes, CodecError, describe, type Engine, LENGTH_MASK, type Page, type RequestPage,
} from '@slotwise/engine'
import { Packr } from '#msgpackr'
import type { ValueCodec } from './codec.js'

// copyBuffers: bytes inside a value must not refer to the page.
const packr = new Packr({ useRecords: false, moreTypes: true, copyBuffers: true })

const isNumberText = (first: number): boolean => first === 0x2d || (first >= 0x30 && first <= 0x39)

function encode(value: unknown): string | Uint8Array {
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`codec 'msgpack' cannot keep ${describe(value)}`)
  }
  return packr.pack(value)
}

/** The bytes that say "a string of `length` bytes follows". */
function putStringHead(page: Page, at: number, length: number): number {
  if (length < 32) {
    page[at] = 0xa0 | length
    return at + 1
  }
  if (length < 256) {
    page[at] = 0xd9
    page[at + 1] = length
    return at + 2
  }
  if (length < 65536) {
    page[at] = 0xda
    return page.writeUInt16BE(length, at + 1)
  }
  page[at] = 0xdb
  return page.writeUInt32BE(length, at + 1)
}

const headSize = (length: number): number => length < 32 ? 1 : length < 256 ? 2 : length < 65536 ? 3 : 5

function writeString(value: string, request: RequestPage, at: number): number {
  // Its length in bytes is known when it is written; mostly it is that of the characters.
  request.reserve(at, 8)
  const guess = at + headSize(value.length)
  const end = request.put(value, guess)
  const length = end - guess
  if (at + headSize(length) === guess) {
    putStringHead(request.page, at, length)
    return end
  }
  return request.put(value, putStringHead(request.page, at, length))
}

function readNumber(page: Page, start: number, end: number): number {
  const number = end - start < 400 ? Number(page.latin1Slice(start, end)) : NaN
  if (Number.isNaN(number)) throw foreign()
  return number
}

const foreign = (cause?: unknown): CodecError =>
  new CodecError('the value is not MessagePack: another client or codec wrote it', { cause })

/**
 * Size of the head if the value is a string whose first characters are ASCII: the engine's ASCII bit says nothing of
 * the first three bytes, where there may be characters already.
 */
function asciiStringHead(page: Page, start: number, end: number): number {
  const size = end - start
  const first = size === 0 ? 0 : page[start]!
  if (first === 0xd9) return size > 2 && size === page[start + 1]! + 2 && page[start + 2]! < 128 ? 2 : -1
  if ((first & 0xe0) !== 0xa0 || size !== (first & 31) + 1) return -1
  const second = size < 2 ? 0 : page[start + 1]!
  const third = size < 3 ? 0 : page[start + 2]!
  return (second | third) < 128 ? 1 : -1
}

function read(page: Page, start: number, end: number, ascii: boolean): unknown {
  const first = end > start ? page[start]! : 0
  if (first < 0x80) {
    if (!isNumberText(first)) throw foreign()
    return readNumber(page, start, end)
  }
  const head = ascii ? asciiStringHead(page, start, end) : -1
  if (head > 0) return page.latin1Slice(start + head, end)
  if (first === 0xd9 && end - start === page[start + 1]! + 2) return page.utf8Slice(start + 2, end)
  if ((first & 0xe0) === 0xa0 && end - start === (first & 31) + 1) return page.utf8Slice(start + 1, end)
  try {
    return packr.unpack(page, { start, end }) as unknown
  } catch (cause) {
    throw foreign(cause)
  }
}

export const msgpackCodec: ValueCodec<unknown> = {
  headBytes: 3,
  encode,
  read,

  set(engine: Engine, key: Bytes, value: unknown, ttlMs: number): void {
    if (typeof value !== 'string') return engine.set(key, encode(value), ttlMs)
    const { request } = engine
    const keyLength = request.put(key, 0)
    engine.setFromPage(keyLength, writeString(value, request, keyLength) - keyLength, ttlMs)
  },

  get(engine: Engine, key: Bytes): unknown {
    const found = engine.getMsgpackText(key)
    if (typeof found === 'string') return found
    if (found < 0) return null
    const { at } = engine
    return read(engine.result, at, at + (found & LENGTH_MASK), found >= ASCII_BIT)
  },

  getMany(engine: Engine, keys: readonly Bytes[]): unknown[] {
    return engine.getManyStrings(keys, asciiStringHead, read)
  },
}
