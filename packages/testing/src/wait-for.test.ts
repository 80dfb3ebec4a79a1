import { describe, expect, it } from 'vitest'
import { waitFor } from './wait-for.js'

describe('waitFor', () => {
  it('gives what the condition gave, as soon as it gives something', async () => {
    let calls = 0
    expect(await waitFor(() => ++calls >= 3 && `after ${calls}`, { intervalMs: 1 })).toBe('after 3')
  })

  it('takes an exception for "not yet"', async () => {
    let calls = 0
    const condition = (): boolean => {
      if (++calls < 2) throw new Error('early')
      return true
    }
    await expect(waitFor(condition, { intervalMs: 1 })).resolves.toBe(true)
  })

  it('says what did not hold, and why', async () => {
    const error = await waitFor(() => Promise.reject(new Error('refused')), { timeoutMs: 5, intervalMs: 1, what: 'a PONG' })
      .catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({ message: 'a PONG did not hold within 5 ms: refused', cause: { message: 'refused' } })
  })
})
