import { describe, expect, it } from 'vitest'
import { BinlogError } from '../errors.js'
import { encodeCommand, RespDecoder, RespError, type RespReply } from './resp-decoder.js'

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

  it('come to commands', () => {
    expect(String(encodeCommand(['SET', 'é', Uint8Array.of(65)]))).toBe('*3\r\n$3\r\nSET\r\n$2\r\né\r\n$1\r\nA\r\n')
  })
})
