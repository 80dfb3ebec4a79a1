import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatQuoted, splitArgs } from './split-args.js'

/** The same rows as native/test/split_args_test.cc. */
const rows: [line: string, words: string[] | null][] = [
  ['', []],
  ['   \t ', []],
  ['a b', ['a', 'b']],
  ['  a\t b\r\n', ['a', 'b']],
  ['"a b" c', ['a b', 'c']],
  ['""', ['']],
  ['a"b c"', ['ab c']],
  ['"a"b', null],
  ['"a', null],
  ["'a", null],
  ["'a'b", null],
  ["'a\\'b' c", ["a'b", 'c']],
  ["'a\\n'", ['a\\n']],
  ['"\\n\\r\\t\\b\\a\\\\\\"\\q"', ['\n\r\t\b\x07\\"q']],
  ['"\\x41\\xc3\\xA9\\xg1"', ['Aéxg1']],
  ['"a\\', null],
  ['\\x41', ['\\x41']],
  ['a\vb', ['a\vb']],
  ['\va', ['a']],
  ['"a"\vb', ['a', 'b']],
  ['a b\0 "c', ['a', 'b']],
]

describe('words of a line', () => {
  test.each(rows)('%j splits as Redis splits it', (line, words) => {
    expect(splitArgs(line)).toEqual(words)
  })

  test('what formatQuoted wrote comes back, whatever it is', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme' })), (words) => {
      expect(splitArgs(words.map(formatQuoted).join(' '))).toEqual(words)
    }))
  })

  test('only printable ASCII is written as it is', () => {
    expect(formatQuoted('a"\\\n\x01é')).toBe('"a\\"\\\\\\n\\x01\\xc3\\xa9"')
  })
})
