import { describe, expect, it } from 'vitest'
import { parseReply, ReplyError } from './probe.js'

describe('parseReply', () => {
  it.each([
    ['+PONG\r\n', 'PONG'],
    [':5000000\r\n', 5_000_000],
    ['$-1\r\n', null],
    ['$4\r\na\r\nb\r\n', 'a\r\nb'],
  ])('reads %j', (text, expected) => {
    expect(parseReply(Buffer.from(text))).toBe(expected)
  })

  it('returns an error reply as a value', () => {
    const reply = parseReply(Buffer.from('-LOADING busy\r\n'))
    expect(reply).toBeInstanceOf(ReplyError)
    expect((reply as ReplyError).message).toBe('LOADING busy')
  })

  it('waits for the rest at every byte of a bulk string', () => {
    const whole = Buffer.from('$3\r\nabc\r\n')
    for (let length = 1; length < whole.length; length++) expect(parseReply(whole.subarray(0, length))).toBeUndefined()
    expect(parseReply(whole)).toBe('abc')
  })

  it('refuses what is no reply', () => {
    expect(() => parseReply(Buffer.from('HTTP/1.1 400\r\n'))).toThrow(SyntaxError)
  })
})
