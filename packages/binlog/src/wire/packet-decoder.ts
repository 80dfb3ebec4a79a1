/**
 * PacketDecoder: packets out of the chunks of a socket. A payload of 2^24-1 bytes or more comes in pieces; they are
 * joined here, up to a limit that is checked with each piece's header, before its bytes are waited for.
 * A packet that lies in one chunk is a view of it; one that spans chunks is copied once, however many they are.
 */
import { TooLargeError } from '../errors.js'

const HEADER_BYTES = 4
const PIECE_MAX = 0xffffff

export class PacketDecoder {
  /** The last packet that `next` found: its payload is buf[start..end). */
  buf: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  sequence = 0
  readonly #maxBytes: number
  /** Not looked at yet: the first chunk from `#at` on, then the others. */
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #more: Buffer[] = []
  #moreBytes = 0
  /** Pieces of the payload under way, all of them full. */
  #pieces: Buffer[] = []
  #piecesBytes = 0

  /** @param maxBytes  most that one payload may have */
  constructor(maxBytes: number) { this.#maxBytes = maxBytes }

  push(chunk: Buffer): void {
    if (this.#at === this.#chunk.length && this.#more.length === 0) {
      this.#chunk = chunk
      this.#at = 0
      return
    }
    this.#more.push(chunk)
    this.#moreBytes += chunk.length
  }

  /** Finds the next packet. @returns false until more is pushed @throws {TooLargeError} */
  next(): boolean {
    for (;;) {
      if (!this.#have(HEADER_BYTES)) return false
      const length = this.#chunk[this.#at]! | this.#chunk[this.#at + 1]! << 8 | this.#chunk[this.#at + 2]! << 16
      if (this.#piecesBytes + length > this.#maxBytes) {
        throw new TooLargeError(`a packet of ${this.#piecesBytes + length} bytes or more, ${this.#maxBytes} are allowed (maxPacketBytes)`)
      }
      if (!this.#have(HEADER_BYTES + length)) return false
      this.sequence = this.#chunk[this.#at + 3]!
      const start = this.#at + HEADER_BYTES
      this.#at = start + length
      if (length === PIECE_MAX) {
        this.#pieces.push(this.#chunk.subarray(start, this.#at))
        this.#piecesBytes += length
        continue
      }
      if (this.#pieces.length === 0) {
        this.buf = this.#chunk
        this.start = start
        this.end = this.#at
      } else {
        this.#pieces.push(this.#chunk.subarray(start, this.#at))
        this.buf = Buffer.concat(this.#pieces)
        this.start = 0
        this.end = this.buf.length
        this.#pieces = []
        this.#piecesBytes = 0
      }
      return true
    }
  }

  /** What came in and is no whole packet yet: the beginning of TLS, for example. */
  get hasRest(): boolean { return this.#at < this.#chunk.length || this.#more.length > 0 }

  /** Are `count` bytes there? Joins chunks only when they are. */
  #have(count: number): boolean {
    const left = this.#chunk.length - this.#at
    if (left >= count) return true
    if (left + this.#moreBytes < count) return false
    this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), ...this.#more])
    this.#at = 0
    this.#more = []
    this.#moreBytes = 0
    return true
  }
}

/** The packets that carry `payload`, from `sequence` on. */
export function encodePacket(payload: Buffer, sequence: number): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (let piece = 0, last = false; !last; piece++) {
    const length = Math.min(payload.length - at, PIECE_MAX)
    last = length < PIECE_MAX
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUIntLE(length, 0, 3)
    header[3] = sequence + piece & 0xff
    parts.push(header, payload.subarray(at, at + length))
    at += length
  }
  return Buffer.concat(parts)
}
