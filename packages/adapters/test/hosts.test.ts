/** express-session and Fastify as they are, with requests; the cluster for tests. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import fastify from 'fastify'
import { type AsyncStore, open, type Store } from 'slotwise'
import { freePortRun, RespClient, startSlotwise } from '@slotwise/testing'
import { fastifySlotwise } from '../src/fastify.js'
import { sessionStore } from '../src/express-session.js'
import { startCluster } from '../src/testing.js'

// Without its types, which are a package of their own: what is used of it is this.
type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void
interface Session { (options: Record<string, unknown>): Middleware; Store: new () => object }
const session = createRequire(import.meta.url)('express-session') as Session

type Request = IncomingMessage & { session: { visits?: number; destroy(done: () => void): void } }

async function keepsSessions(store: Store | AsyncStore): Promise<void> {
  const sessions = sessionStore(session, { store })
  const middleware = session({ secret: 'secret', resave: false, saveUninitialized: false, store: sessions, cookie: { maxAge: 60_000 } })
  const server = createServer((request, response) => {
    const next = (): void => {
      const { session: own } = request as Request
      if (request.url === '/logout') return own.destroy(() => response.end('bye'))
      own.visits = (own.visits ?? 0) + 1
      response.end(String(own.visits))
    }
    middleware(request, response, next)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const visit = async (path: string, cookie = ''): Promise<[string, string]> => {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { headers: { cookie } })
    return [await response.text(), response.headers.get('set-cookie')?.split(';')[0] ?? cookie]
  }
  try {
    const [first, cookie] = await visit('/')
    expect(first).toBe('1')
    expect((await visit('/', cookie))[0]).toBe('2')
    expect((await visit('/'))[0]).toBe('1')
    const keys: string[] = []
    for await (const key of store.scan({ match: 'session:*' })) keys.push(key)
    expect(keys).toHaveLength(2)
    const isNearlyNew = (ttlMs: number): boolean => ttlMs > 50_000 && ttlMs <= 60_000
    for (const key of keys) expect(await store.ttlMs(key)).toSatisfy(isNearlyNew)
    const counting = sessions as unknown as { length(done: (error: unknown, count: number) => void): void }
    const count = await new Promise((resolve) => counting.length((_, found) => resolve(found)))
    expect(count).toBe(2)
    await visit('/logout', cookie)
    expect((await visit('/', cookie))[0]).toBe('1')
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

describe('express-session', () => {
  it('keeps sessions between requests, with their time, and ends them', async () => {
    await using store = await open()
    await keepsSessions(store)
  })

  it('keeps them at a server', async () => {
    await using server = await startSlotwise()
    await using store = await open({ url: `redis://127.0.0.1:${server.port}` })
    await keepsSessions(store)
  })
})

describe('Fastify', () => {
  it('gives every route the store, and closes it with the server', async () => {
    const app = fastify()
    await app.register(fastifySlotwise, { name: 'fastify-test' })
    app.get('/visits', () => ({ visits: (app as unknown as { slotwise: Store }).slotwise.incr('visits') }))
    expect((await app.inject('/visits')).json()).toEqual({ visits: 1 })
    expect((await app.inject('/visits')).json()).toEqual({ visits: 2 })
    await app.close()
    expect((app as unknown as { slotwise: Store }).slotwise.closed).toBe(true)
  })

  it('gives them one at a server', async () => {
    await using server = await startSlotwise()
    const app = fastify()
    await app.register(fastifySlotwise, { url: `redis://127.0.0.1:${server.port}` })
    app.get('/visits', async () => ({ visits: await (app as unknown as { slotwise: AsyncStore }).slotwise.incr('visits') }))
    expect((await app.inject('/visits')).json()).toEqual({ visits: 1 })
    await app.close()
  })

  it('leaves a store that was handed in open', async () => {
    await using store = await open()
    const app = fastify()
    await app.register(fastifySlotwise, { store })
    await app.close()
    expect(store.closed).toBe(false)
  })
})

describe('startCluster', () => {
  it('gives a test nodes that serve all slots, and takes them away', async () => {
    const command = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'bin', 'slotwise')
    // Those that other tests keep for a restart are theirs.
    const cluster = await startCluster({ nodes: 2, command, port: await freePortRun([0, 1, 10_000, 10_001]) })
    const [first] = cluster.nodes
    await using client = await RespClient.connect(first!)
    expect(await client.command('CLUSTER', 'INFO')).toContain('cluster_slots_ok:16384')
    await cluster.stop()
    await expect(RespClient.connect(first!)).rejects.toThrow()
  })
})
