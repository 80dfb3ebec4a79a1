/**
 * Three services, each a process, and no server besides: each is a member of the cluster that they make. A page is
 * counted wherever the request arrives; its slot is in one of the processes, and for the others one hop away.
 *   node examples/three-members.mjs [first port, 7100]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { join } from '@slotwise/member'

const MEMBERS = 3
const [first = '7100', who] = process.argv.slice(2)
const port = Number(first)

async function service(index, dir) {
  const place = { dir: path(dir, String(index)), port: port + index, busPort: port + 100 + index }
  const node = await join({ ...place, ...index === 0 ? { members: MEMBERS } : { seeds: [`127.0.0.1:${port}`] } })
  const server = createServer((request, response) => {
    const page = request.url
    Promise.all([node.incr(page), node.isLocal(page)]).then(
      ([visits, isLocal]) => response.end(JSON.stringify({ page, visits, isLocal })),
      (error) => response.writeHead(503).end(error.message),
    )
  })
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.once('message', () => {
    server.close(() => void node.close().then(() => process.disconnect()))
    server.closeAllConnections()
  })
}

if (who !== undefined) {
  const [index, dir] = who.split(':')
  await service(Number(index), dir)
} else {
  const dir = mkdtempSync(path(tmpdir(), 'three-members-'))
  const services = Array.from({ length: MEMBERS }, (_, index) => fork(import.meta.filename, [first, `${index}:${dir}`]))
  const ports = await Promise.all(services.map(async (child) => (await once(child, 'message'))[0]))
  const answers = []
  for (let request = 0; request < 30; request++) {
    const answer = await fetch(`http://127.0.0.1:${ports[request % MEMBERS]}/page-${request % 5}`)
    answers.push(await answer.json())
  }
  console.log(`visits: ${answers.slice(-5).map(({ page, visits }) => `${page} ${visits}`).sort().join(', ')}`)
  console.log(`in the process: ${answers.filter(({ isLocal }) => isLocal).length} of ${answers.length}`)
  const ended = services.map((child) => once(child, 'exit'))
  for (const child of services) child.send('close')
  await Promise.all(ended)
  rmSync(dir, { recursive: true })
}
