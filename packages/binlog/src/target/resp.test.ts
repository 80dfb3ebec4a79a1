/** RESP as a client speaks it: every cut of the bytes gives the same replies, and no length is believed. */
import { describe, expect, it } from 'vitest'
import { DecodeError } from '../errors.js'
import { encodeCommands, RespError, RespReader, type RespReply } from './resp.js'

const WIRE = '+OK\r\n-ERR no é\r\n:-7\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n-WRONGTYPE y\r\n+\r\n*0\r\n'
const REPLIES = ['OK', new RespError('ERR no é'), -7, Buffer.from('a\r\n'), Buffer.alloc(0), null, null, [1, [Buffer.from('x'), new RespError('WRONGTYPE y')], ''], []]

function read(chunks: readonly Buffer[]): RespReply[] {
  const reader = new RespReader()
  const replies: RespReply[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let reply = reader.next(); reply !== undefined; reply = reader.next()) replies.push(reply)
  }
  return replies
}

describe('replies', () => {
  it('are the same however they are cut', () => {
    const wire = Buffer.from(WIRE)
    expect(read([wire])).toEqual(REPLIES)
    for (let at = 1; at < wire.length; at++) {
      expect(read([wire.subarray(0, at), wire.subarray(at)]), String(at)).toEqual(REPLIES)
    }
    expect(read([...wire].map((byte) => Buffer.from([byte])))).toEqual(REPLIES)
  })

  it.each(['$536870913\r\n', '$-2\r\n', '*16777217\r\n', '*-5\r\n', ':x\r\n', '!3\r\nabc\r\n', ':12345678901234567890\r\n', '*1\r\n'.repeat(9)])('that lie are refused: %j', (text) => {
    expect(() => read([Buffer.from(text)])).toThrow(DecodeError)
  })

  it('whose line never ends are refused', () => {
    expect(() => read([Buffer.alloc(70_000, 'x')])).toThrow(DecodeError)
  })

  it('errors tell their code', () => expect(new RespError('MOVED 7 h:1').code).toBe('MOVED'))
})

describe('commands', () => {
  it('are arrays of bulk strings, counted in bytes', () => {
    expect(encodeCommands([['SET', 'é', new Uint8Array([0, 255])], ['PING']]).toString('latin1'))
      .toBe('*3\r\n$3\r\nSET\r\n$2\r\nÃ©\r\n$2\r\n\0ÿ\r\n*1\r\n$4\r\nPING\r\n')
  })
})
