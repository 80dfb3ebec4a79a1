import { expect, test } from 'vitest'
import { encodeReply, type RespValue } from './resp-writer.js'

const cases: [RespValue, string, string?][] = [
  [null, '$-1\r\n', '_\r\n'],
  [-5, ':-5\r\n'],
  ['', '$0\r\n\r\n'],
  ['zwölf', '$6\r\nzwölf\r\n'],
  [{ status: 'OK' }, '+OK\r\n'],
  [{ error: 'ERR Unknown node a\r\n+OK' }, '-ERR Unknown node a  +OK\r\n'],
  [{ verbatim: 'a:1\r\n' }, '$5\r\na:1\r\n\r\n', '=9\r\ntxt:a:1\r\n\r\n'],
  [[1, ['a', []]], '*2\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n'],
  [new Map<string, RespValue>([['b', 1], ['a', null]]), '*4\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n$-1\r\n', '%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n_\r\n'],
]

test.each(cases)('%j is written in both protocols', (value, resp2, resp3 = resp2) => {
  expect(Buffer.from(encodeReply(value, 2)).toString()).toBe(resp2)
  expect(Buffer.from(encodeReply(value, 3)).toString()).toBe(resp3)
})
