/**
 * Question   What does `appendfsync everysec` cost over no append-only file at all?
 * Workload   SET, 50 connections, pipeline 16, 1 million keys of 16 B, values of 64 B. Automatic rewriting is off.
 * Output     Server CPU per operation (log and fsync threads included), throughput, p50, p99, p99.9.
 * Yardstick  The same server without a log; redis-server with everysec for orientation.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'everysec-cost',
  question: 'What does appendfsync everysec cost over no append-only file at all?',
  workload: 'SET, pipeline 16, 50 connections, 1 million keys of 16 B, values of 64 B; automatic rewriting off.',
  output: 'CPU per operation (log and fsync threads included), throughput, percentiles',
  yardstick: 'the same server without a log; redis-server with everysec for orientation',
  goals: [{ case: 'SET', metric: 'cpuUsPerOp', must: 1.3, aim: 1.15 }],
  async run(bench) {
    const shape = { keys: bench.keys(1_000_000), valueBytes: 64 }
    const everysec = { appendonly: 'yes', appendfsync: 'everysec', 'auto-aof-rewrite-percentage': '0' }
    await using servers = await bench.start([
      bench.subject(everysec, 'everysec'), bench.subject({}, 'no AOF'), bench.reference(everysec, 'everysec'),
    ])
    await servers.fill(shape)
    await servers.compare('SET', { workload: 'set', pipeline: 16, ...shape })
  },
}
