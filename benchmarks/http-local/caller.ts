/** One caller, one get after another: in the process, or with ioredis over loopback. Arguments: store, redis's port. */
const [name = '', port = ''] = process.argv.slice(2)
const load = (module: string): Promise<unknown> => import(module)

interface Redis { get(key: string): Promise<string | null>; set(key: string, value: string): Promise<string> }
interface Slotwise { get(key: string): string | null; set(key: string, value: string): boolean }

const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`
const VALUE = 'abcdefgh'.repeat(8)
const KEYS = 10_000

async function timed(seconds: number, call: (key: string) => unknown): Promise<object> {
  const keys = Array.from({ length: KEYS }, (_, i) => keyOf((i * 7919) % KEYS))
  const times = new Float64Array(500_000)
  let count = 0
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const untilMs = startMs + seconds * 1000
  for (let nowMs = startMs; nowMs < untilMs && count < times.length;) {
    const found = call(keys[count % KEYS]!)
    if ((found instanceof Promise ? await found : found) !== VALUE) throw new Error('another value than was stored')
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

async function run(seconds: number): Promise<object> {
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
