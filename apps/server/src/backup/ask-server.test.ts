import { describe, expect, it } from 'vitest'
import { parseReply } from './ask-server.js'

describe('a reply', () => {
  it.each([
    ['+OK\r\n', 'OK'], [':5\r\n', '5'], ['$2\r\nab\r\n', 'ab'], ['*2\r\n$3\r\ndir\r\n$0\r\n\r\n', ['dir', '']], ['*0\r\n', []],
  ])('%j is read whole, and not before it is', (wire, reply) => {
    for (let length = 0; length < wire.length; length++) expect(parseReply(wire.slice(0, length), 0)).toBeNull()
    expect(parseReply(`${wire}+next`, 0)).toEqual({ reply, end: wire.length })
  })
  it('may be an error', () => expect(parseReply('-NOAUTH x\r\n', 0)?.reply).toEqual(new Error('NOAUTH x')))
  it.each(['HTTP/1.1 400\r\n', '$-1\r\n', '$99999999999\r\n', '*x\r\n', '%1\r\n'])('is not %j', (wire) =>
    expect(() => parseReply(wire, 0)).toThrow('it does not speak RESP'))
})
