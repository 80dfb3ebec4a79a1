/**
 * RespDecoder: replies of a server, RESP2, as they come off a socket. Every element is taken once, however many pieces
 * it comes in; lengths are held against limits before anything is kept. Sans-IO.
 * Source: Redis protocol specification.
 */
import { DecodeError, TooLargeError } from '../errors.js'

/** An error reply: a value, since one in a pipeline does not undo the others. */
export class RespError {
  constructor(readonly message: string) {}
  /** Its first word. */
  get code(): string { return this.message.split(' ', 1)[0]! }
}

/** Simple strings are text, bulk strings bytes, which share the memory of what came with them. */
export type RespReply = null | number | string | Buffer | RespError | RespReply[]

const LINE_MAX = 64 * 1024
const ITEMS_MAX = 2 ** 24
const DEPTH_MAX = 8

interface Frame { readonly items: RespReply[]; left: number }

export class RespDecoder {
  readonly #bytesMax: number
  readonly #done: RespReply[] = []
  readonly #frames: Frame[] = []
  #chunks: Buffer[] = []
  #waiting = 0
  /** No use to look before there are as many. */
  #need = 1
  /** Of the reply under way. */
  #taken = 0
  #lastStatus = ''

  /** @param bytesMax  most that one reply may have */
  constructor(bytesMax = 2 ** 31) { this.#bytesMax = bytesMax }

  /** @throws {BinlogError} if this is no RESP2; the decoder is of no use afterwards */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#waiting += chunk.length
    if (this.#waiting < this.#need) return
    const buffer = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    let at = 0
    this.#need = 1
    while (at < buffer.length) {
      const end = this.#element(buffer, at)
      if (end < 0) break
      this.#taken += end - at
      if (this.#taken > this.#bytesMax) throw new TooLargeError(`a reply of more than ${this.#bytesMax} bytes`)
      at = end
      if (this.#frames.length === 0) this.#taken = 0
    }
    this.#chunks = at === buffer.length ? [] : [buffer.subarray(at)]
    this.#waiting = buffer.length - at
  }

  /** The next whole reply; undefined: none is there yet. */
  next(): RespReply | undefined { return this.#done.shift() }

  /** @returns where the element ends, or -1 if it is not all there */
  #element(buffer: Buffer, at: number): number {
    const eol = lineEnd(buffer, at)
    if (eol < 0) {
      if (buffer.length - at > LINE_MAX) throw new DecodeError('a line of a reply does not end')
      this.#need = buffer.length - at + 1
      return -1
    }
    const kind = buffer[at]!
    if (kind === 0x2b) { // +
      this.#put(this.#status(buffer, at + 1, eol))
      return eol + 2
    }
    if (kind === 0x3a && eol === at + 2 && isDigit(buffer[at + 1]!)) { // how many keys or fields, mostly
      this.#put(buffer[at + 1]! - 0x30)
      return eol + 2
    }
    const line = buffer.toString('latin1', at + 1, eol)
    switch (kind) {
      case 0x2d: this.#put(new RespError(buffer.toString('utf8', at + 1, eol))); return eol + 2 // -
      case 0x3a: this.#put(whole(line)); return eol + 2 // :
      case 0x24: { // $
        const size = whole(line)
        if (size === -1) {
          this.#put(null)
          return eol + 2
        }
        if (size < 0 || size > this.#bytesMax) throw new DecodeError(`a bulk string of ${line} bytes`)
        const end = eol + 2 + size
        if (end + 2 > buffer.length) {
          this.#need = end + 2 - at
          return -1
        }
        if (buffer[end] !== 13 || buffer[end + 1] !== 10) throw new DecodeError('a bulk string is longer than it said')
        this.#put(buffer.subarray(eol + 2, end))
        return end + 2
      }
      case 0x2a: { // *
        const count = whole(line)
        if (count === -1) this.#put(null)
        else if (count < 0 || count > ITEMS_MAX) throw new DecodeError(`an array of ${line} items`)
        else if (count === 0) this.#put([])
        else if (this.#frames.length === DEPTH_MAX) throw new DecodeError('arrays too deep in each other')
        else this.#frames.push({ items: [], left: count })
        return eol + 2
      }
      default: throw new DecodeError(`no reply begins with byte ${kind}`)
    }
  }

  /** A transaction is answered QUEUED again and again: the text of the last one is used as long as it is the same. */
  #status(buffer: Buffer, start: number, end: number): string {
    const last = this.#lastStatus
    let same = last.length === end - start
    for (let i = 0; same && i < last.length; i++) same = last.charCodeAt(i) === buffer[start + i]
    return same ? last : this.#lastStatus = buffer.toString('latin1', start, end)
  }

  #put(value: RespReply): void {
    for (let found = value; ;) {
      const frame = this.#frames.at(-1)
      if (frame === undefined) {
        this.#done.push(found)
        return
      }
      frame.items.push(found)
      if (--frame.left > 0) return
      this.#frames.pop()
      found = frame.items
    }
  }
}

const NEAR = 32
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** Where a line ends; -1 if that is not there yet. Mostly it is near, and looking is faster than a call. */
function lineEnd(buffer: Buffer, at: number): number {
  const near = Math.min(buffer.length - 1, at + NEAR)
  for (let i = at; i < near; i++) if (buffer[i] === 13 && buffer[i + 1] === 10) return i
  return buffer.indexOf('\r\n', near)
}

function whole(line: string): number {
  const number = Number(line)
  if (!/^-?\d{1,16}$/.test(line) || !Number.isSafeInteger(number)) throw new DecodeError(`'${line.slice(0, 40)}' is no whole number`)
  return number
}
