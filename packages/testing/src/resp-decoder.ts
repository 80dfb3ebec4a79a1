/**
 * RESP2 and RESP3 replies, from bytes to values, one at a time and with the exact bytes of each: a test compares either
 * what a reply means or what was on the wire. Written apart from the engine's parser, so that it can judge it.
 * Source: the RESP protocol specification.
 */

/** An error reply. It is a value here, not thrown: tests compare `message`, the text after '-' or '!'. */
export class RespError extends Error {
  override readonly name = 'RespError'
}

/** A RESP3 push ('>'): out of band, in the order in which it came. */
export class RespPush {
  constructor(readonly values: readonly RespReply[]) {}
}

/** Integers beyond 2^53 are bigint; bulk strings are strings (UTF-8), or Buffers if the decoder is `binary`. */
export type RespReply =
  | string | number | bigint | boolean | null | Buffer | RespError | RespPush
  | RespReply[] | Set<RespReply> | Map<RespReply, RespReply>

/** A command as clients send it: an array of bulk strings. */
export function encodeCommand(args: readonly (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** The reply is not whole: at least this many bytes from its start are needed. */
class Incomplete extends Error {
  constructor(readonly needed: number) { super('incomplete') }
}

/** Collects bytes and hands out whole replies. Not for speed, but a reply of 512 MB costs no more than its bytes. */
export class RespDecoder {
  readonly #binary: boolean
  #chunks: Buffer[] = []
  #size = 0
  #needed = 1
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(options: { binary?: boolean } = {}) {
    this.#binary = options.binary ?? false
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** How many bytes wait to be decoded. */
  get pendingBytes(): number {
    return this.#size
  }

  /**
   * @returns the next whole reply and its bytes, or null if more bytes are needed
   * @throws {Error} if the bytes are not RESP
   */
  next(): { value: RespReply; wire: Buffer } | null {
    if (this.#size < this.#needed) return null
    this.#bytes = this.#chunks.length === 1 ? (this.#chunks[0] ?? this.#bytes) : Buffer.concat(this.#chunks)
    this.#chunks = [this.#bytes]
    this.#position = 0
    try {
      const value = this.#value()
      const wire = this.#bytes.subarray(0, this.#position)
      const rest = this.#bytes.subarray(this.#position)
      this.#chunks = rest.length === 0 ? [] : [rest]
      this.#size = rest.length
      this.#needed = 1
      return { value, wire }
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error
      this.#needed = error.needed
      return null
    }
  }

  #value(): RespReply {
    const type = String.fromCharCode(this.#bytes[this.#need(1)] ?? 0)
    this.#position += 1
    const line = this.#line()
    switch (type) {
      case '+': return line
      case '-': return new RespError(line)
      case ':': return integer(line)
      case '(': return BigInt(line)
      case ',': return double(line)
      case '#': return line === 't'
      case '_': return null
      case '$': return this.#bulk(line)
      case '!': return new RespError(String(this.#bulk(line)))
      case '=': return this.#verbatim(line)
      case '*': return line === '-1' ? null : this.#values(count(line))
      case '>': return new RespPush(this.#values(count(line)))
      case '~': return new Set(this.#values(count(line)))
      case '%': return this.#map(count(line))
      case '|':
        this.#map(count(line))
        return this.#value()
      default: throw new Error(`not RESP: ${JSON.stringify(type + line)}`)
    }
  }

  /** The position, if `size` bytes are there from it on. */
  #need(size: number): number {
    if (this.#bytes.length < this.#position + size) throw new Incomplete(this.#position + size)
    return this.#position
  }

  #line(): string {
    const end = this.#bytes.indexOf('\r\n', this.#position)
    if (end < 0) throw new Incomplete(this.#bytes.length + 1)
    const line = this.#bytes.toString('utf8', this.#position, end)
    this.#position = end + 2
    return line
  }

  #bulk(line: string): string | Buffer | null {
    if (line === '-1') return null
    const size = count(line)
    const start = this.#need(size + 2)
    if (this.#bytes.toString('latin1', start + size, start + size + 2) !== '\r\n') throw new Error('not RESP: a bulk string without CRLF')
    this.#position += size + 2
    const bytes = this.#bytes.subarray(start, start + size)
    return this.#binary ? Buffer.from(bytes) : bytes.toString('utf8')
  }

  #verbatim(line: string): string | Buffer | null {
    const text = this.#bulk(line)
    return typeof text === 'string' ? text.slice(4) : text?.subarray(4) ?? null
  }

  #values(size: number): RespReply[] {
    const values: RespReply[] = []
    for (let i = 0; i < size; i++) values.push(this.#value())
    return values
  }

  #map(size: number): Map<RespReply, RespReply> {
    const map = new Map<RespReply, RespReply>()
    for (let i = 0; i < size; i++) {
      const key = this.#value()
      map.set(key, this.#value())
    }
    return map
  }
}

function integer(line: string): number | bigint {
  if (!/^[+-]?\d+$/.test(line)) throw new Error(`not RESP: integer ${JSON.stringify(line)}`)
  const value = Number(line)
  return Number.isSafeInteger(value) ? value : BigInt(line)
}

function count(line: string): number {
  if (!/^\d+$/.test(line)) throw new Error(`not RESP: length ${JSON.stringify(line)}`)
  return Number(line)
}

const double = (line: string): number =>
  line === 'inf' ? Infinity : line === '-inf' ? -Infinity : line === 'nan' || line === '-nan' ? NaN : Number(line)
