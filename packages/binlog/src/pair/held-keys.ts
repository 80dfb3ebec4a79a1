/** HeldKeys: what a store holds of keys: their stamps, and whether they are there. */
import { bucketKey, bucketKeys, commandIn, GONE_KEY, recordsOf, STATE_KEY, stampsKey } from './books.js'
import type { KeyIn, PairStore } from './pair-store.js'
import { type PairRecord, parseRecord } from './stamp.js'

/** PEXPIRETIME of a key that is not there. */
export const ABSENT = -2

export interface Held {
  readonly record: PairRecord | null
  /** Below 0: the key has no end, or is ABSENT. */
  readonly expireAtMs: number
}

export class HeldKeys {
  readonly #store: PairStore

  constructor(store: PairStore) { this.#store = store }

  records(keys: readonly KeyIn[]): (PairRecord | null)[] {
    return this.#store.ask(keys.map(({ db, key }) => commandIn(0, 'HGET', stampsKey(db, key), key)))
      .map((reply) => Buffer.isBuffer(reply) ? parseRecord(reply) : null)
  }

  look(keys: readonly KeyIn[]): Held[] {
    const records = this.records(keys)
    const times = this.#store.ask(keys.map(({ db, key }) => commandIn(db, 'PEXPIRETIME', key)))
    return keys.map((_, i) => ({ record: records[i] ?? null, expireAtMs: Number(times[i]) }))
  }

  /** What is remembered in one bucket, by key. */
  bucket(db: number, bucket: number): Map<string, PairRecord> {
    const [reply] = this.#store.ask([commandIn(0, 'HGETALL', bucketKey(db, bucket))])
    return recordsOf(reply)
  }

  /** Nothing of a pair is left. */
  removeBooks(): void {
    for (let db = 0; db < this.#store.databaseCount; db++) {
      const hashes = bucketKeys(db)
      const held = this.#store.ask(hashes.map((hash) => commandIn(0, 'EXISTS', hash)))
      const found = hashes.filter((_, i) => held[i] === 1)
      if (found.length > 0) this.#store.apply([commandIn(0, 'UNLINK', ...found)])
    }
    this.#store.apply([commandIn(0, 'UNLINK', STATE_KEY, GONE_KEY)])
  }
}
