/**
 * Values: how each type of column is read from a row, made once a table as a function without questions left.
 * Numbers are numbers while they are exact and bigint beyond 2^53; DECIMAL and times are text as the server prints it
 * (TIMESTAMP in UTC); text is text, bytes are bytes (copies); ENUM and SET are their members, or their number where
 * the members are not known; JSON is its text. Absent columns are undefined, NULL is null: they are never the same.
 */
import { isIPv6 } from 'node:net'
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, UnsupportedError } from '../errors.js'
import { jsonText, readJson } from '../json/json-document.js'
import { textDecoderOf } from './charsets.js'
import { ColumnType } from './column-types.js'
import { expandColumn } from './compression.js'
import { decimalReader } from './decimal.js'
import { shortestFloat } from './float.js'
import type { PartialJson } from './partial-json.js'
import type { Column } from './table-map.js'
import {
  datetimeReader, dateReader, oldDatetimeReader, oldTimeReader, oldTimestampReader, timeReader, timestampReader,
  yearReader,
} from './temporal.js'

/** What a column holds; PartialJson only in what PARTIAL_JSON updates leave unknown. */
export type Value = string | number | bigint | Uint8Array | PartialJson | null
export type ColumnReader = (cursor: Cursor) => Value

const TWO_32 = 2 ** 32
const SAFE = Number.MAX_SAFE_INTEGER

/** The reader of a column. @throws {DecodeError} if its definition is impossible */
export function columnReader(column: Column, maxBytes: number): ColumnReader {
  const unsigned = column.unsigned === true
  const { size } = column
  switch (column.type) {
    case ColumnType.TINY: return unsigned ? (c) => c.u8() : (c) => c.u8() << 24 >> 24
    case ColumnType.SHORT: return unsigned ? (c) => c.u16() : (c) => c.u16() << 16 >> 16
    case ColumnType.INT24: return unsigned ? (c) => c.u24() : (c) => c.u24() << 8 >> 8
    case ColumnType.LONG: return unsigned ? (c) => c.u32() : int32
    case ColumnType.LONGLONG: return unsigned ? unsigned64 : signed64
    case ColumnType.FLOAT: return float
    case ColumnType.DOUBLE: return double
    case ColumnType.NEWDECIMAL: return decimalReader(column.precision, column.scale)
    case ColumnType.YEAR: return yearReader()
    case ColumnType.DATE: case ColumnType.NEWDATE: return dateReader()
    case ColumnType.TIMESTAMP2: return timestampReader(size)
    case ColumnType.DATETIME2: return datetimeReader(size)
    case ColumnType.TIME2: return timeReader(size)
    case ColumnType.TIMESTAMP: return oldTimestampReader(column.oldDigits)
    case ColumnType.DATETIME: return oldDatetimeReader(column.oldDigits)
    case ColumnType.TIME: return oldTimeReader(column.oldDigits)
    case ColumnType.BIT: return bitReader(size + 7 >> 3)
    case ColumnType.ENUM: return enumReader(column)
    case ColumnType.SET: return setReader(column)
    case ColumnType.VARCHAR: case ColumnType.VAR_STRING: return textReader(column, size > 255 ? 2 : 1, 0)
    case ColumnType.STRING: return textReader(column, size > 255 ? 2 : 1, size)
    case ColumnType.BLOB: case ColumnType.TINY_BLOB: case ColumnType.MEDIUM_BLOB: case ColumnType.LONG_BLOB:
      return textReader(column, size, 0)
    case ColumnType.GEOMETRY: case ColumnType.VECTOR: return bytesReader(size, 0)
    case ColumnType.JSON: return (c) => {
      const start = c.take(lengthOf(c, size))
      return jsonText(readJson(c.buf, start, c.pos))
    }
    case ColumnType.VARCHAR_COMPRESSED: return compressedReader(column, size > 255 ? 2 : 1, maxBytes)
    case ColumnType.BLOB_COMPRESSED: return compressedReader(column, size, maxBytes)
    case ColumnType.NULL: return () => null
    default: throw new UnsupportedError(`column type ${column.type} is unknown`)
  }
}

const int32: ColumnReader = (c) => {
  const at = c.take(4)
  const { buf } = c
  return buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16 | buf[at + 3]! << 24
}

const signed64: ColumnReader = (c) => {
  const low = c.u32()
  const high = c.u32() | 0
  const value = high * TWO_32 + low
  return value <= SAFE && value >= -SAFE ? value : BigInt(high) << 32n | BigInt(low)
}

const unsigned64: ColumnReader = (c) => {
  const low = c.u32()
  const high = c.u32()
  const value = high * TWO_32 + low
  return value <= SAFE ? value : BigInt(high) << 32n | BigInt(low)
}

const float: ColumnReader = (c) => shortestFloat(c.buf.readFloatLE(c.take(4)))
const double: ColumnReader = (c) => c.buf.readDoubleLE(c.take(8))

/** Little-endian length of 1 to 4 bytes. */
function lengthOf(cursor: Cursor, bytes: number): number {
  switch (bytes) {
    case 1: return cursor.u8()
    case 2: return cursor.u16()
    case 3: return cursor.u24()
    default: return cursor.u32()
  }
}

function bitReader(bytes: number): ColumnReader {
  return (c) => {
    const at = c.take(bytes)
    let high = 0
    let low = 0
    for (let i = 0; i < bytes; i++) {
      high = high * 256 + Math.floor(low / 2 ** 24)
      low = (low % 2 ** 24) * 256 + c.buf[at + i]!
    }
    const value = high * TWO_32 + low
    return value <= SAFE ? value : BigInt(high) << 32n | BigInt(low)
  }
}

function enumReader({ size, members, name }: Column): ColumnReader {
  return (c) => {
    const index = size === 1 ? c.u8() : c.u16()
    if (members === null) return index
    if (index === 0) return '' // what the server stores for an invalid value
    const member = members[index - 1]
    if (member === undefined) throw new DecodeError(`ENUM ${name ?? ''} has ${members.length} members, the row says ${index}`)
    return member
  }
}

function setReader({ size, members, name }: Column): ColumnReader {
  return (c) => {
    const at = c.take(size)
    if (members === null) {
      let value = 0n
      for (let i = size; i-- > 0;) value = value << 8n | BigInt(c.buf[at + i]!)
      return value <= BigInt(SAFE) ? Number(value) : value
    }
    let text = ''
    for (let bit = 0; bit < 8 * size; bit++) {
      if (!(c.buf[at + (bit >> 3)]! >> (bit & 7) & 1)) continue
      const member = members[bit]
      if (member === undefined) throw new DecodeError(`SET ${name ?? ''} has ${members.length} members, the row says ${bit + 1}`)
      text = text === '' ? member : `${text},${member}`
    }
    return text
  }
}

/** Bytes, a copy; BINARY(n) gets back the zeros that the row leaves out. */
function bytesReader(lengthBytes: number, padTo: number): ColumnReader {
  return (c) => {
    const length = lengthOf(c, lengthBytes)
    const at = c.take(length)
    const bytes = new Uint8Array(Math.max(length, padTo))
    bytes.set(c.buf.subarray(at, at + length))
    return bytes
  }
}

/** @param fixed  the size of a CHAR or BINARY; 0 for those without padding */
function textReader(column: Column, lengthBytes: number, fixed: number): ColumnReader {
  const { charset, special } = column
  const bytes = bytesReader(lengthBytes, fixed)
  if (special !== null) return (c) => specialText(special, bytes(c) as Uint8Array)
  if (charset === null) return bytesReader(lengthBytes, 0) // text or bytes: who reads it has to know
  if (charset === 'binary') return bytes
  const decode = textDecoderOf(charset)
  if (decode === null) {
    return () => { throw new UnsupportedError(`column ${column.name ?? column.index}: character set ${charset} cannot be decoded`) }
  }
  if (lengthBytes === 1) return (c) => {
    const length = c.u8()
    const at = c.take(length)
    return length === 0 ? '' : decode(c.buf, at, at + length)
  }
  return (c) => {
    const length = lengthOf(c, lengthBytes)
    const at = c.take(length)
    return length === 0 ? '' : decode(c.buf, at, at + length)
  }
}

function compressedReader(column: Column, lengthBytes: number, maxBytes: number): ColumnReader {
  const { charset } = column
  const decode = charset === null || charset === 'binary' ? null : textDecoderOf(charset)
  return (c) => {
    const length = lengthOf(c, lengthBytes)
    const at = c.take(length)
    const bytes = expandColumn(c.buf, at, at + length, maxBytes)
    return decode === null ? bytes : decode(bytes, 0, bytes.length)
  }
}

/** UUID, INET4 and INET6 as the server prints them. */
function specialText(special: NonNullable<Column['special']>, bytes: Uint8Array): string {
  const buf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (special === 'uuid') return buf.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  if (special === 'inet4') return buf.join('.')
  return inet6Text(buf)
}

/** RFC 5952: the longest run of zero groups is `::`; IPv4-mapped and -compatible addresses end as IPv4. */
function inet6Text(buf: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => buf.readUInt16BE(2 * i))
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  const hex = groups.map((group) => group.toString(16))
  const ipv4 = best.at === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff))
  if (ipv4) hex.splice(6, 2, buf.subarray(12).join('.'))
  if (best.at < 0) return hex.join(':')
  const text = `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`
  if (!isIPv6(text)) throw new DecodeError(`${text} is no IPv6 address`)
  return text
}
