/**
 * Question   How good is the choice of what is evicted, and what does evicting cost?
 * Workload   A cache: GET, and a SET of every key that was not there. 1 million keys of 16 B, values of 100 B,
 *            zipf 0.99 by seed, 50 connections, pipeline 16; 4 million requests of one trace to fill the cache, then 4
 *            million of another with the same popularity. maxmemory is the same number for both, 40 MiB (a fifth of the
 *            keys or so), with default maxmemory-samples. And the plain cost: SETs of new keys into a full server. And
 *            the longest that anybody waits while a set of 2 million members is evicted in the background.
 * Output     Hits, keys held, server CPU per operation; the longest round trip of a second client.
 * Yardstick  redis-server in the same run. Who needs less memory for a key holds more keys: `keys held` tells how much
 *            of a better hit rate that is.
 */
import type { Bench, RunningServer, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'

const MIB = 2 ** 20
const POLICIES = ['allkeys-lru', 'allkeys-lfu'] as const

/** One replay into a fresh server. */
async function replay(bench: Bench, side: Side, policy: string): Promise<Record<string, Sample>> {
  const keys = bench.keys(1_000_000)
  const requests = bench.quick ? 50_000 : 4_000_000
  const server = await bench.startOne(side)
  const load = ['--connections', '50', '--pipeline', '16', '--keys', String(keys), '--value-bytes', '100', '--distribution', 'zipf',
    '--theta', '0.99', '--requests', String(requests)]
  await bench.kvload(['--workload', 'cache', ...load, '--seed', String(bench.seed + 1000)], server)
  const result = await bench.kvload(['--workload', 'cache', ...load], server)
  const held = Number(await server.command('DBSIZE'))
  const cost = await bench.kvload(['--workload', 'set', '--connections', '50', '--pipeline', '16', '--value-bytes', '100',
    '--keys', String(keys * 100), '--requests', String(Math.ceil(requests / 4))], server)
  await server.stop()
  return {
    [policy]: {
      hitPercent: 100 * (1 - result.misses / result.gets),
      keys: held,
      ...(result.serverCpuUsPerOp === undefined ? {} : { cpuUsPerOp: result.serverCpuUsPerOp }),
    },
    [`${policy}, SET that evicts`]: cost.serverCpuUsPerOp === undefined ? {} : { cpuUsPerOp: cost.serverCpuUsPerOp },
  }
}

/** The longest PING of one client while another makes the server evict a set of `members` members. */
async function stall(bench: Bench, side: Side): Promise<Record<string, Sample>> {
  const members = bench.quick ? 200_000 : 2_000_000
  const server = await bench.startOne(side)
  await bench.send(server, (function* () {
    for (let i = 0; i < members; i += 100) yield ['SADD', 'big', ...Array.from({ length: 100 }, (_, j) => `member:${i + j}`)]
  })())
  await bench.untilQuiet(server)
  const used = Number(/used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))?.[1])
  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  const evict = async (): Promise<void> => {
    await server.command('CONFIG', 'SET', 'maxmemory', String(Math.floor(used * 0.8)))
    // redis-server refuses it while what it has evicted is not freed yet and nothing else is left to evict.
    await server.command('SET', 'k', 'v').catch(() => undefined)
  }
  const [longestMs] = await Promise.all([longestPing(server, bench.quick ? 100 : 1500), evict()])
  if (Number(await server.command('EXISTS', 'big')) !== 0) throw new Error(`${side.label} did not evict the set`)
  await server.stop()
  return { [`evicting a set of ${members} members`]: { maxMs: longestMs } }
}

async function longestPing(server: RunningServer, ms: number): Promise<number> {
  let longest = 0
  for (const end = performance.now() + ms; performance.now() < end;) {
    const start = performance.now()
    await server.command('PING')
    longest = Math.max(longest, performance.now() - start)
  }
  return longest
}

export const scenario: Scenario = {
  name: 'eviction',
  question: 'How good is the choice of what is evicted, and what does evicting cost?',
  workload: 'GET and a SET at each miss, zipf 0.99 over 1 million keys, pipeline 16; the same maxmemory, 40 MiB.',
  output: 'hits, keys held, CPU per operation, the longest wait while a big set is evicted',
  yardstick: 'redis-server in the same run',
  goals: POLICIES.flatMap((policy) => [
    { case: policy, metric: 'hitPercent', must: 1, aim: 1.05 } as const,
    { case: policy, metric: 'cpuUsPerOp', must: 1, aim: 0.6 } as const,
    { case: `${policy}, SET that evicts`, metric: 'cpuUsPerOp', must: 1, aim: 0.6 } as const,
  ]),
  async run(bench) {
    for (const policy of POLICIES) {
      const directives = { maxmemory: String((bench.quick ? 3 : 40) * MIB), 'maxmemory-policy': policy }
      const sides = [bench.subject(directives), bench.reference(directives)]
      await bench.interleave(sides, (side) => replay(bench, side, policy), { runsMax: 3 })
    }
    const directives = { 'lazyfree-lazy-eviction': 'yes' }
    const sides = [bench.subject(directives), bench.reference(directives)]
    await bench.interleave(sides, (side) => stall(bench, side), { runsMax: 3 })
  },
}
