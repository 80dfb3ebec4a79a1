/** Tests wait for conditions, not for time: a fast machine does not idle, a slow one does not fail. */

export interface WaitOptions {
  /** Give up after this long. A machine that does five other things keeps the default, too. @default 60_000 */
  timeoutMs?: number
  /** Pause between two looks. @default 10 */
  intervalMs?: number
  /** What was waited for, in the error. @default 'the condition' */
  what?: string
}

/**
 * Calls `condition` until it gives something truthy, and returns that.
 * An exception counts as "not yet"; the last one is the `cause` of the error, and its message is told.
 * @throws {Error} after `timeoutMs`
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 60_000, intervalMs = 10, what = 'the condition' } = options
  const deadlineMs = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const found = await condition()
      if (found) return found
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadlineMs) {
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      throw new Error(`${what} did not hold within ${timeoutMs} ms${why}`, { cause })
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}
