/**
 * One caller, one get after another: in the process, as a member of a cluster of three with keys of its own slots, or
 * with ioredis over loopback. Arguments: store, redis's port.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [name = '', port = ''] = process.argv.slice(2)
const load = (module: string): Promise<unknown> => import(module)

interface Redis { get(key: string): Promise<string | null>; set(key: string, value: string): Promise<string> }
interface Slotwise { get(key: string): string | null; set(key: string, value: string): boolean }
interface Member {
  get(key: string): Promise<string | null>
  set(key: string, value: string): Promise<boolean>
  isLocal(key: string): Promise<boolean>
  close(): Promise<void>
}

const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`
const VALUE = 'abcdefgh'.repeat(8)
const KEYS = 10_000

async function timed(
  seconds: number, call: (key: string) => unknown, found = (i: number): string => keyOf(i),
): Promise<object> {
  const keys = Array.from({ length: KEYS }, (_, i) => found((i * 7919) % KEYS))
  const times = new Float64Array(500_000)
  let count = 0
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const untilMs = startMs + seconds * 1000
  for (let nowMs = startMs; nowMs < untilMs && count < times.length;) {
    const answer = call(keys[count % KEYS]!)
    if ((answer instanceof Promise ? await answer : answer) !== VALUE) throw new Error('another value than was stored')
    const afterMs = performance.now()
    times[count++] = (afterMs - nowMs) * 1000
    nowMs = afterMs
  }
  const elapsedMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpu)
  const sorted = times.subarray(0, count).sort()
  const at = (share: number): number => sorted[Math.min(count - 1, Math.floor(count * share))]!
  const opsPerSecond = count / elapsedMs * 1000
  return { opsPerSecond, cpuUsPerOp: (user + system) / count, p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
}

/** Three members in this process; the first one is asked, for what it has itself. */
async function asMember(seconds: number): Promise<object> {
  const { join: joinCluster } = await load('@slotwise/member') as { join: (options: object) => Promise<Member> }
  const dir = mkdtempSync(join(tmpdir(), 'slotwise-member-'))
  const ports = await freePorts(6)
  const members = await Promise.all([0, 1, 2].map((index) => joinCluster({
    dir: join(dir, String(index)), port: ports[index]!, busPort: ports[3 + index]!, codec: 'text',
    ...index === 0 ? { members: 3 } : { seeds: [`127.0.0.1:${ports[0]!}`] },
  })))
  try {
    const [member] = members as [Member]
    const keys: string[] = []
    for (let i = 0; keys.length < KEYS; i++) if (await member.isLocal(keyOf(i))) keys.push(keyOf(i))
    for (const key of keys) await member.set(key, VALUE)
    return await timed(seconds, (key) => member.get(key), (i) => keys[i]!)
  } finally {
    for (const member of members) await member.close()
    rmSync(dir, { recursive: true })
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<Server>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function run(seconds: number): Promise<object> {
  if (name === 'member') return asMember(seconds)
  if (name === 'ioredis') {
    const { Redis } = await load('ioredis6') as { Redis: new (port: number, host: string) => Redis }
    const redis = new Redis(Number(port), '127.0.0.1')
    for (let i = 0; i < KEYS; i++) await redis.set(keyOf(i), VALUE)
    return timed(seconds, (key) => redis.get(key))
  }
  const { open } = await load('slotwise') as { open: (options: object) => Promise<Slotwise> }
  const store = await open({ codec: 'text' })
  for (let i = 0; i < KEYS; i++) store.set(keyOf(i), VALUE)
  return timed(seconds, (key) => store.get(key))
}

process.on('message', ({ seconds }: { seconds: number }) => {
  run(seconds).then((sample) => process.send!(sample), (error: unknown) => process.send!({ error: String(error) }))
})
