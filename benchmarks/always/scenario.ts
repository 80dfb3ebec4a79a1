/**
 * Question   How many durable writes a second, when every reply waits for its fsync?
 * Workload   SET with `appendfsync always`, 50 and 200 connections, one request at a time, values of 64 B.
 * Output     Throughput, p50, p99, p99.9, server CPU per operation.
 * Yardstick  redis-server on the same disk in the same run. The temporary directory must be on a real disk.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'always',
  question: 'How many durable writes a second, when every reply waits for its fsync?',
  workload: 'SET, appendfsync always, pipeline 1, 50 and 200 connections, 100,000 keys of 16 B, values of 64 B.',
  output: 'throughput, percentiles, CPU per operation',
  yardstick: 'redis-server on the same disk in the same run',
  goals: [{ case: 'SET, 50 connections', metric: 'opsPerSecond', must: 1.3, aim: 2 }],
  async run(bench) {
    const shape = { keys: bench.keys(100_000), valueBytes: 64 }
    const always = { appendonly: 'yes', appendfsync: 'always', 'auto-aof-rewrite-percentage': '0' }
    await using servers = await bench.start([bench.subject(always), bench.reference(always)])
    await servers.fill(shape)
    for (const connections of [50, 200]) {
      await servers.compare(`SET, ${connections} connections`, { workload: 'set', connections, ...shape })
    }
  },
}
