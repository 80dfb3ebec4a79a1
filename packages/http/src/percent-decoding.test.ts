import fc from 'fast-check'
import { expect, it } from 'vitest'
import { percentDecoded } from './percent-decoding.js'

it.each([
  ['foo', 'foo'], ['', ''], ['a%20b', 'a b'], ['a+b', 'a+b'], ['%2F', '/'], ['..', '..'], ['%2e%2E', '..'], ['a%00b', 'a\0b'],
  ['%E2%82%AC', '€'], ['\xe2\x82\xac', '€'], ['100%25', '100%'],
])('decodes %j to %j', (text, decoded) => {
  expect(percentDecoded(text)).toBe(decoded)
})

it('gives bytes where they are no text', () => {
  expect(percentDecoded('%ff%FE')).toEqual(Buffer.from([0xff, 0xfe]))
})

it.each(['%', 'a%', '%2', '%zz', '%2g', '%%30'])('refuses %j', (text) => {
  expect(percentDecoded(text)).toBeNull()
})

it('takes a plus for a space in queries only', () => {
  expect(percentDecoded('a+b%2B', true)).toBe('a b+')
  expect(percentDecoded('a+b%2B')).toBe('a+b+')
})

it('undoes encodeURIComponent', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    expect(percentDecoded(encodeURIComponent(text))).toBe(text)
  }))
})
