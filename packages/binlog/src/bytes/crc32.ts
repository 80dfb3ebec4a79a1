/**
 * CRC32 (the zlib polynomial) of a part of a buffer. Most events are shorter than the cost of a native call and of the
 * view that it would need, so those are done here by a table, four bytes a step; long ones by zlib.
 */
import { crc32 as native } from 'node:zlib'

const SHORT = 160
const tables = makeTables()
const [t0, t1, t2, t3] = tables

function makeTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const first = new Int32Array(256)
  for (let n = 0; n < 256; n++) {
    let value = n
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0xedb88320 : value >>> 1
    first[n] = value
  }
  const more = [first]
  for (let k = 1; k < 4; k++) {
    const before = more[k - 1]!
    more.push(before.map((value) => value >>> 8 ^ first[value & 0xff]!))
  }
  return more as unknown as readonly [Int32Array, Int32Array, Int32Array, Int32Array]
}

/** CRC32 of buf[start..end), as an unsigned number. */
export function crc32(buf: Buffer, start: number, end: number): number {
  if (end - start > SHORT) return native(buf.subarray(start, end))
  let crc = -1
  let at = start
  for (const last = end - 3; at < last; at += 4) {
    crc ^= buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16 | buf[at + 3]! << 24
    crc = t3[crc & 0xff]! ^ t2[crc >>> 8 & 0xff]! ^ t1[crc >>> 16 & 0xff]! ^ t0[crc >>> 24]!
  }
  for (; at < end; at++) crc = crc >>> 8 ^ t0[(crc ^ buf[at]!) & 0xff]!
  return ~crc >>> 0
}
