/**
 * Many servers, each with a part of the keys: what a command needs is in one part, or it is refused as Redis Cluster
 * refuses it, CROSSSLOT. What counts or removes keys one by one (DEL, UNLINK, EXISTS, TOUCH) is sent to each part and
 * summed; what is about all keys (DBSIZE, KEYS, FLUSHDB, ...) is asked of every server. Nothing that spans parts
 * happens at one moment. Elsewhere: what a part is (cluster-backend.ts, ring-backend.ts).
 */
import { type Bytes, type EngineCommand, ReplyError, replyError, type StoreError, type WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'
import { keysOf } from './command-keys.js'
import type { NearCacheStats } from './near-cache.js'
import { errorAsValue, refuseWaiting } from './server-backend.js'

/** Names whose keys stand for themselves, and whose replies are counts. */
const SUMMED = new Set(['DEL', 'UNLINK', 'EXISTS', 'TOUCH'])

type Everywhere = (replies: readonly unknown[]) => unknown
const sum: Everywhere = (replies) => replies.reduce<number>((total, reply) => total + Number(reply), 0)
const EVERYWHERE = new Map<string, Everywhere>([
  ['DBSIZE', sum],
  ['KEYS', (replies) => (replies as unknown[][]).flat()],
  ['FLUSHDB', ([first]) => first],
  ['FLUSHALL', ([first]) => first],
  ['RANDOMKEY', (replies) => {
    const found = replies.filter((reply) => reply !== null)
    return found[Math.floor(Math.random() * found.length)] ?? null
  }],
])

export abstract class PartitionedBackend implements Backend {
  abstract readonly closed: boolean

  /** The number of the part that `key` is in. */
  protected abstract partOf(key: Bytes): number
  /** Runs what has keys of one part only. */
  protected abstract runThere(key: Bytes, command: EngineCommand): Promise<unknown>
  protected abstract transactThere(key: Bytes, commands: readonly EngineCommand[]): Promise<unknown[]>
  protected abstract waitThere(key: Bytes, command: EngineCommand, options: WaitOptions): Promise<unknown>
  /** What has no key and is not about all of them. @throws {TypeError} if there is no server to ask */
  protected abstract runAnywhere(command: EngineCommand): Promise<unknown>
  protected abstract readonly crossing: string

  abstract parts(): Promise<readonly Backend[]>
  abstract nearCache(): NearCacheStats | null
  abstract close(): Promise<void>
  abstract destroy(reason: StoreError): void

  async run(command: EngineCommand): Promise<unknown> {
    refuseWaiting(command)
    const { args } = command
    const keys = keysOf(args)
    const name = String(args[0]).toUpperCase()
    if (keys.length === 0) return this.#runWithoutKeys(name, command)
    if (keys.length > 1) {
      if (SUMMED.has(name)) return this.#summed(name, keys)
      this.#samePart(keys)
    }
    return this.runThere(keys[0]!, command)
  }

  runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    return Promise.all(commands.map((command) => errorAsValue(this.run(command))))
  }

  async transaction(commands: readonly EngineCommand[]): Promise<unknown[]> {
    const keys = commands.flatMap(({ args }) => keysOf(args))
    if (keys.length === 0) {
      if (commands.length === 0) return []
      throw new TypeError('expected a transaction with keys: they say where it runs')
    }
    this.#samePart(keys)
    return this.transactThere(keys[0]!, commands)
  }

  async wait(command: EngineCommand, options: WaitOptions): Promise<unknown> {
    const keys = keysOf(command.args)
    if (keys.length === 0) throw new TypeError(`${String(command.args[0])} has no key`)
    this.#samePart(keys)
    return this.waitThere(keys[0]!, command, options)
  }

  async #runWithoutKeys(name: string, command: EngineCommand): Promise<unknown> {
    if (name === 'SCAN') throw new TypeError('SCAN is of one server: use scan()')
    const together = EVERYWHERE.get(name)
    if (together === undefined) return this.runAnywhere(command)
    return together(await Promise.all((await this.parts()).map((part) => part.run(command))))
  }

  async #summed(name: string, keys: readonly Bytes[]): Promise<number> {
    const byPart = new Map<number, Bytes[]>()
    for (const key of keys) {
      const part = this.partOf(key)
      const known = byPart.get(part)
      if (known === undefined) byPart.set(part, [key])
      else known.push(key)
    }
    const counts = [...byPart.values()].map((some) => this.runThere(some[0]!, { args: [name, ...some] }))
    return (await Promise.all(counts)).reduce<number>((total, count) => total + Number(count), 0)
  }

  /** @throws {ReplyError} CROSSSLOT */
  #samePart(keys: readonly Bytes[]): void {
    const part = this.partOf(keys[0]!)
    if (keys.some((key) => this.partOf(key) !== part)) throw replyError(`CROSSSLOT ${this.crossing}`)
  }
}

export const isMoved = (error: unknown): boolean =>
  error instanceof ReplyError && (error.code === 'MOVED' || error.code === 'ASK' ||
    (error.cause instanceof ReplyError && (error.cause.code === 'MOVED' || error.cause.code === 'ASK')))
