import { expect, it } from 'vitest'
import { parseSourceFile, serverIdOf } from './source-file.js'

const tables = 'tables: [{ table: w.t, key: "t:${id}" }]'

it('has the mapping and the source, with defaults', () => {
  const { mapping, source } = parseSourceFile(`source: { urls: ['mysql://u@h:3307'] }\n${tables}`)
  expect([...mapping.tables.keys()]).toEqual(['w.t'])
  expect(source).toEqual({
    urls: ['mysql://u@h:3307'], name: 'mysql', serverId: serverIdOf('mysql'), start: 'snapshot', tls: 'preferred', tlsCa: '', passwordFile: '', semiSync: false,
    missingCascades: 'stop', onPurged: 'stop',
  })
  expect(parseSourceFile(tables).source).toBeNull()
})

it.each([
  ['{ urls: [] }', /at least one/], ['{ urls: x }', /list/], ['{}', /list/], ['{ urls: [1] }', /text/], ['[]', /names and values/],
  ['{ urls: [u], user: x }', /'user'/], ['{ urls: [u], name: "a b" }', /letters/], ['{ urls: [u], serverId: 0 }', /from 1 to 4294967295/],
  ['{ urls: [u], serverId: 4294967296 }', /from 1 to/], ['{ urls: [u], start: later }', /snapshot, now, oldest/], ['{ urls: [u], semiSync: 1 }', /true or false/],
])('refuses %s', (source, message) => {
  expect(() => parseSourceFile(`source: ${source}\n${tables}`)).toThrow(message)
})
