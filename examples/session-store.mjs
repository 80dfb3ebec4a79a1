/**
 * Sessions of an HTTP server, in the process itself: a read is a function call; a restart keeps everybody logged in.
 *   node examples/session-store.mjs            # plays a visitor; with PORT=8080 it serves
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { open } from 'slotwise'

const LIFETIME_MS = 30 * 60_000

export class Sessions {
  #store
  constructor(store) { this.#store = store }

  /** @returns the id, for the cookie */
  create(user) {
    const id = randomBytes(24).toString('base64url')
    this.#store.multi((multi) => [
      multi.set(`session:${id}`, { user, since: new Date() }, { ttlMs: LIFETIME_MS }),
      multi.sAdd(`sessions-of:${user}`, [id]),
    ])
    return id
  }

  /** Whoever comes back has the whole lifetime again. */
  find(id) {
    const session = this.#store.get(`session:${id}`)
    if (session !== null) this.#store.expire(`session:${id}`, { ttlMs: LIFETIME_MS })
    return session
  }

  endAll(user) {
    const ids = [...this.#store.sMembers(`sessions-of:${user}`)]
    this.#store.del([...ids.map((id) => `session:${id}`), `sessions-of:${user}`])
    return ids.length
  }
}

const store = await open(process.env.DIR === undefined ? {} : { dir: process.env.DIR })
const sessions = new Sessions(store)
const server = createServer((request, response) => {
  const id = /\bsid=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  if (pathname === '/login') {
    const created = sessions.create(searchParams.get('user') ?? 'nobody')
    return response.setHeader('set-cookie', `sid=${created}; HttpOnly; SameSite=Lax`).end('welcome\n')
  }
  const session = sessions.find(id)
  if (session === null) return response.writeHead(401).end('who are you?\n')
  if (pathname === '/logout') return response.end(`${sessions.endAll(session.user)} sessions ended\n`)
  response.end(`hello ${session.user}\n`)
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1')
await once(server, 'listening')
const base = `http://127.0.0.1:${server.address().port}`
console.log(`serving ${base}`)

if (process.env.PORT === undefined) {
  const login = await fetch(`${base}/login?user=ada`)
  const headers = { cookie: login.headers.get('set-cookie').split(';')[0] }
  for (const path of ['/', '/logout', '/']) {
    const response = await fetch(base + path, { headers })
    console.log(path, response.status, (await response.text()).trim())
  }
  server.close()
  server.closeAllConnections()
  await store.close()
}
