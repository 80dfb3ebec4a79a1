import { describe, expect, it } from 'vitest'
import { encodeCommand, ReplyError, ReplyReader, textOf } from './resp.js'

function readAll(reader: ReplyReader, bytes: Buffer): unknown[] {
  reader.push(bytes)
  const found = []
  for (let reply = reader.next(); reply !== undefined; reply = reader.next()) found.push(reply)
  return found
}

describe('replies', () => {
  const wire = Buffer.from('+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n$3\r\na\r\n\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n*-1\r\n')
  const replies = ['OK', new ReplyError('ERR no'), -7, null, Buffer.from('a\r\n'), [1, [Buffer.alloc(0)]], null]

  it('are read whole, wherever the bytes are cut', () => {
    expect(readAll(new ReplyReader(), wire)).toEqual(replies)
    for (let cut = 0; cut <= wire.length; cut++) {
      const reader = new ReplyReader()
      expect([...readAll(reader, wire.subarray(0, cut)), ...readAll(reader, wire.subarray(cut))]).toEqual(replies)
    }
  })

  it.each(['HTTP/1.1 400\r\n', '$999999999999\r\n', '$-2\r\n', '*99999999999\r\n', ':x\r\n'])('%j is refused', (text) => {
    expect(() => readAll(new ReplyReader(), Buffer.from(text))).toThrow()
  })

  it('a line without end is refused before it fills the memory', () => {
    expect(() => readAll(new ReplyReader(), Buffer.alloc((1 << 20) + 2, '+'))).toThrow(/RESP/)
  })

  it('are text where text is wanted', () => {
    expect(textOf([Buffer.from('é'), 1, null, new ReplyError('no')])).toBe('é 1  no')
  })
})

it('a command is an array of bulk strings, counted in bytes', () => {
  expect(encodeCommand(['SET', 'é', 5]).toString()).toBe('*3\r\n$3\r\nSET\r\n$2\r\né\r\n$1\r\n5\r\n')
})
