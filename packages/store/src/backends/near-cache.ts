/**
 * NearCache: bytes of strings that were read from one server, kept until that server says that they changed. It
 * decides and does no I/O: time is an argument, invalidations and replies are told in the order in which they came.
 * What makes it right: the server sends an invalidation on the connection on which the key was read, behind the reply.
 * So a reply that is overtaken by an invalidation before it is kept is not kept, and when an answer to something that
 * was sent at t has come, every invalidation of before t has come too. A connection that says nothing proves nothing:
 * values are given only while the last proof is at most `maxStalenessMs` old. A connection that ended takes everything
 * along.
 * Source: Redis client-side caching. Elsewhere: the connection (tracked-line.ts).
 */
export interface NearCacheOptions {
  /** How many values are kept; the one that was not asked for longest goes. @default 10_000 */
  maxEntries?: number
  /** No value is given that may be older, as far as the connection proves it; a whole number of ms. @default 1000 */
  maxStalenessMs?: number
}

export interface NearCacheStats {
  readonly entries: number
  readonly hits: number
  readonly misses: number
  /** How old a value that is given now may be at most; null while nothing is proven, and nothing is given. */
  readonly stalenessMs: number | null
}

/** A read that is under way. */
export interface Reading { readonly key: string; bytes: Uint8Array | null | undefined }

export class NearCache {
  readonly maxStalenessMs: number
  readonly #maxEntries: number
  /** In the order of their last use. `bytes` is undefined while the read is under way. */
  readonly #entries = new Map<string, Reading>()
  #provenAtMs = -Infinity
  #hits = 0
  #misses = 0

  constructor({ maxEntries = 10_000, maxStalenessMs = 1000 }: NearCacheOptions = {}) {
    this.#maxEntries = maxEntries
    this.maxStalenessMs = maxStalenessMs
  }

  /** null: there is no such key; undefined: ask the server. */
  read(key: string, nowMs: number): Uint8Array | null | undefined {
    const entry = this.#entries.get(key)
    if (entry?.bytes === undefined || nowMs - this.#provenAtMs > this.maxStalenessMs) {
      this.#misses++
      return undefined
    }
    this.#hits++
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.bytes
  }

  /** The server is about to be asked. */
  begin(key: string): Reading {
    const reading: Reading = { key, bytes: undefined }
    this.#entries.delete(key)
    this.#entries.set(key, reading)
    if (this.#entries.size > this.#maxEntries) this.#entries.delete(this.#entries.keys().next().value!)
    return reading
  }

  /** Its reply. Kept, unless the key changed meanwhile or somebody asked again. */
  finish(reading: Reading, bytes: Uint8Array | null): void {
    if (this.#entries.get(reading.key) === reading) reading.bytes = bytes
  }

  /** There was none. */
  fail(reading: Reading): void {
    if (this.#entries.get(reading.key) === reading) this.#entries.delete(reading.key)
  }

  /** The server says so, or somebody here writes: one key, or all of them. */
  invalidate(key: string | null): void {
    if (key === null) this.#entries.clear()
    else this.#entries.delete(key)
  }

  /** Something that was sent at `sentAtMs` has been answered. */
  proven(sentAtMs: number): void { this.#provenAtMs = Math.max(this.#provenAtMs, sentAtMs) }

  /** The connection ended: what it would have told is not known. */
  lost(): void {
    this.#entries.clear()
    this.#provenAtMs = -Infinity
  }

  stats(nowMs: number): NearCacheStats {
    const age = nowMs - this.#provenAtMs
    return {
      entries: this.#entries.size, hits: this.#hits, misses: this.#misses,
      stalenessMs: age > this.maxStalenessMs ? null : Math.max(0, age),
    }
  }
}

/** Of several together: the age is that of the oldest proof. */
export function statsTogether(all: readonly (NearCacheStats | null)[]): NearCacheStats | null {
  const some = all.filter((stats) => stats !== null)
  if (some.length === 0) return null
  const sum = (of: (stats: NearCacheStats) => number): number => some.reduce((total, stats) => total + of(stats), 0)
  const ages = some.map(({ stalenessMs }) => stalenessMs)
  return {
    entries: sum(({ entries }) => entries), hits: sum(({ hits }) => hits), misses: sum(({ misses }) => misses),
    stalenessMs: ages.includes(null) ? null : Math.max(...ages as number[]),
  }
}

const ASCII = /^[\0-\x7f]*$/

/** The bytes of a key as a string, one character a byte: texts and bytes that are the same key are the same string. */
export const cacheKey = (key: string | Uint8Array): string =>
  typeof key === 'string' ? (ASCII.test(key) ? key : Buffer.from(key).toString('latin1')) : Buffer.from(key).toString('latin1')
