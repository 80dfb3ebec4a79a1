/** What only a socket can send: bodies without end, heads without end, silence. */
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '@slotwise/testing'
import { open, type Store } from 'slotwise'
import { createGateway, type Gateway } from '../gateway.js'

const TOKEN = 'token-of-the-socket-tests'
let store: Store<string>
let gateway: Gateway
let port: number
/** Gives up soon. */
let impatient: Gateway
let impatientPort: number

beforeAll(async () => {
  store = await open({ codec: 'text' })
  const options = {
    store, tokens: [{ token: TOKEN }], bodyBytesMax: 100_000, bodiesBytesMax: 150_000, connectionsMax: 20,
  }
  gateway = await createGateway({ ...options, headersTimeoutMs: 8000, requestTimeoutMs: 10_000 })
  impatient = await createGateway({ ...options, headersTimeoutMs: 300, requestTimeoutMs: 600 })
  port = (await gateway.listen()).port
  impatientPort = (await impatient.listen()).port
})
afterAll(async () => {
  await gateway.close()
  await impatient.close()
  await store.close()
})

/** A socket that keeps what it has heard. */
function talk(first: string, to = port): Socket & { heard: string; ended: boolean } {
  const socket = Object.assign(connect(to, '127.0.0.1'), { heard: '', ended: false })
  socket.on('data', (bytes) => { socket.heard += bytes.toString('latin1') })
  socket.on('close', () => { socket.ended = true })
  socket.on('error', () => undefined)
  socket.write(first)
  return socket
}
const head = (line: string, ...headers: string[]): string =>
  [`${line} HTTP/1.1`, 'host: 127.0.0.1', `authorization: Bearer ${TOKEN}`, ...headers, '', ''].join('\r\n')
const heard = async (socket: { heard: string; ended: boolean }, what: RegExp): Promise<string> =>
  waitFor(() => what.test(socket.heard) ? socket.heard : null, { what: `${what.source} from the gateway` })
const ends = (socket: { ended: boolean }): Promise<unknown> => waitFor(() => socket.ended, { what: 'the end of the connection' })

describe('a body', () => {
  it('of 100 MB is refused before it comes, and nobody waits for it', async () => {
    const socket = talk(head('POST /set/a', 'content-length: 104857600'))
    expect(await heard(socket, /exceeded/)).toMatch(/^HTTP\/1\.1 413 [^]*Limit: 100000 bytes, Actual: 104857600 bytes/)
    await ends(socket)
  })

  it('of unknown length is refused where it passes the limit', async () => {
    const socket = talk(head('POST /set/a', 'transfer-encoding: chunked'))
    for (let i = 0; i < 11; i++) socket.write(`2710\r\n${'x'.repeat(10_000)}\r\n`)
    expect(await heard(socket, /exceeded/)).toMatch(/^HTTP\/1\.1 413 /)
    await ends(socket)
    expect(store.exists('a')).toBe(0)
  })

  it('of a stranger is not read', async () => {
    const socket = talk('POST /set/a HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 50000\r\n\r\n')
    expect(await heard(socket, /Unauthorized/)).toMatch(/^HTTP\/1\.1 401 /)
    await ends(socket)
  })

  it('is asked for if the client waits to be, and only then', async () => {
    const good = talk(head('POST /set/a', 'content-length: 1', 'expect: 100-continue'))
    await heard(good, /^HTTP\/1\.1 100 /)
    good.write('x')
    await heard(good, /"OK"/)
    good.destroy()
    const bad = talk(head('POST /set/a', 'content-length: 999999', 'expect: 100-continue'))
    expect(await heard(bad, /exceeded/)).toMatch(/^HTTP\/1\.1 413 /)
    bad.destroy()
  })

  it('counts with all others that are being received', async () => {
    const first = talk(head('POST /set/a', 'content-length: 99999') + 'x'.repeat(90_000))
    const second = talk(head('POST /set/b', 'content-length: 99999') + 'x'.repeat(90_000))
    const refused = await waitFor(() => [first, second].find((socket) => socket.heard.includes('503')))
    expect(refused.heard).toMatch(/retry-after: 1/i)
    first.destroy()
    second.destroy()
    await Promise.all([ends(first), ends(second)])
    // What they had sent counts no longer.
    const third = talk(head('POST /set/c', 'content-length: 99999') + 'x'.repeat(99_999))
    await heard(third, /"OK"/)
    third.destroy()
  })

  it('belongs to no GET', async () => {
    const socket = talk(head('GET /get/a', 'content-length: 3') + 'abc')
    expect(await heard(socket, /has no body/)).toMatch(/^HTTP\/1\.1 400 /)
    socket.destroy()
  })
})

describe('a head', () => {
  it('that comes byte by byte is given up', async () => {
    const socket = talk('GET /get/a HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ', impatientPort)
    const drip = setInterval(() => socket.write('x'), 50)
    await ends(socket)
    clearInterval(drip)
    expect(socket.heard).toMatch(/^(HTTP\/1\.1 408 [^]*)?$/)
  })

  it('whose body comes byte by byte is given up', async () => {
    const socket = talk(head('POST /set/slow', 'content-length: 99999'), impatientPort)
    const drip = setInterval(() => socket.write('x'), 50)
    await ends(socket)
    clearInterval(drip)
    expect(store.exists('slow')).toBe(0)
  })

  it.each([
    ['of HTTP/2', 'PRI * HTTP/2.0\r\n\r\n', 505],
    ['that is too long', head('GET /get/a', `x-long: ${'x'.repeat(20_000)}`), 431],
    ['with two lengths', head('POST /set/a', 'content-length: 1', 'content-length: 2') + 'xx', 400],
    ['with a length and chunks', head('POST /set/a', 'content-length: 1', 'transfer-encoding: chunked') + '0\r\n\r\n', 400],
    ['with a length that is none', head('POST /set/a', 'content-length: -1'), 400],
    ['with a NUL', head('GET /get/a', 'x-nul: a\0b'), 400],
    ['with a space before a colon', head('GET /get/a', 'x-space : a'), 400],
    ['that is no HTTP', '*1\r\n$4\r\nPING\r\n', 400],
    ['that is TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['without a host', 'GET /get/a HTTP/1.1\r\n\r\n', 400],
    ['with a target that is no path', head('GET http://other.example/get/a'), 400],
  ])('%s is refused', async (_, bytes, status) => {
    const socket = talk(bytes)
    expect(await heard(socket, /^HTTP\/1\.1 \d/)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(socket.heard).not.toMatch(/at .*\.js/)
    socket.destroy()
  })
})

it('requests that come together are answered one by one, in order', async () => {
  const socket = talk(head('GET /set/p/1') + head('GET /incr/p') + head('GET /get/p'))
  const text = await heard(socket, /"2"/)
  expect([...text.matchAll(/\{"result":[^}]*\}/g)].map(([json]) => json)).toEqual(['{"result":"OK"}', '{"result":2}', '{"result":"2"}'])
  socket.destroy()
})

it('connections have a limit, and those within it go on', async () => {
  const first = talk(head('GET /ping'))
  await heard(first, /PONG/)
  const many = Array.from({ length: 40 }, () => talk(''))
  await waitFor(() => many.filter(({ ended }) => ended).length >= 20)
  first.write(head('GET /echo/still'))
  await heard(first, /still/)
  for (const socket of [first, ...many]) socket.destroy()
})
