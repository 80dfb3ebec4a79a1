/**
 * Batch: commands that are collected and cross to the engine together, in order; its look-ups overlap there.
 * Each method returns a Pending, which has its value when the batch has run.
 */
import { type BulkReader, type Bytes, copyBytes, type EngineCommand, StoreError } from '@slotwise/engine'
import type { ValueCodec } from './codecs/codec.js'
import { commandWords } from './command-words.js'
import { KeyCommands } from './commands/keys.js'
import type { Key } from './commands/sender.js'
import { Pending } from './pending.js'

/** Some commands of a batch were refused; the others have run. Look at `results`. */
export class BatchError extends StoreError {
  override readonly name = 'BatchError'
  /** Code of the first error. */
  readonly code: string
  /** One for each command, in order: its result, or its error. */
  readonly results: readonly unknown[]

  constructor(results: readonly unknown[], first: StoreError) {
    const count = results.filter((result) => result instanceof StoreError).length
    super(`${count} of ${results.length} commands failed; the first: ${first.message}`, { cause: first })
    this.code = first.code
    this.results = results
  }
}

const asItIs = (reply: unknown): unknown => reply
const isBytes = (bytes: Bytes): bytes is Uint8Array => bytes instanceof Uint8Array
const copyOf = (bytes: Bytes): Bytes => isBytes(bytes) ? copyBytes(bytes, 0, bytes.length) : bytes

export class Batch<V> extends KeyCommands<V, 'later'> {
  /** @internal */
  protected readonly codec: ValueCodec<V>
  readonly #commands: EngineCommand[] = []
  readonly #reads: ((reply: unknown) => unknown)[] = []
  readonly #pending: Pending<unknown>[] = []

  /** @internal */
  constructor(codec: ValueCodec<V>) {
    super()
    this.codec = codec
  }

  /** How many commands have been collected. */
  get size(): number { return this.#commands.length }

  /** Any command by its name. Bulk strings come back as text. */
  command(name: string, ...args: (Key | number)[]): Pending<unknown> {
    return this.send(commandWords(name, args), asItIs)
  }

  /** @internal */
  protected send<T>(args: readonly Bytes[], read: (reply: unknown) => T, bulk?: BulkReader<unknown>): Pending<T> {
    const pending = new Pending<T>()
    // Copies, so that nothing changes between here and the run.
    const copied = args.some(isBytes) ? args.map(copyOf) : args
    this.#commands.push(bulk === undefined ? { args: copied } : { args: copied, bulk })
    this.#reads.push(read)
    this.#pending.push(pending)
    return pending
  }

  /** @internal */
  get commands(): readonly EngineCommand[] { return this.#commands }

  /** @internal Runs what was collected with `execute`; false if that gave null: a transaction that did not happen. */
  run(execute: (commands: readonly EngineCommand[]) => unknown[] | null): boolean {
    const replies = execute(this.#commands)
    if (replies === null) return false
    this.settle(replies)
    return true
  }

  /** @internal One reply a command, errors among them. @throws {BatchError} if there are */
  settle(replies: readonly unknown[]): void {
    let first: StoreError | undefined
    const results = replies.map((reply, index) => {
      if (reply instanceof StoreError) first ??= reply
      const result = reply instanceof StoreError ? reply : this.#reads[index]!(reply)
      this.#pending[index]!.settle(result)
      return result
    })
    if (first !== undefined) throw new BatchError(results, first)
  }

  /** @internal Values of what the callback returned, or of everything in order. */
  settled(returned: unknown): unknown {
    if (returned === undefined) return this.#pending.map((pending) => pending.value)
    if (returned instanceof Pending) return returned.value as unknown
    if (Array.isArray(returned)) {
      return returned.map((item: unknown) => item instanceof Pending ? item.value as unknown : item)
    }
    return returned
  }
}
