import { describe, expect, it } from 'vitest'
import { longestFirst, readTable, updatedTable } from './durations.mjs'
import { inRoot } from './repository.mjs'

const seconds = { long: 40, middle: 5, short: 1 }
const secondsOf = (name) => seconds[name]

describe('the order of test files', () => {
  it('is the longest first, and what nobody has measured in the middle', () => {
    expect(longestFirst(['short', 'new', 'long', 'middle'], secondsOf)).toEqual(['long', 'new', 'middle', 'short'])
    expect(longestFirst(['b', 'a'], secondsOf)).toEqual(['b', 'a'])
  })

  it('comes from a table of seconds', () => {
    const table = readTable()
    expect(Object.keys(table).length).toBeGreaterThan(0)
    for (const [path, value] of Object.entries(table)) expect([path, typeof value]).toEqual([expect.stringMatching(/\.test\.m?[jt]s$/), 'number'])
  })
})

describe('the table', () => {
  const ran = (name, tookMs, status = 'passed') => ({
    name: inRoot(name), startTime: 1000, endTime: 1000 + tookMs, assertionResults: [{ status }],
  })

  it('takes over what a run measured, and forgets files that are gone', () => {
    const reports = [{ testResults: [ran('a', 1234), ran('b', 20, 'skipped')] }, { testResults: [ran('c', 99_960)] }]
    expect(updatedTable({ a: 7, b: 3, gone: 5 }, reports, (path) => path !== 'gone')).toEqual({ a: 1.2, b: 3, c: 100 })
  })
})
