/** The change feed over HTTP: what it tells whom, and where it goes on. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tempDir, type TempDir, waitFor } from '@slotwise/testing'
import { open, type Store } from 'slotwise'
import { createGateway, type Gateway } from './gateway.js'

const TOKEN = 'token-of-the-change-tests'
const READER = 'reader-of-the-change-tests'
const SHOP = 'shop-of-the-change-tests'
let dir: TempDir
let store: Store<string>
let gateway: Gateway
let port: number

beforeAll(async () => {
  dir = tempDir()
  store = await open({ dir: dir.path, codec: 'text' })
  const tokens = [{ token: TOKEN }, { token: READER, readOnly: true }, { token: SHOP, keyPrefix: 'shop:' }]
  gateway = await createGateway({ store, tokens, streamsMax: 4 })
  port = (await gateway.listen()).port
})
afterAll(async () => {
  await gateway.close()
  await store.close()
  await dir.remove()
})

interface Told { time: number; changes: { keys: string[]; command: string[] }[] }
interface Feed { status: number; error: string; text: string; ended: boolean; close: () => void }

async function listen(query = '', token = TOKEN, headers: Record<string, string> = {}, at = port): Promise<Feed> {
  const control = new AbortController()
  const response = await fetch(`http://127.0.0.1:${at}/changes${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers }, signal: control.signal,
  })
  const feed: Feed = { status: response.status, error: '', text: '', ended: false, close: () => control.abort() }
  if (response.status !== 200) {
    feed.error = (await response.json() as { error: string }).error
    return feed
  }
  void (async () => {
    try {
      for await (const chunk of response.body!) feed.text += Buffer.from(chunk as Uint8Array).toString()
    } catch {
      // Closed.
    }
    feed.ended = true
  })()
  await waitFor(() => lastId(feed) !== undefined, { what: 'where it begins' })
  return feed
}

const blocks = ({ text }: Pick<Feed, 'text'>): string[] => text.split('\n\n').slice(0, -1)
const lastId = (feed: Pick<Feed, 'text'>): string | undefined => /^id: (.*)$/m.exec(blocks(feed).at(-1) ?? '')?.[1]
const told = (feed: Pick<Feed, 'text'>): Told[] => blocks(feed).flatMap((block) => {
  const data = /^data: (.*)$/m.exec(block)?.[1]
  return data === undefined ? [] : [JSON.parse(data) as Told]
})
const commands = (feed: Pick<Feed, 'text'>): string[][] =>
  told(feed).map(({ changes }) => changes.map(({ command }) => command.join(' ')))

describe('a feed of changes', () => {
  it('tells each transaction with the position behind it, and goes on there', async () => {
    const feed = await listen()
    const start = lastId(feed)!
    store.set('a', '1')
    store.multi((batch) => [batch.incr('n'), batch.set('b', '2')])
    store.del(['a', 'b'])
    await waitFor(() => told(feed).length === 3)
    expect(commands(feed)).toEqual([['SET a 1'], ['INCR n', 'SET b 2'], ['DEL a', 'DEL b']])
    expect(told(feed)[1]!.changes.map(({ keys }) => keys)).toEqual([['n'], ['b']])
    expect(Math.abs(Date.now() / 1000 - told(feed)[0]!.time)).toBeLessThan(60)
    feed.close()

    const second = /^id: (.*)$/m.exec(blocks(feed)[1]!)![1]!
    const again = await listen('?from=0', READER, { 'last-event-id': second })
    await waitFor(() => told(again).length === 2)
    expect(commands(again)).toEqual([['INCR n', 'SET b 2'], ['DEL a', 'DEL b']])
    again.close()
    const whole = await listen(`?from=${encodeURIComponent(start)}`)
    await waitFor(() => told(whole).length === 3)
    whole.close()
  })

  it('tells of some keys only, and where it is although there was nothing to tell', async () => {
    const feed = await listen('?prefix=x:&prefix=y:')
    const start = lastId(feed)
    store.set('z:1', 'not this')
    await waitFor(() => lastId(feed) !== start)
    store.setMany({ 'y:1': 'a', 'z:2': 'not this', 'x:1': 'b' })
    await waitFor(() => told(feed).length === 1)
    expect(commands(feed)).toEqual([['MSET y:1 a', 'MSET x:1 b']])
    store.flushDb()
    await waitFor(() => told(feed).length === 2)
    expect(told(feed)[1]!.changes).toEqual([{ keys: [], command: ['FLUSHDB'] }])
    feed.close()
  })

  it('tells a token with a prefix nothing of other keys', async () => {
    const feed = await listen('', SHOP)
    store.set('other:1', 'secret')
    store.set('shop:1', 'v')
    store.setMany({ 'shop:2': 'w', 'other:2': 'secret' })
    store.rename('shop:1', 'other:3')
    store.del(['other:1', 'shop:2'])
    await waitFor(() => commands(feed).flat().includes('DEL shop:2'))
    expect(commands(feed)).toEqual([['SET shop:1 v'], ['MSET shop:2 w'], ['RENAME'], ['DEL shop:2']])
    expect(feed.text).not.toMatch(/other|secret/)
    feed.close()
  })

  it('gives bytes in base64 to whoever wants them', async () => {
    const feed = await listen('', TOKEN, { 'upstash-encoding': 'base64' })
    store.command('SET', Buffer.from([0xff, 0x00]), 'v')
    await waitFor(() => told(feed).length === 1)
    expect(told(feed)[0]!.changes).toEqual([{ keys: ['/wA='], command: ['SET', '/wA=', 'dg=='] }])
    feed.close()
  })

  it('waits for a client that is slow, which gets everything', async () => {
    let text = ''
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET /changes?prefix=slow: HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`)
    socket.on('data', (bytes) => { text += bytes.toString() })
    await waitFor(() => text.includes('\n\n'))
    socket.pause()
    const count = 600
    for (let i = 0; i < count; i++) store.set('slow:key', `${i} ${'x'.repeat(10_000)}`)
    await store.synced()
    socket.resume()
    await waitFor(() => text.includes(`"${count - 1} x`), { timeoutMs: 60_000, what: 'the last change' })
    const numbers = [...text.matchAll(/"slow:key","(\d+) x/g)].map(([, number]) => Number(number))
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i))
    socket.destroy()
  })

  it('tells of a transaction that is too large for a reply without what it wrote', async () => {
    await using small = await createGateway({ store, tokens: [{ token: TOKEN }], replyBytesMax: 10_000 })
    const feed = await listen('', TOKEN, {}, (await small.listen()).port)
    store.set('large', 'x'.repeat(20_000))
    await waitFor(() => told(feed).length === 1)
    expect(told(feed)[0]!.changes).toEqual([{ keys: ['large'], command: ['SET'] }])
    feed.close()
  })
})

describe('what is no feed of changes', () => {
  it.each([['no position', '?from=nonsense'], ['beyond the end', '?from=1:99999999'], ['of a consumer', '?from=%3E'], ['by pattern', '?keys=*'],
    ['of too many prefixes', `?${'prefix=a&'.repeat(101)}`]])(
    'one %s is refused', async (_, query) => {
      const { status, error } = await listen(query)
      expect([status, error]).toEqual([400, expect.stringMatching(/^(ERR|HISTORY|PURGED) /)])
    })

  it('is for whoever may come in', async () => {
    expect((await listen('', 'forged-token-of-nobody')).status).toBe(401)
  })

  it('ends with the tokens, and where there are too many', async () => {
    let feeds: Feed[] = []
    await waitFor(async () => { // those from before may be on their way out yet
      feeds = await Promise.all(Array.from({ length: 5 }, () => listen()))
      if (feeds.filter(({ status }) => status === 200).length === 4) return true
      for (const feed of feeds) feed.close()
      return false
    }, { what: 'four feeds of five' })
    expect(feeds.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503])
    gateway.setTokens([{ token: TOKEN }, { token: READER, readOnly: true }, { token: SHOP, keyPrefix: 'shop:' }])
    await waitFor(() => feeds.every(({ status, ended }) => status === 503 || ended))
    ;(await listen()).close()
  })

  it('is a store in memory, which has no log', async () => {
    await using memory = await open()
    await using served = await createGateway({ store: memory, tokens: [{ token: TOKEN }] })
    const { status, error } = await listen('', TOKEN, {}, (await served.listen()).port)
    expect([status, error]).toEqual([400, expect.stringMatching(/binlog/)])
  })
})
