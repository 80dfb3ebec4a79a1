/**
 * TrackedLine: the connection on which cached keys are read, and on which the server says that they changed. While
 * values are being asked for it sends a PING now and then, so that silence is known to be no news.
 */
import { asText, type BulkReader, type Bytes, type Page } from '@slotwise/engine'
import type { RedisClient, SendOptions } from './client-library.js'
import { cacheKey, NearCache, type NearCacheOptions, type NearCacheStats } from './near-cache.js'
import { replyFrom, wireArguments } from './replies.js'

/** So many questions in the time of the bound. */
const PROOFS = 3

export class TrackedLine {
  readonly #cache: NearCache
  readonly #client: RedisClient
  readonly #options: SendOptions
  readonly #timer: NodeJS.Timeout
  #connecting: Promise<unknown> | null = null
  #isUsed = false
  #asking = false

  /** @param client  not connected yet; a duplicate of the one for everything else, with `emitInvalidate` */
  constructor(client: RedisClient, options: SendOptions, limits: NearCacheOptions) {
    this.#client = client
    this.#options = options
    const cache = this.#cache = new NearCache(limits)
    client.on('invalidate', (key: Buffer | null) => cache.invalidate(key === null ? null : cacheKey(key)))
    for (const event of ['error', 'end', 'reconnecting', 'ready']) client.on(event, () => cache.lost())
    this.#timer = setInterval(() => this.#prove(), Math.max(1, cache.maxStalenessMs / PROOFS))
    this.#timer.unref()
  }

  /** GET, from here if it is known. @throws what the client library throws */
  async get(key: Bytes, bulk: BulkReader<unknown> = asText): Promise<unknown> {
    this.#isUsed = true
    const name = cacheKey(key)
    const known = this.#cache.read(name, performance.now())
    if (known !== undefined) return known === null ? null : bulk(known as unknown as Page, 0, known.length)
    await (this.#connecting ??= this.#connect())
    const reading = this.#cache.begin(name)
    try {
      const sentAtMs = performance.now()
      const raw = await this.#client.sendCommand(['GET', wireArguments([key])[0]!], this.#options)
      this.#cache.proven(sentAtMs)
      this.#cache.finish(reading, raw instanceof Buffer ? Buffer.from(raw) : null)
      return replyFrom(raw, bulk)
    } catch (error) {
      this.#cache.fail(reading)
      throw error
    }
  }

  /** Somebody here writes: before the server says so. null: any key. */
  forget(keys: readonly Bytes[] | null): void {
    if (keys === null) this.#cache.invalidate(null)
    else for (const key of keys) this.#cache.invalidate(cacheKey(key))
  }

  stats(): NearCacheStats { return this.#cache.stats(performance.now()) }

  end(): void {
    clearInterval(this.#timer)
    this.#cache.lost()
    if (this.#client.isOpen) this.#client.destroy()
  }

  #connect(): Promise<unknown> {
    return this.#client.connect().catch((error: unknown) => {
      this.#connecting = null
      throw error
    })
  }

  #prove(): void {
    if (!this.#isUsed || this.#asking || !this.#client.isReady) return
    this.#isUsed = false
    this.#asking = true
    const sentAtMs = performance.now()
    this.#client.sendCommand(['PING'])
      .then(() => this.#cache.proven(sentAtMs), () => undefined)
      .finally(() => { this.#asking = false })
  }
}
