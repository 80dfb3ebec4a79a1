/** Which copy is asked. */
import { describe, expect, it } from 'vitest'
import { chooseCopy, type Copy, meanLatency } from './reading.js'

const primary: Copy = { isPrimary: true, latencyMs: 5, restUntilMs: 0 }
const replica = (latencyMs?: number, restUntilMs = 0): Copy => ({ isPrimary: false, latencyMs, restUntilMs })

describe('a read', () => {
  it('goes to the primary if told so, or if nobody else can be asked', () => {
    expect(chooseCopy('primary', [replica(1), primary], 0, 0)).toBe(1)
    expect(chooseCopy('replica', [primary], 0, 0)).toBe(0)
    expect(chooseCopy('replica', [primary, replica(1, 10)], 9, 0)).toBe(0)
    expect(chooseCopy('replica', [primary, replica(1, 10)], 10, 0)).toBe(1)
  })

  it('is spread over replicas', () => {
    const copies = [primary, replica(1), replica(100), replica(1, 99)]
    expect([0, 0.49, 0.5, 0.99].map((random) => chooseCopy('replica', copies, 0, random))).toEqual([1, 1, 2, 2])
  })

  it('goes to the nearest, the primary included, and tries who has never been asked', () => {
    expect(chooseCopy('nearest', [primary, replica(6), replica(4)], 0, 0)).toBe(2)
    expect(chooseCopy('nearest', [primary, replica(6)], 0, 0)).toBe(0)
    expect(chooseCopy('nearest', [primary, replica()], 0, 0)).toBe(1)
    expect(meanLatency(meanLatency(undefined, 8), 16)).toBe(9)
  })
})
