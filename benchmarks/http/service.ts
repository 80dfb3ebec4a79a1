/**
 * The service that is measured: a small node:http server in front of a store, one process. Routes: GET and PUT /kv/KEY,
 * GET /page/N, which is 50 values. The same code for each store; a store that answers at once is not made to wait.
 * `gateway`: no service of ours around it, its own routes. Arguments: store, port of redis-server, a directory.
 * Questions: `fill`, `begin`, `end` (CPU, memory and the delays of the event loop since).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const [name = '', redisPort = '', dir = ''] = process.argv.slice(2)
const load = (module: string): Promise<unknown> => import(module)

interface Store {
  get(key: string): string | null | undefined | Promise<string | null>
  set(key: string, value: string): unknown
  page(keys: readonly string[]): readonly unknown[] | Promise<readonly unknown[]>
  listen?(): Promise<number>
}
interface Slotwise {
  get(key: string): string | null
  set(key: string, value: string): boolean
  getMany(keys: readonly string[]): (string | null)[]
}
interface Gateway {
  handler: (request: IncomingMessage, response: ServerResponse) => void
  listen(): Promise<{ port: number }>
}
interface Redis {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<string>
  mget(keys: readonly string[]): Promise<(string | null)[]>
}

async function slotwise(): Promise<Slotwise> {
  const { open } = await load('slotwise') as { open: (options: object) => Promise<Slotwise> }
  return open({ codec: 'text' })
}

async function gateway(): Promise<{ store: Slotwise; gateway: Gateway }> {
  const store = await slotwise()
  const { createGateway } = await load('@slotwise/http') as { createGateway: (options: object) => Promise<Gateway> }
  return { store, gateway: await createGateway({ store }) }
}

/** Both calls as they are. */
const direct = (store: Pick<Store, 'get' | 'set'>): Store =>
  ({ get: (key) => store.get(key), set: (key, value) => store.set(key, value), page: () => [] })

const stores: Record<string, () => Promise<Store>> = {
  async slotwise() {
    const store = await slotwise()
    return { ...direct(store), page: (keys) => store.getMany(keys) }
  },
  async gateway() {
    const { store, gateway: served } = await gateway()
    return { ...direct(store), listen: async () => (await served.listen()).port }
  },
  /** The gateway's handler in a server of node:http: what reading HTTP ourselves earns. */
  async handler() {
    const { store, gateway: served } = await gateway()
    return { ...direct(store), listen: () => listen(served.handler) }
  },
  async ioredis() {
    const { Redis } = await load('ioredis6') as { Redis: new (port: number, host: string, options: object) => Redis }
    const redis = new Redis(Number(redisPort), '127.0.0.1', { enableAutoPipelining: false })
    return { ...direct(redis), page: (keys) => redis.mget(keys) }
  },
  async pipelining() {
    const { Redis } = await load('ioredis6') as { Redis: new (port: number, host: string, options: object) => Redis }
    const redis = new Redis(Number(redisPort), '127.0.0.1', { enableAutoPipelining: true })
    return { ...direct(redis), page: (keys) => redis.mget(keys) }
  },
  async lmdb() {
    const lmdb = await load('lmdb') as { open(options: object): { get(key: string): string | undefined; put(key: string, value: string): Promise<boolean> } }
    const store = lmdb.open({ path: `${dir}/lmdb`, encoding: 'string', noSync: true, mapSize: 2 ** 30 })
    const get = (key: string): string | undefined => store.get(key)
    return { get, set: (key, value) => store.put(key, value), page: (keys) => keys.map(get) }
  },
  map() {
    const map = new Map<string, string>()
    return Promise.resolve({ ...direct(map), page: (keys) => keys.map((key) => map.get(key)) })
  },
  /** No routes, no parsing: each piece that comes is answered as a GET of key 7 would be. */
  floor() {
    const map = new Map<string, string>()
    const listenNow = (): Promise<number> => {
      const body = JSON.stringify({ result: valueOf(7, 64) })
      const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      const server = createNetServer({ noDelay: true }, (socket) => {
        socket.on('error', () => socket.destroy())
        socket.on('data', () => { socket.write(answer, 'latin1') })
      })
      return new Promise((resolve) => {
        server.listen(0, '127.0.0.1', 511, () => resolve((server.address() as AddressInfo).port))
      })
    }
    return Promise.resolve({ ...direct(map), listen: listenNow })
  },
  /** The gateway's routes and answers over a Map, as one would write them with Fastify. */
  async fastify() {
    interface Reply { send(value: unknown): unknown }
    interface Request { params: Record<string, string>; body: string }
    interface Fastify {
      get(path: string, options: object, handler: (request: Request, reply: Reply) => void): void
      post(path: string, options: object, handler: (request: Request, reply: Reply) => void): void
      listen(options: object): Promise<string>
      server: { address(): AddressInfo }
    }
    const { default: fastify } = await load('fastify') as { default: () => Fastify }
    const map = new Map<string, string>()
    const app = fastify()
    const text = { type: 'string', nullable: true }
    const answers = (result: object): object => ({ schema: { response: { 200: { type: 'object', properties: { result } } } } })
    app.get('/get/:key', answers(text), ({ params }, reply) => { reply.send({ result: map.get(params.key!) ?? null }) })
    app.get('/mget/*', answers({ type: 'array', items: text }), ({ params }, reply) => { reply.send({ result: params['*']!.split('/').map((key) => map.get(key) ?? null) }) })
    app.post('/set/:key', answers(text), ({ params, body }, reply) => {
      map.set(params.key!, body)
      reply.send({ result: 'OK' })
    })
    return {
      ...direct(map),
      async listen() {
        await app.listen({ port: 0, host: '127.0.0.1' })
        return app.server.address().port
      },
    }
  },
}

const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`
const valueOf = (index: number, bytes: number): string => String(index).padStart(12, '0').padEnd(bytes, 'abcdefghij')

function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(handler)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', 511, () => resolve((server.address() as AddressInfo).port))
  })
}

function service(store: Store): Promise<number> {
  const answer = (response: ServerResponse, status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }
  const value = (response: ServerResponse, found: string | null | undefined): void =>
    found === null || found === undefined ? answer(response, 404, 'text/plain', '') : answer(response, 200, 'text/plain', found)
  const failed = (response: ServerResponse): void => answer(response, 500, 'text/plain', '')
  return listen((request, response) => {
    const url = request.url!
    if (request.method === 'PUT') {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const done = store.set(url.slice(4), Buffer.concat(chunks).toString())
        if (done instanceof Promise) done.then(() => answer(response, 200, 'text/plain', 'OK'), () => failed(response))
        else answer(response, 200, 'text/plain', 'OK')
      })
    } else if (url.startsWith('/page/')) {
      const first = Number(url.slice(6))
      const found = store.page(Array.from({ length: 50 }, (_, i) => keyOf(first + i)))
      if (found instanceof Promise) found.then((values) => answer(response, 200, 'application/json', JSON.stringify(values)), () => failed(response))
      else answer(response, 200, 'application/json', JSON.stringify(found))
    } else {
      const found = store.get(url.slice(4))
      if (found instanceof Promise) found.then((text) => value(response, text), () => failed(response))
      else value(response, found)
    }
  })
}

const delays = monitorEventLoopDelay({ resolution: 1 })
let cpu = process.cpuUsage()
const store = await stores[name]!()
const port = await (store.listen?.() ?? service(store))

async function answer(question: { type: string; keys: number; bytes: number }): Promise<object> {
  switch (question.type) {
    case 'fill':
      for (let i = 0; i < question.keys; i++) {
        const done = store.set(keyOf(i), valueOf(i, question.bytes))
        if (i % 500 === 0) await done
      }
      await store.get(keyOf(0))
      return { port }
    case 'begin':
      delays.enable()
      delays.reset()
      cpu = process.cpuUsage()
      return {}
    default: {
      const { user, system } = process.cpuUsage(cpu)
      delays.disable()
      return { cpuUs: user + system, rssBytes: process.memoryUsage.rss(), loopDelayMs: delays.percentile(99) / 1e6 }
    }
  }
}
process.on('message', (question: Parameters<typeof answer>[0]) => {
  answer(question).then((reply) => process.send!(reply), (error: unknown) => process.send!({ error: String(error) }))
})
