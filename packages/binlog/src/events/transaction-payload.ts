/**
 * TRANSACTION_PAYLOAD (MySQL >= 8.0.20): a whole group but its GTID, compressed. What is inside are events without
 * checksums and positions; the outer event has both for all of them.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, UnsupportedError } from '../errors.js'
import { refuseBeyond } from '../rows/compression.js'
import { expandZstd } from './zstd.js'

const Field = { END: 0, SIZE: 1, COMPRESSION: 2, UNCOMPRESSED_SIZE: 3 } as const
const Compression = { ZSTD: 0, NONE: 255 } as const

/** Reads the body. @returns the events inside, one after the other */
export function readTransactionPayload(cursor: Cursor, maxBytes: number): Buffer {
  let size = -1
  let compression: number = Compression.NONE
  let uncompressedSize = -1
  for (let type = cursor.lenenc(); type !== Field.END; type = cursor.lenenc()) {
    const end = cursor.lenenc() + cursor.pos
    if (end > cursor.end) throw cursor.short(end - cursor.pos)
    if (type === Field.SIZE) size = cursor.lenenc()
    else if (type === Field.COMPRESSION) compression = cursor.lenenc()
    else if (type === Field.UNCOMPRESSED_SIZE) uncompressedSize = cursor.lenenc()
    if (cursor.pos > end) throw new DecodeError('a payload field runs beyond its length')
    cursor.pos = end
  }
  if (size !== cursor.left) throw new DecodeError(`a payload says ${size} bytes and has ${cursor.left}`)
  const bytes = cursor.rest()
  switch (compression) {
    case Compression.NONE:
      refuseBeyond(bytes.length, maxBytes)
      return bytes
    case Compression.ZSTD:
      if (uncompressedSize < 0) throw new DecodeError('a zstd payload that does not announce its size')
      return expandZstd(bytes, uncompressedSize, maxBytes)
    default: throw new UnsupportedError(`compression ${compression} of a transaction is unknown`)
  }
}
