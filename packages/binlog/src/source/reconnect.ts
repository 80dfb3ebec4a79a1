/**
 * Which source is asked next, and when: through the list, the pause doubles with every round in which none served, up
 * to a limit, with some chance in it so that followers of one source do not come back in step. A connection that
 * served for a while begins anew. Pure: randomness comes in.
 */
import type { Remedy } from './server-errors.js'

export interface ReconnectOptions {
  sourceCount: number
  /** @default 500 */
  delayMs?: number
  /** @default 30_000 */
  delayMsMax?: number
  /** Between 0 and 1. */
  random: () => number
}

export type Next =
  | { readonly type: 'connect'; readonly source: number; readonly afterMs: number }
  | { readonly type: 'stop'; readonly reason: string }

export class Reconnect {
  readonly #options: Required<ReconnectOptions>
  #source = 0
  #failures = 0
  /** Sources that said, since one last served, that they cannot serve from our position. */
  readonly #unable = new Set<number>()

  constructor(options: ReconnectOptions) {
    this.#options = { delayMs: 500, delayMsMax: 30_000, ...options }
  }

  get source(): number { return this.#source }

  /** Events arrive. */
  served(): void {
    this.#failures = 0
    this.#unable.clear()
  }

  failed(remedy: Remedy): Next {
    const { sourceCount, delayMs, delayMsMax, random } = this.#options
    if (remedy === 'replaced') return { type: 'stop', reason: 'a follower with the same server id has taken over' }
    if (remedy === 'stop') return { type: 'stop', reason: 'the source refuses this follower' }
    if (remedy === 'otherSource') {
      this.#unable.add(this.#source)
      if (this.#unable.size === sourceCount) return { type: 'stop', reason: 'no source can serve from this position: a new snapshot is needed' }
    }
    const round = Math.floor(this.#failures++ / sourceCount)
    do this.#source = (this.#source + 1) % sourceCount
    while (this.#unable.has(this.#source))
    const base = Math.min(delayMsMax, delayMs * 2 ** Math.min(round, 30))
    // The first try of another source needs no pause.
    const afterMs = round === 0 && this.#failures < sourceCount ? 0 : base / 2 + random() * base / 2
    return { type: 'connect', source: this.#source, afterMs }
  }
}
