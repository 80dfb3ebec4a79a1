/**
 * Question   What does one write cost a primary that has a replica?
 * Workload   SET, pipeline 16, 50 connections, 1 million keys of 16 B, values of 64 B. One redis-server on the same
 *            machine follows each side, not pinned; it must still be there at the end and have everything. And the same
 *            without a replica.
 * Output     CPU of the primary per operation, throughput.
 * Yardstick  redis-server as the primary of another redis-server, in the same run.
 */
import type { Bench, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'
import { follow, hasEverything } from './follower.js'

async function measure(bench: Bench, side: Side): Promise<Record<string, Sample>> {
  const primary = await bench.startOne(side)
  const shape = ['--keys', String(bench.keys(1_000_000)), '--value-bytes', '64', '--connections', '50', '--pipeline', '16']
  await bench.kvload(['--prefill', ...shape], primary)
  await bench.untilQuiet(primary)
  const { seconds, warmupSeconds } = bench.windows
  const load = ['--workload', 'set', '--seconds', String(seconds), '--warmup-seconds', String(warmupSeconds)]
  const set = async (): Promise<Sample> => {
    const result = await bench.kvload([...load, ...shape], primary)
    if (result.errors > 0) throw new Error(`${side.label}: ${result.firstError}`)
    const { opsPerSecond, serverCpuUsPerOp } = result
    return { opsPerSecond, ...(serverCpuUsPerOp === undefined ? {} : { cpuUsPerOp: serverCpuUsPerOp }) }
  }
  const samples: Record<string, Sample> = { 'SET, no replica': await set() }
  const replica = await follow(bench, primary)
  samples['SET, one replica'] = await set()
  await hasEverything(primary, replica)
  await replica.stop()
  await primary.stop()
  return samples
}

export const scenario: Scenario = {
  name: 'replication',
  question: 'What does one write cost a primary that has a replica?',
  workload: 'SET, pipeline 16, 50 connections, 1 million keys of 16 B, values of 64 B, one redis-server as replica.',
  output: 'CPU of the primary per operation, throughput',
  yardstick: 'redis-server as primary in the same run',
  goals: [{ case: 'SET, one replica', metric: 'cpuUsPerOp', must: 0.6, aim: 0.45 }],
  async run(bench) {
    // A replica that cannot keep up is to be kept: what it costs its primary is the question.
    const directives = { 'repl-diskless-sync-delay': '0', 'client-output-buffer-limit': 'replica 0 0 0' }
    await bench.interleave([bench.subject(directives), bench.reference(directives)], (side) => measure(bench, side))
  },
}
