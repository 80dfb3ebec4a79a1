/**
 * DECIMAL(p,s) as exact text. Digits are packed nine to four bytes, big-endian, left-overs in fewer; the first bit is
 * the inverted sign, and a negative number has all its bytes inverted. Bytes are inverted while they are read: the
 * buffer is shared.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'

const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
const ZEROS = '000000000'
const PRECISION_MAX = 65
const SCALE_MAX = 38 // MariaDB's; MySQL stops at 30

/** @throws {DecodeError} if there is no such DECIMAL */
export function decimalReader(precision: number, scale: number): (cursor: Cursor) => string {
  if (precision < 1 || precision > PRECISION_MAX || scale > SCALE_MAX || scale > precision) {
    throw new DecodeError(`there is no DECIMAL(${precision},${scale})`)
  }
  const whole = precision - scale
  const wholeLeft = whole % 9
  const wholeGroups = Math.floor(whole / 9)
  const fractionGroups = Math.floor(scale / 9)
  const fractionLeft = scale % 9
  const wholeLeftBytes = BYTES_OF_DIGITS[wholeLeft]!
  const fractionLeftBytes = BYTES_OF_DIGITS[fractionLeft]!
  const bytes = wholeLeftBytes + 4 * (wholeGroups + fractionGroups) + fractionLeftBytes
  return (cursor) => {
    const start = cursor.take(bytes)
    const { buf } = cursor
    const invert = buf[start]! & 0x80 ? 0 : 0xff
    let at = start
    let text = ''
    /** The next group: `count` bytes, inverted as the sign says. */
    const group = (count: number): number => {
      let value = 0
      for (const end = at + count; at < end; at++) {
        value = value * 256 + ((buf[at]! ^ invert ^ (at === start ? 0x80 : 0)) & 0xff)
      }
      return value
    }
    if (wholeLeftBytes > 0) {
      const value = group(wholeLeftBytes)
      if (value > 0) text = String(value)
    }
    for (let i = 0; i < wholeGroups; i++) {
      const value = group(4)
      if (text !== '') text += padded(value, 9)
      else if (value > 0) text = String(value)
    }
    if (text === '') text = '0'
    if (scale > 0) {
      text += '.'
      for (let i = 0; i < fractionGroups; i++) text += padded(group(4), 9)
      if (fractionLeft > 0) text += padded(group(fractionLeftBytes), fractionLeft)
    }
    return invert === 0 ? text : `-${text}`
  }
}

function padded(value: number, digits: number): string {
  const text = String(value)
  if (text.length > digits) throw new DecodeError(`a group of ${digits} decimal digits says ${value}`)
  return text.length === digits ? text : ZEROS.slice(text.length, digits) + text
}
