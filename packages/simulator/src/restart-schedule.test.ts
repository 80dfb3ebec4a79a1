/** Short form of `npm run simulate -- --restarts`. */
import { expect, it } from 'vitest'
import { runRestart } from './index.js'

/** Seeds that once failed stay here. */
const remembered: readonly number[] = [456, 500_463]

it('a killed primary comes back at any moment, and all agree', () => {
  let replaced = 0
  for (const seed of [...remembered, ...Array.from({ length: 20 }, (_, index) => index + 1)]) {
    const { violation, wasReplaced } = runRestart({ seed })
    expect({ seed, violation }).toEqual({ seed, violation: null })
    if (wasReplaced) replaced++
  }
  expect(replaced).toBeGreaterThan(5) // else it is about nothing
}, 60_000)
