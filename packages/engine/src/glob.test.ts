import { expect, test } from 'vitest'
import { globMatcher } from './glob.js'

const matches = (pattern: string, key: string | Uint8Array): boolean => globMatcher(pattern)(Buffer.from(key))

test('patterns match as in Redis', () => {
  for (const [pattern, key, expected] of [
    ['*', '', true], ['user:*', 'user:1', true], ['user:*', 'xuser:1', false], ['h?llo', 'hello', true], ['h?llo', 'hllo', false],
    ['h[ae]llo', 'hallo', true], ['h[^e]llo', 'hello', false], ['h[^e]llo', 'hallo', true], ['h[a-c]llo', 'hbllo', true], ['h[c-a]llo', 'hbllo', true],
    ['a\\*', 'a*', true], ['a\\*', 'ab', false], ['[]a', 'a', false], ['[^]a', 'xa', true], ['a[', 'a', false], ['a[bc', 'ab', true],
    ['.*', '.x', true], ['.*', 'xx', false], ['(a|b)', 'a', false], ['a{2}', 'a{2}', true], ['a\nb', 'a\nb', true], ['*', 'a\nb', true], ['[a\\]]', ']', true],
    ['é*', 'éx', true], ['?', 'é', false], ['??', 'é', true],
  ] as const) expect([pattern, key, matches(pattern, key)]).toEqual([pattern, key, expected])
  expect(matches('?', Uint8Array.of(255))).toBe(true)
})
