/**
 * The payload of TRANSACTION_PAYLOAD: one zstd frame. Node has zstd from 22.15 on; before that fzstd does it.
 * fzstd believes lengths and, with some damaged frames, never ends. So the frame is walked here first (its header, and
 * the header of every block, which must end exactly with the payload), and fzstd is given a time.
 * Source: RFC 8878, frames and blocks.
 */
import { createContext, Script } from 'node:vm'
import * as zlib from 'node:zlib'
import { decompress } from 'fzstd'
import { DecodeError, UnsupportedError } from '../errors.js'
import { refuseBeyond } from '../rows/compression.js'

type Native = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer
const native = (zlib as unknown as { zstdDecompressSync?: Native }).zstdDecompressSync

/** What fzstd may take: it does 150 MB a second. */
const TIME_MS = 250
const BYTES_PER_MS = 10_000

const sandbox = createContext({ work: (): unknown => null })
const script = new Script('work()')

/** `work`, which is stopped if it does not end in time. */
function bounded<T>(work: () => T, timeoutMs: number): T {
  sandbox.work = work
  return script.runInContext(sandbox, { timeout: Math.ceil(timeoutMs) }) as T
}

/** @throws {TooLargeError} if more is announced than allowed; {DecodeError} if it is damaged */
export function expandZstd(bytes: Buffer, announcedBytes: number, maxBytes: number): Buffer {
  refuseBeyond(announcedBytes, maxBytes)
  walkFrame(bytes, announcedBytes, maxBytes)
  let out: Uint8Array
  try {
    out = native === undefined
      ? bounded(() => decompress(bytes, new Uint8Array(announcedBytes)), TIME_MS + announcedBytes / BYTES_PER_MS)
      : native(bytes, { maxOutputLength: Math.max(announcedBytes, 1) })
  } catch (cause) {
    throw new DecodeError('a zstd payload is damaged', { cause })
  }
  if (out.length !== announcedBytes) throw new DecodeError(`a zstd payload has ${out.length} bytes and announces ${announcedBytes}`)
  return Buffer.from(out.buffer, out.byteOffset, out.length)
}

const MAGIC = 0xfd2fb528
const BLOCK_MAX = 128 * 1024
const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2 } as const

function walkFrame(bytes: Buffer, announcedBytes: number, maxBytes: number): void {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) throw new DecodeError('a zstd payload without a zstd frame')
  const flags = bytes[4]!
  const singleSegment = flags >> 5 & 1
  if (flags & 3) throw new UnsupportedError('a zstd frame that needs a dictionary')
  const contentBytes = flags >> 6 === 0 ? singleSegment : 1 << (flags >> 6)
  if (singleSegment === 0) refuseBeyond(windowBytes(bytes[5]!), Math.max(maxBytes, WINDOW_MIN_MAX))
  const contentAt = 6 - singleSegment
  let at = contentAt + contentBytes
  if (at > bytes.length) throw new DecodeError('a zstd frame that is cut')
  if (contentBytes > 0) {
    const content = contentBytes === 8
      ? Number(bytes.readBigUInt64LE(contentAt))
      : bytes.readUIntLE(contentAt, contentBytes) + (contentBytes === 2 ? 256 : 0)
    if (content !== announcedBytes) throw new DecodeError(`a zstd frame of ${content} bytes where ${announcedBytes} are announced`)
  }
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) throw new DecodeError('a zstd frame that is cut')
    const head = bytes.readUIntLE(at, 3)
    const type = head >> 1 & 3
    const size = head >> 3
    if (type > BlockType.COMPRESSED || size > BLOCK_MAX) throw new DecodeError('a zstd block of an unknown kind or size')
    last = (head & 1) === 1
    at += 3 + (type === BlockType.RLE ? 1 : size)
  }
  if (at + (flags & 4 ? 4 : 0) !== bytes.length) throw new DecodeError('a zstd frame that does not end with its payload')
}

/** Windows of the usual levels are allowed whatever the limit is: they are no promise of output. */
const WINDOW_MIN_MAX = 8 * 1024 * 1024

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + base / 8 * (descriptor & 7)
}
