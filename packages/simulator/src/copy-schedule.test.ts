/** Short forms of `npm run simulate -- --copies`: clean seeds, real faults, and planted faults that are found. */
import { describe, expect, it } from 'vitest'
import { type CopyScheduleOptions, runCopySchedule } from './index.js'

/** Seeds that once failed stay here. */
const kinds: readonly [string, readonly number[], Partial<CopyScheduleOptions>][] = [
  ['three copies, a majority fsyncs', [1, 12, 20, 24], { copies: 3 }],
  ['five copies, a majority fsyncs', [1, 60], { copies: 5 }],
  ['three copies, one replica has received', [1, 20], { copies: 3, received: 1 }],
  ['two copies, both fsync', [1, 2, 3, 4], { copies: 2 }],
  ['two copies, the replica has received', [1, 2, 3, 4], { copies: 2, received: 1 }],
]

describe('copies of a shard', () => {
  it.each(kinds)('lose nothing that was acknowledged, and serve again after healing: %s', (_, seeds, options) => {
    const sums = { acknowledged: 0, writes: 0 }
    for (const seed of seeds) {
      const result = runCopySchedule({ seed, ...options })
      expect({ seed, violation: result.violation }).toEqual({ seed, violation: null })
      sums.acknowledged += result.acknowledged
      sums.writes += result.writes
    }
    expect(sums.acknowledged).toBeGreaterThan(300)
    expect(sums.writes).toBeGreaterThanOrEqual(sums.acknowledged)
  }, 60_000)

  it.each<[fault: string, expected: RegExp]>([
    ['noLease', /serves without write/],
    ['electAlone', /serves without write|is lost/],
    ['resetVotes', /serves without write|is lost/],
  ])('find the planted fault %s within 60 seeds', (fault, expected) => {
    const seeds = Array.from({ length: 60 }, (_, i) => i + 1)
    const seed = seeds.find((one) => runCopySchedule({ seed: one, faults: { [fault]: true } }).violation !== null)
    expect(seed).toBeDefined()
    expect(runCopySchedule({ seed: seed!, faults: { [fault]: true } }).violation).toMatch(expected)
    expect(runCopySchedule({ seed: seed! }).violation).toBeNull()
  }, 60_000)
})
