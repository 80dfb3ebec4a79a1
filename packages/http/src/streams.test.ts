/** What has no end: event streams and WebSockets. */
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { tempDir, waitFor } from '@slotwise/testing'
import { open, type Store } from 'slotwise'
import { createGateway, type Gateway } from './gateway.js'

const TOKEN = 'token-of-the-stream-tests'
const SHOP = 'shop-of-the-stream-tests'
let store: Store<string>
let gateway: Gateway
let port: number

beforeAll(async () => {
  store = await open({ codec: 'text' })
  gateway = await createGateway({ store, tokens: [{ token: TOKEN }, { token: SHOP, keyPrefix: 'shop:' }], streamsMax: 4, bodyBytesMax: 100_000 })
  port = (await gateway.listen()).port
})
afterAll(async () => {
  await gateway.close()
  await store.close()
})

interface Events { heard: string; ended: boolean; close: () => void; status: number }
async function listen(path: string, token = TOKEN, base = `http://127.0.0.1:${port}`): Promise<Events> {
  const control = new AbortController()
  const response = await fetch(`${base}${path}?_token=${token}`, { method: 'POST', signal: control.signal })
  const events: Events = { heard: '', ended: false, close: () => control.abort(), status: response.status }
  void (async () => {
    try {
      for await (const chunk of response.body!) events.heard += Buffer.from(chunk as Uint8Array).toString()
    } catch {
      // Closed.
    }
    events.ended = true
  })()
  return events
}
const subscribers = (): unknown => (store.command('PUBSUB NUMSUB', 'news') as [string, number])[1]
const noSubscribers = (): Promise<unknown> => waitFor(() => subscribers() === 0)

describe('an event stream', () => {
  it('tells what is published to its channels, in Upstash\'s words', async () => {
    const events = await listen('/subscribe/news/a%2Fb')
    await waitFor(() => events.heard.includes('subscribe,a/b,2'))
    store.publish('news', 'hello')
    store.publish('a/b', 'two\nlines')
    store.publish('other', 'not this')
    await waitFor(() => events.heard.includes('lines'))
    expect(events.heard).toBe('data: subscribe,news,1\n\ndata: subscribe,a/b,2\n\ndata: message,news,hello\n\ndata: message,a/b,two\ndata: lines\n\n')
    events.close()
    await noSubscribers()
  })

  it('tells patterns, and several listeners the same', async () => {
    const [first, second] = await Promise.all([listen('/psubscribe/n*'), listen('/psubscribe/n*')])
    await waitFor(() => first.heard.includes('psubscribe,n*,1') && second.heard.includes('psubscribe,n*,1'))
    store.publish('news', 'x')
    await waitFor(() => first.heard.includes('pmessage,n*,news,x') && second.heard.includes('pmessage,n*,news,x'))
    first.close()
    await waitFor(() => first.ended)
    store.publish('news', 'y')
    await waitFor(() => second.heard.includes('news,y'))
    second.close()
  })

  it('is for whoever may listen', async () => {
    expect((await listen('/subscribe/news', 'forged-token-of-nobody')).status).toBe(401)
    expect((await listen('/subscribe/news', SHOP)).status).toBe(400)
    expect((await listen('/psubscribe/*', SHOP)).status).toBe(400)
    const own = await listen('/subscribe/shop:news', SHOP)
    expect(own.status).toBe(200)
    own.close()
  })

  it('that nobody reads is cut off', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`GET /subscribe/news?_token=${TOKEN} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`)
    await waitFor(() => subscribers() === 1)
    socket.pause()
    const text = 'x'.repeat(500_000)
    await waitFor(() => {
      store.publish('news', text)
      return subscribers() === 0
    })
    socket.destroy()
  })

  it('has a limit, and ends when the tokens change', async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, () => listen('/subscribe/news')))
    expect(streams.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503])
    gateway.setTokens([{ token: TOKEN }, { token: SHOP, keyPrefix: 'shop:' }])
    await waitFor(() => streams.every(({ ended }) => ended))
    await noSubscribers()
  })

  it('comes by a server of one\'s own too', async () => {
    const server = createServer(gateway.handler).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const events = await listen('/subscribe/news', TOKEN, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await waitFor(() => events.heard.includes('subscribe,news,1'))
    store.publish('news', 'hello')
    await waitFor(() => events.heard.includes('message,news,hello'))
    events.close()
    await noSubscribers()
    server.closeAllConnections()
    server.close()
  })
})

interface Talk { socket: WebSocket; heard: unknown[]; code: number; say: (message: unknown) => void }
async function talk(token = TOKEN, headers: Record<string, string> = {}, at = port): Promise<Talk> {
  const socket = new WebSocket(`ws://127.0.0.1:${at}/ws?_token=${token}`, { headers })
  const it: Talk = { socket, heard: [], code: 0, say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)) }
  socket.on('message', (data: Buffer) => it.heard.push(JSON.parse(data.toString())))
  socket.on('close', (code) => { it.code = code })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return it
}
const hears = (it: Talk, count: number): Promise<unknown> => waitFor(() => it.heard.length >= count)

describe('a WebSocket', () => {
  it('runs commands in order, with ids where there are any', async () => {
    const it = await talk()
    it.say(['SET', 'a', 'x'])
    it.say({ id: 7, command: ['GET', 'a'] })
    it.say({ id: 'err', command: ['INCR', 'a'] })
    it.say(['GET', 'none'])
    await hears(it, 4)
    expect(it.heard).toEqual([{ result: 'OK' }, { id: 7, result: 'x' }, { id: 'err', error: 'ERR value is not an integer or out of range' }, { result: null }])
    it.socket.close()
  })

  it('hears what is published', async () => {
    const it = await talk()
    it.say(['SUBSCRIBE', 'news'])
    it.say({ id: 1, command: ['PSUBSCRIBE', 'n*'] })
    await hears(it, 2)
    store.publish('news', 'hello')
    await hears(it, 4)
    it.say(['UNSUBSCRIBE', 'news'])
    await hears(it, 5)
    store.publish('news', 'again')
    await hears(it, 6)
    expect(it.heard).toEqual([
      { result: ['subscribe', 'news', 1] }, { id: 1, result: ['psubscribe', 'n*', 2] }, { message: ['message', 'news', 'hello'] }, { message: ['pmessage', 'n*', 'news', 'hello'] },
      { result: ['unsubscribe', 'news', 1] }, { message: ['pmessage', 'n*', 'news', 'again'] },
    ])
    it.socket.close()
    await noSubscribers()
  })

  it('may listen to a hundred channels, and so may a stream', async () => {
    const it = await talk()
    it.say(['SUBSCRIBE', ...Array.from({ length: 101 }, (_, i) => `c${i}`)])
    it.say(['PING'])
    await hears(it, 2)
    expect(it.heard).toEqual([{ error: 'ERR more than 100 channels' }, { result: 'PONG' }])
    it.socket.close()
    expect((await listen(`/subscribe${'/c'.repeat(101)}`)).status).toBe(400)
  })

  it('does what its token may', async () => {
    const it = await talk(SHOP)
    for (const command of [['GET', 'other'], ['SUBSCRIBE', 'news'], ['MULTI'], ['CONFIG', 'GET', '*'], ['SET', 'shop:1', 'x']]) it.say(command)
    await hears(it, 5)
    expect(it.heard.map((answer) => 'error' in (answer as object))).toEqual([true, true, true, true, false])
    it.socket.close()
    await expect(talk('forged-token-of-nobody')).rejects.toThrow(/401/)
  })

  it('messages that are none are answered with errors, and the connection goes on', async () => {
    const it = await talk()
    for (const message of ['', '[', '{}', 'null', '5', '[]', '[null]', '{"id":{},"command":["PING"]}', '["SET","a",{}]', '["SUBSCRIBE"]', '["PING"]']) it.say(message)
    await hears(it, 11)
    expect(it.heard.slice(0, 10).every((answer) => 'error' in (answer as object))).toBe(true)
    expect(it.heard[10]).toEqual({ result: 'PONG' })
    it.socket.close()
  })

  it('bytes and messages over the limit end the connection', async () => {
    const binary = await talk()
    binary.socket.send(Buffer.from([1, 2, 3]))
    await waitFor(() => binary.code === 1003)
    const long = await talk()
    long.say(['SET', 'a', 'x'.repeat(200_000)])
    await waitFor(() => long.code === 1009)
    expect(store.get('a')).not.toBe('x'.repeat(200_000))
  })

  it('a flood of messages ahead of their answers ends the connection, and nothing more of it is run', async () => {
    await using dir = tempDir()
    await using durable = await open({ dir: dir.path, codec: 'text', appendFsync: 'always' })
    await using served = await createGateway({ store: durable, tokens: [{ token: TOKEN }] })
    const { port: other } = await served.listen()
    const it = await talk(TOKEN, {}, other)
    const flood = 3000
    for (let i = 0; i < flood; i++) it.say(['INCR', 'n']) // each answer waits for the disk
    await waitFor(() => it.code === 1008)
    expect(Number(durable.get('n'))).toBeLessThan(flood / 2)
    const again = await talk(TOKEN, {}, other)
    again.say(['PING'])
    await hears(again, 1)
    again.socket.close()
  })

  it('answers that nobody reads end the connection', async () => {
    const it = await talk()
    const count = 100
    store.set('big', 'x'.repeat(1_000_000))
    it.socket.pause()
    for (let i = 0; i < count; i++) it.say(['GET', 'big'])
    // Behind them, by another connection: they have been answered, as far as they ever will be.
    const other = await talk()
    other.say(['PING'])
    await hears(other, 1)
    it.socket.resume()
    await waitFor(() => it.code === 1013)
    expect(it.heard.length).toBeLessThan(count)
    other.socket.close()
    store.del('big')
  })

  it('connections have a limit, and end with their token', async () => {
    const some = await Promise.all(Array.from({ length: 4 }, () => talk()))
    await expect(talk()).rejects.toThrow(/503/)
    gateway.setTokens([{ token: TOKEN }, { token: SHOP, keyPrefix: 'shop:' }])
    await waitFor(() => some.every(({ code }) => code === 1012))
    const again = await talk()
    again.say(['PING'])
    await hears(again, 1)
    again.socket.close()
  })

  it('is asked for by an upgrade', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/ws?_token=${TOKEN}`)
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket'])
  })

  it('is not for web pages where there are no tokens', async () => {
    await using served = await createGateway({ store })
    const { port: other } = await served.listen()
    const socket = new WebSocket(`ws://127.0.0.1:${other}/ws`, { headers: { origin: 'https://evil.example' } })
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    expect(error.message).toMatch(/403/)
  })
})
