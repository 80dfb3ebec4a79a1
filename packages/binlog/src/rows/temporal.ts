/**
 * Dates and times as the server prints them: zero dates are kept, TIMESTAMP is UTC, fractions have the digits of the
 * column. Readers of one column remember the last date: rows of one table are mostly of few days.
 * "Old" forms are those of MySQL <= 5.5 and of MariaDB tables made with mysql56_temporal_format=OFF; with a fraction
 * they cannot be told from the event, so their digits come from the schema.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'

type Reader = (cursor: Cursor) => string

const TWO = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'))
const two = (value: number): string => TWO[value] ?? String(value)
const four = (value: number): string => value > 999 ? String(value) : String(value).padStart(4, '0')
const dateText = (year: number, month: number, day: number): string => `${four(year)}-${two(month)}-${two(day)}`
const timeText = (hour: number, minute: number, second: number): string => `${two(hour)}:${two(minute)}:${two(second)}`

/** Big-endian number of `count` <= 6 bytes. */
function bigEndian(buf: Buffer, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) value = value * 256 + buf[at + i]!
  return value
}

const FRACTION_MAX = 6

/** `.123` of a fraction in units of its bytes; '' for no digits. */
function fractionText(digits: number): { bytes: number; text: (units: number) => string } {
  if (digits > FRACTION_MAX) throw new DecodeError(`a time with ${digits} fractional digits`)
  const bytes = digits + 1 >> 1
  if (digits === 0) return { bytes, text: () => '' }
  const odd = digits & 1
  return { bytes, text: (units) => `.${String(odd ? Math.floor(units / 10) : units).padStart(digits, '0')}` }
}

export const dateReader = (): Reader => {
  let last = -1
  let text = ''
  return (cursor) => {
    const value = cursor.u24()
    if (value !== last) {
      text = dateText(value >>> 9, value >>> 5 & 15, value & 31)
      last = value
    }
    return text
  }
}

export const yearReader = (): Reader => (cursor) => {
  const value = cursor.u8()
  return value === 0 ? '0000' : String(1900 + value)
}

/** DATETIME2 */
export function datetimeReader(digits: number): Reader {
  const fraction = fractionText(digits)
  let last = -1
  let date = ''
  return (cursor) => {
    const at = cursor.take(5 + fraction.bytes)
    const { buf } = cursor
    // 40 bits less 2^39: ym(17) day(5) hour(5) minute(6) second(6), of which the first 22 below are the date.
    const days = (buf[at]! ^ 0x80) << 15 | buf[at + 1]! << 7 | buf[at + 2]! >> 1
    const rest = (buf[at + 2]! & 1) << 16 | buf[at + 3]! << 8 | buf[at + 4]!
    if (days !== last) {
      const months = days >>> 5
      date = `${dateText(Math.floor(months / 13), months % 13, days & 31)} `
      last = days
    }
    const text = date + timeText(rest >>> 12 & 31, rest >>> 6 & 63, rest & 63)
    return fraction.bytes === 0 ? text : text + fraction.text(bigEndian(buf, at + 5, fraction.bytes))
  }
}

/** TIMESTAMP2 */
export function timestampReader(digits: number): Reader {
  const fraction = fractionText(digits)
  const whole = secondsText()
  return (cursor) => {
    const at = cursor.take(4 + fraction.bytes)
    const text = whole(bigEndian(cursor.buf, at, 4))
    return fraction.bytes === 0 ? text : text + fraction.text(bigEndian(cursor.buf, at + 4, fraction.bytes))
  }
}

/** Seconds since 1970 as UTC text; 0 is the zero date. */
function secondsText(): (seconds: number) => string {
  let last = -1
  let date = ''
  return (seconds) => {
    if (seconds === 0) return '0000-00-00 00:00:00'
    const day = Math.floor(seconds / 86400)
    if (day !== last) {
      date = `${new Date(day * 86_400_000).toISOString().slice(0, 10)} `
      last = day
    }
    const second = seconds - day * 86400
    return date + timeText(Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60)
  }
}

/** TIME2. The sign covers the fraction, so both are one number before it is taken off. */
export function timeReader(digits: number): Reader {
  const fraction = fractionText(digits)
  const bytes = 3 + fraction.bytes
  const middle = 2 ** (8 * bytes - 1)
  const units = 2 ** (8 * fraction.bytes)
  return (cursor) => {
    const value = bigEndian(cursor.buf, cursor.take(bytes), bytes) - middle
    const size = Math.abs(value)
    const whole = Math.floor(size / units)
    const text = timeText(whole >>> 12 & 0x3ff, whole >>> 6 & 63, whole & 63)
    const sign = value < 0 ? '-' : ''
    return fraction.bytes === 0 ? sign + text : sign + text + fraction.text(size % units)
  }
}

const OLD_TIME_BYTES = [3, 4, 4, 5, 5, 5, 6]
const OLD_DATETIME_BYTES = [8, 6, 6, 7, 7, 7, 8]
const OLD_TIMESTAMP_BYTES = [4, 5, 5, 6, 6, 7, 7]
const pointed = (fraction: number, digits: number): string => digits === 0 ? '' : `.${String(fraction).padStart(digits, '0')}`
/** 838:59:59 and a second: what is added to an old TIME with a fraction so that it is not negative. */
const OLD_TIME_BIAS = 3_020_400

export function oldTimeReader(digits: number): Reader {
  if (digits === 0) return (cursor) => {
    const value = cursor.u24() << 8 >> 8
    const size = Math.abs(value)
    return (value < 0 ? '-' : '') + timeText(Math.floor(size / 10_000), Math.floor(size / 100) % 100, size % 100)
  }
  const bytes = oldBytes(OLD_TIME_BYTES, digits)
  const scale = 10 ** digits
  return (cursor) => {
    const value = bigEndian(cursor.buf, cursor.take(bytes), bytes) - OLD_TIME_BIAS * scale
    const size = Math.abs(value)
    const second = Math.floor(size / scale)
    return (value < 0 ? '-' : '') + timeText(Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60) +
      pointed(size % scale, digits)
  }
}

export function oldDatetimeReader(digits: number): Reader {
  if (digits === 0) return (cursor) => {
    const value = cursor.u64()
    const date = Math.floor(value / 1e6)
    const time = value % 1e6
    return `${dateText(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100)} ` +
      timeText(Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100)
  }
  const bytes = oldBytes(OLD_DATETIME_BYTES, digits)
  const scale = 10n ** BigInt(digits)
  return (cursor) => {
    const at = cursor.take(bytes)
    let value = 0n
    for (let i = 0; i < bytes; i++) value = value << 8n | BigInt(cursor.buf[at + i]!)
    const fraction = Number(value % scale)
    let rest = Number(value / scale)
    const next = (base: number): number => {
      const digit = rest % base
      rest = Math.floor(rest / base)
      return digit
    }
    const [second, minute, hour, day, month] = [next(60), next(60), next(24), next(32), next(13)]
    return `${dateText(rest, month, day)} ${timeText(hour, minute, second)}${pointed(fraction, digits)}`
  }
}

export function oldTimestampReader(digits: number): Reader {
  const whole = secondsText()
  if (digits === 0) return (cursor) => whole(cursor.u32())
  const bytes = oldBytes(OLD_TIMESTAMP_BYTES, digits)
  return (cursor) => {
    const at = cursor.take(bytes)
    return whole(bigEndian(cursor.buf, at, 4)) + pointed(bigEndian(cursor.buf, at + 4, bytes - 4), digits)
  }
}

function oldBytes(table: readonly number[], digits: number): number {
  const bytes = table[digits]
  if (bytes === undefined) throw new DecodeError(`a time with ${digits} fractional digits`)
  return bytes
}

/**
 * The temporal values inside JSON documents: 24 bits of microseconds below the packed form of DATETIME2 or TIME2.
 * @param type  of the column: DATE 10, TIME 11, DATETIME 12, TIMESTAMP 7
 */
export function packedTemporalText(type: number, packed: bigint): string {
  const size = packed < 0n ? -packed : packed
  const micros = `.${String(size & 0xffffffn).padStart(6, '0')}`
  const whole = Number(size >> 24n)
  const time = whole % 2 ** 17
  const days = Math.floor(whole / 2 ** 17)
  if (type === 11) return `${packed < 0n ? '-' : ''}${timeText(whole >>> 12 & 0x3ff, whole >>> 6 & 63, whole & 63)}${micros}`
  const months = Math.floor(days / 32)
  const date = dateText(Math.floor(months / 13), months % 13, days % 32)
  return type === 10 ? date : `${date} ${timeText(time >>> 12, time >>> 6 & 63, time & 63)}${micros}`
}
