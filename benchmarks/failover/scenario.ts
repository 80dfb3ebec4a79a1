/**
 * Question   How long can nothing be written to a shard whose primary dies, or is cut off, and what do others notice?
 * Workload   Three shards of a primary and a replica, node timeout T = 2 s, everything else as it comes; 1,000 writes a
 *            second to each shard, open loop. One primary is killed (SIGKILL); then another is stopped (SIGSTOP), which
 *            for all others is a host that does not answer, and goes on when it has been replaced.
 * Output     Time from the fault to the first write that the new primary acknowledged; the longest time without an
 *            acknowledged write at the other shards; acknowledged writes that are not there at the end.
 * Yardstick  redis-server in the same run, same settings; and what we promise, in parts of T (notes).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'
import { formCluster, type ShardServers, TAGS, untilDemoted } from './cluster.js'
import { type Acknowledged, ShardWriter } from './writer.js'

const WRITES_PER_SECOND = 1000
const TRIALS = 30
const KILLED = 'primary killed'
const ISOLATED = 'primary isolated'

/** In seconds, of the node timeout. */
const promises = {
  [KILLED]: { median: (T: number) => 0.5 * T, max: (T: number) => T + 1.5 },
  [ISOLATED]: { median: (T: number) => 1.25 * T + 0.3, max: () => Infinity },
} as const
const OTHERS_GAP_MS = 50

type Fault = keyof typeof promises

interface Settings { readonly timeoutMs: number; readonly settleMs: number }

async function fail(
  cluster: readonly ShardServers[], shard: number, fault: Fault, { timeoutMs, settleMs }: Settings,
): Promise<Sample> {
  const { primary, replica } = cluster[shard]!
  const writers = cluster.map((servers, index) => new ShardWriter(TAGS[index]!, portsOf(servers), WRITES_PER_SECOND))
  const victim = writers[shard]!
  try {
    for (const writer of writers) await until(() => writer.acknowledged.length > 0, 10_000, 'the first write')
    await sleep(settleMs)
    const faultMs = performance.now()
    process.kill(primary.pid, fault === KILLED ? 'SIGKILL' : 'SIGSTOP')
    await until(() => victim.firstOf(replica.port, faultMs) !== null, 10 * timeoutMs + 10_000, 'a new primary')
    await sleep(settleMs)
    const endMs = performance.now()
    if (fault === ISOLATED) {
      process.kill(primary.pid, 'SIGCONT')
      await untilDemoted(primary)
    }
    for (const writer of writers) writer.pause()
    await until(() => writers.every(({ waitingCount }) => waitingCount === 0), 5000, 'the last answers')
    const others = writers.filter((writer) => writer !== victim)
    return {
      seconds: (victim.firstOf(replica.port, faultMs)! - faultMs) / 1000,
      othersGapMs: Math.max(...others.map((writer) => writer.longestGapMs(faultMs, endMs))),
      lostWrites: await missing(replica, victim),
    }
  } finally {
    if (fault === ISOLATED) process.kill(primary.pid, 'SIGCONT')
    for (const writer of writers) writer.close()
  }
}

/** Whoever is primary now comes first. */
const portsOf = ({ primary, replica }: ShardServers): number[] => [primary.port, replica.port]

async function until(condition: () => boolean, limitMs: number, what: string): Promise<void> {
  for (const endMs = performance.now() + limitMs; !condition();) {
    if (performance.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(2)
  }
}

async function missing(server: ShardServers['replica'], writer: ShardWriter): Promise<number> {
  let found = 0
  const keys = writer.acknowledged.map(({ index }: Acknowledged) => writer.key(index))
  for (let at = 0; at < keys.length; at += 500)
    found += Number(await server.command('EXISTS', ...keys.slice(at, at + 500)))
  return keys.length - found
}

async function measure(bench: Bench, side: Side, settings: Settings): Promise<Record<Fault, Sample>> {
  const cluster = await formCluster(bench, side)
  try {
    const killed = await fail(cluster, 0, KILLED, settings)
    // The next fault meets a cluster at rest: of the first shard only the new primary is left.
    cluster[0] = { primary: cluster[0]!.replica, replica: cluster[0]!.replica }
    await sleep(settings.settleMs)
    return { [KILLED]: killed, [ISOLATED]: await fail(cluster, 1, ISOLATED, settings) }
  } finally {
    for (const server of new Set(cluster.flatMap(({ primary, replica }) => [primary, replica]))) await server.stop()
  }
}

function judge(bench: Bench, label: string, fault: Fault, samples: readonly Sample[], timeoutMs: number): void {
  const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)
  const seconds = sorted(samples.map((sample) => sample.seconds!))
  const median = seconds[seconds.length >> 1]!
  const longest = seconds.at(-1)!
  const gap = Math.max(...samples.map((sample) => sample.othersGapMs!))
  const lost = samples.reduce((sum, sample) => sum + sample.lostWrites!, 0)
  const promised = { median: promises[fault].median(timeoutMs / 1000), max: promises[fault].max(timeoutMs / 1000) }
  const kept = median <= promised.median && longest <= promised.max && gap <= OTHERS_GAP_MS
  const limit = promised.max === Infinity ? '' : ` (<= ${promised.max.toFixed(2)})`
  bench.note([
    `${label}, ${fault}, ${samples.length} trials: writable after ${median.toFixed(2)} s at the median`,
    `(<= ${promised.median.toFixed(2)}), ${longest.toFixed(2)} s at the longest${limit};`,
    `other shards without writes for ${gap.toFixed(0)} ms at most (<= ${OTHERS_GAP_MS});`,
    `${lost} acknowledged writes lost: ${kept ? 'as promised' : 'NOT as promised'}`,
  ].join(' '))
}

export const scenario: Scenario = {
  name: 'failover',
  question: 'How long can nothing be written to a shard whose primary dies, or is cut off, and what do others notice?',
  workload: 'Three shards with a replica each, node timeout 2 s, 1,000 writes a second to each; a primary is killed, another stopped.',
  output: 'time to the first acknowledged write, longest gap of the other shards, acknowledged writes lost',
  yardstick: 'redis-server in the same run; promises in parts of the node timeout',
  goals: [
    { case: KILLED, metric: 'seconds', must: 0.4, aim: 0.3 },
    { case: ISOLATED, metric: 'seconds', must: 0.8, aim: 0.7 },
    { case: KILLED, metric: 'othersGapMs', must: 0.2, aim: 0.1 },
    { case: ISOLATED, metric: 'othersGapMs', must: 0.2, aim: 0.1 },
  ],
  async run(bench) {
    const settings = bench.quick ? { timeoutMs: 1000, settleMs: 200 } : { timeoutMs: 2000, settleMs: 1000 }
    const directives = {
      'cluster-enabled': 'yes', 'cluster-node-timeout': String(settings.timeoutMs), 'repl-diskless-sync-delay': '0',
    }
    const samples = new Map<string, Record<Fault, Sample>[]>()
    await bench.interleave([bench.subject(directives), bench.reference(directives)], async (side) => {
      const measured = await measure(bench, side, settings)
      samples.set(side.label, [...samples.get(side.label) ?? [], measured])
      return measured
    }, { runs: TRIALS })
    for (const [label, trials] of samples) {
      for (const fault of [KILLED, ISOLATED] as const)
        judge(bench, label, fault, trials.map((trial) => trial[fault]), settings.timeoutMs)
    }
  },
}
