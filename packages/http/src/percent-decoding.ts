/**
 * Percent-decoding of one piece of a path or query into an argument: text where the bytes are UTF-8, else the bytes, so
 * that any key can be named. What is decoded is data and is never looked at as a path again: %2F, .. and %00 are bytes
 * of an argument. Source: RFC 3986 section 2.1; `+` for a space: the URL Standard's form encoding (queries only).
 */
import { isUtf8 } from 'node:buffer'
import type { Bytes } from '@slotwise/engine'

const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/** @returns null if a percent sign is not followed by two hexadecimal digits */
export function percentDecoded(text: string, plusIsSpace = false): Bytes | null {
  if (isPlain(text, plusIsSpace)) return text
  // A target is read from the wire byte by byte, so its characters are bytes.
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let i = 0; i < bytes.length; i++) {
    let byte = bytes[i]!
    if (byte === PERCENT) {
      const high = hexDigit(bytes[i + 1])
      const low = hexDigit(bytes[i + 2])
      if (high < 0 || low < 0) return null
      byte = high * 16 + low
      i += 2
    } else if (byte === PLUS && plusIsSpace) {
      byte = SPACE
    }
    bytes[length++] = byte
  }
  const decoded = bytes.subarray(0, length)
  return isUtf8(decoded) ? decoded.toString() : decoded
}

function isPlain(text: string, plusIsSpace: boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PERCENT || code > 127 || (code === PLUS && plusIsSpace)) return false
  }
  return true
}

function hexDigit(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
