/**
 * `npm run durations [-- REPORT...]`: writes scripts/lib/durations.json anew from JSON reports of vitest, by default
 * those that `npm test` left in build/test. Test files start in its order, the longest first.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readTable, tableFile, updatedTable } from './lib/durations.mjs'
import { main, Problem, say } from './lib/progress.mjs'
import { reportDir } from './lib/repository.mjs'

await main(() => {
  const { positionals } = parseArgs({ allowPositionals: true })
  const ours = ['unit', 'peers'].map((name) => `${reportDir}/${name}.json`).filter((path) => existsSync(path))
  const reports = positionals.length > 0 ? positionals : ours
  if (reports.length === 0) throw new Problem('there is no report: run npm test first, or name one')
  const before = existsSync(tableFile) ? readTable() : {}
  const table = updatedTable(before, reports.map((path) => JSON.parse(readFileSync(path, 'utf8'))))
  writeFileSync(tableFile, `${JSON.stringify(table, null, 2)}\n`)
  say(`${Object.keys(table).length} test files in ${tableFile}`)
})
