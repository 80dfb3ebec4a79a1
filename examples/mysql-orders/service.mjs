/**
 * A service that answers with fresh orders from its own memory: GET /users/7/orders/1001. What it has is what the two
 * tables have, a few milliseconds later; after a restart it goes on where it was.
 * Settings: SOURCE_HOST, SOURCE_PORT, SOURCE_PASSWORD, STORE_DIR, PORT.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { follow, Mapping } from '@slotwise/binlog'
import { open } from 'slotwise'

const { SOURCE_HOST = '127.0.0.1', SOURCE_PORT = '3306', SOURCE_PASSWORD = 'follow me', STORE_DIR = './data', PORT = '8080' } = process.env

const store = await open({ dir: STORE_DIR, codec: 'text' })

const server = createServer((request, response) => {
  const found = /^\/users\/(\d+)\/orders\/(\d+)$/.exec(request.url ?? '')
  const order = found === null ? null : store.hGetAll(`order:{${found[1]}}:${found[2]}`)
  const isThere = order !== null && Object.keys(order).length > 0
  response.writeHead(isThere ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(isThere ? order : { error: 'no such order' }))
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${server.address().port}`))

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort())
try {
  await follow({
    sources: [{ host: SOURCE_HOST, port: Number(SOURCE_PORT), user: 'follower', password: SOURCE_PASSWORD }],
    serverId: 4001,
    mapping: Mapping.parse(await readFile(new URL('mapping.yaml', import.meta.url), 'utf8')),
    into: store,
    start: 'snapshot',
    signal: ending.signal,
    onWarning: (message) => console.error(message),
  })
} catch (error) {
  // It cannot go on without inventing something: say so, and let whoever restarts services see it.
  if (!ending.signal.aborted) {
    console.error(error.message)
    process.exitCode = 1
  }
} finally {
  server.close()
  server.closeAllConnections()
  await store.close()
}
