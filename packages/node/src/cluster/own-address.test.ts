import { expect, it } from 'vitest'
import { isListenedOn } from './own-address.js'

it.each([
  ['127.0.0.1', ['127.0.0.1'], true],
  ['10.0.0.5', ['127.0.0.1', '10.0.0.5'], true],
  ['10.0.0.5', ['127.0.0.1', '-10.0.0.5'], true],
  ['10.0.0.4', ['10.0.0.5'], false], // the machine has another one now
  ['10.0.0.5', ['*', '-::*'], true],
  ['10.0.0.4', ['*', '-::*'], false],
  ['127.0.0.9', ['0.0.0.0'], true],
  ['fe80::5', ['*', '-::*'], true],
  ['fe80::5', ['*'], false],
  ['', ['*'], false],
])('%s is an address of a node that binds to %j: %s', (ip, words, expected) => {
  expect(isListenedOn(words, ip, () => ['10.0.0.5', 'fe80::5'])).toBe(expected)
})
