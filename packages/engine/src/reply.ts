/**
 * Reply: RESP3 as the engine answers, turned into JavaScript. Bulk strings become whatever `bulk` makes of their bytes;
 * maps become Map and sets Set, since their keys are data (an object has a __proto__); integers beyond 2^53 are bigint.
 * Errors are values here: the caller knows whether to throw. Bytes come from our own engine, so a frame that cannot be
 * is a bug and throws. Source: RESP3 specification. Elsewhere: error classes (errors.ts).
 */
import { type ReplyError, replyError } from './errors.js'
import { copyBytes, type Page } from './page.js'

export type Reply =
  | null | boolean | number | bigint | string | Uint8Array | ReplyError
  | Reply[] | Map<Reply, Reply> | Set<Reply>

/** Makes a value of the bytes [start, end) of a page, which it must copy: they change with the next call. */
export type BulkReader<T> = (page: Page, start: number, end: number) => T

export const asText: BulkReader<string> = (page, start, end) => page.utf8Slice(start, end)
export const asBytes: BulkReader<Uint8Array> = copyBytes

const CR = 13

export class ReplyReader {
  #at: number

  constructor(private readonly page: Page, start: number) { this.#at = start }

  /** Where the next frame begins. */
  get position(): number { return this.#at }

  /** The next frame; pushes (pub/sub confirmations) too. */
  read<T>(bulk: BulkReader<T>): Reply | T {
    const type = this.page[this.#at++] ?? 0
    switch (type) {
      case 0x2b: return this.#line() // +
      case 0x2d: return replyError(this.#line()) // -
      case 0x3a: return integer(this.#line()) // :
      case 0x24: { // $
        const end = this.#bulkEnd()
        if (end < 0) return null
        const value = bulk(this.page, this.#at, end)
        this.#at = end + 2
        return value
      }
      case 0x2a: // *
      case 0x3e: { // >
        const count = this.#count()
        return count < 0 ? null : this.#list(count, bulk)
      }
      case 0x5f: this.#line(); return null // _
      case 0x23: return this.#line() === 't' // #
      case 0x2c: return double(this.#line()) // ,
      case 0x28: return BigInt(this.#line()) // (
      case 0x25: { // %
        const flat = this.#list(this.#count() * 2, bulk)
        const map = new Map<Reply, Reply>()
        for (let i = 0; i < flat.length; i += 2) map.set(flat[i]!, flat[i + 1]!)
        return map
      }
      case 0x7e: return new Set(this.#list(this.#count(), bulk)) // ~
      case 0x21: { // !
        const end = this.#bulkEnd()
        const text = this.page.utf8Slice(this.#at, end)
        this.#at = end + 2
        return replyError(text)
      }
      case 0x3d: { // =, three letters of format and a colon first
        const end = this.#bulkEnd()
        const text = this.page.utf8Slice(this.#at + 4, end)
        this.#at = end + 2
        return text
      }
      case 0x7c: // |
        this.#list(this.#count() * 2, bulk)
        return this.read(bulk)
      default: throw new Error(`no RESP3 frame begins with byte ${type} at ${this.#at - 1}`)
    }
  }

  /** The next frame; if it is an array, its items are read each with its own reader. */
  readEach(readers: readonly BulkReader<unknown>[]): unknown[] | null | ReplyError {
    if (this.page[this.#at] !== 0x2a) return this.read(asText) as null | ReplyError
    this.#at++
    const count = this.#count()
    return count < 0 ? null : readers.slice(0, count).map((reader) => this.read(reader))
  }

  #list<T>(count: number, bulk: BulkReader<T>): Reply[] {
    const list: Reply[] = []
    for (let i = 0; i < count; i++) list.push(this.read(bulk) as Reply)
    return list
  }

  #bulkEnd(): number {
    const length = this.#count()
    return length < 0 ? -1 : this.#at + length
  }

  /** A number on a line of its own, without making a string of it. */
  #count(): number {
    const { page } = this
    const negative = page[this.#at] === 0x2d
    if (negative) this.#at++
    let number = 0
    for (let byte = page[this.#at++]!; byte !== CR; byte = page[this.#at++]!) number = number * 10 + byte - 0x30
    this.#at++
    return negative ? -number : number
  }

  #line(): string {
    const start = this.#at
    const end = this.page.indexOf(CR, start)
    this.#at = end + 2
    return this.page.utf8Slice(start, end)
  }
}

function integer(text: string): number | bigint {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : BigInt(text)
}

function double(text: string): number {
  switch (text) {
    case 'inf': return Infinity
    case '-inf': return -Infinity
    default: return Number(text)
  }
}
