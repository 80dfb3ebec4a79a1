/**
 * RequestPage: keys, values and arguments on their way to the engine. A short ASCII string is copied by a loop of
 * charCodeAt, which beats a call into the runtime up to some 64 characters; the rest by the runtime's UTF-8 writer.
 * Bad arguments are refused here, before anything crosses. Source: measured (README); the contract is lmdb-js's idea.
 */
import { newPage, type Page, pageSize } from './page.js'

/** A key, an argument, or a value as it is stored. Strings are UTF-8. */
export type Bytes = string | Uint8Array

/** Redis's limit for one string, and so for keys and values: 512 MiB. */
export const BYTES_MAX = 512 * 1024 * 1024

const LOOP_MAX = 64
const KEPT_MAX = 1024 * 1024
/** Room that a short string finds behind any position without asking. */
const SLACK = LOOP_MAX * 3

export class RequestPage {
  page: Page
  /** For lengths ahead of the bytes. */
  words: Uint32Array

  /** `changed` is called whenever `page` has become another one. */
  constructor(private readonly leastSize: number, private readonly changed: () => void) {
    this.page = newPage(leastSize)
    this.words = new Uint32Array(this.page.buffer, 0, leastSize >>> 2)
  }

  /**
   * Copies `bytes` to `at`.
   * @returns the position behind it
   * @throws {TypeError} if it is neither a string nor a Uint8Array, or no well-formed Unicode
   * @throws {RangeError} beyond 512 MiB
   */
  put(bytes: Bytes, at: number): number {
    if (typeof bytes === 'string') {
      const { length } = bytes
      if (length > LOOP_MAX) return this.#putText(bytes, at)
      if (at + SLACK > this.page.length) this.#grow(at, at + SLACK)
      const { page } = this
      for (let i = 0; i < length; i++) {
        const code = bytes.charCodeAt(i)
        if (code > 127) return this.#putText(bytes, at)
        page[at + i] = code
      }
      return at + length
    }
    return this.#putBytes(bytes, at)
  }

  /** Makes sure that `size` bytes fit behind the first `used`, which are kept. */
  reserve(used: number, size: number): void {
    if (used + size > this.page.length) this.#grow(used, used + size)
  }

  #putText(text: string, at: number): number {
    let size = text.length * 3
    if (at + size > this.page.length) {
      size = Buffer.byteLength(text)
      checkSize(size)
      if (at + size > this.page.length) this.#grow(at, at + size)
    }
    const written = this.page.utf8Write(text, at)
    if (written !== text.length && !(text as string & { isWellFormed(): boolean }).isWellFormed()) {
      throw new TypeError('expected well-formed Unicode, found a string with a lone surrogate')
    }
    return at + written
  }

  #putBytes(bytes: unknown, at: number): number {
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`expected a string or a Uint8Array, found ${describe(bytes)}`)
    checkSize(bytes.length)
    if (at + bytes.length > this.page.length) this.#grow(at, at + bytes.length)
    this.page.set(bytes, at)
    return at + bytes.length
  }

  #grow(used: number, size: number): void {
    const page = newPage(pageSize(size, this.leastSize))
    this.page.copy(page, 0, 0, used)
    this.#use(page)
    // What one huge value needed is not kept for ever.
    if (page.length > KEPT_MAX) setImmediate(() => this.shrink())
  }

  shrink(): void {
    if (this.page.length > KEPT_MAX) this.#use(newPage(this.leastSize))
  }

  #use(page: Page): void {
    this.page = page
    this.words = new Uint32Array(page.buffer, 0, page.length >>> 2)
    this.changed()
  }
}

function checkSize(size: number): void {
  if (size > BYTES_MAX) throw new RangeError(`expected at most ${BYTES_MAX} bytes, found ${size}`)
}

/** What somebody passed by mistake, for a message; never its content. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'object') return `an object of class ${(value as { constructor?: { name?: string } }).constructor?.name ?? 'null'}`
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}
