/**
 * Acknowledgement: when may the answer to a request leave? As for clients of the sockets: once what it depends on has
 * reached the promise that the configuration makes. Written, so that a kill -9 cannot take it back; with `always` and
 * semi-sync on disk and at the replicas. Reads wait too: what they saw must not vanish either. Without an append-only
 * file and semi-sync there is nothing to wait for.
 * The log's thread writes for callers inside the process within a millisecond, and nobody tells of it, so it is looked
 * at: a few times at once, then each millisecond, for all that wait together.
 */
import { type Engine, SyncQueue } from '@slotwise/engine'
import type { NodeFacts } from './node-facts.js'

/** Looks at the log in so many turns of the loop before a timer takes over. */
const EAGER_LOOKS = 4
const LOOK_EVERY_MS = 1
/** The disk is full, or slower than anybody waits. */
const GIVE_UP_MS = 10_000

interface Waiting { readonly offset: number; readonly untilMs: number; resolve(): void; reject(error: Error): void }

export class NotAcknowledgedError extends Error {
  override readonly name = 'NotAcknowledgedError'
}

export class Acknowledgement {
  readonly #syncs: SyncQueue
  readonly #waiting: Waiting[] = []
  #looks = 0

  constructor(private readonly engine: () => Engine, private readonly facts: NodeFacts) {
    this.#syncs = new SyncQueue(() => engine().sync())
  }

  /** For what has run on this thread until now: null if the answer may leave at once. */
  due(): Promise<void> | null {
    if (this.facts.waits) return this.#syncs.wait()
    if (!this.facts.persistent) return null
    const { tail, written } = this.engine().stats()
    if (written >= tail) return null
    return new Promise((resolve, reject) => {
      this.#waiting.push({ offset: tail, untilMs: performance.now() + GIVE_UP_MS, resolve, reject })
      if (this.#waiting.length === 1) this.#lookLater()
    })
  }

  #lookLater(): void {
    if (this.#looks++ < EAGER_LOOKS) setImmediate(() => this.#look())
    else setTimeout(() => this.#look(), LOOK_EVERY_MS)
  }

  #look(): void {
    const written = this.#written()
    const nowMs = performance.now()
    // In the order of their offsets, and so of their deadlines.
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting as [Waiting]
      if (first.offset <= written) first.resolve()
      else if (first.untilMs <= nowMs) first.reject(new NotAcknowledgedError('the append-only file was not written in time'))
      else break
      this.#waiting.shift()
    }
    if (this.#waiting.length > 0) this.#lookLater()
    else this.#looks = 0
  }

  #written(): number {
    try {
      return this.engine().stats().written
    } catch {
      return -1 // closed: they give up
    }
  }
}
