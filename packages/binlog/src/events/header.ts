/** The 19 bytes in front of every event. */
import { DecodeError } from '../errors.js'

export const HEADER_BYTES = 19

export interface EventHeader {
  /** Seconds since 1970; 0 for artificial events. */
  readonly timestamp: number
  readonly type: number
  /** The server that first executed it. */
  readonly serverId: number
  /** Header, body and checksum. */
  readonly length: number
  /** End of the event in the source's file, modulo 2^32; 0 where the source does not tell. */
  readonly logPos: number
  readonly flags: number
}

/** The header of the event that is exactly buf[start..end). @throws {DecodeError} if it says another length */
export function readHeader(buf: Buffer, start: number, end: number): EventHeader {
  const size = end - start
  if (size < HEADER_BYTES) throw new DecodeError(`an event of ${size} bytes is shorter than its header`)
  const length = u32(buf, start + 9)
  if (length !== size) throw new DecodeError(`an event of ${size} bytes says that it has ${length}`)
  return {
    timestamp: u32(buf, start), type: buf[start + 4]!, serverId: u32(buf, start + 5), length,
    logPos: u32(buf, start + 13), flags: buf[start + 17]! | buf[start + 18]! << 8,
  }
}

const u32 = (buf: Buffer, at: number): number =>
  (buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16 | buf[at + 3]! << 24) >>> 0
