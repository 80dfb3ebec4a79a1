import { describe, expect, it } from 'vitest'
import { encodeCommand, RespDecoder, RespError, RespPush, type RespReply } from './resp-decoder.js'

const replies: [string, RespReply][] = [
  ['+OK\r\n', 'OK'],
  ['-ERR no\r\n', new RespError('ERR no')],
  [':-3\r\n', -3],
  [':9223372036854775807\r\n', 9223372036854775807n],
  ['$-1\r\n', null],
  ['$0\r\n\r\n', ''],
  ['$4\r\na\r\nb\r\n', 'a\r\nb'],
  ['*-1\r\n', null],
  ['*0\r\n', []],
  ['*2\r\n:1\r\n*1\r\n$1\r\nx\r\n', [1, ['x']]],
  ['_\r\n', null],
  ['#t\r\n', true],
  ['#f\r\n', false],
  [',1.5\r\n', 1.5],
  [',-inf\r\n', -Infinity],
  ['(12345678901234567890\r\n', 12345678901234567890n],
  ['=7\r\ntxt:abc\r\n', 'abc'],
  ['!6\r\nERR no\r\n', new RespError('ERR no')],
  ['%1\r\n+a\r\n:1\r\n', new Map([['a', 1]])],
  ['~2\r\n+a\r\n+b\r\n', new Set(['a', 'b'])],
  ['>2\r\n+message\r\n+x\r\n', new RespPush(['message', 'x'])],
  ['|1\r\n+ttl\r\n:1\r\n+value\r\n', 'value'],
]

describe('RespDecoder', () => {
  it.each(replies)('decodes %j, whole and split at every byte', (wire, value) => {
    const bytes = Buffer.from(wire)
    for (let split = 0; split <= bytes.length; split++) {
      const decoder = new RespDecoder()
      decoder.push(bytes.subarray(0, split))
      if (split < bytes.length) expect(decoder.next()).toBeNull()
      decoder.push(bytes.subarray(split))
      const reply = decoder.next()
      expect(reply?.value).toEqual(value)
      expect(reply?.wire.toString()).toBe(wire)
      expect(decoder.next()).toBeNull()
      expect(decoder.pendingBytes).toBe(0)
    }
  })

  it('hands out replies that came together one by one', () => {
    const decoder = new RespDecoder()
    decoder.push(Buffer.from(':1\r\n:2\r\n:'))
    expect([decoder.next()?.value, decoder.next()?.value, decoder.next()]).toEqual([1, 2, null])
  })

  it('keeps every byte of a binary bulk string', () => {
    const decoder = new RespDecoder({ binary: true })
    decoder.push(Buffer.from([0x24, 0x32, 13, 10, 0xff, 0, 13, 10]))
    expect(decoder.next()?.value).toEqual(Buffer.from([0xff, 0]))
  })

  it.each(['hello\r\n', ':1x\r\n', '$-2\r\n', '*x\r\n', '$1\r\nabc'])('refuses %j', (wire) => {
    const decoder = new RespDecoder()
    decoder.push(Buffer.from(wire))
    expect(() => decoder.next()).toThrow('not RESP')
  })
})

describe('encodeCommand', () => {
  it('counts bytes, not characters', () => {
    expect(encodeCommand(['SET', 'ä', 1, Buffer.from([0xff])]).toString('latin1'))
      .toBe('*4\r\n$3\r\nSET\r\n$2\r\nÃ¤\r\n$1\r\n1\r\n$1\r\nÿ\r\n')
  })
})
