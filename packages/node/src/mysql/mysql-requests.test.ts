import { expect, test } from 'vitest'
import { parseMysqlRequest } from './mysql-requests.js'

const parse = (line: string): unknown => parseMysqlRequest(line.split(' '))

test('each request is told by its word', () => {
  for (const type of ['start', 'stop', 'pause', 'resume', 'snapshot', 'status', 'help']) expect(parse(`MYSQLSOURCE ${type.toUpperCase()}`)).toEqual({ type })
  expect(parse('mysqlsource skip')).toEqual({ type: 'skip', count: 1 })
  expect(parse('MYSQLSOURCE SKIP 1000000')).toEqual({ type: 'skip', count: 1_000_000 })
})

test('words that mean nothing to MYSQLSOURCE are errors', () => {
  for (const line of ['MYSQLSOURCE', 'MYSQLSOURCE WHAT', 'MYSQLSOURCE START now', 'MYSQLSOURCE SKIP 0', 'MYSQLSOURCE SKIP -1', 'MYSQLSOURCE SKIP 1x', 'MYSQLSOURCE SKIP 1000001', 'MYSQLSOURCE SKIP 1 2']) {
    expect([line, parse(line)]).toEqual([line, { type: 'error', message: expect.stringMatching(/^ERR /) as string }])
  }
})
