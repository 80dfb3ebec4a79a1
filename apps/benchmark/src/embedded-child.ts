/**
 * The process that measures one embedded store: fills it, checks what it returns, then times get, getMany(32) and set.
 *
 * Keys are strings made beforehand and chosen uniformly from a seeded sequence; choosing costs every peer the same.
 * Throughput and CPU come from uninterrupted loops (CPU of all threads of the process, so garbage collection and the
 * store's own threads are paid for); percentiles from a second pass that times each call, timer included (50 ns).
 * All figures are per key, also for getMany. Output: one JSON line, an EmbeddedResult.
 */
import { cpus } from 'node:os'
import { pathToFileURL } from 'node:url'
import type { Codec, EmbeddedPeer, EmbeddedSession, Sample } from './scenario.js'

export interface ChildTask {
  peerPath: string
  dir: string
  keys: number
  valueBytes: number
  codec: Codec
  seed: number
  seconds: number
  warmupSeconds: number
}

export interface EmbeddedResult {
  samples: Record<string, Sample>
  /** The most cores that other processes used during a measurement: noise. */
  otherCores: number
}

const BATCH = 32
/** Asynchronous writers are waited for after so many sets, as a careful application would. */
const SETTLE_EVERY = 1024

/** Seeded indexes below `bound`; xorshift32, which costs a nanosecond. */
function indexes(seed: number, bound: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) * bound / 2 ** 32) | 0
  }
}

const keyOf = (index: number): string => `key:${String(index).padStart(12, '0')}`

/** A flat string (not a rope of pieces), so that no store pays for flattening it. */
function textValue(index: number, valueBytes: number): string {
  return Buffer.from(String(index).padStart(12, '0').padEnd(valueBytes, 'abcdefghij').slice(0, valueBytes)).toString('latin1')
}

/** Milliseconds that all cores together have been busy. */
function machineBusyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
}

class Operation {
  otherCores = 0

  /** Results go here, so that no call is optimised away. */
  static sink: unknown

  constructor(
    readonly name: string,
    readonly keysPerCall: number,
    readonly call: () => unknown,
    readonly settle: (() => Promise<unknown>) | undefined,
  ) {}

  async run(seconds: number): Promise<number> {
    const until = performance.now() + seconds * 1000
    let calls = 0
    do {
      for (let i = 0; i < SETTLE_EVERY; i++) Operation.sink = this.call()
      calls += SETTLE_EVERY
      if (this.settle !== undefined) await this.settle()
    } while (performance.now() < until)
    return calls
  }

  async measure(seconds: number, warmupSeconds: number): Promise<Sample> {
    await this.run(warmupSeconds)
    const busyBeforeMs = machineBusyMs()
    const cpuBefore = process.cpuUsage()
    const startedMs = performance.now()
    const keys = await this.run(seconds) * this.keysPerCall
    const elapsedMs = performance.now() - startedMs
    const cpu = process.cpuUsage(cpuBefore)
    this.otherCores = (machineBusyMs() - busyBeforeMs - (cpu.user + cpu.system) / 1000) / elapsedMs
    const opsPerSecond = keys / elapsedMs * 1000
    return { cpuUsPerOp: (cpu.user + cpu.system) / keys, opsPerSecond, ...await this.#percentiles(seconds) }
  }

  async #percentiles(seconds: number): Promise<Sample> {
    const until = performance.now() + seconds * 1000
    const latenciesUs = new Float64Array(200_000)
    let count = 0
    while (count < latenciesUs.length && performance.now() < until) {
      for (let i = 0; i < SETTLE_EVERY && count < latenciesUs.length; i++) {
        const before = performance.now()
        Operation.sink = this.call()
        latenciesUs[count++] = (performance.now() - before) * 1000 / this.keysPerCall
      }
      if (this.settle !== undefined) await this.settle()
    }
    const sorted = latenciesUs.subarray(0, count).sort()
    const at = (share: number): number => sorted[Math.min(count - 1, Math.floor(count * share))]!
    return { p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
  }
}

type ValueOf = (index: number) => string | Uint8Array

async function fill(session: EmbeddedSession, keys: readonly string[], valueOf: ValueOf): Promise<Sample> {
  const startedMs = performance.now()
  for (const [index, key] of keys.entries()) {
    session.set(key, valueOf(index))
    if (index % SETTLE_EVERY === 0) await session.settle?.()
  }
  await session.settle?.()
  return { opsPerSecond: keys.length / (performance.now() - startedMs) * 1000, rssBytes: process.memoryUsage.rss() }
}

/** @throws {Error} if a store does not return what it was given: a fast wrong answer is no figure. */
function check(session: EmbeddedSession, keys: readonly string[], valueOf: ValueOf): void {
  const step = Math.max(1, Math.floor(keys.length / 100))
  const same = (found: unknown, index: number): boolean =>
    (typeof found === 'string' || found instanceof Uint8Array) && Buffer.from(found).equals(Buffer.from(valueOf(index)))
  for (let index = 0; index < keys.length; index += step) {
    const found = session.get(keys[index]!)
    if (!same(found, index)) throw new Error(`get('${keyOf(index)}') returned ${String(found)}`)
  }
  const batch = session.getMany?.(keys.slice(0, BATCH))
  if (batch === undefined) return
  const values = Array.isArray(batch) ? batch as unknown[] : [...batch as Iterable<unknown>]
  if (!values.every(same) || values.length !== Math.min(BATCH, keys.length)) {
    throw new Error('getMany returned other values than get')
  }
}

export async function runTask(task: ChildTask): Promise<EmbeddedResult> {
  const { peer } = await import(pathToFileURL(task.peerPath).href) as { peer: EmbeddedPeer }
  const session = await peer.open({ load: (module) => import(module), dir: task.dir, codec: task.codec })
  const keys = Array.from({ length: task.keys }, (_, index) => Buffer.from(keyOf(index)).toString('latin1'))
  const valueOf: ValueOf = (index) => {
    const text = textValue(index, task.valueBytes)
    return task.codec === 'binary' ? Buffer.from(text) : text
  }
  const filled = await fill(session, keys, valueOf)
  check(session, keys, valueOf)

  const next = indexes(task.seed, keys.length)
  const nextKey = (): string => keys[next()]!
  const newValues = Array.from({ length: 1024 }, (_, index) => valueOf(index))
  const batch = new Array<string>(BATCH).fill('')
  let turn = 0
  const fillBatch = (): void => { for (let i = 0; i < BATCH; i++) batch[i] = nextKey() }
  const settle = session.settle === undefined ? undefined : () => (session.settle as () => Promise<unknown>)()
  const many = session.getMany === undefined
    ? () => { for (const key of batch) Operation.sink = session.get(key) }
    : () => session.getMany?.(batch)
  const operations = [
    new Operation('get', 1, () => session.get(nextKey()), undefined),
    new Operation(`getMany(${BATCH}), per key`, BATCH, () => { fillBatch(); return many() }, undefined),
    new Operation('set', 1, () => session.set(nextKey(), newValues[turn++ & 1023] as string), settle),
  ]
  const samples: Record<string, Sample> = { fill: filled }
  for (const operation of operations) {
    samples[operation.name] = await operation.measure(task.seconds, task.warmupSeconds)
  }
  await session.close()
  return { samples, otherCores: Math.max(...operations.map((operation) => operation.otherCores)) }
}

const argument = process.argv[2]
if (argument !== undefined && process.argv[1]?.endsWith('embedded-child.js') === true) {
  console.log(JSON.stringify(await runTask(JSON.parse(argument) as ChildTask)))
  // A store may keep threads; the figures are out.
  process.exit(0)
}
