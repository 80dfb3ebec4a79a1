/** RESP3 frames and what becomes of them. Source: RESP3 specification. */
import { describe, expect, it } from 'vitest'
import { ReplyError, WrongTypeError } from './errors.js'
import type { Page } from './page.js'
import { asBytes, asText, ReplyReader } from './reply.js'

const read = (text: string): unknown => new ReplyReader(Buffer.from(text) as Page, 0).read(asText)

describe('a reply', () => {
  it.each<[frame: string, value: unknown]>([
    ['+OK\r\n', 'OK'],
    [':42\r\n', 42],
    [':-9223372036854775808\r\n', -9223372036854775808n],
    [':9007199254740991\r\n', 9007199254740991],
    ['$5\r\nhello\r\n', 'hello'],
    ['$0\r\n\r\n', ''],
    ['$4\r\na\r\nb\r\n', 'a\r\nb'],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['_\r\n', null],
    ['#t\r\n', true],
    ['#f\r\n', false],
    [',1.5\r\n', 1.5],
    [',-inf\r\n', -Infinity],
    [',nan\r\n', NaN],
    ['(12345678901234567890\r\n', 12345678901234567890n],
    ['*3\r\n:1\r\n$1\r\nx\r\n*0\r\n', [1, 'x', []]],
    ['=8\r\ntxt:four\r\n', 'four'],
    ['|1\r\n+ttl\r\n:3\r\n:7\r\n', 7],
    ['>2\r\n+a\r\n+b\r\n', ['a', 'b']],
  ])('%o', (frame, value) => {
    expect(read(frame)).toEqual(value)
  })

  it('keeps maps and sets what they are, whatever their keys are called', () => {
    expect(read('%2\r\n$9\r\n__proto__\r\n:1\r\n+b\r\n:2\r\n')).toEqual(new Map<string, number>([['__proto__', 1], ['b', 2]]))
    expect(read('~2\r\n+a\r\n+b\r\n')).toEqual(new Set(['a', 'b']))
  })

  it('gives errors as values, with their code apart', () => {
    expect(read('-WRONGTYPE Operation against a key\r\n')).toBeInstanceOf(WrongTypeError)
    const error = read('-MISCONF Errors writing\r\n') as ReplyError
    expect([error.code, error.message]).toEqual(['MISCONF', 'Errors writing'])
    expect((read('-no code here\r\n') as ReplyError).code).toBe('ERR')
    expect(read('*2\r\n-ERR a\r\n:1\r\n')).toEqual([expect.any(ReplyError), 1])
  })

  it('copies bytes: the page may change', () => {
    const page = Buffer.from('$3\r\nabc\r\n') as Page
    const bytes = new ReplyReader(page, 0).read(asBytes)
    page.fill(0)
    expect(bytes).toEqual(new Uint8Array([97, 98, 99]))
  })

  it('reads one frame after the other', () => {
    const reader = new ReplyReader(Buffer.from('+a\r\n:1\r\n$1\r\nb\r\n') as Page, 0)
    expect([reader.read(asText), reader.read(asText), reader.read(asText)]).toEqual(['a', 1, 'b'])
    expect(reader.position).toBe(15)
  })

  it('that no engine sends is a bug', () => {
    expect(() => read('?1\r\n')).toThrow(/no RESP3 frame/)
  })
})
