/**
 * FORMAT_DESCRIPTION: how the events that follow are laid out: post-header lengths, checksums, and which server wrote
 * them. `created` is set when the server had just started: groups that were open before it are gone.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, UnsupportedError } from '../errors.js'
import { EventType, type Flavour } from './event-types.js'
import { HEADER_BYTES } from './header.js'

export type ChecksumAlgorithm = 'none' | 'crc32'

export interface FormatDescription {
  readonly serverVersion: string
  readonly flavour: Flavour
  /** Seconds since 1970, or 0. */
  readonly created: number
  readonly checksum: ChecksumAlgorithm
  /** Of each type, at index type - 1. */
  readonly postHeaderLengths: Uint8Array
}

const VERSION_BYTES = 50

/**
 * Reads the body; the cursor ends behind the event's last byte, its checksum included.
 * The algorithm and 4 bytes of CRC are there also when the algorithm is none.
 */
export function readFormatDescription(cursor: Cursor): FormatDescription {
  const version = cursor.u16()
  if (version !== 4) throw new UnsupportedError(`binlog version ${version}: MySQL 5.0 and newer write version 4`)
  const name = cursor.view(VERSION_BYTES)
  const nul = name.indexOf(0)
  const serverVersion = name.toString('latin1', 0, nul < 0 ? VERSION_BYTES : nul)
  const created = cursor.u32()
  const headerBytes = cursor.u8()
  if (headerBytes !== HEADER_BYTES) throw new UnsupportedError(`event headers of ${headerBytes} bytes, ${HEADER_BYTES} are known`)
  const count = cursor.left - 5
  // Shorter: a server before 5.6.1, which writes no checksums and no algorithm either.
  if (count < EventType.TABLE_MAP) throw new DecodeError(`${count} post-header lengths are too few`)
  const postHeaderLengths = Uint8Array.from(cursor.view(count))
  return {
    serverVersion, flavour: /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql', created, postHeaderLengths,
    checksum: algorithm(cursor.u8()),
  }
}

function algorithm(code: number): ChecksumAlgorithm {
  if (code === 0) return 'none'
  if (code === 1) return 'crc32'
  throw new UnsupportedError(`checksum algorithm ${code} is unknown`)
}
