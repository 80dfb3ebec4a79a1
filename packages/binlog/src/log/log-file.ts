/**
 * A segment of an append-only file, read without a server: its commands with their positions, databases and times.
 * Sans-IO: bytes come in, in pieces of any size; lengths are held against limits before anything is kept.
 * Source: native/src/log/segment_index.h for the index. Elsewhere: positions and checksums of a running server
 * (native/src/log/binlog_reader.h).
 */
import { DecodeError, TooLargeError } from '../errors.js'

export interface LogFileEvent {
  /** Bytes from the start of the file: where it begins, and what follows. */
  readonly position: number
  readonly next: number
  readonly db: number
  readonly words: readonly Buffer[]
  /** Between MULTI and EXEC, or one of them. */
  readonly inTransaction: boolean
  /** Of the last #TS: line before it, Unix time; 0: there was none. */
  readonly lineSeconds: number
}

const LINE_MAX = 1024
const WORD_MAX = 512 * 2 ** 20
const WORDS_MAX = 2 ** 31 - 1

export class LogFileDecoder {
  #buffer: Buffer = Buffer.alloc(0)
  #position: number
  #db: number
  #inTransaction = false
  #lineSeconds = 0
  #need = 1

  /** Begins at a position where a command does; `db` is what is selected there. */
  constructor(position = 0, db = 0) {
    this.#position = position
    this.#db = db
  }

  /** Where the next command begins, whole or not. */
  get position(): number { return this.#position }

  /** @throws {DecodeError} naming the byte, if these are no commands; what came before has been yielded */
  * push(bytes: Uint8Array): Generator<LogFileEvent, void, undefined> {
    const added = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#buffer = this.#buffer.length === 0 ? added : Buffer.concat([this.#buffer, added])
    if (this.#buffer.length < this.#need) return
    let at = 0
    try {
      while (at < this.#buffer.length) {
        const end = this.#buffer[at] === 0x23 ? this.#annotation(at) : this.#wordsEnd(at)
        if (end === null) break
        const begin = this.#position
        this.#position += end - at
        const words = this.#words
        at = end
        if (words === null) continue
        const name = words[0]!.toString('latin1').toUpperCase()
        if (name === 'SELECT' && words.length === 2) this.#db = Number(words[1]!.toString()) || 0
        const inTransaction = this.#inTransaction || name === 'MULTI' || name === 'EXEC'
        if (name === 'MULTI') this.#inTransaction = true
        if (name === 'EXEC') this.#inTransaction = false
        const lineSeconds = this.#lineSeconds
        yield { position: begin, next: this.#position, db: this.#db, words, inTransaction, lineSeconds }
      }
    } finally {
      this.#buffer = this.#buffer.subarray(at)
    }
  }

  #words: Buffer[] | null = null

  #annotation(at: number): number | null {
    this.#words = null
    const end = this.#buffer.indexOf(10, at)
    if (end < 0) {
      if (this.#buffer.length - at > LINE_MAX) throw this.#bad(at, 'a line that does not end')
      return null
    }
    const seconds = /^#TS:(\d{1,10})\r?$/.exec(this.#buffer.toString('latin1', at, end))?.[1]
    if (seconds !== undefined) this.#lineSeconds = Number(seconds)
    return end + 1
  }

  /** null: it is not all there. */
  #wordsEnd(start: number): number | null {
    this.#words = null
    let at = start
    const header = (kind: number, max: number): number | null => {
      const end = this.#buffer.indexOf('\r\n', at)
      if (end < 0 && this.#buffer.length - at <= 32) return null
      const line = this.#buffer.toString('latin1', at + 1, end < 0 ? at + 33 : end)
      if (this.#buffer[at] !== kind || !/^\d{1,10}$/.test(line)) throw this.#bad(at, `'${String.fromCharCode(kind)}' and a number were expected`)
      const number = Number(line)
      if (number > max) throw new TooLargeError(`byte ${this.#position + at - start}: ${number} is more than can be`)
      at = end + 2
      return number
    }
    const count = header(0x2a, WORDS_MAX)
    if (count === null) return null
    if (count === 0) throw this.#bad(start, 'a command without words')
    const words: Buffer[] = []
    for (let i = 0; i < count; i++) {
      if (at >= this.#buffer.length) return null
      const size = header(0x24, WORD_MAX)
      if (size === null) return null
      if (at + size + 2 > this.#buffer.length) {
        this.#need = at + size + 2 - start
        return null
      }
      if (this.#buffer[at + size] !== 13 || this.#buffer[at + size + 1] !== 10) throw this.#bad(at + size, 'the end of a word was expected')
      words.push(this.#buffer.subarray(at, at + size))
      at += size + 2
    }
    this.#need = 1
    this.#words = words
    return at
  }

  #bad(at: number, what: string): DecodeError { return new DecodeError(`near byte ${this.#position}, at ${at} of what was read: ${what}`) }
}

export interface LogFileBlock { readonly begin: number; readonly end: number; readonly seconds: number }

const RECORD_BYTES = 32
const BLOCK_KIND = 1

/** The blocks of an index file, ascending; none if it is none. Their checksums are the server's to check. */
export function parseLogIndex(bytes: Uint8Array): LogFileBlock[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks: LogFileBlock[] = []
  if (buffer.toString('latin1', 0, 8) !== 'SLOTWIDX') return blocks
  let covered = 0
  for (let at = RECORD_BYTES; at + RECORD_BYTES <= buffer.length; at += RECORD_BYTES) {
    const end = Number(buffer.readBigUInt64LE(at))
    const word = buffer.readUInt32LE(at + 8)
    const begin = end - (word & 0xfff_ffff)
    if (word >>> 28 !== BLOCK_KIND || !Number.isSafeInteger(end) || begin < covered || begin >= end) continue
    blocks.push({ begin, end, seconds: buffer.readUInt32LE(at + 24) })
    covered = end
  }
  return blocks
}

/** When what lies at a position was written, Unix time; 0: the index does not say. */
export function secondsAt(blocks: readonly LogFileBlock[], position: number): number {
  let low = 0
  let high = blocks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (blocks[middle]!.end > position) high = middle
    else low = middle + 1
  }
  const block = blocks[low]
  return block !== undefined && block.begin <= position ? block.seconds : 0
}
