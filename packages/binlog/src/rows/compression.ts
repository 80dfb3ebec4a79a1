/**
 * MariaDB's compression: of whole events (log_bin_compress) and of columns (COMPRESSED). The uncompressed length is
 * announced in front; more than the limit is refused before anything is allocated, and what comes out must be that
 * long.
 */
import { inflateRawSync, inflateSync } from 'node:zlib'
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, TooLargeError, UnsupportedError } from '../errors.js'

/** What is left at the cursor, uncompressed: `0x80 | algorithm << 4 | n`, n bytes of length (big-endian), zlib. */
export function expandEvent(cursor: Cursor, maxBytes: number): Buffer {
  const head = cursor.u8()
  const algorithm = head >> 4 & 7
  if (!(head & 0x80)) throw new DecodeError('a compressed event without its mark')
  if (algorithm !== 0) throw new UnsupportedError(`compression ${algorithm} of an event is unknown`)
  const length = announced(cursor, head & 15, maxBytes)
  return checked(inflateSync, cursor.rest(), length)
}

/**
 * The value of a COMPRESSED column: `method << 4 | raw << 3 | n`, n bytes of length (big-endian), data; 0: as it is.
 */
export function expandColumn(buf: Buffer, start: number, end: number, maxBytes: number): Buffer {
  if (start === end) return Buffer.alloc(0)
  const head = buf[start]!
  if (head === 0) return Buffer.from(buf.subarray(start + 1, end))
  if (head >> 4 !== 8) throw new UnsupportedError(`compression method ${head >> 4} of a column is unknown`)
  const lengthBytes = head & 7
  if (lengthBytes > end - start - 1) throw new DecodeError('a compressed column that ends in its length')
  const length = lengthBytes === 0 || lengthBytes > 4 ? Infinity : buf.readUIntBE(start + 1, lengthBytes)
  if (length === Infinity) throw new DecodeError(`a compressed column whose length has ${lengthBytes} bytes`)
  refuseBeyond(length, maxBytes)
  return checked(head & 8 ? inflateRawSync : inflateSync, buf.subarray(start + 1 + lengthBytes, end), length)
}

function announced(cursor: Cursor, bytes: number, maxBytes: number): number {
  if (bytes < 1 || bytes > 4) throw new DecodeError(`a compressed event whose length has ${bytes} bytes`)
  const length = cursor.buf.readUIntBE(cursor.take(bytes), bytes)
  refuseBeyond(length, maxBytes)
  return length
}

export function refuseBeyond(length: number, maxBytes: number): void {
  if (length > maxBytes) throw new TooLargeError(`${length} bytes uncompressed, ${maxBytes} are allowed (maxUncompressedBytes)`)
}

function checked(inflate: typeof inflateSync, bytes: Buffer, length: number): Buffer {
  let out: Buffer
  try {
    out = inflate(bytes, { maxOutputLength: Math.max(length, 1) })
  } catch (cause) {
    throw new DecodeError(`compressed data is damaged, or longer than the ${length} bytes that it announces`, { cause })
  }
  if (out.length !== length) throw new DecodeError(`compressed data has ${out.length} bytes and announces ${length}`)
  return out
}
