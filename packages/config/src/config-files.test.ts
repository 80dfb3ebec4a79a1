import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '@slotwise/testing'
import { expect, test } from 'vitest'
import { nodeFiles } from './config-files.js'

test('patterns match files, sorted, and never hidden ones by a wildcard', async () => {
  await using temp = tempDir()
  const at = (name: string): string => join(temp.path, name)
  for (const folder of ['a.d', 'b.d']) mkdirSync(at(folder))
  for (const name of ['b.conf', 'a.conf', '.h.conf', 'a.confx', 'a.d/1.conf', 'b.d/2.conf', 'c+(d).conf'])
    writeFileSync(at(name), '')
  const match = (pattern: string): string[] =>
    nodeFiles.match(at(pattern)).map((path) => path.slice(temp.path.length + 1))
  expect(match('*.conf')).toEqual(['a.conf', 'b.conf', 'c+(d).conf'])
  expect(match('?.conf')).toEqual(['a.conf', 'b.conf'])
  expect(match('[ab].conf')).toEqual(['a.conf', 'b.conf'])
  expect(match('[!a].conf')).toEqual(['b.conf'])
  expect(match('[a-b].d/*.conf')).toEqual(['a.d/1.conf', 'b.d/2.conf'])
  expect(match('*.d/1.conf')).toEqual(['a.d/1.conf'])
  expect(match('c+(d)*')).toEqual(['c+(d).conf'])
  expect(match('.h*')).toEqual(['.h.conf'])
  expect(match('none/*')).toEqual([])
})

test('failures are told in the words of C', async () => {
  await using temp = tempDir()
  writeFileSync(join(temp.path, 'file'), 'x')
  symlinkSync(temp.path, join(temp.path, 'link'))
  expect(nodeFiles.read(join(temp.path, 'missing'))).toEqual({ error: 'No such file or directory' })
  expect(nodeFiles.read(temp.path)).toEqual({ error: 'Is a directory' })
  expect(nodeFiles.read(join(temp.path, 'file'))).toEqual({ value: 'x' })
  expect(nodeFiles.directory(join(temp.path, 'file'))).toEqual({ error: 'Not a directory' })
  expect(nodeFiles.directory('')).toEqual({ error: 'No such file or directory' })
  expect(nodeFiles.directory(join(temp.path, 'link'))).toEqual({ value: temp.path })
  expect(nodeFiles.openLog(join(temp.path, 'missing/log'))).toEqual({ error: 'No such file or directory' })
  expect(nodeFiles.openLog(join(temp.path, 'file'))).toEqual({ value: null })
  expect(readFileSync(join(temp.path, 'file'), 'utf8')).toBe('x')
})
