/**
 * Engine: one session of a native engine in this JavaScript thread: commands, transactions, durability, sockets, the
 * end.
 * Other threads and Redis clients may use the same engine at the same time; this object belongs to the thread that
 * opened it.
 * Contract of the result page: what `get` and `getMany` leave there, and what a BulkReader is shown, is valid until
 * the next call of any method of this engine. `getBytes` hands out memory that is never written again.
 * Elsewhere: reading by key (lookups.ts, batch-lookups.ts), the pages (crossing.ts), codecs and the comfortable
 * methods (packages/store), configuration (packages/config).
 */
import { type AddonSession, CallWord, CLOSED, type EngineStats, loadAddon, MISSING, WAITS } from './addon.js'
import { BatchLookups } from './batch-lookups.js'
import { ControlPort } from './control-port.js'
import { addonOptions, type EngineOptions, eventCallback } from './engine-options.js'
import { addonError, ReadOnlyError, ReplyError, replyError, StoreClosedError } from './errors.js'
import type { Page } from './page.js'
import { asText, type BulkReader, type Reply, ReplyReader } from './reply.js'
import { BYTES_MAX, type Bytes } from './request-page.js'
import { type WaitOptions, Waits } from './waits.js'

/** One command of a batch and how its bulk strings are read. */
export interface EngineCommand {
  readonly args: readonly Bytes[]
  readonly bulk?: BulkReader<unknown>
}

const NO_TTL = -1
const READ_ONLY = 'READONLY This store shows the data as it was: it cannot be changed.'

export class Engine extends BatchLookups {
  #closing: Promise<void> | null = null
  readonly #waits = new Waits(() => this.session)
  /** Names of the commands that are refused; null: this engine is not read-only. */
  #writes: ReadonlySet<string> | null = null

  private constructor(session: AddonSession) { super(session) }

  /**
   * Opens an engine, or attaches to one that this process has open under one of the names; the last to close stops it.
   * Loading a large data directory takes its time, on a thread of the pool.
   * @throws {LockedError | OpenError | NotOpenError | ListenError}
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    let waits: Waits | undefined
    try {
      const onEvent = eventCallback(options, (token, reply) => waits?.answer(token, reply))
      const session = await loadAddon().open(addonOptions(options), onEvent)
      const engine = new Engine(session)
      waits = engine.#waits
      if (options.readOnly === true) engine.#writes = new Set(engine.command(['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'write']) as string[])
      return engine
    } catch (error) {
      throw addonError(error)
    }
  }

  /**
   * Makes this session the control plane of its node: requests, and in a cluster what is published, come as events from
   * now on.
   */
  control(): ControlPort { return new ControlPort(this.opened()) }

  get closed(): boolean { return this.session === null }

  /**
   * Use another database for all further calls.
   * @throws {RangeError} if there is no such database
   */
  select(db: number): void {
    if (!Number.isInteger(db) || db < 0 || this.opened().select(db) !== 0) {
      throw new RangeError(`expected the number of a database, found ${db}`)
    }
  }

  /** ASCII_BIT of lengths disregards the first `count` bytes of each value, where an encoding keeps its header. */
  setAsciiHead(count: number): void { this.opened().setAsciiHead(count) }

  /**
   * Stores what the request page holds: the key in its first `keyLength` bytes and the value behind it.
   * @param ttlMs  time to live, a whole number above 0. @default none; one that the key had is removed
   * @throws {ReplyError} OOM, MISCONF
   */
  setFromPage(keyLength: number, valueLength: number, ttlMs = NO_TTL): void {
    const session = this.session
    if (session === null) throw new StoreClosedError()
    if (this.#writes !== null) throw new ReadOnlyError(READ_ONLY)
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
    const session = this.opened()
    const end = this.pack(args, args.length * 4, 0)
    const size = this.received(session.command(args.length, end, this.at))
    if (size === 0) return null
    return replyOf(this.result, this.at, bulk)
  }

  /**
   * Runs commands one after another in one crossing and leaves their replies back to back from `at` of `result` on, as
   * they came: in RESP3, or RESP2 after HELLO 2. Errors are among them. Valid until the next call of any method.
   * @returns the position behind the last reply
   */
  replies(commands: readonly (readonly Bytes[])[]): number {
    if (commands.length === 0) return this.at
    let size: number // `at` may move with it
    if (commands.length > 1) {
      size = this.#run(commands)
    } else {
      const args = commands[0]!
      const session = this.opened()
      const end = this.pack(args, args.length * 4, 0)
      size = this.received(session.command(args.length, end, this.at))
    }
    return this.at + size
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
    const session = this.opened()
    const end = this.pack(args, args.length * 4, 0)
    const code = session.wait(args.length, end, this.at)
    if (code === WAITS) {
      return this.#waits.add(this.call[CallWord.length]!, options, (page) => replyOf(page, 0, bulk))
    }
    return this.received(code) === 0 ? null : replyOf(this.result, this.at, bulk)
  }

  /** @throws {ReadOnlyError} if it is a command that this engine refuses; nothing has crossed yet */
  protected override pack(args: readonly Bytes[], at: number, word: number): number {
    if (this.#writes !== null) {
      const [name = ''] = args
      const text = typeof name === 'string' ? name : Buffer.from(name).toString('latin1')
      if (this.#writes.has(text.toLowerCase())) throw new ReadOnlyError(READ_ONLY)
    }
    return super.pack(args, at, word)
  }

  protected override getByCommand(key: Bytes): number {
    let length = MISSING
    this.command(['GET', key], (page, start, end) => {
      page.copyWithin(this.at, start, end) // over the head of the reply
      length = end - start
      return null
    })
    return length
  }

  /** Runs many commands in one crossing. Errors are among the replies: what was refused does not stop the others. */
  commands(commands: readonly EngineCommand[]): unknown[] {
    if (commands.length === 0) return []
    const reader = this.#runAll(commands)
    return commands.map(({ bulk = asText }) => reader.read(bulk))
  }

  #runAll(commands: readonly EngineCommand[]): ReplyReader {
    this.#run(commands.map(({ args }) => args))
    return new ReplyReader(this.result, this.at)
  }

  /** The size of all replies, which are now at `at` of the result page. */
  #run(commands: readonly (readonly Bytes[])[]): number {
    const session = this.opened()
    const count = commands.length
    let total = 0
    for (const args of commands) total += args.length
    let at = (count + total) * 4
    this.request.reserve(0, at)
    let word = count
    for (let i = 0; i < count; i++) {
      const args = commands[i]!
      at = this.pack(args, at, word)
      this.request.words[i] = args.length
      word += args.length
    }
    return this.received(session.commands(count, total, at, this.at))
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

  /**
   * Resolves when everything that any thread changed before the call is on disk, if there is a data directory, and at
   * as many replicas as semi-sync asks for, if it is on.
   * @throws {LogError} if the disk refuses; {StoreClosedError} if the engine is closed before replicas had it
   */
  async sync(): Promise<void> {
    const session = this.opened()
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
    const session = this.opened()
    try {
      return await session.listen(options.anyPort ?? false, options.directives ?? [])
    } catch (error) {
      throw addonError(error)
    }
  }

  stats(): EngineStats { return this.opened().stats() }

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
    const session = this.opened()
    const waits = this.#waits.end(session, reason)
    this.session = null
    await waits
    try {
      await session.close()
    } catch (error) {
      throw addonError(error)
    }
  }
}

/** @throws {ReplyError} that the reply is */
function replyOf<T>(page: Page, at: number, bulk: BulkReader<T>): Reply | T {
  const reply = new ReplyReader(page, at).read(bulk)
  if (reply instanceof ReplyError) throw reply
  return reply
}
