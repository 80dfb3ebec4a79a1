import { expect, test } from 'vitest'
import { ServingLease } from './serving-lease.js'

test('the end of a lease is told when it has changed, on the monotonic clock', () => {
  const ends: number[] = []
  const lease = new ServingLease({ setServesUntil: (ms) => void ends.push(ms) }, 1000)
  const inTenSeconds = 1000 + performance.now() + 10_000
  for (const untilMs of [Number.POSITIVE_INFINITY, inTenSeconds, inTenSeconds, -1e12]) lease.tell(untilMs)
  expect(ends).toHaveLength(3)
  expect(ends[0]).toBe(Number.POSITIVE_INFINITY)
  const left = ends[1]! - Number(process.hrtime.bigint()) / 1e6
  expect(left).toBeLessThanOrEqual(10_000)
  expect(left).toBeGreaterThan(0)
  expect(ends[2]).toBe(0)
})
