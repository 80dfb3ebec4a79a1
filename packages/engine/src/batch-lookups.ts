/**
 * BatchLookups: many strings in one crossing. The request page holds the lengths of the keys and then the keys, the
 * result page the lengths of the values and then the values; both sides go through them in order.
 * Short ASCII texts are cut from common strings: one call into the runtime makes many of them.
 */
import { ASCII_BIT, ELSEWHERE, LENGTH_MASK, MISSING, NEEDS } from './addon.js'
import { RESULT_BYTES } from './crossing.js'
import { lookupError, replyError, type StoreError } from './errors.js'
import { Lookups } from './lookups.js'
import { copyBytes, type Page } from './page.js'
import type { Bytes } from './request-page.js'

/** Makes a value of the bytes [start, end) of the result page; `ascii`: see Engine.get. */
export type ValueReader<T> = (page: Page, start: number, end: number, ascii: boolean) => T

/** Size of what stands before the text of a value; -1 if it is no such text. */
export type HeadReader = (page: Page, start: number, end: number) => number

const noHead: HeadReader = () => 0
const readText: ValueReader<string> = (page, start, end) => page.utf8Slice(start, end)

/** Strings that are cut from one larger string keep it alive: this much, at most. */
const SHARED_TEXT_MAX = 4096

export abstract class BatchLookups extends Lookups {
  /**
   * Looks many strings up in one crossing; `read` is called for each that is there, in order.
   * @returns one value a key, null where there is no key
   * @throws {WrongTypeError} if any key holds another type
   */
  getMany<T>(keys: readonly Bytes[], read: ValueReader<T>): (T | null)[] {
    const count = keys.length
    const values = new Array<T | null>(count)
    let at = this.#lookUp(keys)
    if (at < 0) return values
    const first = this.at >>> 2
    for (let i = 0; i < count; i++) {
      const length = this.words[first + i]!
      if (length < 0) {
        if (length < MISSING) throw this.#refusal(keys[i]!, length)
        values[i] = null
        continue
      }
      const end = at + (length & LENGTH_MASK)
      values[i] = read(this.result, at, end, length >= ASCII_BIT)
      at = end
    }
    return values
  }

  /** As `getMany`, for texts. Short ones are cut from common strings of up to 4 KB, which they keep alive. */
  getManyText(keys: readonly Bytes[]): (string | null)[] {
    return this.getManyStrings(keys, noHead, readText)
  }

  /**
   * As `getMany` where most values are strings behind a head: ASCII ones are cut from common strings, others read.
   * @param headOf  size of the head if the value is such a string and ASCII where the ASCII bit does not tell, else -1
   */
  getManyStrings<T>(keys: readonly Bytes[], headOf: HeadReader, read: ValueReader<T>): (T | string | null)[] {
    const count = keys.length
    const values = new Array<T | string | null>(count)
    let at = this.#lookUp(keys)
    if (at < 0) return values
    const { result } = this
    const words = this.words
    const first = this.at >>> 2
    // The common string holds the bytes [from, to).
    let text = ''
    let from = 0
    let to = 0
    for (let i = 0; i < count; i++) {
      const length = words[first + i]!
      if (length < 0) {
        if (length < MISSING) throw this.#refusal(keys[i]!, length)
        values[i] = null
        continue
      }
      const end = at + (length & LENGTH_MASK)
      const head = length < ASCII_BIT ? -1 : headOf(result, at, end)
      if (head < 0) {
        values[i] = read(result, at, end, length >= ASCII_BIT)
      } else {
        if (end > to) {
          from = at
          to = this.#runEnd(i, count, end)
          text = result.latin1Slice(from, to)
        }
        values[i] = text.substring(at + head - from, end - from)
      }
      at = end
    }
    return values
  }

  /** How far a common string may go that begins with value `i`, which ends at `end`. */
  #runEnd(i: number, count: number, end: number): number {
    const words = this.words
    const first = this.at >>> 2
    let to = end
    let size = words[first + i]! & LENGTH_MASK
    for (let next = i + 1; next < count; next++) {
      const length = words[first + next]!
      if (length < 0) continue
      size += length & LENGTH_MASK
      if (size > SHARED_TEXT_MAX) break
      to += length & LENGTH_MASK
    }
    return to
  }

  /** As `getMany`, for bytes of the caller's own. */
  getManyBytes(keys: readonly Bytes[]): (Uint8Array | null)[] {
    this.spareResult()
    const count = keys.length
    const values = new Array<Uint8Array | null>(count)
    const start = this.#lookUp(keys)
    if (start < 0) return values
    const words = this.words
    const first = this.at >>> 2
    let at = start
    const copied = this.result.length > RESULT_BYTES
    for (let i = 0; i < count; i++) {
      const length = words[first + i]!
      if (length < 0) {
        if (length < MISSING) throw this.#refusal(keys[i]!, length)
        values[i] = null
        continue
      }
      const size = length & LENGTH_MASK
      values[i] = copied ? copyBytes(this.result, at, at + size) : new Uint8Array(this.memory, at, size)
      at += size
    }
    if (!copied && at > start) this.moveOn(at)
    return values
  }

  /** What the code of one key means. The pages are used for it: the values of the others are gone. */
  #refusal(key: Bytes, code: number): StoreError {
    if (code !== ELSEWHERE) return lookupError(code)
    this.getByCommand(key) // throws, unless the slot has come back
    return replyError('TRYAGAIN The slot of a key was on its way')
  }

  /** Looks `keys` up. Lengths are then at `at` of the result page; returns where the bytes begin, -1 without keys. */
  #lookUp(keys: readonly Bytes[]): number {
    const session = this.opened()
    const count = keys.length
    if (count === 0) return -1
    // Reading all lengths first lets the misses of keys that are not in the cache overlap.
    let total = 0
    for (let i = 0; i < count; i++) total += (keys[i] as Bytes | null | undefined)?.length ?? 0
    const { request } = this
    request.reserve(0, count * 4 + total)
    let end = count * 4
    for (let i = 0; i < count; i++) {
      const start = end
      end = request.put(keys[i]!, end)
      request.words[i] = end - start
    }
    let used = session.getMany(count, end, this.at)
    while (used < -NEEDS) {
      this.newResult(-used - NEEDS)
      used = session.getMany(count, end, 0)
    }
    if (used < 0) throw lookupError(used)
    return this.at + count * 4
  }
}
