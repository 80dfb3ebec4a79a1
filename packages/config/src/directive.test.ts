import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findDirective, findFileWord, findIgnoredWord } from './directive.js'
import { directives } from './directives.generated.js'

test('the generated table is up to date', () => {
  const generator = join(import.meta.dirname, '../../../native/tables/generate.mjs')
  const { status, stderr } = spawnSync(process.execPath, [generator, '--ts', '--check'], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
})

test('names and aliases are found in any case', () => {
  expect(findDirective('MaxMemory')?.name).toBe('maxmemory')
  expect(findDirective('SLAVE-priority')?.name).toBe('replica-priority')
  expect(findDirective('maxmemoryx')).toBeNull()
  expect(findDirective('include')).toBeNull()
  expect(findFileWord('Include')?.name).toBe('include')
  expect(findIgnoredWord('GOPHER-enabled')?.name).toBe('gopher-enabled')
})

test('a default that differs from Redis says why', () => {
  for (const { name, redisDefault, why } of directives)
    expect([name, redisDefault === undefined]).toEqual([name, why === undefined])
})
