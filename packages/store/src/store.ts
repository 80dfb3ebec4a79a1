/**
 * Store: an open key-value store inside this process. Memory is not I/O, so commands are synchronous: when a method
 * returns, every thread and every client sees the change, and the log has it in order. What waits (durability, sockets,
 * the end) returns a promise.
 * A Store belongs to the thread that opened it; other threads open the same name or folder and share the keyspace.
 * Elsewhere: commands (commands/), how values are kept (codecs/), the boundary to C++ (@slotwise/engine).
 */
import { EventEmitter } from 'node:events'
import {
  type BulkReader, type Bytes, type Engine, type EngineStats, type LogLevel, type Reply, ReplyError, StoreClosedError,
  type SemiSyncStatus, StoreError, SyncQueue, asBytes, asText, whenAborted,
} from '@slotwise/engine'
import { AsyncStore } from './async-store.js'
import { EngineBackend } from './backends/engine-backend.js'
import { Batch } from './batch.js'
import { type Change, type ChangesOptions, changesOf } from './changes.js'
import type { ValueCodec } from './codecs/codec.js'
import { commandWords } from './command-words.js'
import { type WaitOptions, WaitingCommands } from './commands/waiting.js'
import { type Key, type SetOptions, wholeNumber } from './commands/index.js'
import { type ListenOptions, listenDirectives } from './listen-options.js'
import type { Settled } from './pending.js'
import {
  type MemberScanOptions, type Run, scanFields, scanKeys, scanMembers, type ScanOptions, scanScores,
} from './scan.js'
import { type Message, type SubscribeOptions, type Subscriptions } from './subscriptions.js'

export interface StoreEvents {
  /** A line of the engine's log. */
  log: [level: LogLevel, message: string]
  /** The engine reports that someone must act: the disk is full, the log is damaged. Only emitted if listened to. */
  error: [error: StoreError]
  /** Clients can connect. */
  listening: [address: { port: number }]
  /** A client sent SHUTDOWN: its data is on disk, and it would like the process to end with this code. */
  shutdown: [exitCode: number]
  /**
   * Semi-sync replication changed: replies wait for replicas ('on'), have stopped waiting after a time-out
   * ('fallenBack'), will wait again when replicas have caught up ('returning'), or never wait ('off').
   * `clients` replicas count.
   */
  semiSync: [change: { status: SemiSyncStatus; clients: number }]
  /** close() or destroy() is done. */
  close: []
}

export interface MultiOptions {
  /** Nothing runs if one of these keys changes between the call of `build` and the end of the transaction. */
  watch?: readonly Key[]
  /** How often to try again when one did. @default 10 */
  attempts?: number
}

/** What open() puts together. */
export interface StoreParts<V> {
  engine: Engine
  codec: ValueCodec<V>
  events: EventEmitter<StoreEvents>
  subscriptions: Subscriptions
  names: readonly string[]
  db: number
}

export class Store<V = unknown> extends WaitingCommands<V, 'now'> implements AsyncDisposable {
  /** By any of these names other sessions of this process find the engine: what @slotwise/http attaches by. */
  readonly engineNames: readonly string[]
  /** The database that it works in. */
  readonly db: number
  /** @internal */
  protected readonly codec: ValueCodec<V>
  readonly #engine: Engine
  readonly #events: EventEmitter<StoreEvents>
  readonly #subscriptions: Subscriptions
  readonly #syncs: SyncQueue
  readonly #values: BulkReader<V>
  readonly #run: Run
  #building = false
  #ending: Promise<void> | null = null
  /** Rejects what waits when destroy() is called. */
  readonly #destroyed: AbortController = new AbortController()
  #keepAlive: NodeJS.Timeout | undefined
  #async: AsyncStore<V> | undefined

  /** @internal Use open(). */
  constructor(parts: StoreParts<V>) {
    super()
    const { codec, engine } = parts
    this.codec = codec
    this.#engine = engine
    this.#events = parts.events
    this.engineNames = parts.names
    this.db = parts.db
    this.#subscriptions = parts.subscriptions
    this.#values = (page, start, end) => codec.read(page, start, end, false)
    this.#run = ({ args, bulk }) => engine.command<unknown>(args, bulk)
    this.#syncs = new SyncQueue(() => engine.sync())
  }

  /** Whether close() or destroy() has been called. */
  get closed(): boolean { return this.#engine.closed }

  /**
   * The same store with methods that return promises: for code that does not know whether its data is in this process.
   * Closing it closes this one.
   */
  get async(): AsyncStore<V> {
    return this.#async ??= new AsyncStore<V>(new EngineBackend(this.#engine, this), this.codec)
  }

  /** The value of `key`; null if there is none. O(1), and the fastest call there is. @throws {WrongTypeError} */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows
  override get<T extends V = V>(key: Key): T | null {
    return this.codec.get(this.#engine, key) as T | null
  }

  /**
   * Values of many keys in one crossing: a fraction of the time of as many `get`s. Each key is read by itself; `mGet`
   * reads all at one moment.
   * @returns one value a key, in order; null where there is no key
   * @throws {WrongTypeError} if any of them holds another type
   */
  getMany<T extends V = V>(keys: readonly Key[]): (T | null)[] {
    return this.codec.getMany(this.#engine, keys) as (T | null)[]
  }

  override set(key: Key, value: V, options?: SetOptions): boolean {
    let ttlMs = -1
    if (options !== undefined) {
      // A plain time to live takes the short way; the rest is SET with its words.
      if (!isPlainTtl(options)) return super.set(key, value, options)
      ttlMs = wholeNumber('ttlMs', options.ttlMs, 1)
    }
    this.codec.set(this.#engine, key, value, ttlMs)
    return true
  }

  /**
   * Stores many values in one crossing and at one moment: nobody sees some of them.
   * @param entries  pairs, a Map, or an object (its own enumerable properties)
   * @param options.ttlMs  for all of them. @default for ever
   */
  setMany(entries: Iterable<readonly [Key, V]> | Readonly<Record<string, V>>, options: { ttlMs?: number } = {}): void {
    const pairs = Symbol.iterator in entries ? entries : Object.entries(entries as Record<string, V>)
    const args: Bytes[] = []
    for (const [key, value] of pairs) args.push(key, this.codec.encode(value))
    if (args.length === 0) return
    const { ttlMs } = options
    if (ttlMs === undefined) {
      this.#engine.command(['MSET', ...args])
      return
    }
    wholeNumber('ttlMs', ttlMs, 1)
    const commands = []
    for (let i = 0; i < args.length; i += 2) commands.push({ args: ['SET', args[i]!, args[i + 1]!, 'PX', String(ttlMs)] })
    for (const reply of this.#engine.transaction(commands) ?? []) if (reply instanceof ReplyError) throw reply
  }

  /**
   * Runs several commands in one crossing. Others may come in between; `multi` prevents that.
   * @param build  calls methods of the batch; the values of what it returns are the result, or all of them in order
   * @throws {BatchError} if any command was refused; the others have run
   *
   *     const [name, visits] = store.batch((batch) => [batch.get('name'), batch.incr('visits')])
   */
  batch<T extends readonly unknown[] | []>(build: (batch: Batch<V>) => T): Settled<T>
  batch(build: (batch: Batch<V>) => void): unknown[]
  batch(build: (batch: Batch<V>) => unknown): unknown {
    const batch = new Batch<V>(this.codec)
    const returned = synchronous(build(batch))
    batch.run((commands) => this.#engine.commands(commands))
    return batch.settled(returned)
  }

  /**
   * Runs several commands as one transaction: nothing of others comes in between, and after a crash all of it is there
   * or nothing. There is no roll-back: a command that is refused (WRONGTYPE, ...) does not undo the others.
   * With `watch`, `build` may read keys of this store and decide by them: if one of the watched keys has changed since,
   * nothing runs and `build` is called again.
   * @returns as `batch`; null if watched keys changed in every attempt
   * @throws {BatchError} as `batch`; {ReplyError} EXECABORT if a command was malformed: nothing has run
   */
  multi<T extends readonly unknown[] | []>(build: (batch: Batch<V>) => T, options?: MultiOptions): Settled<T> | null
  multi(build: (batch: Batch<V>) => void, options?: MultiOptions): unknown[] | null
  multi(build: (batch: Batch<V>) => unknown, options: MultiOptions = {}): unknown {
    const { watch = [], attempts = 10 } = options
    wholeNumber('attempts', attempts, 1)
    if (this.#building) throw new Error('multi() inside of multi()')
    for (let attempt = 0; attempt < attempts; attempt++) {
      const batch = new Batch<V>(this.codec)
      this.#building = true
      try {
        if (watch.length > 0) this.#engine.command(['WATCH', ...watch])
        const returned = synchronous(build(batch))
        if (batch.run((commands) => this.#engine.transaction(commands))) return batch.settled(returned)
      } catch (error) {
        if (watch.length > 0 && !this.closed) this.#engine.command(['UNWATCH'])
        throw error
      } finally {
        this.#building = false
      }
    }
    return null
  }

  /**
   * Any command by its name, with arguments as they are (no codec): `store.command('OBJECT ENCODING', 'key')`.
   * Replies as RESP3 has them: maps are Map, sets Set, integers beyond 2^53 bigint, bulk strings text.
   * @throws {ReplyError} if it was refused
   * @throws {TypeError} for commands that change or need a connection (SELECT, MULTI, SUBSCRIBE, ...)
   */
  command(name: string, ...args: (Key | number)[]): Reply {
    return this.#engine.command(commandWords(name, args), asText)
  }

  /** As `command`; bulk strings are bytes. */
  commandBytes(name: string, ...args: (Key | number)[]): Reply {
    return this.#engine.command(commandWords(name, args), asBytes)
  }

  /** The keys, without stopping the world: `for await (const key of store.scan({ match: 'user:*' }))`. */
  scan(options?: ScanOptions): AsyncGenerator<string, void, undefined> {
    return scanKeys(this.#run, options)
  }

  /** The fields of a hash with their values, as `scan`. */
  hScan(key: Key, options?: MemberScanOptions): AsyncGenerator<[field: string, value: V], void, undefined> {
    return scanFields(this.#run, key, this.#values, options)
  }

  /** The members of a set, as `scan`. */
  sScan(key: Key, options?: MemberScanOptions): AsyncGenerator<string, void, undefined> {
    return scanMembers(this.#run, key, options)
  }

  /** The members of a sorted set with their scores, as `scan`. */
  zScan(key: Key, options?: MemberScanOptions): AsyncGenerator<[member: string, score: number], void, undefined> {
    return scanScores(this.#run, key, options)
  }

  /**
   * Messages that anybody publishes to the channels from now on. Leaving the loop unsubscribes; until then the process
   * stays alive.
   */
  subscribe(
    channels: string | readonly string[], options: SubscribeOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    return this.#subscriptions.subscribe(typeof channels === 'string' ? [channels] : channels, options)
  }

  /**
   * What happens to the data, by whomever, in order, transactions kept together; goes on across restarts from a
   * `position`. Needs `dir`: it is read from the append-only files, as far back as they are held.
   * @throws {PurgedError} if the position is not held any more; its message names the oldest that is
   * @throws {ReplyError} if it is no position, or there is no `dir`; {StoreClosedError} when the store is closed
   *
   *     for await (const change of store.changes({ keys: 'user:*', from: position })) {
   *       apply(change.kind, change.key, change.value)
   *       if (change.last) position = change.position
   *     }
   */
  changes(options: ChangesOptions = {}): AsyncGenerator<Change<V>, void, undefined> {
    return changesOf(this.#engine, this.codec, options)
  }

  /**
   * Resolves when everything that was changed before the call, by anybody, survives a power cut, and, with
   * `semiSync`, is at as many replicas as that asks for (or semi-sync has fallen back: see the event). Any number of
   * calls share the work. At once without `dir` and `semiSync`.
   * @throws {LogError} if the disk refuses; {StoreClosedError} if the store is closed before replicas had it
   */
  synced(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.closed) return Promise.reject(new StoreClosedError())
    return this.#waiting(this.#syncs.wait(), options.signal)
  }

  /**
   * Where in the replication stream everything is that this process has written and seen so far: a text to hand to
   * whoever reads elsewhere, for `waitFor` there or SLOTWISE.WAITFOR. The first call begins the stream, if no replica
   * has been here yet.
   * @throws {ReplyError} NOMASTERLINK, on a replica that has not been in contact with its primary yet
   */
  position(): string {
    return this.#engine.command(['SLOTWISE.POSITION'], asText) as string
  }

  /**
   * Resolves when this store, a replica, has applied everything up to `position`, and shows it. At once where it was
   * taken.
   * @param options.timeoutMs  in ms; 0: no limit. @default 0
   * @throws {PositionTimeoutError} when the time is up; {OtherHistoryError} if the position can never be reached here
   * @throws {ReplyError} if it is no position
   */
  async waitFor(position: string, options: WaitOptions = {}): Promise<void> {
    if (typeof position !== 'string') throw new TypeError('expected a position, a string')
    wholeNumber('timeoutMs', options.timeoutMs ?? 0, 0)
    await this.#engine.wait(['SLOTWISE.WAITFOR', position, '0'], options)
  }

  /**
   * How old the data of this replica is at most, for certain; 0 on a primary, null if that is not known. A replica
   * finds it out while some session has a limit (`maxStalenessMs`).
   */
  stalenessMs(): number | null {
    const [, provenMs] = this.#engine.command(['SLOTWISE.STALENESS']) as [number, number]
    return provenMs < 0 ? null : provenMs
  }

  /**
   * Serves the same data to Redis clients, on threads of its own: they are answered even while this thread is busy.
   * @returns the TCP port
   * @throws {ListenError} if the port is taken, or the store is listening already
   */
  async listen(options: ListenOptions = {}): Promise<{ port: number }> {
    const directives = listenDirectives(options)
    const port = await this.#waiting(this.#engine.listen({ anyPort: options.port === 0, directives }), undefined)
    if (options.keepAlive !== false && !this.closed) this.#keepAlive = setInterval(() => undefined, 2 ** 30)
    this.#events.emit('listening', { port })
    return { port }
  }

  /** Figures of the engine: keys, memory, log offsets, connections. */
  stats(): EngineStats { return this.#engine.stats() }

  /**
   * Leaves the store: refuses new calls, waits for syncs under way. The last one of the process to leave closes the
   * sockets, syncs the log and unlocks the folder. Idempotent.
   * @throws {LogError} if the log cannot be synced
   */
  close(): Promise<void> {
    return this.#ending ??= this.#end()
  }

  /**
   * Leaves at once: what waits rejects with StoreClosedError, whose cause is `reason`. What was changed stays changed.
   */
  destroy(reason?: Error): void {
    const error = new StoreClosedError(reason === undefined ? {} : { cause: reason })
    if (!this.#destroyed.signal.aborted) this.#destroyed.abort(error)
    this.#ending ??= this.#end()
    this.#ending.catch(() => undefined)
  }

  /** close() */
  [Symbol.asyncDispose](): Promise<void> { return this.close() }

  on<E extends keyof StoreEvents>(event: E, listener: (...args: StoreEvents[E]) => void): this {
    this.#events.on(event, listener as never)
    return this
  }

  once<E extends keyof StoreEvents>(event: E, listener: (...args: StoreEvents[E]) => void): this {
    this.#events.once(event, listener as never)
    return this
  }

  off<E extends keyof StoreEvents>(event: E, listener: (...args: StoreEvents[E]) => void): this {
    this.#events.off(event, listener as never)
    return this
  }

  /** `off`, by the name that `events.once(store, ...)` uses. */
  removeListener<E extends keyof StoreEvents>(event: E, listener: (...args: StoreEvents[E]) => void): this {
    return this.off(event, listener)
  }

  /** @internal */
  protected send<T>(args: readonly Bytes[], read: (reply: unknown) => T, bulk?: BulkReader<unknown>): T {
    return read(this.#engine.command<unknown>(args, bulk))
  }

  /** @internal */
  protected async wait<T>(
    args: readonly Bytes[], options: WaitOptions, read: (reply: unknown) => T, bulk?: BulkReader<unknown>,
  ): Promise<T> {
    wholeNumber('timeoutMs', options.timeoutMs ?? 0, 0)
    return read(await this.#engine.wait<unknown>(args, options, bulk))
  }

  /** @internal */
  protected override get values(): BulkReader<V> { return this.#values }

  async #end(): Promise<void> {
    clearInterval(this.#keepAlive)
    const { signal } = this.#destroyed
    const reason = signal.aborted ? signal.reason as StoreClosedError : new StoreClosedError()
    this.#subscriptions.endAll(reason)
    const syncs = this.#syncs.idle()
    const left = this.#engine.close(reason)
    await syncs
    try {
      await left
    } finally {
      this.#events.emit('close')
    }
  }

  /** `work`, or the rejection that comes first: the caller's signal, or destroy(). */
  async #waiting<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const signals = signal === undefined ? [this.#destroyed.signal] : [this.#destroyed.signal, signal]
    return new Promise<T>((resolve, reject) => {
      const forget: (() => void)[] = []
      for (const item of signals) {
        const stop = (): void => reject(item.reason as Error)
        if (item.aborted) stop()
        else forget.push(whenAborted(item, stop))
      }
      work.then(resolve, reject).finally(() => {
        for (const each of forget) each()
      })
    })
  }
}

const isPlainTtl = (options: SetOptions): options is { ttlMs: number } =>
  options.ttlMs !== undefined && options.expireAtMs === undefined &&
  options.keepTtl !== true && options.nx !== true && options.xx !== true

/** @throws {TypeError} if a callback was asynchronous: what it did later would not be part of the batch */
function synchronous<T>(returned: T): T {
  if (returned instanceof Promise) throw new TypeError('expected a synchronous function, found one that returns a promise')
  return returned
}
