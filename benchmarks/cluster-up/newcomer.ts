/**
 * One newcomer: starts a cluster of six in one of two ways, fills it, answers with the seconds that it took, and ends
 * it. Arguments: `slotwise` or `redis`, an empty folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const [way = '', dir = ''] = process.argv.slice(2)
const COMMAND = fileURLToPath(new URL('../../../../cli/bin/slotwise', import.meta.url))
const NODES = 6
const KEYS = 1000
const TIMEOUT_MS = 120_000

interface Store {
  set(key: string, value: string): Promise<boolean>
  getMany(keys: readonly string[]): Promise<(string | null)[]>
  close(): Promise<void>
}
interface Slotwise { open: (options: object) => Promise<Store> }

const children: ChildProcess[] = []
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Again while it fails: nodes start, and agree a little later. */
async function until<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (const endMs = performance.now() + TIMEOUT_MS; ;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > endMs) throw new Error(`${what}: ${String(error)}`, { cause: error })
      await pause(20)
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listening = once(server.listen(port, '127.0.0.1'), 'listening')
  const free = await listening.then(() => true, () => false)
  server.close()
  return free
}

/** The first of six in a row, whose buses are free as well. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = 11_000 + Math.floor(Math.random() * 10_000)
    const all = Array.from({ length: NODES }, (_, index) => [first + index, first + index + 10_000]).flat()
    if ((await Promise.all(all.map(isFree))).every(Boolean)) return first
  }
}

async function startSlotwise(port: number): Promise<void> {
  const child = spawn(process.execPath, [COMMAND, 'cluster', 'up', '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: dir },
  })
  children.push(child)
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.includes('Ctrl-C ends it.')) return
  }
  throw new Error(`slotwise cluster up ended: ${said}`)
}

async function startRedis(port: number): Promise<void> {
  const addresses = Array.from({ length: NODES }, (_, index) => `127.0.0.1:${port + index}`)
  const run = promisify(execFile)
  for (let index = 0; index < NODES; index++) {
    const args = [
      '--port', String(port + index), '--bind', '127.0.0.1', '--dir', dir, '--cluster-enabled', 'yes', '--save', '',
      '--cluster-config-file', join(dir, `nodes-${index}.conf`), '--appendonly', 'yes', '--appenddirname', `aof-${index}`,
    ]
    children.push(spawn('redis-server', args, { stdio: 'ignore' }))
  }
  for (let index = 0; index < NODES; index++)
    await until('redis-server', () => run('redis-cli', ['-p', String(port + index), '-e', 'ping']))
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'])
}

async function fill(port: number): Promise<void> {
  const module = 'slotwise'
  const { open } = await import(module) as Slotwise
  const store = await open({ url: `redis://127.0.0.1:${port}`, codec: 'text' })
  const keys = Array.from({ length: KEYS }, (_, index) => `key:${index}`)
  for (const key of keys) await until(key, () => store.set(key, key))
  const found = await store.getMany(keys)
  if (found.some((value, index) => value !== keys[index])) throw new Error('another value than was stored')
  await store.close()
}

async function measure(): Promise<number> {
  const port = await freePorts()
  const startMs = performance.now()
  try {
    await (way === 'slotwise' ? startSlotwise(port) : startRedis(port))
    await fill(port)
    return (performance.now() - startMs) / 1000
  } finally {
    await Promise.all(children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }))
  }
}

process.on('message', () => {
  measure().then((seconds) => process.send!(seconds), (error: unknown) => process.send!({ error: String(error) }))
})
