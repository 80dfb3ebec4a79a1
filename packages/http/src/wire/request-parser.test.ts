/** The parser by itself, in pieces of any size, and held against node:http: it never reads what node:http refuses. */
import { createServer } from 'node:http'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestParser } from './request-parser.js'

interface Read { requests: [method: string, target: string, body: string][]; error: number | null; idle: boolean }

/** Everything in `pieces`, read with bodies of at most 1000 bytes. */
function read(pieces: readonly (string | Buffer)[]): Read {
  const parser = new RequestParser()
  const requests: Read['requests'] = []
  for (const piece of pieces) {
    parser.push(Buffer.from(piece as string, 'latin1'))
    for (let step = parser.next(); step !== 'more'; step = parser.next()) {
      if (step === 'error') return { requests, error: parser.error.status, idle: false }
      if (step === 'head') {
        parser.want(1000)
      } else {
        requests.push([parser.head.method, parser.head.target, parser.body?.toString('latin1') ?? ''])
        if (parser.head.headers.close) return { requests, error: null, idle: true }
        parser.done()
      }
    }
  }
  return { requests, error: null, idle: parser.isIdle }
}
const byBytes = (text: string): string[] => Array.from({ length: text.length }, (_, i) => text[i]!)
const head = (line: string, ...headers: string[]): string => [`${line} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n')
const chunked = (...chunks: string[]): string => [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}${chunk === '' ? '' : '\r\n'}`).join('') + '\r\n'

const GOOD = [
  head('GET /get/a'), head('POST /', 'Content-Length: 7') + '["PING"', head('PUT /set/a', 'content-length:   1  ') + 'x', head('POST /set/a', 'Transfer-Encoding: CHUNKED') + chunked('abc', 'd'.repeat(30)),
  head('POST /set/a', 'transfer-encoding: chunked') + '3;name=value\r\nabc\r\n0\r\nx-trailer: y\r\n\r\n', head('POST /', 'Content-Length: 0'), '\r\n' + head('GET /', 'X-Empty:', 'x-twice: 1', 'x-twice: 2'), 'GET /old HTTP/1.0\r\n\r\n',
]

describe('requests', () => {
  it('are read one after another', () => {
    expect(read([GOOD.join('')])).toEqual({ error: null, idle: true, requests: [
      ['GET', '/get/a', ''], ['POST', '/', '["PING"'], ['PUT', '/set/a', 'x'], ['POST', '/set/a', `abc${'d'.repeat(30)}`], ['POST', '/set/a', 'abc'], ['POST', '/', ''], ['GET', '/', ''], ['GET', '/old', ''],
    ] })
  })

  it('are the same however they are cut', () => {
    const bytes = GOOD.join('')
    const whole = read([bytes])
    expect(read(byBytes(bytes))).toEqual(whole)
    fc.assert(fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      expect(read(at.slice(1).map((end, i) => bytes.slice(at[i], end)))).toEqual(whole)
    }))
  })

  it.each([
    ['3', true], ['3;name', true], ['3;name=value;b', true], ['3;name="a;, b"', true],
    ['3;', false], ['3;,name=value', false], ['3;name=', false], ['3;name=a,b', false], ['3;name="a', false], ['3 ', false], ['3;=', false],
  ])('whose chunk begins with %s: %s', async (line, ok) => {
    const bytes = head('POST /set/a', 'transfer-encoding: chunked') + `${line}\r\nabc\r\n0\r\n\r\n`
    expect(read([bytes])).toMatchObject({ error: ok ? null : 400, requests: ok ? [['POST', '/set/a', 'abc']] : [] })
    if (ok) expect(await readByNode(bytes)).toEqual([['POST', '/set/a', 'abc']])
  })

  it('whose trailer says how it is read are refused', () => {
    for (const trailer of ['Content-Length: 3', 'transfer-encoding: chunked', 'Host: y']) {
      const bytes = head('POST /set/a', 'transfer-encoding: chunked') + `3\r\nabc\r\n0\r\n${trailer}\r\n\r\n`
      expect(read([bytes])).toMatchObject({ error: 400, requests: [] })
    }
  })

  it('of a method that nobody knows are refused', () => {
    expect(read(['ET /get/a HTTP/1.1\r\nHost: x\r\n\r\n'])).toMatchObject({ error: 501, requests: [] })
  })

  it('that are not whole are waited for', () => {
    for (const bytes of GOOD) {
      for (let end = 1; end < bytes.length; end++) {
        const { error, requests } = read([bytes.slice(0, end)])
        expect([end, error, requests.length]).toEqual([end, null, 0])
      }
    }
  })

  it('tell their headers by names in lower case', () => {
    const parser = new RequestParser()
    parser.push(Buffer.from(head('GET /', 'Authorization: Bearer x', 'Connection: Keep-Alive, Upgrade', 'Upgrade: websocket', 'x: 1', 'X: 2')))
    expect(parser.next()).toBe('head')
    const { headers } = parser.head
    expect([headers.fields.get('authorization'), headers.fields.get('x'), headers.upgrade, headers.close]).toEqual(['Bearer x', '1, 2', true, false])
  })
})

it.each([
  ['a head that is too long', head('GET /', `x: ${'a'.repeat(17_000)}`), 431],
  ['a head without end', `GET /${'a'.repeat(17_000)}`, 431],
  ['too many headers', head('GET /', ...Array.from({ length: 120 }, (_, i) => `x${i}: 1`)), 431],
  ['a line that ends in LF', 'GET / HTTP/1.1\nHost: x\n\n\r\n\r\n', 400],
  ['a header that ends in LF', 'GET / HTTP/1.1\r\nHost: x\nx: y\r\n\r\n', 400],
  ['a CR within', 'GET / HTTP/1.1\r\nHost: x\rx: y\r\n\r\n', 400],
  ['a folded header', head('GET /', 'x: a', ' b'), 400],
  ['a space before a colon', head('GET /', 'x : a'), 400],
  ['a header without a colon', head('GET /', 'x'), 400],
  ['a header without a name', head('GET /', ': a'), 400],
  ['a NUL', head('GET /', 'x: a\0b'), 400],
  ['a NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['bytes above 127 in the target', 'GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two hosts', head('GET /', 'host: y'), 400],
  ['two lengths', head('POST /', 'content-length: 1', 'content-length: 1') + 'x', 400],
  ['two lengths in one', head('POST /', 'content-length: 1, 1') + 'x', 400],
  ['a length and chunks', head('POST /', 'content-length: 5', 'transfer-encoding: chunked') + '0\r\n\r\n', 400],
  ['a negative length', head('POST /', 'content-length: -1'), 400],
  ['a length with a plus', head('POST /', 'content-length: +1') + 'x', 400],
  ['a hexadecimal length', head('POST /', 'content-length: 0x1') + 'x', 400],
  ['a length of 20 digits', head('POST /', 'content-length: 18446744073709551617'), 400],
  ['a longer body than is wanted', head('POST /', 'content-length: 1001'), 413],
  ['more chunks than are wanted', head('POST /', 'transfer-encoding: chunked') + chunked('x'.repeat(600), 'x'.repeat(600)), 413],
  ['a chunk of 4 GB', head('POST /', 'transfer-encoding: chunked') + 'ffffffff\r\n', 413],
  ['a chunk size of 9 digits', head('POST /', 'transfer-encoding: chunked') + '000000001\r\nx\r\n', 400],
  ['a chunk without a size', head('POST /', 'transfer-encoding: chunked') + '\r\nx\r\n', 400],
  ['a chunk with a negative size', head('POST /', 'transfer-encoding: chunked') + '-1\r\nx\r\n', 400],
  ['a chunk that is longer', head('POST /', 'transfer-encoding: chunked') + '1\r\nxy\r\n0\r\n\r\n', 400],
  ['an endless chunk line', head('POST /', 'transfer-encoding: chunked') + `1;${'a'.repeat(300)}`, 400],
  ['an endless trailer', head('POST /', 'transfer-encoding: chunked') + `0\r\n${'x: y\r\n'.repeat(1000)}`, 400],
  ['gzip', head('POST /', 'transfer-encoding: gzip, chunked'), 501],
  ['chunks twice', head('POST /', 'transfer-encoding: chunked', 'transfer-encoding: chunked'), 400],
  ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n', 400],
  ['two tokens', head('GET /', 'authorization: Bearer a', 'authorization: Bearer b'), 400],
  ['an expectation', head('POST /', 'expect: a miracle'), 417],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['RESP', '*1\r\n$4\r\nPING\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
])('%s is refused, in one piece and byte by byte', (_, bytes, status) => {
  expect(read([bytes])).toMatchObject({ requests: [], error: status })
  expect(read(byBytes(bytes))).toMatchObject({ requests: [], error: status })
})

it('after an error nothing more is read', () => {
  expect(read(['nonsense', head('GET /')])).toMatchObject({ requests: [], error: 400 })
})

/** What node:http makes of the bytes. */
async function readByNode(bytes: string): Promise<Read['requests']> {
  const requests: Read['requests'] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push([request.method!, request.url!, Buffer.concat(chunks).toString('latin1')])
      response.end()
    })
  })
  server.on('clientError', () => undefined) // what came before it is read to its end
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  server.emit('connection', socket)
  socket.push(Buffer.from(bytes, 'latin1'))
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
  socket.destroy()
  return requests
}

it('reads nothing that node:http reads in another way', async () => {
  const pieces = fc.constantFrom('\r\n', '\n', '\r', ' ', '\t', ':', 'Host: y\r\n', 'Content-Length: 3\r\n', 'content-length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'transfer-encoding: identity\r\n', 'x: y\r\n', ' folded\r\n',
    '0\r\n\r\n', '3\r\nabc\r\n', '1;x\r\n', 'GET / HTTP/1.1\r\n', 'POST /a HTTP/1.1\r\n', ' HTTP/1.0\r\n', '\0', '\x7f', '\xff', 'abc', ',', 'a', '5')
  const edit = fc.tuple(fc.nat(), fc.nat(3), pieces)
  const some = fc.array(edit, { maxLength: 4 })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...GOOD.slice(0, 6)), some, async (start, edits) => {
    let bytes = start
    for (const [where, cut, piece] of edits) {
      const at = where % (bytes.length + 1)
      bytes = bytes.slice(0, at) + piece + bytes.slice(at + cut)
    }
    const ours = read([bytes]).requests
    const theirs = await readByNode(bytes)
    // Fewer is stricter; what both read must be the same.
    expect([bytes, theirs.slice(0, ours.length)]).toEqual([bytes, ours])
  }), { numRuns: 500 })
}, 60_000)
