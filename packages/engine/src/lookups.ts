/**
 * Lookups: one string by its key, the shortest way there is: a short ASCII key goes as the argument, a short ASCII text
 * comes back as the result, everything else through the pages. Such text is made by the addon, since a JavaScript
 * string made in the same call costs half of one made later from the page.
 * Elsewhere: many keys at once (batch-lookups.ts), the C++ side (native/src/binding/session_binding.cc).
 */
import { CallWord, DIRECT_KEY_MAX, ELSEWHERE, LENGTH_MASK, MISSING, NEEDS, NOT_ASCII } from './addon.js'
import { Crossing, RESULT_BYTES } from './crossing.js'
import { lookupError, StoreClosedError } from './errors.js'
import { copyBytes } from './page.js'
import type { Bytes } from './request-page.js'

/** Whether a key may go to a lookup as it is: cheaper than writing it into the page, if it is short and ASCII. */
const isDirect = (key: Bytes): key is string => typeof key === 'string' && key.length <= DIRECT_KEY_MAX

export abstract class Lookups extends Crossing {
  /**
   * Looks a string up and leaves it at `at` of `result`.
   * @returns its length, with ASCII_BIT if every byte is below 128; -1 if there is no such key
   * @throws {WrongTypeError}
   */
  get(key: Bytes): number {
    const session = this.session
    if (session === null) throw new StoreClosedError()
    const call = this.call
    let length = NOT_ASCII
    if (isDirect(key)) {
      session.get(key)
      length = call[CallWord.length]!
    }
    if (length === NOT_ASCII) {
      call[CallWord.length] = this.request.put(key, 0)
      session.get()
      length = call[CallWord.length]!
    }
    return length >= MISSING ? length : this.getAgain(key, length)
  }

  /** The string at `key` as UTF-8 text; null if there is none. @throws {WrongTypeError} */
  getText(key: Bytes): string | null {
    const session = this.session
    if (session === null) throw new StoreClosedError()
    const call = this.call
    if (isDirect(key)) {
      const text = session.getText(key)
      if (text !== undefined) return text
      if (call[CallWord.length] !== NOT_ASCII) return this.#text(key, call[CallWord.length]!)
    }
    call[CallWord.length] = this.request.put(key, 0)
    return session.getText() ?? this.#text(key, call[CallWord.length]!)
  }

  /**
   * The string at `key` if it is ASCII text as MessagePack has it: a head of up to five bytes, then the characters.
   * @returns else what `get` would
   * @throws {WrongTypeError}
   */
  getMsgpackText(key: Bytes): string | number {
    const session = this.session
    if (session === null) throw new StoreClosedError()
    const call = this.call
    let length = NOT_ASCII
    if (isDirect(key)) {
      const text = session.getMsgpackText(key)
      if (text !== undefined) return text
      length = call[CallWord.length]!
    }
    if (length === NOT_ASCII) {
      call[CallWord.length] = this.request.put(key, 0)
      const text = session.getMsgpackText()
      if (text !== undefined) return text
      length = call[CallWord.length]!
    }
    return length >= MISSING ? length : this.getAgain(key, length)
  }

  /** The string at `key` as bytes of the caller's own; null if there is none. @throws {WrongTypeError} */
  getBytes(key: Bytes): Uint8Array | null {
    const found = this.get(key)
    if (found === MISSING) return null
    const length = found & LENGTH_MASK
    const { result, at } = this
    if (result.length > RESULT_BYTES) return copyBytes(result, at, at + length)
    // The page is used up piece by piece instead of copying once more: each piece now belongs to whoever got it.
    const bytes = new Uint8Array(this.memory, at, length)
    this.moveOn(at + length)
    this.spareResult()
    return bytes
  }

  /** The slow ends of a lookup: it did not fit, or there is nothing to find. */
  protected getAgain(key: Bytes, code: number): number {
    let length = code
    while (length < -NEEDS) { // again if it has grown in the meantime
      this.newResult(-length - NEEDS)
      this.call[CallWord.length] = this.request.put(key, 0)
      this.opened().get()
      length = this.call[CallWord.length]!
    }
    if (length >= MISSING) return length
    if (length === ELSEWHERE) return this.getByCommand(key)
    throw lookupError(length)
  }

  /**
   * GET through the executor, for a key whose slot is not simply this node's: it may be readable all the same.
   * @returns its length, at `at` of `result`, or MISSING
   * @throws {ReplyError} MOVED, ASK, TRYAGAIN, CLUSTERDOWN
   */
  protected abstract getByCommand(key: Bytes): number

  #text(key: Bytes, code: number): string | null {
    const length = code < MISSING ? this.getAgain(key, code) : code
    if (length === MISSING) return null
    return this.result.utf8Slice(this.at, this.at + (length & LENGTH_MASK))
  }
}
