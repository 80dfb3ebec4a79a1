/**
 * One server: a connection on which commands of all callers are pipelined, and one more for each call that waits.
 * A transaction is sent in one piece, so nothing of others comes in between. Also used for each node of a cluster.
 */
import {
  asText, type BulkReader, type Bytes, type EngineCommand, ReplyError, replyError, StoreClosedError, StoreError,
  type WaitOptions, whenAborted,
} from '@slotwise/engine'
import type { Backend } from './backend.js'
import { type RedisClient, type RedisModule, typeMappingOf } from './client-library.js'
import { isReadOnly, isWrite, keysOf, mayWait } from './command-keys.js'
import type { NearCacheOptions, NearCacheStats } from './near-cache.js'
import { replyFrom, storeErrorOf, wireArguments } from './replies.js'
import { TrackedLine } from './tracked-line.js'

export class ServerBackend implements Backend {
  readonly #library: RedisModule
  readonly #client: RedisClient
  readonly #where: string
  readonly #options: { typeMapping: Readonly<Record<number, unknown>> }
  /** Connections of calls that wait, and what ends them. */
  readonly #lines = new Set<RedisClient>()
  readonly #near: TrackedLine | null
  #closed: StoreError | null = null

  /**
   * @param client  connected
   * @param where  for messages: an address without credentials
   * @param nearCache  keep what GET reads. @default do not
   */
  constructor(library: RedisModule, client: RedisClient, where: string, nearCache?: NearCacheOptions) {
    this.#library = library
    this.#client = client
    this.#where = where
    this.#options = { typeMapping: typeMappingOf(library) }
    this.#near = nearCache === undefined ? null
      : new TrackedLine(client.duplicate({ emitInvalidate: true }), this.#options, nearCache)
  }

  get closed(): boolean { return this.#closed !== null }

  /** What is sent now goes out at once; else it would wait until the connection has been made anew. */
  get isConnected(): boolean { return this.#client.isReady }

  async run(command: EngineCommand): Promise<unknown> {
    refuseWaiting(command)
    if (this.#near === null) return this.#send(command)
    const { args, bulk } = command
    if (isGet(args)) return this.#nearby(args[1]!, bulk)
    this.forget(args)
    const reply = await this.#send(command)
    this.forget(args) // who read meanwhile may have the value of before
    return reply
  }

  /** What the command may change is not known any more. */
  forget(args: readonly Bytes[]): void {
    if (this.#near === null || isReadOnly(args)) return
    const keys = keysOf(args)
    if (keys.length > 0 || isWrite(args)) this.#near.forget(keys.length > 0 ? keys : null)
  }

  /**
   * A read that must not be older than that. Told with each read, since the limit is one of the connection, which may
   * be a new one.
   * @throws {ReplyError} STALE, also if the server cannot tell
   */
  async readWithin(maxLagMs: number, { args, bulk }: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    const chainId = Symbol('limited read')
    const words = wireArguments(args)
    const limit = this.#client.sendCommand(['SLOTWISE.STALENESS', String(maxLagMs)], { chainId })
    const read = this.#client.sendCommand(words, { chainId, ...this.#options })
    const [limited, reply] = await Promise.allSettled([limit, read])
    if (limited.status === 'rejected') {
      const error = this.#error(limited.reason)
      throw error instanceof ReplyError ? replyError('STALE This server cannot tell how old its data is') : error
    }
    if (reply.status === 'rejected') throw this.#error(reply.reason)
    return replyFrom(reply.value, bulk ?? asText)
  }

  /** For a key of a slot that is on its way to this server, as its owner said (ASK). */
  async runAsking({ args, bulk }: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    this.forget(args)
    const chainId = Symbol('asking')
    const words = wireArguments(args)
    const asking = this.#client.sendCommand(['ASKING'], { chainId })
    const answer = this.#client.sendCommand(words, { chainId, ...this.#options })
    const [, reply] = await Promise.allSettled([asking, answer])
    if (reply.status === 'rejected') throw this.#error(reply.reason)
    return replyFrom(reply.value, bulk ?? asText)
  }

  async runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    if (this.#near === null || commands.every(({ args }) => isReadOnly(args))) {
      return Promise.all(commands.map((command) => errorAsValue(this.run(command))))
    }
    // Values for the cache are read on a connection of its own, where they would overtake the writes before them.
    for (const { args } of commands) this.forget(args)
    const replies = await Promise.all(commands.map((command) => errorAsValue(this.#sendChecked(command))))
    for (const { args } of commands) this.forget(args)
    return replies
  }

  async transaction(commands: readonly EngineCommand[]): Promise<unknown[]> {
    if (commands.length === 0) return []
    this.#refuseClosed()
    const chainId = Symbol('transaction')
    for (const { args } of commands) this.forget(args)
    const words = [['MULTI'], ...commands.map(({ args }) => wireArguments(args))]
    const queued = words.map((args) => this.#client.sendCommand(args, { chainId }))
    const executed = this.#client.sendCommand(['EXEC'], { chainId, ...this.#options })
    const [answers, [end]] = await Promise.all([Promise.allSettled(queued), Promise.allSettled([executed])])
    if (end.status === 'rejected') {
      const error = this.#error(end.reason)
      const first = answers.find((answer) => answer.status === 'rejected')
      if (first !== undefined) error.cause = this.#error(first.reason)
      throw error
    }
    for (const { args } of commands) this.forget(args)
    return (end.value as unknown[]).map((raw, index) => replyFrom(raw, commands[index]?.bulk ?? asText))
  }

  /**
   * The time is ours, and so is the end: CLIENT UNBLOCK lets the server decide whether the call has been served
   * already, so nothing that was taken for it is lost.
   */
  async wait(command: EngineCommand, options: WaitOptions): Promise<unknown> {
    const { signal, timeoutMs = 0 } = options
    signal?.throwIfAborted()
    this.#refuseClosed()
    const line = this.#client.duplicate()
    line.on('error', () => undefined) // the rejection tells it
    this.#lines.add(line)
    let timer: NodeJS.Timeout | undefined
    let forget: (() => void) | undefined
    try {
      await line.connect()
      signal?.throwIfAborted()
      const id = line.sendCommand(['CLIENT', 'ID'])
      const reply = line.sendCommand(wireArguments(command.args), this.#options)
      const unblock = (): void => void id
        .then((number) => this.#client.sendCommand(['CLIENT', 'UNBLOCK', String(number)]))
        .catch(() => line.destroy())
      if (timeoutMs > 0) timer = setTimeout(unblock, timeoutMs)
      if (signal !== undefined) forget = whenAborted(signal, unblock)
      const [raw] = await Promise.all([reply, id])
      if (raw === null) signal?.throwIfAborted()
      return replyFrom(raw, command.bulk ?? asText)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw this.#error(error)
    } finally {
      clearTimeout(timer)
      forget?.()
      this.#lines.delete(line)
      if (line.isOpen) line.destroy()
    }
  }

  parts(): Promise<readonly Backend[]> { return Promise.resolve([this]) }

  nearCache(): NearCacheStats | null { return this.#near?.stats() ?? null }

  async close(): Promise<void> {
    if (this.#closed !== null) return
    this.release(new StoreClosedError())
    if (this.#client.isOpen) await this.#client.close().catch(() => this.#client.destroy())
  }

  destroy(reason: StoreError): void {
    this.release(reason)
    if (this.#client.isOpen) this.#client.destroy()
  }

  /** Ends calls that wait; the connection belongs to somebody else. */
  release(reason: StoreError): void {
    this.#closed = reason
    this.#near?.end()
    for (const line of this.#lines) if (line.isOpen) line.destroy()
  }

  async #sendChecked(command: EngineCommand): Promise<unknown> {
    refuseWaiting(command)
    return this.#send(command)
  }

  async #send({ args, bulk }: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    const words = wireArguments(args)
    try {
      return replyFrom(await this.#client.sendCommand(words, this.#options), bulk ?? asText)
    } catch (error) {
      throw this.#error(error)
    }
  }

  async #nearby(key: Bytes, bulk: BulkReader<unknown> | undefined): Promise<unknown> {
    this.#refuseClosed()
    try {
      return await this.#near!.get(key, bulk)
    } catch (error) {
      throw this.#error(error)
    }
  }

  #refuseClosed(): void {
    if (this.#closed !== null) throw this.#closed
  }

  #error(error: unknown): Error {
    if (error instanceof StoreError) return error // a codec's
    return this.#closed ?? storeErrorOf(this.#library, error, this.#where)
  }
}

const isGet = (args: readonly Bytes[]): boolean => args.length === 2 && String(args[0]).toUpperCase() === 'GET'

/** @throws {TypeError} for what would keep everybody else on the connection waiting */
export function refuseWaiting({ args }: EngineCommand): void {
  if (mayWait(args)) throw new TypeError(`${String(args[0])} waits: use the method of that name`)
}

/** Errors of the store and of the server are values, others are bugs. */
export function errorAsValue(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => {
    if (error instanceof StoreError) return error
    throw error
  })
}
