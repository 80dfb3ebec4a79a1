/**
 * Tells the data plane until when this primary serves, as a moment of the monotonic clock, which it looks at by itself:
 * what it is told late, after this process was stopped, is no longer true.
 * Elsewhere: the lease (packages/gossip, lease.ts), what follows from its end (native/src/engine/cluster.h).
 */
import type { ControlPort } from '@slotwise/engine'

/** What the monotonic clock is ahead of performance.now(); read first, so that no lease ends too late. */
function monotonicAhead(): number {
  const monotonicMs = Number(process.hrtime.bigint()) / 1e6
  return monotonicMs - performance.now()
}

export class ServingLease {
  readonly #ahead = monotonicAhead()
  #told = Number.NaN

  /** @param clockBase  what the driver's clock is ahead of performance.now() */
  constructor(readonly control: Pick<ControlPort, 'setServesUntil'>, readonly clockBase: number) {}

  /** @param untilMs  on the driver's clock; Infinity: no lease applies */
  tell(untilMs: number): void {
    const ms = Number.isFinite(untilMs)
      ? Math.max(0, Math.floor(untilMs - this.clockBase + this.#ahead)) : Number.POSITIVE_INFINITY
    if (ms === this.#told) return
    this.#told = ms
    this.control.setServesUntil(ms)
  }
}
