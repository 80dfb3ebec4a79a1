import { describe, expect, it } from 'vitest'
import { BadRequest, bodyCommand, bodyCommands, pathCommand } from './request-commands.js'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

describe('a command in the path', () => {
  it.each([
    ['get/foo', '', null, ['get', 'foo']],
    ['set/foo/bar', 'EX=100', null, ['set', 'foo', 'bar', 'EX', '100']],
    ['set/foo', 'EX=100&NX', Buffer.from('{"a":1}'), ['set', 'foo', Buffer.from('{"a":1}'), 'EX', '100', 'NX']],
    ['set/foo/bar', '_token=secret&PX=5', null, ['set', 'foo', 'bar', 'PX', '5']],
    ['get/', '', null, ['get', '']],
    ['set//', '', null, ['set', '', '']],
    ['get/a%2Fb', '', null, ['get', 'a/b']],
    ['get/../../etc/passwd', '', null, ['get', '..', '..', 'etc', 'passwd']],
    ['get/a%00b', '', null, ['get', 'a\0b']],
    ['get/%ff', '', null, ['get', Buffer.from([255])]],
    ['set/a/b', '&&', null, ['set', 'a', 'b']],
  ])('%s?%s', (target, query, body, args) => {
    expect(pathCommand(target, query, body)).toEqual(args)
  })

  it.each([['get/%', ''], ['get/%zz', ''], ['set/a/b', 'EX=%'], ['', ''], ['/get', '']])('is refused: %s?%s', (target, query) => {
    expect(pathCommand(target, query, null)).toBeInstanceOf(BadRequest)
  })
})

describe('commands in the body', () => {
  it('are arrays of strings, numbers and booleans', () => {
    expect(bodyCommand(json(['SET', 'a', 1, 1.5, true]))).toEqual(['SET', 'a', '1', '1.5', 'true'])
    expect(bodyCommands(json([['GET', 'a'], ['PING']]))).toEqual([['GET', 'a'], ['PING']])
  })

  it.each([
    ['nothing', Buffer.alloc(0)], ['no JSON', Buffer.from('{[')], ['an object', json({ a: 1 })], ['an empty array', json([])],
    ['an empty name', json([''])], ['an object inside', json(['SET', 'a', {}])], ['null inside', json(['SET', 'a', null])],
    ['an array inside', json(['SET', ['a']])], ['a number beyond 2^53', Buffer.from('["SET","a",9007199254740993]')],
    ['a lone surrogate', Buffer.from('["SET","a","\\ud800"]')], ['very deep nesting', Buffer.from('['.repeat(100_000))],
  ])('are refused: %s', (_, body) => {
    expect(bodyCommand(body)).toBeInstanceOf(BadRequest)
    expect(bodyCommands(body)).toBeInstanceOf(BadRequest)
  })

  it('may have a million arguments together, not more', () => {
    const many = Array.from({ length: 1_048_577 }, () => '1')
    expect(bodyCommand(json(many))).toBeInstanceOf(BadRequest)
    expect(bodyCommands(json([many.slice(0, 600_000), many.slice(0, 600_000)]))).toBeInstanceOf(BadRequest)
  })
})
