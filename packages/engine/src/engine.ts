/**
 * Engine: one session of a native engine in this JavaScript thread. Keys and values cross in two pages, calls in
 * numbers; a lookup is one call. Other threads and Redis clients may use the same engine at the same time; this object
 * belongs to the thread that opened it.
 * Contract of the result page: what `get` and `getMany` leave there, and what a BulkReader is shown, is valid until the
 * next call of any method of this engine. `getBytes` hands out memory that is never written again.
 * Elsewhere: codecs and the comfortable methods (packages/store), configuration (packages/config).
 */
import {
  type AddonSession, ASCII_BIT, CALL_WORDS, CallWord, CLOSED, DIRECT_KEY_MAX, type EngineStats, EventKind, LENGTH_MASK,
  loadAddon, MISSING, NEEDS, NOT_ASCII, WAITS, WRONG_TYPE,
} from './addon.js'
import { addonError, ReplyError, replyError, StoreClosedError, StoreError, WrongTypeError } from './errors.js'
import { copyBytes, newPage, type Page, pageSize } from './page.js'
import { asText, type BulkReader, type Reply, ReplyReader } from './reply.js'
import { BYTES_MAX, type Bytes, RequestPage } from './request-page.js'
import { type WaitOptions, Waits } from './waits.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** In the order of native/src/base/logger.h. */
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export type RedisLogLevel = 'debug' | 'verbose' | 'notice' | 'warning'

/** In the order of `loglevel` in native/tables/directives.json. */
const REDIS_LOG_LEVELS: readonly RedisLogLevel[] = ['debug', 'verbose', 'notice', 'warning']

export interface EngineOptions {
  /** Any of them finds the engine in this process. @default none: a private engine */
  names?: readonly string[]
  /** Name and arguments of directives, as in redis.conf. Ignored when attaching. */
  directives?: readonly (readonly string[])[]
  /** rename-command. */
  renames?: readonly (readonly [from: string, to: string])[]
  /** What CONFIG REWRITE writes to; absolute. */
  configFile?: string | null
  /** Keep an append-only file in the directory that the directives name. @default false */
  persistent?: boolean
  /** Reject with NotOpenError rather than open what is not open yet. @default false */
  attachOnly?: boolean
  /** `listen` follows: reject with ListenError before loading the data if the port is taken. @default false */
  willListen?: boolean
  /** With `willListen` and port 0: as for `listen`. @default false */
  anyPort?: boolean
  /** Log lines of the engine, also those of other threads. Called on this thread. */
  onLog?: (level: LogLevel, message: string) => void
  /** A client sent SHUTDOWN; the log has been synced. */
  onShutdown?: (exitCode: number) => void
  /** CONFIG SET loglevel: the least important level to show, in Redis's words. */
  onLogLevel?: (level: RedisLogLevel) => void
  /** A message of a channel this session is subscribed to: the parts of the push, 'message', channel, text. */
  onMessage?: (parts: Uint8Array[]) => void
  /** Messages were dropped since this thread did not take them: over 64 MB were waiting. */
  onMessagesLost?: () => void
}

/** Makes a value of the bytes [start, end) of the result page; `ascii`: see Engine.get. */
export type ValueReader<T> = (page: Page, start: number, end: number, ascii: boolean) => T

/** Size of what stands before the text of a value; -1 if it is no such text. */
export type HeadReader = (page: Page, start: number, end: number) => number

const noHead: HeadReader = () => 0
const readText: ValueReader<string> = (page, start, end) => page.utf8Slice(start, end)

/** One command of a batch and how its bulk strings are read. */
export interface EngineCommand {
  readonly args: readonly Bytes[]
  readonly bulk?: BulkReader<unknown>
}

const REQUEST_BYTES = 64 * 1024
/** Also what one small value of getBytes may keep alive. */
const RESULT_BYTES = 16 * 1024
const RESULT_REST = 4 * 1024
const RESULT_KEPT_MAX = 1024 * 1024
const NO_TTL = -1
/** Strings that are cut from one larger string keep it alive: this much, at most. */
const SHARED_TEXT_MAX = 4096

const noEvent = (): void => undefined

/** Whether a key may go to a lookup as it is: cheaper than writing it into the page, if it is short and ASCII. */
const isDirect = (key: Bytes): key is string => typeof key === 'string' && key.length <= DIRECT_KEY_MAX

export class Engine {
  /** Where `get` and `getMany` leave bytes. */
  result: Page
  /** Where the value of the last `get` begins in `result`. */
  at = 0
  readonly request: RequestPage
  #session: AddonSession | null
  /** Numbers of a single lookup on their way in and out: see CallWord. Cheaper than arguments and a result. */
  readonly #call = new Int32Array(new ArrayBuffer(CALL_WORDS * 4))
  #words: Int32Array
  /** Memory of `result`; asking a Buffer for it is a call into the runtime. */
  #memory: ArrayBufferLike
  #closing: Promise<void> | null = null
  readonly #waits = new Waits(() => this.#session)

  private constructor(session: AddonSession) {
    this.#session = session
    this.result = newPage(RESULT_BYTES)
    this.#memory = this.result.buffer
    this.#words = new Int32Array(this.#memory)
    this.request = new RequestPage(REQUEST_BYTES, () => this.#setPages())
    this.#setPages()
  }

  /**
   * Opens an engine, or attaches to one that this process has open under one of the names; the last to close stops it.
   * Loading a large data directory takes its time, on a thread of the pool.
   * @throws {LockedError | OpenError | NotOpenError | ListenError}
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const {
      onLog = noEvent, onShutdown = noEvent, onLogLevel = noEvent, onMessage = noEvent, onMessagesLost = noEvent,
    } = options
    let waits: Waits | undefined
    const onEvent = (kind: number, number: number, payload: string | Buffer): void => {
      switch (kind) {
        case EventKind.log: return onLog(LOG_LEVELS[number] ?? 'error', String(payload))
        case EventKind.shutdown: return onShutdown(number)
        case EventKind.message: return onMessage(messageParts(payload as Page))
        case EventKind.messagesLost: return onMessagesLost()
        case EventKind.reply: return waits?.answer(number, payload as Page)
        case EventKind.logLevel: return onLogLevel(REDIS_LOG_LEVELS[number] ?? 'notice')
        default: return undefined
      }
    }
    try {
      const session = await loadAddon().open({
        names: options.names ?? [],
        directives: options.directives ?? [],
        renames: options.renames ?? [],
        configFile: options.configFile ?? '',
        persistent: options.persistent ?? false,
        attachOnly: options.attachOnly ?? false,
        willListen: options.willListen ?? false,
        anyPort: options.anyPort ?? false,
      }, onEvent)
      const engine = new Engine(session)
      waits = engine.#waits
      return engine
    } catch (error) {
      throw addonError(error)
    }
  }

  get closed(): boolean { return this.#session === null }

  /**
   * Use another database for all further calls.
   * @throws {RangeError} if there is no such database
   */
  select(db: number): void {
    if (!Number.isInteger(db) || db < 0 || this.#open().select(db) !== 0) {
      throw new RangeError(`expected the number of a database, found ${db}`)
    }
  }

  /** ASCII_BIT of lengths disregards the first `count` bytes of each value, where an encoding keeps its header. */
  setAsciiHead(count: number): void { this.#open().setAsciiHead(count) }

  /**
   * Looks a string up and leaves it at `at` of `result`.
   * @returns its length, with ASCII_BIT if every byte is below 128; -1 if there is no such key
   * @throws {WrongTypeError}
   */
  get(key: Bytes): number {
    const session = this.#session
    if (session === null) throw new StoreClosedError()
    const call = this.#call
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
    return length >= MISSING ? length : this.#getAgain(key, length)
  }

  /** The string at `key` as UTF-8 text; null if there is none. @throws {WrongTypeError} */
  getText(key: Bytes): string | null {
    const session = this.#session
    if (session === null) throw new StoreClosedError()
    const call = this.#call
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
    const session = this.#session
    if (session === null) throw new StoreClosedError()
    const call = this.#call
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
    return length >= MISSING ? length : this.#getAgain(key, length)
  }

  /** The string at `key` as bytes of the caller's own; null if there is none. @throws {WrongTypeError} */
  getBytes(key: Bytes): Uint8Array | null {
    const found = this.get(key)
    if (found === MISSING) return null
    const length = found & LENGTH_MASK
    const { result, at } = this
    if (result.length > RESULT_BYTES) return copyBytes(result, at, at + length)
    // The page is used up piece by piece instead of copying once more: each piece now belongs to whoever got it.
    const bytes = new Uint8Array(this.#memory, at, length)
    this.#moveOn(at + length)
    this.#spareResult()
    return bytes
  }

  /** What was left before `end` of the result page belongs to the caller. */
  #moveOn(end: number): void {
    this.at = this.#call[CallWord.at] = (end + 7) & ~7
  }

  /** A new page when the rest of this one is small: what does not fit has to be looked up twice. */
  #spareResult(): void {
    if (this.at + RESULT_REST > RESULT_BYTES) this.#newResult(RESULT_BYTES)
  }

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
      const length = this.#words[first + i]!
      if (length < 0) {
        if (length === WRONG_TYPE) throw new WrongTypeError()
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
    const words = this.#words
    const first = this.at >>> 2
    // The common string holds the bytes [from, to).
    let text = ''
    let from = 0
    let to = 0
    for (let i = 0; i < count; i++) {
      const length = words[first + i]!
      if (length < 0) {
        if (length === WRONG_TYPE) throw new WrongTypeError()
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
    const words = this.#words
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
    this.#spareResult()
    const count = keys.length
    const values = new Array<Uint8Array | null>(count)
    const start = this.#lookUp(keys)
    if (start < 0) return values
    const words = this.#words
    const first = this.at >>> 2
    let at = start
    const copied = this.result.length > RESULT_BYTES
    for (let i = 0; i < count; i++) {
      const length = words[first + i]!
      if (length < 0) {
        if (length === WRONG_TYPE) throw new WrongTypeError()
        values[i] = null
        continue
      }
      const size = length & LENGTH_MASK
      values[i] = copied ? copyBytes(this.result, at, at + size) : new Uint8Array(this.#memory, at, size)
      at += size
    }
    if (!copied && at > start) this.#moveOn(at)
    return values
  }

  /**
   * Stores what the request page holds: the key in its first `keyLength` bytes and the value behind it.
   * @param ttlMs  time to live, a whole number above 0. @default none; one that the key had is removed
   * @throws {ReplyError} OOM, MISCONF
   */
  setFromPage(keyLength: number, valueLength: number, ttlMs = NO_TTL): void {
    const session = this.#session
    if (session === null) throw new StoreClosedError()
    if (valueLength > BYTES_MAX) throw new RangeError(`expected at most ${BYTES_MAX} bytes, found ${valueLength}`)
    const code = session.set(keyLength, valueLength, ttlMs)
    if (code !== 0) throw code === CLOSED ? new StoreClosedError() : replyError(session.lastError())
  }

  /** Stores a string: `setFromPage` for bytes that are not in the page yet. */
  set(key: Bytes, value: Bytes, ttlMs = NO_TTL): void {
    const keyLength = this.request.put(key, 0)
    this.setFromPage(keyLength, this.request.put(value, keyLength) - keyLength, ttlMs)
  }

  /**
   * Runs one command.
   * @param bulk  what to make of bulk strings. @default text
   * @throws {ReplyError} if it was refused
   */
  command<T = string>(args: readonly Bytes[], bulk: BulkReader<T> = asText as BulkReader<T>): Reply | T {
    const session = this.#open()
    const end = this.#pack(args, args.length * 4, 0)
    const size = this.#received(session.command(args.length, end, this.at))
    if (size === 0) return null
    return replyOf(this.result, this.at, bulk)
  }

  /**
   * As `command` for one that waits until a key has something for it: BLPOP and its relatives. This thread goes on;
   * what the arguments say of a time-out has no meaning.
   * @returns null when the time is up
   * @throws {ReplyError} if it was refused, or ended by CLIENT UNBLOCK; {StoreClosedError} if the engine is closed
   */
  async wait<T = string>(
    args: readonly Bytes[], options: WaitOptions = {}, bulk: BulkReader<T> = asText as BulkReader<T>,
  ): Promise<Reply | T> {
    options.signal?.throwIfAborted()
    const session = this.#open()
    const end = this.#pack(args, args.length * 4, 0)
    const code = session.wait(args.length, end, this.at)
    if (code === WAITS) {
      return this.#waits.add(this.#call[CallWord.length]!, options, (page) => replyOf(page, 0, bulk))
    }
    return this.#received(code) === 0 ? null : replyOf(this.result, this.at, bulk)
  }

  /** Runs many commands in one crossing. Errors are among the replies: what was refused does not stop the others. */
  commands(commands: readonly EngineCommand[]): unknown[] {
    if (commands.length === 0) return []
    const reader = this.#runAll(commands)
    return commands.map(({ bulk = asText }) => reader.read(bulk))
  }

  #runAll(commands: readonly EngineCommand[]): ReplyReader {
    const session = this.#open()
    const count = commands.length
    let total = 0
    for (const { args } of commands) total += args.length
    let at = (count + total) * 4
    this.request.reserve(0, at)
    let word = count
    for (let i = 0; i < count; i++) {
      const { args } = commands[i]!
      at = this.#pack(args, at, word)
      this.request.words[i] = args.length
      word += args.length
    }
    this.#received(session.commands(count, total, at, this.at))
    return new ReplyReader(this.result, this.at)
  }

  /**
   * Runs the commands as one transaction in one crossing: all or, if a WATCHed key has changed, none.
   * @returns the replies, errors among them; null if a watched key has changed
   * @throws {ReplyError} EXECABORT if a command cannot be queued (its `cause` says why); nothing has run
   */
  transaction(commands: readonly EngineCommand[]): unknown[] | null {
    const readers = commands.map(({ bulk = asText }) => bulk)
    let firstError: ReplyError | undefined
    const queued = (reply: Reply): void => { if (reply instanceof ReplyError) firstError ??= reply }
    const last = { args: ['EXEC'] }
    const reader = this.#runAll([{ args: ['MULTI'] }, ...commands, last])
    for (let i = 0; i <= commands.length; i++) queued(reader.read(asText))
    const replies = reader.readEach(readers)
    if (replies instanceof ReplyError) {
      replies.cause = firstError
      throw replies
    }
    return replies
  }

  /** Resolves when everything that any thread changed before the call is on disk; at once without a data directory. */
  async sync(): Promise<void> {
    const session = this.#open()
    try {
      await session.sync()
    } catch (error) {
      throw addonError(error)
    }
  }

  /**
   * Opens the sockets that the directives name, and these add to.
   * @param options.anyPort  port 0 is any free port, not no port. @default false
   * @returns the TCP port; 0 if there is only a Unix socket
   * @throws {ListenError}
   */
  async listen(options: { anyPort?: boolean; directives?: readonly (readonly string[])[] } = {}): Promise<number> {
    const session = this.#open()
    try {
      return await session.listen(options.anyPort ?? false, options.directives ?? [])
    } catch (error) {
      throw addonError(error)
    }
  }

  stats(): EngineStats { return this.#open().stats() }

  /**
   * Leaves the engine; calls that wait reject with `reason`. The last session to leave stops it: sockets closed, log
   * synced, directory unlocked.
   * Idempotent; every other method throws StoreClosedError from the call on.
   * @throws {LogError} if the log cannot be synced
   */
  close(reason = new StoreClosedError()): Promise<void> {
    return this.#closing ??= this.#close(reason)
  }

  async #close(reason: StoreClosedError): Promise<void> {
    const session = this.#open()
    const waits = this.#waits.end(session, reason)
    this.#session = null
    await waits
    try {
      await session.close()
    } catch (error) {
      throw addonError(error)
    }
  }

  #open(): AddonSession {
    if (this.#session === null) throw new StoreClosedError()
    return this.#session
  }

  /** The slow ends of a lookup: it did not fit, or there is nothing to find. */
  #getAgain(key: Bytes, code: number): number {
    let length = code
    while (length < -NEEDS) { // again if it has grown in the meantime
      this.#newResult(-length - NEEDS)
      this.#call[CallWord.length] = this.request.put(key, 0)
      this.#open().get()
      length = this.#call[CallWord.length]!
    }
    if (length >= MISSING) return length
    throw length === WRONG_TYPE ? new WrongTypeError() : new StoreClosedError()
  }

  #text(key: Bytes, code: number): string | null {
    if (code === MISSING) return null
    const length = code < 0 ? this.#getAgain(key, code) & LENGTH_MASK : code
    return this.result.utf8Slice(this.at, this.at + length)
  }

  /** Looks `keys` up. Lengths are then at `at` of the result page; returns where the bytes begin, -1 without keys. */
  #lookUp(keys: readonly Bytes[]): number {
    const session = this.#open()
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
      this.#newResult(-used - NEEDS)
      used = session.getMany(count, end, 0)
    }
    if (used < 0) throw new StoreClosedError()
    return this.at + count * 4
  }

  /** Arguments to `at`, their lengths from word `word` on. Returns the position behind the last. */
  #pack(args: readonly Bytes[], at: number, word: number): number {
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
  #received(code: number): number {
    let size = code
    while (size < -NEEDS) {
      this.#newResult(-size - NEEDS)
      size = this.#open().takeReply(0)
    }
    if (size < 0) throw new StoreClosedError()
    return size
  }

  #newResult(size: number): void {
    const page = newPage(pageSize(size, RESULT_BYTES))
    this.result = page
    this.#memory = page.buffer
    this.#words = new Int32Array(this.#memory)
    this.#moveOn(0)
    this.#setPages()
    if (page.length > RESULT_KEPT_MAX) {
      setImmediate(() => {
        if (this.result === page && this.#session !== null) this.#newResult(RESULT_BYTES)
      })
    }
  }

  #setPages(): void {
    this.#session?.setPages(this.request.page, this.result, this.#call)
  }
}

/** @throws {ReplyError} that the reply is */
function replyOf<T>(page: Page, at: number, bulk: BulkReader<T>): Reply | T {
  const reply = new ReplyReader(page, at).read(bulk)
  if (reply instanceof ReplyError) throw reply
  return reply
}

function messageParts(push: Page): Uint8Array[] {
  const bytes = (page: Page, start: number, end: number): Uint8Array => page.subarray(start, end)
  return new ReplyReader(push, 0).read(bytes) as Uint8Array[]
}

/** Whether something went wrong that a caller may meet, not a bug. */
export const isStoreError = (error: unknown): error is StoreError => error instanceof StoreError
