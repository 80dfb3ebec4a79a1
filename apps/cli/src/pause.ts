/** Waiting for another process: looks again and again, since nothing tells. */
import { UserError } from './user-error.js'

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** @throws {UserError} with `what` after `timeoutMs`; whatever `condition` throws */
export async function until(
  what: () => string,
  condition: () => Promise<boolean>,
  { timeoutMs, everyMs = 50 }: { timeoutMs: number; everyMs?: number },
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!await condition()) {
    if (performance.now() > deadlineMs) throw new UserError(`${what()} (waited ${Math.round(timeoutMs / 1000)} s)`)
    await pause(everyMs)
  }
}
