import { expect, test } from 'vitest'
import { parseDefinition, parseFollowRequest, printDefinition } from './follow-requests.js'

const parse = (line: string): unknown => parseFollowRequest(line.split(' '))
const definition = { name: 'a', host: '10.0.0.1', port: 7000, from: '0', keys: [] as string[], running: true, isPair: false }

test('FOLLOW names a source and a position', () => {
  expect(parse('FOLLOW a 10.0.0.1 7000 POS 0')).toEqual({ type: 'follow', definition })
  expect(parse('follow a 10.0.0.1 7000 file x.3.incr.aof pos 17 keys user:* ?'))
    .toEqual({ type: 'follow', definition: { ...definition, from: 'x.3.incr.aof:17', keys: ['user:*', '?'] } })
  const origin = `${'a'.repeat(40)}:17`
  expect(parse(`FOLLOW a 10.0.0.1 7000 ORIGIN ${origin}`)).toEqual({ type: 'follow', definition: { ...definition, from: origin } })
  expect(parse(`FOLLOW a 10.0.0.1 7000 POS ${origin}`)).toEqual({ type: 'follow', definition: { ...definition, from: origin } })
  expect(parse('FOLLOW a 10.0.0.1 7000 SNAPSHOT yes KEYS x*')).toEqual({ type: 'follow', definition: { ...definition, from: 'snapshot', keys: ['x*'] } })
  expect(parse('FOLLOW a 10.0.0.1 7000 POS 0 SNAPSHOT NO')).toEqual({ type: 'follow', definition })
  expect(parse('FOLLOW a 10.0.0.1 7000 conflicts LAST-WRITE')).toEqual({ type: 'follow', definition: { ...definition, from: 'snapshot', isPair: true } })
  for (const from of ['$', '1234', '@1764000000', 'x.3.incr.aof:17', '3:17']) {
    expect(parse(`FOLLOW a 10.0.0.1 7000 POS ${from}`)).toEqual({ type: 'follow', definition: { ...definition, from } })
  }
})

test('what is wrong is an error', () => {
  for (const line of [
    'FOLLOW a b 10.0.0.1 7000 POS 0', 'FOLLOW a{ 10.0.0.1 7000 POS 0', 'FOLLOW a 10.0.0.1 0 POS 0', 'FOLLOW a 10.0.0.1 70000 POS 0', 'FOLLOW a 10.0.0.1 7x POS 0',
    'FOLLOW a 10.0.0.1 7000 POS', 'FOLLOW a 10.0.0.1 7000 FILE x', 'FOLLOW a 10.0.0.1 7000 FILE x POS $', 'FOLLOW a 10.0.0.1 7000 POS -1', 'FOLLOW a 10.0.0.1 7000 POS x:y',
    'FOLLOW a 10.0.0.1 7000 POS 0 KEYS', 'FOLLOW a 10.0.0.1 7000 SNAPSHOT yes POS 0', 'FOLLOW a 10.0.0.1 7000 SNAPSHOT maybe', 'FOLLOW a 10.0.0.1 7000 SNAPSHOT no',
    'FOLLOW a 10.0.0.1 7000 ORIGIN 17', 'FOLLOW a 10.0.0.1 7000 ORIGIN abc:17', 'FOLLOW a 10.0.0.1 7000 POS snapshot',
    'FOLLOW a 10.0.0.1 7000 CONFLICTS', 'FOLLOW a 10.0.0.1 7000 CONFLICTS first-write', 'FOLLOW a 10.0.0.1 7000 CONFLICTS last-write POS 0',
    'FOLLOW a 10.0.0.1 7000 SNAPSHOT yes CONFLICTS last-write', 'FOLLOW a 10.0.0.1 7000 CONFLICTS last-write KEYS x*',
    'FOLLOW a 10.0.0.1 7000 WHAT 1 POS 0', 'STOP', 'STOP REPLICA', 'STOP FOLLOWER a b', 'STOP FOLLOWER a{', 'FOLLOWER', 'FOLLOWER WHAT',
    'FOLLOWER FORGET', 'FOLLOWER FORGET }', 'FOLLOWER STATUS a b',
  ]) expect([line, parse(line)]).toEqual([line, { type: 'error', message: expect.stringMatching(/^ERR /) as string }])
})

test('the other requests', () => {
  expect(parse('STOP FOLLOWER')).toEqual({ type: 'stop', name: null })
  expect(parse('stop follower a')).toEqual({ type: 'stop', name: 'a' })
  expect(parse('FOLLOWER STATUS a')).toEqual({ type: 'status', name: 'a' })
  expect(parse('FOLLOWER START')).toEqual({ type: 'start', name: null })
  expect(parse('FOLLOWER FORGET a')).toEqual({ type: 'forget', name: 'a' })
  expect(parse('FOLLOWER HELP')).toEqual({ type: 'help' })
})

test('a definition is kept to the letter, and nothing else is taken for one', () => {
  const kept = { ...definition, keys: ['*', 'é"'], running: false }
  for (const isPair of [false, true]) expect(parseDefinition('a', printDefinition({ ...kept, isPair }))).toEqual({ ...kept, isPair })
  for (const text of ['', '{}', 'null', '[]', '{"host":1}', printDefinition({ ...kept, isPair: true }).replace('last', 'first'), printDefinition(kept).slice(0, -1)]) expect(parseDefinition('a', text)).toBeNull()
})
