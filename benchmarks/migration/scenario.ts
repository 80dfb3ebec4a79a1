/**
 * Question   How long does it take to move nearly all slots of a node to another one, and how long does a write wait?
 * Workload   Two nodes of a cluster on this machine, not pinned. 1,000,000 strings of 1,000 B (`--keys` for less or
 *            more), all but slot 16383 move. Meanwhile one connection writes to 64 keys of the slots that move, one
 *            after the other, and follows MOVED, ASK and TRYAGAIN.
 * Output     Seconds from the command to the end; the longest of these writes, in ms, redirections included.
 * Yardstick  `redis-cli --cluster reshard` (MIGRATE, its default pipeline of 10 keys) between two redis-servers.
 */
import { execFile } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { promisify } from 'node:util'
import type { Bench, RunningServer, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'

interface Case extends Side { atomic: boolean }

const LAST_SLOT = 16_382
const VALUE = 'v'.repeat(1000)
const run = promisify(execFile)
const sleep = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms))

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const endMs = performance.now() + timeoutMs; !await condition();) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await sleep(10)
  }
}

async function makeCluster(bench: Bench, side: Side): Promise<[RunningServer, RunningServer]> {
  const start = async (): Promise<RunningServer> => bench.startOne(
    { ...side, directives: { ...side.directives, 'cluster-port': String(await freePort()) } }, { pinned: false })
  const [source, target] = [await start(), await start()]
  await source.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until('the first node', async () => String(await source.command('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  const count = bench.keys(1_000_000)
  await bench.send(source, (function* () {
    for (let n = 0; n < count; n++) yield ['SET', `key:${n}`, VALUE]
  })())
  await source.command('CLUSTER', 'SET-CONFIG-EPOCH', '1')
  await target.command('CLUSTER', 'SET-CONFIG-EPOCH', '2')
  const busPort = /@(\d+)/.exec(String(await source.command('CLUSTER', 'NODES')))![1]!
  await target.command('CLUSTER', 'MEET', '127.0.0.1', String(source.port), busPort)
  for (const node of [source, target]) {
    await until('two nodes', async () => {
      const text = String(await node.command('CLUSTER', 'NODES'))
      const ok = String(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok')
      return ok && text.trim().split('\n').length === 2 && !text.includes('handshake')
    })
  }
  return [source, target]
}

/** CLUSTER MIGRATE STATUS of one migration as it is on the wire: it fits into one packet. */
function statusOf(node: RunningServer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: node.port, host: '127.0.0.1' })
    socket.once('error', reject)
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(String(bytes))
    })
    socket.write('CLUSTER MIGRATE STATUS\r\n')
  })
}

const idOf = async (node: RunningServer): Promise<string> => String(await node.command('CLUSTER', 'MYID'))

/** Writes one key after the other until told to stop; the longest one, redirections included. */
class Writer {
  longestMs = 0
  writes = 0
  #stopped = false
  readonly #sockets = new Map<number, Socket>()
  readonly #running: Promise<void>

  constructor(port: number) { this.#running = this.#run(port) }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  async #run(first: number): Promise<void> {
    const ports = Array.from({ length: 64 }, () => first)
    for (let n = 0; !this.#stopped; n++) {
      const index = n % ports.length
      const startedMs = performance.now()
      let asking = false
      let at = ports[index]!
      for (;;) {
        const line = await this.#ask(at, `${asking ? 'ASKING\r\n' : ''}SET probe:${index} ${n}\r\n`, asking ? 2 : 1)
        if (line === '+OK') break
        const moved = /^-(MOVED|ASK) \d+ .*:(\d+)$/.exec(line)
        asking = moved?.[1] === 'ASK'
        if (moved !== null) at = Number(moved[2])
        else if (!line.startsWith('-TRYAGAIN')) throw new Error(line)
        if (moved?.[1] === 'MOVED') ports[index] = at
        else if (moved === null) at = ports[index]!
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - startedMs)
      this.writes++
    }
  }

  /** The last of `count` lines. */
  #ask(port: number, text: string, count: number): Promise<string> {
    let socket = this.#sockets.get(port)
    if (socket === undefined) this.#sockets.set(port, socket = connect({ port, host: '127.0.0.1', noDelay: true }))
    const from = socket
    return new Promise((resolve, reject) => {
      let reply = ''
      const take = (bytes: Buffer): void => {
        reply += String(bytes)
        const lines = reply.split('\r\n')
        if (lines.length <= count) return
        from.off('data', take)
        from.off('error', reject)
        resolve(lines[count - 1]!)
      }
      from.on('data', take)
      from.once('error', reject)
      from.write(text)
    })
  }
}

/** @returns what the source says of it */
async function move(side: Case, source: RunningServer, target: RunningServer): Promise<string> {
  const [from, to] = [await idOf(source), await idOf(target)]
  if (!side.atomic) {
    await run('redis-cli', ['--cluster', 'reshard', `127.0.0.1:${source.port}`, '--cluster-from', from, '--cluster-to', to,
      '--cluster-slots', String(LAST_SLOT + 1), '--cluster-yes'], { maxBuffer: 1 << 30 })
    return ''
  }
  let text = ''
  await source.command('CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST_SLOT), 'NODE', to)
  await until('the migration', async () => {
    text = await statusOf(source)
    if (text.includes('\r\nfailed\r\n')) throw new Error(text)
    return text.includes('\r\nsuccess\r\n')
  }, 600_000)
  const [, pauseUs] = /write_pause_us\r\n:(\d+)/.exec(text) ?? []
  return `, writes waited for ${(Number(pauseUs) / 1000).toFixed(1)} ms`
}

async function measure(bench: Bench, side: Case): Promise<Record<string, Sample>> {
  const [source, target] = await makeCluster(bench, side)
  const before = Number(await source.command('DBSIZE'))
  const writer = new Writer(source.port)
  await sleep(200)
  const startedMs = performance.now()
  const said = await move(side, source, target)
  const seconds = (performance.now() - startedMs) / 1000
  await sleep(200)
  await writer.stop()
  await until('all keys at the target', async () => Number(await target.command('DBSIZE')) >= before * 0.99)
  bench.progress(`${side.label}: ${seconds.toFixed(2)} s, longest of ${writer.writes} writes ${writer.longestMs.toFixed(1)} ms${said}`)
  await source.stop()
  await target.stop()
  return { 'all slots but one': { seconds, maxMs: writer.longestMs } }
}

export const scenario: Scenario = {
  name: 'migration',
  question: 'How long does it take to move the slots of a node, and how long does a write wait meanwhile?',
  workload: '1,000,000 strings of 1,000 B (--keys), one writer; two nodes.',
  output: 'seconds in all, the longest write',
  yardstick: 'redis-cli --cluster reshard between two redis-servers',
  goals: [
    { case: 'all slots but one', metric: 'seconds', must: 0.2, aim: 0.1 },
  ],
  async run(bench) {
    const common = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '15000' }
    const sides: Case[] = [
      { ...bench.subject(common, 'CLUSTER MIGRATE'), atomic: true },
      { ...bench.reference(common, 'reshard'), atomic: false },
    ]
    await bench.interleave(sides, (side) => measure(bench, side), { runsMax: 3 })
  },
}
