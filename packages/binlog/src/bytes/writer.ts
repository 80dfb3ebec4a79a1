/** Writer: the other way of Cursor: a growing buffer of little-endian fields. For what is sent, which is short. */
export class Writer {
  readonly #parts: Buffer[] = []

  u8(value: number): this { return this.#int(value, 1) }
  u16(value: number): this { return this.#int(value, 2) }
  u24(value: number): this { return this.#int(value, 3) }
  u32(value: number): this { return this.#int(value, 4) }

  u64(value: number | bigint): this {
    const part = Buffer.allocUnsafe(8)
    part.writeBigUInt64LE(BigInt(value))
    return this.bytes(part)
  }

  lenenc(value: number): this {
    if (value < 0xfb) return this.u8(value)
    if (value < 2 ** 16) return this.u8(0xfc).u16(value)
    if (value < 2 ** 24) return this.u8(0xfd).u24(value)
    return this.u8(0xfe).u64(value)
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(Buffer.from(value))
    return this
  }

  text(value: string): this { return this.bytes(Buffer.from(value)) }

  /** @throws {RangeError} if the text has a NUL in it, which would end it early */
  nulText(value: string): this {
    if (value.includes('\0')) throw new RangeError('a text with a NUL in it')
    return this.text(value).u8(0)
  }

  /** A length of one byte, then the text. @throws {RangeError} beyond 255 bytes */
  shortText(value: string): this {
    const bytes = Buffer.from(value)
    if (bytes.length > 255) throw new RangeError(`at most 255 bytes expected, found ${bytes.length}`)
    return this.u8(bytes.length).bytes(bytes)
  }

  zeros(count: number): this { return this.bytes(Buffer.alloc(count)) }

  finish(): Buffer { return Buffer.concat(this.#parts) }

  #int(value: number, size: number): this {
    const part = Buffer.allocUnsafe(size)
    part.writeUIntLE(value, 0, size)
    return this.bytes(part)
  }
}
