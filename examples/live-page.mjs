/**
 * A page that shows orders as they change: the store's log over server-sent events, with nothing between. A browser
 * that was away is told what it missed, since it says the last position that it has seen.
 *   node examples/live-page.mjs [port, 8080]      then open the address that it prints
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGateway } from '@slotwise/http'
import { open } from 'slotwise'

const [port = '8080'] = process.argv.slice(2)
const STATES = ['new', 'paid', 'packed', 'sent']

const dir = mkdtempSync(join(tmpdir(), 'live-page-')) // the feed is the log, so there must be one
const store = await open({ dir, codec: 'text' })
// All that the page may do, and all that it may see.
const token = randomUUID()
const gateway = await createGateway({ store, tokens: [{ token, readOnly: true, keyPrefix: 'order:' }] })

const page = `<!doctype html>
<meta charset="utf-8">
<title>Orders</title>
<table id="orders"></table>
<script>
const rows = new Map()
const source = new EventSource('/changes?_token=${token}')
source.onmessage = ({ data }) => {
  for (const { keys: [key], command: [, , state] } of JSON.parse(data).changes) {
    if (!rows.has(key)) rows.set(key, document.getElementById('orders').insertRow(0))
    rows.get(key).textContent = key + ': ' + state
  }
}
</script>
`
const server = createServer((request, response) => {
  if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
  else gateway.handler(request, response)
})
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))

let count = 0
const orders = setInterval(() => {
  store.set(`order:${Math.floor(count / STATES.length)}`, STATES[count % STATES.length])
  count++
}, 500)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(orders)
    await gateway.close()
    server.close()
    server.closeAllConnections()
    await store.close()
    rmSync(dir, { recursive: true })
  })
}
