/** The slot of a key: CRC16 (XMODEM) of it, or of what stands between its first braces. Source: Redis Cluster spec. */
import type { Bytes } from '@slotwise/engine'

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc & 0xffff
})

const OPEN = 0x7b
const CLOSE = 0x7d

export function slotOf(key: Bytes): number {
  const bytes = hashTagOf(typeof key === 'string' ? Buffer.from(key) : key)
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!
  return crc & 16_383
}

/** What decides where a key belongs: the bytes between the first { and the next }, if there are any; else all. */
export function hashTagOf(key: Uint8Array): Uint8Array {
  const open = key.indexOf(OPEN)
  if (open < 0) return key
  const close = key.indexOf(CLOSE, open + 1)
  return close <= open + 1 ? key : key.subarray(open + 1, close)
}
