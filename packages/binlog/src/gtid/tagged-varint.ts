/**
 * The variable-length integers of MySQL's generic serialization: the trailing 1 bits of the first byte say how many
 * bytes follow it; the value is what is above the 0 that ends them.
 */
import type { Cursor } from '../bytes/cursor.js'

export function varint(cursor: Cursor): bigint {
  const first = cursor.u8()
  let more = 0
  while (more < 8 && first & 1 << more) more++
  if (more === 8) return cursor.u64Big()
  const at = cursor.take(more)
  let value = BigInt(first)
  for (let i = 0; i < more; i++) value |= BigInt(cursor.buf[at + i]!) << BigInt(8 * (i + 1))
  return value >> BigInt(more + 1)
}

/** A signed number: the lowest bit says that the others are complemented. */
export function signed(cursor: Cursor): bigint {
  const value = varint(cursor)
  return value & 1n ? ~(value >> 1n) : value >> 1n
}
