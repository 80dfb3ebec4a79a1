/** The REST dialect, request by request, against an engine in this process. */
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Engine } from '@slotwise/engine'
import { tempDir } from '@slotwise/testing'
import { open, type Store } from 'slotwise'
import { createGateway, type Gateway } from './gateway.js'

const FULL = 'full-token-of-the-tests'
const READER = 'reader-token-of-the-tests'
const SHOP = 'shop-token-of-the-tests'
const ADMIN = 'admin-token-of-the-tests'
const OVER = 'token-whose-time-is-over'

let store: Store<string>
let gateway: Gateway
let url: string
const logged: string[] = []

beforeAll(async () => {
  store = await open({ codec: 'text' })
  gateway = await createGateway({
    store,
    tokens: [
      { token: FULL }, { token: READER, readOnly: true }, { token: SHOP, keyPrefix: 'shop:' }, { token: ADMIN, admin: true },
      { token: OVER, expiresAt: new Date(1000) },
    ],
    bodyBytesMax: 100_000, replyBytesMax: 100_000,
    logger: { warn: (line) => logged.push(line), error: (line) => logged.push(line) },
  })
  url = `http://127.0.0.1:${(await gateway.listen()).port}`
})
afterAll(async () => {
  await gateway.close()
  await store.close()
  expect(logged).toEqual([])
})
beforeEach(() => store.flushAll())

interface Told { status: number; body: unknown; headers: Headers }
async function ask(path: string, init: RequestInit & { token?: string | null } = {}): Promise<Told> {
  const { token = FULL, ...rest } = init
  const headers = { ...token === null ? {} : { authorization: `Bearer ${token}` }, ...rest.headers as Record<string, string> }
  const response = await fetch(`${url}${path}`, { ...rest, headers })
  const text = await response.text()
  return { status: response.status, body: response.headers.get('content-type') === 'application/json' && text !== '' ? JSON.parse(text) : text, headers: response.headers }
}
const post = (path: string, json: unknown, more: RequestInit & { token?: string | null } = {}): Promise<Told> =>
  ask(path, { method: 'POST', body: JSON.stringify(json), ...more })
const result = (value: unknown): unknown => expect.objectContaining({ status: 200, body: { result: value } })
const error = (message: unknown, status = 400): unknown => expect.objectContaining({ status, body: { error: message } })

describe('a command in the path', () => {
  it('is run with its arguments', async () => {
    expect(await ask('/set/foo/bar')).toEqual(result('OK'))
    expect(await ask('/GET/foo')).toEqual(result('bar'))
    expect(await ask('/get/none')).toEqual(result(null))
    expect(await ask('/incr/n')).toEqual(result(1))
    expect(await ask('/mget/foo/none/n')).toEqual(result(['bar', null, '1']))
  })

  it('takes the body behind the path and the query behind the body', async () => {
    expect(await ask('/set/foo?EX=100&NX', { method: 'POST', body: '{"a":1}' })).toEqual(result('OK'))
    expect(await ask('/get/foo')).toEqual(result('{"a":1}'))
    expect((await ask('/ttl/foo')).body).toEqual({ result: expect.closeTo(100, -1) })
    expect(await ask('/set/foo?NX', { method: 'PUT', body: 'x' })).toEqual(result(null))
  })

  it('keeps bytes as they are', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await ask('/set/a%2Fb%00%ff', { method: 'POST', body: bytes })
    const { body } = await ask('/get/a%2Fb%00%ff', { headers: { 'upstash-encoding': 'base64' } })
    expect(Buffer.from((body as { result: string }).result, 'base64')).toEqual(Buffer.from(bytes))
    expect(store.exists(Buffer.from('a/b\0\xff', 'latin1'))).toBe(1)
  })

  it('answers HEAD without a body', async () => {
    await ask('/set/foo/bar')
    const { status, headers, body } = await ask('/get/foo', { method: 'HEAD' })
    expect([status, headers.get('content-length'), body]).toEqual([200, '16', ''])
  })

  it.each([
    ['/nosuch/x', "ERR unknown command 'nosuch', with args beginning with: 'x' "], ['/get', "ERR wrong number of arguments for 'get' command"],
    ['/set/a/b?EX=x', 'ERR value is not an integer or out of range'], ['/get/%', /percent-encoding/], ['/multi', /\/multi-exec/], ['/blpop/k/0', /does not wait/], ['/client/reply/off', /CLIENT REPLY/],
    ['//', 'ERR empty command'], ['/config/get/port', /^NOPERM/],
  ])('that is refused is 400 with its sentence: %s', async (path, message) => {
    const told = await ask(path)
    expect(told.status).toBe(400)
    expect((told.body as { error: string }).error).toMatch(message)
  })
})

describe('a command in the body', () => {
  it('is run', async () => {
    expect(await post('/', ['SET', 'n', 5, 'EX', 100])).toEqual(result('OK'))
    expect(await post('/', ['incrby', 'n', '9007199254740993'])).toEqual(expect.objectContaining({ status: 200 }))
    expect(await post('/', ['HSET', 'h', 'f', 'v'])).toEqual(result(1))
    expect(await post('/', ['HGETALL', 'h'])).toEqual(result(['f', 'v']))
    expect(await post('/', ['ZADD', 'z', 1.5, 'm'])).toEqual(result(1))
    expect(await post('/', ['ZSCORE', 'z', 'm'])).toEqual(result('1.5'))
    expect(await post('/', ['ZRANGE', 'z', 0, -1, 'WITHSCORES'])).toEqual(result(['m', '1.5']))
    expect(await post('/', ['SET', 'k', true])).toEqual(result('OK'))
  })

  it('is exact beyond 2^53', async () => {
    await ask('/set/n/9007199254740993')
    const response = await fetch(`${url}/incr/n`, { headers: { authorization: `Bearer ${FULL}` } })
    expect(await response.text()).toBe('{"result":9007199254740994}')
  })

  it.each([['{"a":1}', /JSON array/], ['[', /not valid JSON/], ['', /JSON array/], ['[]', 'ERR empty command'], ['[["GET","a"]]', /arguments are/], ['["SET","a",null]', /arguments are/]])(
    'that is none is refused: %s', async (body, message) => {
      const told = await ask('/', { method: 'POST', body })
      expect(told.status).toBe(400)
      expect((told.body as { error: string }).error).toMatch(message)
    })
})

describe('a pipeline', () => {
  it('answers each command in its place, and goes on after an error', async () => {
    const { status, body } = await post('/pipeline', [['SET', 'a', 'x'], ['INCR', 'a'], ['MULTI'], ['GET', 'a'], ['CONFIG', 'GET', '*']])
    expect(status).toBe(200)
    expect(body).toEqual([
      { result: 'OK' }, { error: 'ERR value is not an integer or out of range' }, { error: expect.stringMatching(/'MULTI'/) }, { result: 'x' },
      { error: expect.stringMatching(/^NOPERM/) },
    ])
  })

  it('may be long', async () => {
    const { body } = await post('/pipeline', Array.from({ length: 1000 }, () => ['INCR', 'n']))
    const results = (body as { result: number }[]).map((item) => item.result)
    expect(results).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
  })

  it('does not run what comes behind replies that are too large', async () => {
    store.set('big', 'x'.repeat(60_000))
    const commands = [...Array.from({ length: 130 }, () => ['GET', 'big']), ['SET', 'after', '1']]
    const { status, body } = await post('/pipeline', commands)
    const items = body as { error?: string }[]
    expect([status, items.length]).toEqual([200, 131])
    expect(items[0]!.error).toMatch(/^ERR run, but/)
    expect(items[130]!.error).toMatch(/^ERR not run/)
    expect(store.get('after')).toBeNull()
    expect(await ask('/get/big')).toEqual(result('x'.repeat(60_000)))
  })
})

describe('a transaction', () => {
  it('is run as a whole', async () => {
    const { status, body } = await post('/multi-exec', [['SET', 'a', 'x'], ['INCR', 'a'], ['GET', 'a']])
    expect([status, body]).toEqual([200, [{ result: 'OK' }, { error: 'ERR value is not an integer or out of range' }, { result: 'x' }]])
  })

  it.each([[['NOSUCH']], [['GET']], [['WATCH', 'a']], [['BLPOP', 'a', '0']], [['CONFIG', 'GET', '*']]])('with %j in it does nothing, and leaves nothing behind', async (bad) => {
    const told = await post('/multi-exec', [['SET', 'a', '1'], bad])
    expect(told.status).toBe(400)
    expect((told.body as { error: string }).error).toMatch(/^EXECABORT Transaction discarded because of: /)
    expect(store.get('a')).toBeNull()
    expect(await ask('/set/b/2')).toEqual(result('OK'))
  })
})

describe('the form of replies', () => {
  it('base64 spares OK and numbers', async () => {
    const headers = { 'upstash-encoding': 'base64' }
    expect(await ask('/set/foo/bar', { headers })).toEqual(result('OK'))
    expect(await ask('/get/foo', { headers })).toEqual(result('YmFy'))
    expect(await ask('/strlen/foo', { headers })).toEqual(result(3))
    expect((await post('/pipeline', [['GET', 'foo'], ['PING']], { headers })).body).toEqual([{ result: 'YmFy' }, { result: 'UE9ORw==' }])
    expect((await post('/multi-exec', [['GET', 'foo']], { headers })).body).toEqual([{ result: 'YmFy' }])
  })

  it('resp2 is what a socket would get', async () => {
    const headers = { 'upstash-response-format': 'resp2' }
    await ask('/set/foo/bar')
    expect(await ask('/get/foo', { headers })).toMatchObject({ status: 200, body: '$3\r\nbar\r\n' })
    expect(await ask('/incr/foo', { headers })).toMatchObject({ status: 400, body: '-ERR value is not an integer or out of range\r\n' })
    expect(await post('/pipeline', [['GET', 'foo'], ['MULTI'], ['STRLEN', 'foo']], { headers })).toMatchObject({
      status: 200, body: expect.stringMatching(/^\$3\r\nbar\r\n-ERR Command is not available: [^\r]*\r\n:3\r\n$/),
    })
  })

  it.each([[{ 'upstash-encoding': 'hex' }, '/'], [{ 'upstash-response-format': 'xml' }, '/'], [{ 'upstash-response-format': 'resp2' }, '/multi-exec'],
    [{ 'upstash-response-format': 'resp2', 'upstash-encoding': 'base64' }, '/']])('cannot be %j for %s', async (headers, path) => {
    expect((await post(path, ['PING'], { headers })).status).toBe(400)
  })

  it('has a limit', async () => {
    store.set('big', 'x'.repeat(200_000))
    expect(await ask('/get/big')).toEqual(error('ERR the reply has 200011 bytes, the limit is 100000'))
    expect(await ask('/ping')).toEqual(result('PONG'))
  })
})

describe('tokens', () => {
  it('come as a header or in the query', async () => {
    expect(await ask(`/ping?_token=${FULL}`, { token: null })).toEqual(result('PONG'))
    expect(await ask(`/set/a/b?EX=5&_token=${FULL}`, { token: null })).toEqual(result('OK'))
  })

  it.each([null, 'forged-token-of-nobody', OVER, `${FULL}x`])('that are missing, forged or over are answered alike: %s', async (token) => {
    for (const path of ['/get/a', '/nosuch', '/metrics', '/subscribe/c']) expect(await ask(path, { token })).toEqual(error('Unauthorized', 401))
    expect(await post('/pipeline', [['SET', 'a', 'b']], { token })).toEqual(error('Unauthorized', 401))
  })

  it('do what their scope says', async () => {
    store.set('shop:1', 'one')
    expect(await ask('/get/shop:1', { token: READER })).toEqual(result('one'))
    expect(await ask('/set/shop:1/x', { token: READER })).toEqual(error("NOPERM this token has no permissions to run the 'set' command"))
    expect(await ask('/get/shop:1', { token: SHOP })).toEqual(result('one'))
    expect(await ask('/get/other', { token: SHOP })).toEqual(error('NOPERM this token has no permissions to access one of the keys used as arguments'))
    expect((await post('/pipeline', [['GET', 'shop:1'], ['GET', 'other']], { token: SHOP })).body).toEqual([{ result: 'one' }, { error: expect.stringMatching(/^NOPERM/) }])
    expect((await post('/multi-exec', [['SET', 'shop:1', 'x'], ['SET', 'other', 'x']], { token: SHOP })).status).toBe(400)
    expect(store.get('shop:1')).toBe('one')
    expect((await ask('/config/get/maxmemory', { token: ADMIN })).body).toEqual({ result: ['maxmemory', '0'] })
  })

  it('can be exchanged while it runs', async () => {
    const other = await createGateway({ store, tokens: [{ token: FULL }] })
    const { port } = await other.listen()
    const status = async (token: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}/ping?_token=${token}`)).status
    expect([await status(FULL), await status(READER)]).toEqual([200, 401])
    other.setTokens([{ token: READER }])
    expect([await status(FULL), await status(READER)]).toEqual([401, 200])
    expect(() => other.setTokens([{ token: 'short' }])).toThrow(RangeError)
    expect(await status(READER)).toBe(200)
    await other.close()
  })
})

describe('without tokens', () => {
  it('programs of this machine may come in, web pages may not', async () => {
    await using open = await createGateway({ store })
    const base = `http://127.0.0.1:${(await open.listen()).port}`
    expect((await fetch(`${base}/set/a/b`)).status).toBe(200)
    const origin = await fetch(`${base}/flushall`, { method: 'POST', headers: { origin: 'https://evil.example' } })
    expect(origin.status).toBe(403)
    expect(store.get('a')).toBe('b')
  })
})

describe('other paths', () => {
  it('tell that it lives and is ready, to anybody', async () => {
    expect(await ask('/livez', { token: null })).toMatchObject({ status: 200, body: 'ok\n' })
    expect(await ask('/readyz', { token: null })).toMatchObject({ status: 200, body: 'ok\n' })
  })

  it('describe themselves', async () => {
    const { body } = await ask('/openapi.json', { token: null })
    expect(body).toMatchObject({ openapi: '3.1.0' })
    const { paths } = body as { paths: Record<string, Record<string, { operationId?: string; responses?: object }>> }
    for (const path of ['/', '/pipeline', '/multi-exec', '/{command}', '/subscribe/{channel}', '/psubscribe/{pattern}', '/changes', '/ws', '/livez', '/readyz', '/metrics', '/openapi.json'])
      expect(Object.keys(paths)).toContain(path)
    const operations = Object.values(paths).flatMap(({ parameters: _, ...methods }) => Object.values(methods))
    for (const { responses } of operations) expect(Object.keys(responses ?? {})).not.toEqual([])
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const refs = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!)
    const { components } = body as { components: { schemas: object } }
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(refs))
  })

  it('have metrics, under the names that dashboards for Redis know', async () => {
    await ask('/set/a/b')
    await ask('/get/a')
    const { status, body } = await ask('/metrics')
    expect(status).toBe(200)
    for (const line of [/^redis_up 1$/m, /^redis_db_keys\{db="db0"\} 1$/m, /^redis_commands_total\{cmd="get"\} [1-9]/m, /^redis_memory_used_bytes [1-9]/m,
      /^slotwise_http_requests_total\{code="200"\} [1-9]/m, /^slotwise_http_request_duration_seconds_count [1-9]/m, /^redis_instance_info\{role="master"/m]) expect(body).toMatch(line)
    const again = (await ask('/metrics')).body as string
    expect(again).toMatch(/^redis_db_keys\{db="db0"\} 1$/m)
    expect((await ask('/metrics', { token: SHOP })).status).toBe(403)
  })

  it.each(['DELETE', 'PATCH', 'OPTIONS'])('are not there for %s', async (method) => {
    const told = await ask('/get/a', { method })
    expect([told.status, told.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, PUT'])
  })

  it.each(['/', '/pipeline', '/multi-exec'])('GET %s is told to be a POST', async (path) => {
    expect((await ask(path)).status).toBe(405)
  })
})

it('the handler serves in a server of one\'s own', async () => {
  const server = createServer(gateway.handler).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ping?_token=${FULL}`)
  expect(await response.json()).toEqual({ result: 'PONG' })
  server.closeAllConnections()
  server.close()
})

it('what is answered has been written to the append-only file, and with always to the disk', async () => {
  await using dir = tempDir()
  for (const appendFsync of ['everysec', 'always'] as const) {
    await using kept = await open({ dir: `${dir.path}/${appendFsync}`, appendFsync })
    await using served = await createGateway({ store: kept })
    const base = `http://127.0.0.1:${(await served.listen()).port}`
    for (let i = 0; i < 20; i++) {
      expect((await fetch(`${base}/incr/n`)).status).toBe(200)
      const { tail, written, durable } = kept.stats()
      expect(appendFsync === 'always' ? durable : written).toBe(tail)
    }
  }
})

it('CONFIG and INFO may have been renamed away', async () => {
  const engine = await Engine.open({ names: ['renamed'], renames: [['config', ''], ['info', '']] })
  const served = await createGateway({ store: { engineNames: ['renamed'] } })
  const base = `http://127.0.0.1:${(await served.listen()).port}`
  for (const path of ['/set/a/b', '/get/a', '/readyz', '/metrics']) expect([path, (await fetch(base + path)).status]).toEqual([path, 200])
  expect((await fetch(`${base}/config/get/port`)).status).toBe(400)
  await served.close()
  await engine.close()
})

it('a gateway keeps its engine open, and ends with it at last', async () => {
  const short = await open({ codec: 'text' })
  const served = await createGateway({ store: short })
  const base = `http://127.0.0.1:${(await served.listen()).port}`
  short.set('a', 'b')
  await short.close()
  expect(await (await fetch(`${base}/get/a`)).json()).toEqual({ result: 'b' })
  await served.close()
  await expect(createGateway({ store: short })).rejects.toThrow(/open/)
})

it.each([[{ bodyBytesMax: 0 }, RangeError], [{ replyBytesMax: 2 ** 40 }, RangeError], [{ tokens: [{ token: 'x' }] }, RangeError]])('options cannot be %j', async (options, kind) => {
  await expect(createGateway({ store, ...options })).rejects.toThrow(kind)
})
