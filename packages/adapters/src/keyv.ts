/**
 * A Keyv store over Slotwise, embedded, far away or a member (docs/near-and-far.md): also for what builds on Keyv, such
 * as cache-manager, Cacheable and Nest's cache module. Keys lie under a prefix of their own, so that `clear()` removes
 * what Keyv wrote and nothing else.
 * Structural: no type of Keyv is imported, so that whoever has none of it can build.
 */
import { EventEmitter } from 'node:events'
import type { AsyncStore, Store } from 'slotwise'
import type { AnyStore } from './any-store.js'

export interface KeyvSlotwiseOptions {
  /** Before every key. @default 'keyv:' */
  readonly prefix?: string
}

/** Keys that are deleted in one call by `clear()`. */
const CLEAR_KEYS = 512

export class KeyvSlotwise extends EventEmitter {
  /** Keyv 5 looks for a dialect, and iterates only over adapters whose dialect it knows: the word is theirs. */
  readonly opts: KeyvSlotwiseOptions & { readonly dialect: string }
  /** Keyv sets it; its keys begin with it already. */
  namespace: string | undefined
  readonly #store: AnyStore
  readonly #prefix: string

  /** The store stays yours: Keyv's `disconnect()` does not close it. */
  constructor(store: Store | AsyncStore, options: KeyvSlotwiseOptions = {}) {
    super()
    this.opts = { ...options, dialect: 'redis' }
    this.#store = store
    this.#prefix = options.prefix ?? 'keyv:'
  }

  async get<Value>(key: string): Promise<Value | undefined> {
    return await this.#store.get(this.#prefix + key) as Value | null ?? undefined
  }

  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const values = await this.#store.getMany(keys.map((key) => this.#prefix + key)) as (Value | null)[]
    return values.map((value) => value ?? undefined)
  }

  /** @param ttlMs  0 and undefined: it stays */
  async set(key: string, value: unknown, ttlMs?: number): Promise<boolean> {
    const expires = ttlMs !== undefined && ttlMs > 0
    await this.#store.set(this.#prefix + key, value, expires ? { ttlMs: Math.ceil(ttlMs) } : {})
    return true
  }

  async has(key: string): Promise<boolean> {
    return await this.#store.exists(this.#prefix + key) === 1
  }

  async delete(key: string): Promise<boolean> {
    return await this.#store.del(this.#prefix + key) === 1
  }

  async clear(): Promise<void> {
    let keys: string[] = []
    for await (const key of this.#keys(this.namespace)) {
      if (keys.push(key) < CLEAR_KEYS) continue
      await this.#store.del(keys)
      keys = []
    }
    if (keys.length > 0) await this.#store.del(keys)
  }

  async* iterator<Value>(namespace: string | undefined = this.namespace): AsyncGenerator<[string, Value], void> {
    for await (const key of this.#keys(namespace)) {
      const value = await this.#store.get(key) as Value | null
      if (value !== null) yield [key.slice(this.#prefix.length), value]
    }
  }

  disconnect(): Promise<void> {
    return Promise.resolve() // whoever opened the store closes it
  }

  #keys(namespace: string | undefined): AsyncIterable<string> {
    const start = namespace === undefined || namespace === '' ? this.#prefix : `${this.#prefix}${namespace}:`
    return this.#store.scan({ match: `${start.replaceAll(/[\\*?[\]^]/g, '\\$&')}*` })
  }
}
