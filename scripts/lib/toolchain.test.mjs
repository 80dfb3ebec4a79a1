import { expect, it } from 'vitest'
import { isAtLeast, which } from './toolchain.mjs'

it.each([
  ['v20.18.0', '20.18', true],
  ['v20.9.0', '20.18', false],
  ['v22.0.0', '20.18', true],
  ['v18.20.4', '20.18', false],
  ['v20.18.1', '20.18.1', true],
])('%s is at least %s: %s', (version, min, expected) => {
  expect(isAtLeast(version, min)).toBe(expected)
})

it('finds programs on PATH only', () => {
  expect(which('node')).toMatch(/\/node$/)
  expect(which('no-such-program')).toBeNull()
  expect(which('')).toBeNull()
})
