/**
 * A rate limiter: at most LIMIT requests of a client in any window of WINDOW_MS, not only in those that begin on the
 * minute. A sorted set of the times of its requests; one transaction decides and records. Worker threads that open the
 * same name share it.
 *   node examples/rate-limiter.mjs
 */
import { threadId } from 'node:worker_threads'
import { open } from 'slotwise'

const LIMIT = 5
const WINDOW_MS = 1000

export class RateLimiter {
  #store
  #count = 0
  constructor(store) { this.#store = store }

  /** @returns { allowed, left, retryAfterMs } */
  take(client, nowMs = Date.now()) {
    const key = `rate:${client}`
    let answer
    // Built again if somebody else changes the key in between; given up (null) if that happens ten times.
    const decided = this.#store.multi((multi) => {
      const recent = this.#store.zRangeWithScores(key, { by: 'score', min: nowMs - WINDOW_MS + 1 })
      if (recent.length >= LIMIT) {
        answer = { allowed: false, left: 0, retryAfterMs: recent[0][1] + WINDOW_MS - nowMs }
        return []
      }
      answer = { allowed: true, left: LIMIT - recent.length - 1, retryAfterMs: 0 }
      return [
        multi.command('ZREMRANGEBYSCORE', key, '-inf', nowMs - WINDOW_MS),
        // Two requests of one millisecond are two members.
        multi.zAdd(key, { [`${nowMs}:${threadId}:${this.#count++}`]: nowMs }),
        multi.expire(key, { ttlMs: WINDOW_MS }),
      ]
    }, { watch: [key] })
    return decided === null ? { allowed: false, left: 0, retryAfterMs: 1 } : answer
  }
}

const store = await open({ name: 'rate-limiter' })
const limiter = new RateLimiter(store)
const startMs = 1_000_000
for (const [afterMs, client] of [[0, 'ada'], [10, 'ada'], [20, 'ada'], [30, 'ada'], [40, 'ada'], [50, 'ada'], [50, 'bob'], [1001, 'ada']]) {
  const { allowed, left, retryAfterMs } = limiter.take(client, startMs + afterMs)
  console.log(`${afterMs} ms ${client}: ${allowed ? `allowed, ${left} left` : `refused, again in ${retryAfterMs} ms`}`)
}
await store.close()
