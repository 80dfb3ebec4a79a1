/**
 * ReplyJson: replies of the engine in RESP2, as JSON text: `{"result":...}` or `{"error":...}`. Written straight from
 * the page without making values first. Integers are digits, also beyond 2^53; bytes that are no UTF-8 become U+FFFD,
 * unless base64 is asked for, which spares only the status OK. Bytes come from our own engine: a frame that cannot be
 * is a bug and throws. Source: RESP2; Upstash's REST API documentation, Response.
 */
import type { Page } from '@slotwise/engine'

const CR = 13

/** Buffer's own method, which its types omit. */
interface Base64Page extends Page {
  base64Slice(start: number, end: number): string
}

export class ReplyJson {
  /** Whether the last reply was an error. */
  failed = false
  #at: number
  readonly #page: Base64Page

  constructor(page: Page, start: number, private readonly base64: boolean) {
    this.#page = page as Base64Page
    this.#at = start
  }

  /** Where the next reply begins. */
  get position(): number { return this.#at }

  /** The next reply. */
  next(): string {
    this.failed = this.#page[this.#at] === 0x2d
    if (!this.failed) return `{"result":${this.#value()}}`
    this.#at++
    return errorJson(this.#line())
  }

  /** How many replies the array that follows has; null if it is nil, undefined if it is no array (an error). */
  enterArray(): number | null | undefined {
    if (this.#page[this.#at] !== 0x2a) return undefined
    this.#at++
    const count = this.#count()
    return count < 0 ? null : count
  }

  /** The text of the next reply, a status or an error. */
  status(): string {
    this.failed = this.#page[this.#at++] === 0x2d
    return this.#line()
  }

  #value(): string {
    switch (this.#page[this.#at++] ?? 0) {
      case 0x24: { // $
        const length = this.#count()
        if (length < 0) return 'null'
        const start = this.#at
        const end = start + length
        this.#at = end + 2
        return this.base64 ? `"${this.#page.base64Slice(start, end)}"` : JSON.stringify(this.#page.utf8Slice(start, end))
      }
      case 0x3a: return this.#line() // :
      case 0x2b: return this.#statusJson(this.#line()) // +
      case 0x2a: { // *
        const count = this.#count()
        if (count < 0) return 'null'
        let json = '['
        for (let i = 0; i < count; i++) json += i === 0 ? this.#value() : `,${this.#value()}`
        return `${json}]`
      }
      case 0x2d: return this.#statusJson(this.#line()) // an error inside of a reply
      default: throw new Error(`no RESP2 frame begins with byte ${this.#page[this.#at - 1] ?? -1} at ${this.#at - 1}`)
    }
  }

  #statusJson(text: string): string {
    return this.base64 && text !== 'OK' ? `"${Buffer.from(text).toString('base64')}"` : JSON.stringify(text)
  }

  #count(): number {
    const page = this.#page
    const negative = page[this.#at] === 0x2d
    if (negative) this.#at++
    let number = 0
    for (let byte = page[this.#at++]!; byte !== CR; byte = page[this.#at++]!) number = number * 10 + byte - 0x30
    this.#at++
    return negative ? -number : number
  }

  #line(): string {
    const start = this.#at
    const end = this.#page.indexOf(CR, start)
    this.#at = end + 2
    return this.#page.utf8Slice(start, end)
  }
}

export const errorJson = (message: string): string => `{"error":${JSON.stringify(message)}}`
