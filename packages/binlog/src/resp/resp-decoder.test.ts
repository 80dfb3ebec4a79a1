import { describe, expect, it } from 'vitest'
import { BinlogError, DecodeError } from '../errors.js'
import { RespDecoder, RespError, type RespReply } from './resp-decoder.js'

function decode(text: string, pieceBytes: number): RespReply[] {
  const decoder = new RespDecoder(1000)
  const bytes = Buffer.from(text)
  const replies: RespReply[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    decoder.push(bytes.subarray(at, at + pieceBytes))
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply)
  }
  return replies
}

describe('replies', () => {
  it('are the same in however many pieces they come', () => {
    const text = '+OK\r\n-ERR no\r\n:42\r\n:-7\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n$4\r\na\r\nb\r\n*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*1\r\n*0\r\n+END\r\n'
    const expected = ['OK', new RespError('ERR no'), 42, -7, null, null, [], Buffer.from(''), Buffer.from('a\r\nb'), [[1, Buffer.from('x')], [[]]], 'END']
    for (let size = 1; size <= text.length; size++) expect(decode(text, size)).toEqual(expected)
  })

  it.each(['x\r\n', '$-2\r\n', '$1001\r\n', '$x\r\n', '$1\r\nabc', '*-2\r\n', '*99999999999\r\n', ':1.5\r\n', `+${'x'.repeat(70_000)}`, '*1\r\n'.repeat(20), `*2\r\n$900\r\n${'x'.repeat(900)}\r\n$900\r\n${'x'.repeat(900)}\r\n`])('are refused that are none: %.20s', (text) => {
    expect(() => decode(text, 100_000)).toThrow(BinlogError)
  })
})

/** As a follower's target is read: a reply may have 512 MiB. */
const WIRE = '+OK\r\n-ERR no é\r\n:-7\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n-WRONGTYPE y\r\n+\r\n*0\r\n'
const REPLIES = ['OK', new RespError('ERR no é'), -7, Buffer.from('a\r\n'), Buffer.alloc(0), null, null, [1, [Buffer.from('x'), new RespError('WRONGTYPE y')], ''], []]

function read(chunks: readonly Buffer[]): RespReply[] {
  const decoder = new RespDecoder(2 ** 29)
  const replies: RespReply[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply)
  }
  return replies
}

describe('replies of a target', () => {
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
