/**
 * RESP2, a client's side: commands to bytes, bytes to replies. Lengths are held against limits before memory is taken.
 * Source: the RESP protocol specification.
 */
import { DecodeError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'

/** An error reply: a value, since one in a pipeline does not undo the others. */
export class RespError {
  constructor(readonly message: string) {}
  /** Its first word. */
  get code(): string { return this.message.split(' ', 1)[0]! }
}

/** Simple strings are text, bulk strings bytes. */
export type RespReply = string | number | Buffer | null | RespError | readonly RespReply[]

/** Text is gathered and encoded in one piece: a call a word would cost four times as much. */
export function encodeCommands(commands: readonly Command[]): Buffer {
  const parts: Uint8Array[] = []
  let text = ''
  for (const command of commands) {
    text += `*${command.length}\r\n`
    for (const word of command) {
      if (typeof word === 'string') text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`
      else {
        parts.push(Buffer.from(`${text}$${word.length}\r\n`), word)
        text = '\r\n'
      }
    }
  }
  const last = Buffer.from(text)
  return parts.length === 0 ? last : Buffer.concat([...parts, last])
}

const DEPTH_MAX = 8
const LINE_MAX = 65_536
const BULK_MAX = 2 ** 29
const COUNT_MAX = 2 ** 24
/** The reply is not whole. */
const MORE = Symbol('more')

/** Whole replies out of the chunks of a socket. */
export class RespReader {
  #buf: Buffer = Buffer.alloc(0)
  #at = 0
  #chunks: Buffer[] = []
  /** Nothing can be whole below this many bytes. */
  #needed = 0
  #waiting = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#waiting += chunk.length
  }

  /** The next reply; undefined until more is pushed. @throws {DecodeError} */
  next(): RespReply | undefined {
    const left = this.#buf.length - this.#at
    if (left + this.#waiting < this.#needed) return undefined
    if (this.#chunks.length > 0) {
      this.#buf = Buffer.concat([this.#buf.subarray(this.#at), ...this.#chunks])
      this.#at = 0
      this.#chunks = []
      this.#waiting = 0
    }
    const start = this.#at
    this.#needed = 0
    const reply = this.#reply(0)
    if (reply !== MORE) return reply
    // What is known to be needed, from where the reply begins.
    this.#needed = Math.max(this.#needed - start, this.#buf.length - start + 1)
    this.#at = start
    return undefined
  }

  #reply(depth: number): RespReply | typeof MORE {
    const end = this.#buf.indexOf('\r\n', this.#at, 'latin1')
    if (end < 0) {
      if (this.#buf.length - this.#at > LINE_MAX) throw new DecodeError('a reply whose line does not end')
      return MORE
    }
    const type = this.#buf[this.#at]!
    const line = this.#buf.toString('utf8', this.#at + 1, end)
    this.#at = end + 2
    switch (type) {
      case PLUS: return line
      case MINUS: return new RespError(line)
      case COLON: return number(line)
      case DOLLAR: return this.#bulk(number(line))
      case STAR: return this.#array(number(line), depth)
      default: throw new DecodeError(`a reply that begins with byte ${type}`)
    }
  }

  #bulk(length: number): Buffer | null | typeof MORE {
    if (length === -1) return null
    if (length < 0 || length > BULK_MAX) throw new DecodeError(`a bulk string of ${length} bytes`)
    const start = this.#at
    const end = start + length
    if (end + 2 > this.#buf.length) {
      this.#needed = end + 2
      return MORE
    }
    this.#at = end + 2
    return Buffer.from(this.#buf.subarray(start, end))
  }

  #array(count: number, depth: number): readonly RespReply[] | null | typeof MORE {
    if (count === -1) return null
    if (count < 0 || count > COUNT_MAX || depth === DEPTH_MAX) throw new DecodeError(`an array of ${count} at depth ${depth}`)
    const replies: RespReply[] = []
    for (let i = 0; i < count; i++) {
      const reply = this.#reply(depth + 1)
      if (reply === MORE) return MORE
      replies.push(reply)
    }
    return replies
  }
}

const [PLUS, MINUS, COLON, DOLLAR, STAR] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a]

function number(line: string): number {
  if (!/^-?\d{1,16}$/.test(line)) throw new DecodeError(`'${line.slice(0, 40)}' where a number was expected`)
  return Number(line)
}
