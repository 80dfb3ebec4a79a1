/** docs/bad-input.md cannot rot: every test it names exists, and no row of the two lists it answers is missing. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { inRoot } from './repository.mjs'

const page = readFileSync(inRoot('docs', 'bad-input.md'), 'utf8')
const lines = page.split('\n').filter((line) => /^\| (\d+ )?\| /.test(line)).map((line) => {
  const [, row, , , tests] = line.split('|').map((cell) => cell.trim())
  return { row, line, tests: [...tests.matchAll(/`([^`]+)` `([^`]+)`/g)].map(([, file, name]) => ({ file, name })) }
})
const cited = lines.flatMap(({ tests }) => tests)

/** Whether `source` has a test of that name: a C++ case, a row of a table, or a part of a title. */
function has(source, file, name) {
  const row = /^row (\d+)$/.exec(name)
  if (row !== null) return source.includes(`{ row: ${row[1]}, `)
  if (!file.endsWith('.cc')) return source.includes(name)
  const [suite, test] = name.split('.')
  return source.includes(`TEST(${suite}, ${test})`)
}

describe('docs/bad-input.md', () => {
  it('has every row, and a test for all that is built', () => {
    const rows = lines.map(({ row }) => Number(row)).filter((row) => row > 0).sort((one, other) => one - other)
    expect(rows).toEqual(Array.from({ length: 112 }, (_, i) => i + 1))
    for (const { line, tests } of lines) {
      if (!line.includes('not built yet')) expect(tests, line).not.toEqual([])
    }
  })

  it('names tests that exist', () => {
    expect(cited.length).toBeGreaterThan(90)
    const missing = cited.filter(({ file, name }) => !existsSync(inRoot(file)) || !has(readFileSync(inRoot(file), 'utf8'), file, name))
    expect(missing).toEqual([])
  })

  it('names every row that is tested', () => {
    const tested = readFileSync(inRoot('packages', 'node', 'test', 'bad-input.test.ts'), 'utf8').matchAll(/\{ row: (\d+), /g)
    const named = new Set(cited.map(({ name }) => name))
    expect([...new Set([...tested].map(([, row]) => `row ${row}`))].filter((row) => !named.has(row))).toEqual([])
  })
})
