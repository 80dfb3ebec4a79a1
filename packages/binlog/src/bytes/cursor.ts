/**
 * Cursor: reads little-endian fields from a part of a buffer and never beyond its end: every length is checked
 * before anything is taken by it. One cursor is reused for many events, so reading makes no objects.
 * Hot loops (rows/) use `buf`, `pos` and `take` directly.
 */
import { DecodeError } from '../errors.js'

const TWO_32 = 2 ** 32

export class Cursor {
  buf: Buffer
  pos: number
  /** pos <= end <= buf.length */
  end: number

  constructor(buf: Buffer, pos = 0, end = buf.length) {
    this.buf = buf
    this.pos = pos
    this.end = end
  }

  reset(buf: Buffer, pos: number, end: number): this {
    this.buf = buf
    this.pos = pos
    this.end = end
    return this
  }

  get left(): number { return this.end - this.pos }

  /** Moves over `count` bytes. @returns where they begin */
  take(count: number): number {
    const at = this.pos
    if (count > this.end - at) throw this.short(count)
    this.pos = at + count
    return at
  }

  short(count: number): DecodeError {
    return new DecodeError(`${count} bytes expected, ${this.end - this.pos} left`)
  }

  u8(): number { return this.buf[this.take(1)]! }

  u16(): number {
    const at = this.take(2)
    return this.buf[at]! | this.buf[at + 1]! << 8
  }

  u24(): number {
    const at = this.take(3)
    return this.buf[at]! | this.buf[at + 1]! << 8 | this.buf[at + 2]! << 16
  }

  u32(): number {
    const at = this.take(4)
    const { buf } = this
    return (buf[at]! | buf[at + 1]! << 8 | buf[at + 2]! << 16 | buf[at + 3]! << 24) >>> 0
  }

  u48(): number {
    const low = this.u32()
    return low + this.u16() * TWO_32
  }

  /** @throws {DecodeError} above 2^53: positions, counts and sequence numbers are numbers here */
  u64(): number {
    const low = this.u32()
    const value = low + this.u32() * TWO_32
    if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError(`the 64-bit number ${value} is beyond 2^53`)
    return value
  }

  u64Big(): bigint {
    return this.buf.readBigUInt64LE(this.take(8))
  }

  /** 7 bytes, of which the last has at most 7 bits set aside by the caller. */
  u56Big(): bigint {
    const low = this.u32()
    return BigInt(low) | BigInt(this.u24()) << 32n
  }

  /** A packed integer of the protocol. @throws {DecodeError} for NULL (0xfb), 0xff, and above 2^53 */
  lenenc(): number {
    const first = this.u8()
    if (first < 0xfb) return first
    switch (first) {
      case 0xfc: return this.u16()
      case 0xfd: return this.u24()
      case 0xfe: return this.u64()
      default: throw new DecodeError(`a length cannot begin with 0x${first.toString(16)}`)
    }
  }

  /** A view, not a copy. */
  view(count: number): Buffer {
    const at = this.take(count)
    return this.buf.subarray(at, at + count)
  }

  copy(count: number): Buffer {
    return Buffer.from(this.view(count))
  }

  rest(): Buffer { return this.view(this.end - this.pos) }

  utf8(count: number): string {
    const at = this.take(count)
    return this.buf.toString('utf8', at, at + count)
  }

  /** Text up to a NUL, which is passed over. */
  nulText(): string {
    const nul = this.buf.indexOf(0, this.pos)
    if (nul < 0 || nul >= this.end) throw new DecodeError('a text without its closing NUL')
    const text = this.buf.toString('utf8', this.pos, nul)
    this.pos = nul + 1
    return text
  }

  lenencText(): string { return this.utf8(this.lenenc()) }
}
