/**
 * Crossing: one session of a native engine and the pages through which its calls go. Keys, arguments and values cross
 * in the request page, results in the result page, the numbers of a single lookup in a third one (CallWord): each
 * number that is an argument or a result costs nanoseconds.
 * Invariant: the addon knows the addresses of exactly these three pages; whoever replaces one tells it (setPages).
 * What a call leaves in the result page is valid until the next call of any method, unless it was given away (moveOn).
 * Elsewhere: what is asked (lookups.ts, batch-lookups.ts, engine.ts), how arguments are written (request-page.ts).
 */
import { type AddonSession, CALL_WORDS, CallWord, NEEDS } from './addon.js'
import { StoreClosedError } from './errors.js'
import { newPage, type Page, pageSize } from './page.js'
import { type Bytes, RequestPage } from './request-page.js'

const REQUEST_BYTES = 64 * 1024
/** Also what one small value of getBytes may keep alive. */
export const RESULT_BYTES = 16 * 1024
const RESULT_REST = 4 * 1024
const RESULT_KEPT_MAX = 1024 * 1024

export abstract class Crossing {
  /** Where `get` and `getMany` leave bytes. */
  result: Page
  /** Where the value of the last `get` begins in `result`. */
  at = 0
  readonly request: RequestPage
  /** Null once the engine is closed. */
  protected session: AddonSession | null
  /** Numbers of a single lookup on their way in and out: see CallWord. */
  protected readonly call = new Int32Array(new ArrayBuffer(CALL_WORDS * 4))
  /** `result` as numbers. */
  protected words: Int32Array
  /** Memory of `result`; asking a Buffer for it is a call into the runtime. */
  protected memory: ArrayBufferLike

  protected constructor(session: AddonSession) {
    this.session = session
    this.result = newPage(RESULT_BYTES)
    this.memory = this.result.buffer
    this.words = new Int32Array(this.memory)
    this.request = new RequestPage(REQUEST_BYTES, () => this.setPages())
    this.setPages()
  }

  /** @throws {StoreClosedError} */
  protected opened(): AddonSession {
    if (this.session === null) throw new StoreClosedError()
    return this.session
  }

  /** Arguments to `at`, their lengths from word `word` on. Returns the position behind the last. */
  protected pack(args: readonly Bytes[], at: number, word: number): number {
    const { request } = this
    request.reserve(at, 0)
    let end = at
    for (let i = 0; i < args.length; i++) {
      const start = end
      end = request.put(args[i]!, end)
      request.words[word + i] = end - start
    }
    return end
  }

  /** The size of a reply that is now at `at` of the result page. */
  protected received(code: number): number {
    let size = code
    while (size < -NEEDS) {
      this.newResult(-size - NEEDS)
      size = this.opened().takeReply(0)
    }
    if (size < 0) throw new StoreClosedError()
    return size
  }

  /** What was left before `end` of the result page belongs to the caller. */
  protected moveOn(end: number): void {
    this.at = this.call[CallWord.at] = (end + 7) & ~7
  }

  /** A new page when the rest of this one is small: what does not fit has to be looked up twice. */
  protected spareResult(): void {
    if (this.at + RESULT_REST > RESULT_BYTES) this.newResult(RESULT_BYTES)
  }

  protected newResult(size: number): void {
    const page = newPage(pageSize(size, RESULT_BYTES))
    this.result = page
    this.memory = page.buffer
    this.words = new Int32Array(this.memory)
    this.moveOn(0)
    this.setPages()
    if (page.length > RESULT_KEPT_MAX) {
      setImmediate(() => {
        if (this.result === page && this.session !== null) this.newResult(RESULT_BYTES)
      })
    }
  }

  protected setPages(): void {
    this.session?.setPages(this.request.page, this.result, this.call)
  }
}
