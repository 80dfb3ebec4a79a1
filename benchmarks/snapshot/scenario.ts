/**
 * Question   What do clients notice of BGSAVE and BGREWRITEAOF, and what memory do these take?
 * Workload   2 million keys of 16 B with values of 1,000 B (2 GB), append-only file on. 8,000 GET and 8,000 SET a
 *            second (open loop), first quiet, then while BGSAVE, then BGREWRITEAOF, follow one another all the time.
 *            And 1,000 accounts between which 4 connections move money with MULTI while snapshots are taken.
 * Output     p50, p99, p99.9 and the longest GET, quiet and during, and the same without the moments in which a
 *            host took a core away; seconds of one save; RSS while it runs, as a share of before in a note. The
 *            accounts' sum in the snapshot must be exact.
 * Yardstick  redis-server in the same run. What its forked child copied (`rdb_last_cow_size`) counts as its RSS.
 */
import { copyFile } from 'node:fs/promises'
import type { Bench, KvloadResult, RunningServer, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'

const ACCOUNTS = 1000
const EACH = 1_000_000

const persistence = async (server: RunningServer): Promise<string> => String(await server.command('INFO', 'persistence'))
const idle = /rdb_bgsave_in_progress:0[^]*aof_rewrite_in_progress:0/

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => { setTimeout(resolve, ms) })
}

/** Saves again and again until `until`. The seconds of the first, the greatest RSS, bytes copied by a fork. */
async function keepSaving(
  server: RunningServer, command: string, until: { done: boolean },
): Promise<{ seconds: number; rssBytes: number }> {
  let seconds = 0
  let rssBytes = 0
  while (!until.done) {
    const start = performance.now()
    await server.command(command)
    for (;;) {
      rssBytes = Math.max(rssBytes, await server.rssBytes())
      if (idle.test(await persistence(server))) break
      await pause(50)
    }
    if (seconds === 0) seconds = (performance.now() - start) / 1000
  }
  const copied = /(?:rdb|aof)_last_cow_size:([1-9]\d*)/.exec(await persistence(server))?.[1]
  return { seconds, rssBytes: rssBytes + Number(copied ?? 0) }
}

interface Latencies { all: Sample; undisturbed: Record<string, Sample> }

function latencies(result: KvloadResult, what: string): Latencies {
  if (result.errors > 0) throw new Error(`GET failed: ${String(result.firstError)}`)
  const sampleOf = ({ p50, p99, p999, max }: KvloadResult['latencyUs']): Sample => ({ p50Us: p50, p99Us: p99, p999Us: p999, maxMs: max / 1000 })
  const { undisturbedUs } = result
  const undisturbed = undisturbedUs === undefined ? {} : { [`${what}, undisturbed`]: sampleOf(undisturbedUs) }
  return { all: sampleOf(result.latencyUs), undisturbed }
}

async function measure(bench: Bench, side: Side): Promise<Record<string, Sample>> {
  const keys = bench.keys(2_000_000)
  const seconds = bench.quick ? 1 : 20
  const server = await bench.startOne(side)
  const shape = ['--keys', String(keys), '--value-bytes', '1000', '--connections', '20']
  await bench.kvload(['--prefill', ...shape, '--pipeline', '16'], server)
  await bench.untilQuiet(server)
  const gets = async (what: string): Promise<Latencies> => {
    const load = ['--workload', 'mix', '--get-percent', '50', '--latency-of', 'get', '--rate', '16000',
      '--seconds', String(seconds), '--warmup-seconds', '0.5']
    const result = await bench.kvload([...shape, ...load, ...bench.canaries()], server)
    if (result.undisturbedShare !== undefined) {
      const [core, load] = [result.coreAwayUs, result.loadAwayUs].map((us = 0) => (us / 1000).toFixed(1))
      bench.note(`${side.label}: ${what}: undisturbed ${(100 * result.undisturbedShare).toFixed(0)} % of the time; a core was away for up to ${core} ms, the load for ${load}`)
    }
    return latencies(result, what)
  }
  const quiet = await gets('GET, quiet')
  const samples: Record<string, Sample> = { 'GET, quiet': quiet.all, ...quiet.undisturbed }
  for (const command of ['BGSAVE', 'BGREWRITEAOF']) {
    await bench.untilQuiet(server)
    const before = await server.rssBytes()
    const until = { done: false }
    const saving = keepSaving(server, command, until)
    const during = await gets(`GET, during ${command}`)
    until.done = true
    const save = await saving
    if (!/rdb_last_bgsave_status:ok[^]*aof_last_bgrewrite_status:ok/.test(await persistence(server))) throw new Error(`${command} failed on ${side.label}`)
    samples[`GET, during ${command}`] = { ...during.all, seconds: save.seconds, rssBytes: save.rssBytes }
    Object.assign(samples, during.undisturbed)
    bench.note(`${side.label}: RSS during ${command} ${(save.rssBytes / before).toFixed(3)} of ${(before / 2 ** 20).toFixed(0)} MiB before`)
  }
  await server.stop()
  return samples
}

/** Money moves while a snapshot is taken; a fresh server that loads it must find all of it. */
async function bank(bench: Bench, side: Side): Promise<void> {
  const dir = await bench.tempDir()
  const server = await bench.startOne(side, { dir })
  await bench.send(server, (function* () {
    for (let i = 0; i < ACCOUNTS; i++) yield ['SET', `account:${i}`, String(EACH)]
    // Other keys between them, so that the walk takes its time.
    for (let i = 0; i < bench.keys(200_000); i++) yield ['SET', `filler:${i}`, 'x'.repeat(100)]
  })())
  const transfers = (seed: number) => (function* () {
    let state = seed
    const next = (limit: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor(state / 65536) % limit
    }
    for (let i = 0; i < (bench.quick ? 3000 : 60_000); i++) {
      const amount = String(next(1000))
      yield ['MULTI']
      yield ['DECRBY', `account:${next(ACCOUNTS)}`, amount]
      yield ['INCRBY', `account:${next(ACCOUNTS)}`, amount]
      yield ['EXEC']
    }
  })()
  const moving = Promise.all([1, 2, 3, 4].map((seed) => bench.send(server, transfers(seed))))
  for (const command of ['BGSAVE', 'BGREWRITEAOF']) {
    await server.command(command)
    while (!idle.test(await persistence(server))) await pause(5)
  }
  const copy = await bench.tempDir()
  await copyFile(`${dir}/dump.rdb`, `${copy}/dump.rdb`)
  await moving
  await server.stop()
  for (const [what, at, directives] of [['dump.rdb', copy, { appendonly: 'no' }], ['the AOF', dir, {}]] as const) {
    const reader = await bench.startOne({ ...side, directives: { ...side.directives, ...directives } }, { dir: at })
    let sum = 0
    for (let i = 0; i < ACCOUNTS; i++) sum += Number(await reader.command('GET', `account:${i}`))
    await reader.stop()
    if (sum !== ACCOUNTS * EACH) throw new Error(`${what} of ${side.label} holds ${sum}, not ${ACCOUNTS * EACH}`)
  }
  bench.note(`${side.label}: 4 connections moved money during BGSAVE and BGREWRITEAOF; the sum over ${ACCOUNTS} accounts was exact in both files`)
}

export const scenario: Scenario = {
  name: 'snapshot',
  question: 'What do clients notice of BGSAVE and BGREWRITEAOF, and what memory do these take?',
  workload: '2 million keys of 16 B, values of 1,000 B, 8,000 GET and 8,000 SET a second; saves one after the other.',
  output: 'p50, p99, p99.9 and longest GET, quiet and during; seconds of a save; RSS',
  yardstick: 'redis-server in the same run',
  goals: ['BGSAVE', 'BGREWRITEAOF'].flatMap((command) => [
    { case: `GET, during ${command}`, metric: 'p999Us', must: 1, aim: 0.5 } as const,
    { case: `GET, during ${command}`, metric: 'rssBytes', must: 1, aim: 0.8 } as const,
  ]),
  async run(bench) {
    const directives = { appendonly: 'yes', appendfsync: 'everysec', 'auto-aof-rewrite-percentage': '0' }
    const sides = [bench.subject(directives), bench.reference(directives)]
    await bank(bench, bench.subject(directives))
    await bench.interleave(sides, (side) => measure(bench, side), { runsMax: 3 })
  },
}
