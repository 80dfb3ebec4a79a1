import { expect, test } from 'vitest'
import { StrangerLimits } from './stranger-limits.js'

test('each address has its own links and bytes, and gets them back', () => {
  const limits = new StrangerLimits({ linksMax: 2, bytesMax: 100 })
  expect([limits.admit('a'), limits.admit('a'), limits.admit('a'), limits.admit('b')]).toEqual([true, true, false, true])
  expect([limits.hold('a', 60), limits.hold('a', 40), limits.hold('a', 1), limits.hold('b', 100)]).toEqual([true, true, false, true])
  limits.release('a', 61)
  expect(limits.admit('a')).toBe(true)
  limits.release('a', 40)
  limits.release('a', 0)
  limits.release('b', 100)
  expect(limits.sourceCount).toBe(0)
  expect(limits.hold('a', 100)).toBe(true)
})
