/**
 * ApplyAhead: one batch is on its way into the store while the next one is read and made, so that a store elsewhere
 * works meanwhile. Never two: a store that refuses the first (no memory, another role) might take the second, and with
 * it a position that has passed what is missing.
 * Whoever makes batches by looking into the store waits for what is on its way (`lookups`).
 */
import type { ApplierOptions } from './applier.js'
import type { Batch } from './batch.js'
import type { FollowState } from './state.js'

export interface ApplyAheadOptions {
  state: FollowState
  /** Nothing is begun after it has aborted; what is on its way ends. */
  signal: AbortSignal | undefined
  /** It is in the store. */
  onApplied: (batch: Batch) => void
  /** It is not: whoever reads on should end. `apply` and `settled` say it, too. */
  onFailure: (error: unknown) => void
}

export class ApplyAhead {
  readonly #options: ApplyAheadOptions
  #last: Promise<void> = Promise.resolve()

  constructor(options: ApplyAheadOptions) { this.#options = options }

  /** Begins when the batch before is there. @throws what that one met, or the signal's reason */
  async apply(batch: Batch): Promise<void> {
    const { state, signal, onApplied, onFailure } = this.#options
    await this.#last
    signal?.throwIfAborted()
    this.#last = state.apply(batch).then(() => onApplied(batch))
    this.#last.catch(onFailure)
  }

  /** Everything that was begun is there. @throws what it met */
  settled(): Promise<void> { return this.#last }

  /** The store, as it is when everything that was begun is there. */
  lookups(): ApplierOptions['state'] {
    const { state } = this.#options
    return {
      prepare: (xid, commands) => state.prepare(xid, commands),
      forget: (xid) => state.forget(xid),
      prepared: async (xid) => {
        await this.settled()
        return state.prepared(xid)
      },
      keys: (glob) => this.#keys(glob),
    }
  }

  async* #keys(glob: string): AsyncGenerator<string, void, undefined> {
    await this.settled()
    yield* this.#options.state.keys(glob)
  }
}
