/**
 * A Keyv store over an embedded Slotwise: also for what builds on Keyv, such as cache-manager, Cacheable and Nest's
 * cache module. Keys lie under a prefix of their own, so that `clear()` removes what Keyv wrote and nothing else.
 * Structural: no type of Keyv is imported, so that whoever has none of it can build.
 */
import { EventEmitter } from 'node:events'
import type { Store } from 'slotwise'

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
  readonly #store: Store
  readonly #prefix: string

  /** The store stays yours: Keyv's `disconnect()` does not close it. */
  constructor(store: Store, options: KeyvSlotwiseOptions = {}) {
    super()
    this.opts = { ...options, dialect: 'redis' }
    this.#store = store
    this.#prefix = options.prefix ?? 'keyv:'
  }

  // Async, as Keyv expects; nothing waits.
  /* eslint-disable @typescript-eslint/require-await */

  async get<Value>(key: string): Promise<Value | undefined> {
    return this.#store.get<Value>(this.#prefix + key) ?? undefined
  }

  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const values = this.#store.getMany<Value>(keys.map((key) => this.#prefix + key))
    return values.map((value) => value ?? undefined)
  }

  /** @param ttlMs  0 and undefined: it stays */
  async set(key: string, value: unknown, ttlMs?: number): Promise<boolean> {
    const expires = ttlMs !== undefined && ttlMs > 0
    this.#store.set(this.#prefix + key, value, expires ? { ttlMs: Math.ceil(ttlMs) } : {})
    return true
  }

  async has(key: string): Promise<boolean> {
    return this.#store.exists(this.#prefix + key) === 1
  }

  async delete(key: string): Promise<boolean> {
    return this.#store.del(this.#prefix + key) === 1
  }

  async clear(): Promise<void> {
    let keys: string[] = []
    const flush = (): void => {
      if (keys.length > 0) this.#store.del(keys)
      keys = []
    }
    for await (const key of this.#keys(this.namespace)) {
      if (keys.push(key) >= CLEAR_KEYS) flush()
    }
    flush()
  }

  async* iterator<Value>(namespace: string | undefined = this.namespace): AsyncGenerator<[string, Value], void> {
    for await (const key of this.#keys(namespace)) {
      const value = this.#store.get<Value>(key)
      if (value !== null) yield [key.slice(this.#prefix.length), value]
    }
  }

  async disconnect(): Promise<void> {
    // Whoever opened the store closes it.
  }

  #keys(namespace: string | undefined): AsyncIterable<string> {
    const start = namespace === undefined || namespace === '' ? this.#prefix : `${this.#prefix}${namespace}:`
    return this.#store.scan({ match: `${start.replaceAll(/[\\*?[\]^]/g, '\\$&')}*` })
  }
}
