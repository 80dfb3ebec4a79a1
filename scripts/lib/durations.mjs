/**
 * How long each test file takes, by the committed table durations.json: files that take long start first, or a
 * run of two workers ends with one of them waiting for the other. A file that is not in the table counts as the median.
 * The table is a hint: no test depends on the order. `npm run durations` writes it anew.
 */
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { inRoot, root } from './repository.mjs'

export const tableFile = inRoot('scripts', 'lib', 'durations.json')

/** Seconds by path in the repository. */
export const readTable = () => JSON.parse(readFileSync(tableFile, 'utf8'))

export const pathInRoot = (file) => relative(root, file).replaceAll('\\', '/')

/** `items`, the longest first; `secondsOf` gives undefined for one that is not known. Equal ones keep their order. */
export function longestFirst(items, secondsOf) {
  const known = items.map(secondsOf).filter((seconds) => seconds !== undefined).sort((a, b) => a - b)
  const median = known[known.length >> 1] ?? 0
  return items.map((item) => ({ item, seconds: secondsOf(item) ?? median }))
    .sort((a, b) => b.seconds - a.seconds).map(({ item }) => item)
}

/** The table after the runs of these JSON reports of vitest: what ran is replaced, files that are gone are left out. */
export function updatedTable(table, reports, isThere = (path) => existsSync(inRoot(path))) {
  const seconds = { ...table }
  for (const { testResults } of reports) {
    for (const { name, startTime, endTime, assertionResults } of testResults) {
      // One that was skipped here, for want of a peer, tells nothing.
      if (!assertionResults.some(({ status }) => status === 'passed')) continue
      seconds[pathInRoot(name)] = Math.round((endTime - startTime) / 100) / 10
    }
  }
  const rows = Object.entries(seconds).filter(([path]) => isThere(path))
  return Object.fromEntries(rows.sort(([a], [b]) => a < b ? -1 : 1))
}
