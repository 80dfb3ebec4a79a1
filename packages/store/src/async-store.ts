/**
 * AsyncStore: the commands of a Store as promises, wherever the data is: in this process (`store.async`), at a server,
 * in a cluster, at a ring of servers (`open`), or in a cluster that this process is a member of (`join`). Same names,
 * same values, same errors with the same codes: code that is written for it does not know where its data is. Each
 * method is the one of the command families, run in the mode 'async'; what would throw rejects. Elsewhere: where
 * commands go (backends/).
 */
import {
  asBytes, asText, type BulkReader, type Bytes, type EngineCommand, type Reply, StoreClosedError, StoreError,
} from '@slotwise/engine'
import type { Backend } from './backends/backend.js'
import type { NearCacheStats } from './backends/near-cache.js'
import { Batch } from './batch.js'
import type { ValueCodec } from './codecs/codec.js'
import { commandWords } from './command-words.js'
import { type Key, wholeNumber } from './commands/sender.js'
import { type WaitOptions, WaitingCommands } from './commands/waiting.js'
import type { Settled } from './pending.js'
import {
  type MemberScanOptions, type Run, scanFields, scanKeys, scanMembers, type ScanOptions, scanScores,
} from './scan.js'

export class AsyncStore<V = unknown> extends WaitingCommands<V, 'async'> implements AsyncDisposable {
  /** @internal */
  protected readonly codec: ValueCodec<V>
  /** @internal Where the commands go. */
  readonly backend: Backend
  readonly #run: Run

  /** @internal Use open(), join() or Store.async. */
  constructor(backend: Backend, codec: ValueCodec<V>) {
    super()
    this.backend = backend
    this.codec = codec
    this.#run = (command) => backend.run(command)
  }

  /** Whether close() or destroy() has been called. */
  get closed(): boolean { return this.backend.closed }

  /** The value of `key`; null if there is none. @throws {WrongTypeError} */
  override get<T extends V = V>(key: Key): Promise<T | null> {
    return this.send(['GET', key], (reply) => reply as T | null, this.values)
  }

  /**
   * Values of many keys in as few round trips as there are servers that have some. Each key is read by itself; `mGet`
   * reads all at one moment, where one place has them all.
   * @returns one value a key, in order; null where there is no key
   * @throws {WrongTypeError} if any of them holds another type
   */
  async getMany<T extends V = V>(keys: readonly Key[]): Promise<(T | null)[]> {
    const replies = await this.backend.runAll(keys.map((key) => ({ args: ['GET', key], bulk: this.values })))
    for (const reply of replies) if (reply instanceof StoreError) throw reply
    return replies as (T | null)[]
  }

  /**
   * Stores many values at one moment: nobody sees some of them.
   * @param entries  pairs, a Map, or an object (its own enumerable properties)
   * @param options.ttlMs  for all of them. @default for ever
   * @throws {ReplyError} CROSSSLOT if the keys are in several places: use `batch` for that
   */
  async setMany(
    entries: Iterable<readonly [Key, V]> | Readonly<Record<string, V>>, options: { ttlMs?: number } = {},
  ): Promise<void> {
    const pairs = Symbol.iterator in entries ? entries : Object.entries(entries as Record<string, V>)
    const encoded = [...pairs].map(([key, value]) => [key, this.codec.encode(value)] as const)
    if (encoded.length === 0) return
    const { ttlMs } = options
    if (ttlMs === undefined) {
      await this.backend.run({ args: ['MSET', ...encoded.flat()] })
      return
    }
    const time = String(wholeNumber('ttlMs', ttlMs, 1))
    const replies = await this.backend.transaction(encoded.map(([key, value]) => ({ args: ['SET', key, value, 'PX', time] })))
    for (const reply of replies) if (reply instanceof StoreError) throw reply
  }

  /**
   * Runs several commands in as few round trips as may be, each key's in order. Others may come in between.
   * @param build  calls methods of the batch; the values of what it returns are the result, or all of them in order
   * @throws {BatchError} if any command was refused; the others have run
   *
   *     const [name, visits] = await store.batch((batch) => [batch.get('name'), batch.incr('visits')])
   */
  batch<T extends readonly unknown[] | []>(build: (batch: Batch<V>) => T): Promise<Settled<T>>
  batch(build: (batch: Batch<V>) => void): Promise<unknown[]>
  batch(build: (batch: Batch<V>) => unknown): Promise<unknown> {
    return this.#collected(build, (commands) => this.backend.runAll(commands))
  }

  /**
   * Runs several commands as one transaction: nothing of others comes in between. There is no roll-back.
   * @throws {BatchError} as `batch`
   * @throws {ReplyError} EXECABORT if a command was malformed, CROSSSLOT if keys are in several places: nothing has run
   */
  multi<T extends readonly unknown[] | []>(build: (batch: Batch<V>) => T): Promise<Settled<T>>
  multi(build: (batch: Batch<V>) => void): Promise<unknown[]>
  multi(build: (batch: Batch<V>) => unknown): Promise<unknown> {
    return this.#collected(build, (commands) => this.backend.transaction(commands))
  }

  /**
   * Any command by its name, with arguments as they are (no codec). Replies as RESP3 has them: maps are Map, sets Set,
   * bulk strings text. Integers beyond 2^53 are bigint in the process; over a connection they are the nearest number.
   * @throws {ReplyError} if it was refused
   * @throws {TypeError} for commands that change or need a connection (SELECT, MULTI, SUBSCRIBE, ...)
   */
  command(name: string, ...args: (Key | number)[]): Promise<Reply> {
    return this.backend.run({ args: commandWords(name, args), bulk: asText }) as Promise<Reply>
  }

  /** As `command`; bulk strings are bytes. */
  commandBytes(name: string, ...args: (Key | number)[]): Promise<Reply> {
    return this.backend.run({ args: commandWords(name, args), bulk: asBytes }) as Promise<Reply>
  }

  /** The keys, of one server after the other: `for await (const key of store.scan({ match: 'user:*' }))`. */
  async* scan(options?: ScanOptions): AsyncGenerator<string, void, undefined> {
    for (const part of await this.backend.parts()) yield* scanKeys((command) => part.run(command), options)
  }

  /** The fields of a hash with their values, as `scan`. */
  hScan(key: Key, options?: MemberScanOptions): AsyncGenerator<[field: string, value: V], void, undefined> {
    return scanFields(this.#run, key, this.values, options)
  }

  /** The members of a set, as `scan`. */
  sScan(key: Key, options?: MemberScanOptions): AsyncGenerator<string, void, undefined> {
    return scanMembers(this.#run, key, options)
  }

  /** The members of a sorted set with their scores, as `scan`. */
  zScan(key: Key, options?: MemberScanOptions): AsyncGenerator<[member: string, score: number], void, undefined> {
    return scanScores(this.#run, key, options)
  }

  /** How the near cache does (`open({ url, nearCache })`): hits, and how old a hit may be now. null without one. */
  nearCache(): NearCacheStats | null { return this.backend.nearCache() }

  /** Refuses new calls, waits for those under way, ends the connections. Idempotent. */
  close(): Promise<void> { return this.backend.close() }

  /** Leaves at once: what waits rejects with StoreClosedError, whose cause is `reason`. */
  destroy(reason?: Error): void {
    this.backend.destroy(new StoreClosedError(reason === undefined ? {} : { cause: reason }))
  }

  /** close() */
  [Symbol.asyncDispose](): Promise<void> { return this.close() }

  /** @internal */
  protected async send<T>(
    args: readonly Bytes[], read: (reply: unknown) => T, bulk?: BulkReader<unknown>,
  ): Promise<T> {
    return read(await this.backend.run(bulk === undefined ? { args } : { args, bulk }))
  }

  /** @internal */
  protected async wait<T>(
    args: readonly Bytes[], options: WaitOptions, read: (reply: unknown) => T, bulk?: BulkReader<unknown>,
  ): Promise<T> {
    wholeNumber('timeoutMs', options.timeoutMs ?? 0, 0)
    return read(await this.backend.wait(bulk === undefined ? { args } : { args, bulk }, options))
  }

  async #collected(
    build: (batch: Batch<V>) => unknown, run: (commands: readonly EngineCommand[]) => Promise<unknown[]>,
  ): Promise<unknown> {
    const batch = new Batch<V>(this.codec)
    const returned = build(batch)
    if (returned instanceof Promise) {
      throw new TypeError('expected a synchronous function, found one that returns a promise')
    }
    batch.settle(await run(batch.commands))
    return batch.settled(returned)
  }
}

/**
 * Bad arguments are refused while a command's words are put together, and a codec may refuse a value there. Every
 * method of the families is wrapped once, here, so that both are rejections: who awaits needs no second way to catch.
 */
function rejecting(prototype: object): void {
  const families = WaitingCommands.prototype as object
  const done = new Set(['constructor', 'send', 'wait', 'values'])
  for (let from = families; from !== Object.prototype; from = Object.getPrototypeOf(from) as object) {
    for (const name of Object.getOwnPropertyNames(from)) {
      if (done.has(name)) continue
      done.add(name)
      const holder = Object.hasOwn(prototype, name) ? prototype : from
      const { value } = Object.getOwnPropertyDescriptor(holder, name) as { value: unknown }
      if (typeof value === 'function') Object.defineProperty(prototype, name, { value: rejects(value as Method), writable: true, configurable: true })
    }
  }
  for (const name of ['command', 'commandBytes']) {
    const { value } = Object.getOwnPropertyDescriptor(prototype, name) as { value: unknown }
    Object.defineProperty(prototype, name, { value: rejects(value as Method), writable: true, configurable: true })
  }
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>

const rejects = (method: Method): Method => async function (...args) {
  return await method.apply(this, args)
}

rejecting(AsyncStore.prototype)
