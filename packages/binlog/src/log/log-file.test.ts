import { expect, test } from 'vitest'
import { BinlogError } from '../errors.js'
import { LogFileDecoder, parseLogIndex, secondsAt } from './log-file.js'
import { encodeCommands } from '../resp/encode-commands.js'

const file = Buffer.concat([
  encodeCommands([['SELECT', '0']]), encodeCommands([['SET', 'k', 'v\r\n$1']]), Buffer.from('#TS:1764000000\r\n'), encodeCommands([['SELECT', '3']]),
  encodeCommands([['MULTI']]), encodeCommands([['INCR', 'n']]), encodeCommands([['EXEC']]),
])

function decode(bytes: Buffer, pieceBytes: number): unknown[] {
  const decoder = new LogFileDecoder()
  const events: unknown[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const event of decoder.push(bytes.subarray(at, at + pieceBytes))) {
      const { position, next, db, words, inTransaction, lineSeconds } = event
      events.push([position, next, db, words.map(String).join(' '), inTransaction, lineSeconds])
    }
  }
  return events
}

test('commands come with their places, databases and times, in however many pieces', () => {
  const expected = [
    [0, 23, 0, 'SELECT 0', false, 0], [23, 54, 0, 'SET k v\r\n$1', false, 0], [70, 93, 3, 'SELECT 3', false, 1764000000],
    [93, 108, 3, 'MULTI', true, 1764000000], [108, 129, 3, 'INCR n', true, 1764000000], [129, 143, 3, 'EXEC', true, 1764000000],
  ]
  for (let size = 1; size <= file.length; size++) expect(decode(file, size)).toEqual(expected)
  for (let end = 1; end < file.length; end++) {
    const found = decode(file.subarray(0, end), end)
    expect(found).toEqual(expected.slice(0, found.length))
  }
})

test('what is no command is refused', () => {
  for (const text of ['x', '*0\r\n', '*1\r\n:1\r\n', '*1\r\n$2\r\nabc\r\n', '*99999999999\r\n', '*1\r\n$999999999\r\n', `#${'x'.repeat(2000)}`, `*${'1'.repeat(50)}`]) {
    expect(() => decode(Buffer.from(text.padEnd(40, ' ')), 10_000), text).toThrow(BinlogError)
  }
})

test('an index says when', () => {
  const record = (end: number, word: number, seconds: number): Buffer => {
    const bytes = Buffer.alloc(32)
    bytes.writeBigUInt64LE(BigInt(end), 0)
    bytes.writeUInt32LE(word, 8)
    bytes.writeUInt32LE(seconds, 24)
    return bytes
  }
  const header = Buffer.alloc(32)
  header.write('SLOTWIDX')
  const records = [
    record(23, 0x10000017, 5), record(23, 0x20000000, 6), record(54, 0x1000001f, 7), record(50, 0x10000005, 8),
  ]
  const blocks = parseLogIndex(Buffer.concat([header, ...records, Buffer.alloc(7)]))
  expect(blocks).toEqual([{ begin: 0, end: 23, seconds: 5 }, { begin: 23, end: 54, seconds: 7 }])
  expect([0, 22, 23, 53, 54].map((position) => secondsAt(blocks, position))).toEqual([5, 5, 7, 7, 0])
  expect(parseLogIndex(Buffer.from('nothing'))).toEqual([])
})
