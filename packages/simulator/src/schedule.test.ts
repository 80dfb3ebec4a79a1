/** Short forms of `npm run simulate`: clean seeds, determinism, and that planted faults are found. */
import { describe, expect, it } from 'vitest'
import { runLarge, runSchedule } from './index.js'

/** Seeds that once failed stay here. */
const remembered: readonly number[] = [6, 9, 12, 103_913, 502_159]

describe('schedules', () => {
  it('of seven nodes break no invariant and come to rest after healing', () => {
    let replaced = 0
    for (const seed of [...remembered, ...Array.from({ length: 12 }, (_, index) => index + 1)]) {
      const { violation, replacedMs } = runSchedule({ seed })
      expect({ seed, violation }).toEqual({ seed, violation: null })
      if (replacedMs !== null) replaced++
    }
    expect(replaced).toBeGreaterThan(12) // else nobody died at the end
  })

  it('have votes in them: the faults are real', () => {
    let votes = 0
    for (let seed = 100; seed < 103; seed++) votes += runSchedule({ seed }).votes
    expect(votes).toBeGreaterThan(3)
  })

  it('of one seed are the same story', () => {
    const story = (seed: number): string[] => {
      const lines: string[] = []
      runSchedule({ seed, log: (line) => lines.push(line) })
      return lines
    }
    for (const seed of [5]) {
      const first = story(seed)
      expect(first.length).toBeGreaterThan(50)
      expect(story(seed)).toEqual(first)
    }
  })

  it('are the same story if each tick looks at every node, and not only at those that something may be due for', () => {
    const story = (seed: number, looksAtAll: boolean): string[] => {
      const lines: string[] = []
      const result = runSchedule({ seed, looksAtAll, log: (line) => lines.push(line) })
      return [...lines, JSON.stringify(result)]
    }
    for (let seed = 200; seed < 208; seed++) expect(story(seed, false)).toEqual(story(seed, true))
  })

  it.each<[fault: string, expected: RegExp]>([
    ['voteTwice', /voted twice/],
    // A vote that was forgotten, or a claim: whichever a crash meets first.
    ['skipPersist', /forgot its vote|voted twice|no agreement/],
  ])('find the planted fault %s', (fault, expected) => {
    let found: string | null = null
    for (let seed = 1; seed <= 1000 && found === null; seed++)
      found = runSchedule({ seed, faults: { [fault]: true } }).violation
    expect(found).toMatch(expected)
  })

  it('with the faults of large clusters have kills, groups that are cut off, and replicas that take over', () => {
    const { violation, kills, cuts, takeovers } = runSchedule({ seed: 1, nodes: 16, large: true })
    expect(violation).toBeNull()
    expect([kills > 2, cuts > 0, takeovers > 0]).toEqual([true, true, true])
  })

  it('of 40 nodes of which nearly half of the primaries die at once serve all slots soon', () => {
    const result = runLarge({ seed: 1, nodes: 40, nodeTimeoutMs: 2000 })
    expect(result.violation).toBeNull()
    expect(result.killed).toBe(9)
  })
})
