/** Waiting for a connection, which the client library would do for ever. */
import { whenAborted } from '@slotwise/engine'
import { ConnectionError } from './errors.js'

/** `work`, or what comes first of the time and the signal. @throws {ConnectionError} when the time is up */
export async function within<T>(
  work: Promise<T>, limits: { timeoutMs: number; where: string; signal?: AbortSignal | undefined },
): Promise<T> {
  const { timeoutMs, where, signal } = limits
  work.catch(() => undefined) // who gave up does not hear of it any more
  signal?.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let forget: (() => void) | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      const late = (): void => reject(
        new ConnectionError(`${where}: no connection within ${timeoutMs} ms`, { mayHaveRun: false }))
      timer = setTimeout(late, timeoutMs)
      if (signal !== undefined) forget = whenAborted(signal, () => reject(signal.reason as Error))
      work.then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    forget?.()
  }
}
