/**
 * Question   What does the tool everybody knows say?
 * Workload   redis-benchmark's string tests, 50 connections, pipeline 1 and 16, 1 million random keys, values of 64 B.
 * Output     Server CPU per operation, throughput, p50, p99, RSS. The tool prints no p99.9.
 * Yardstick  redis-server in the same run. At pipeline 16 the tool is the bottleneck: read CPU per operation there.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'redis-benchmark',
  question: 'What does the tool everybody knows say?',
  workload: 'redis-benchmark, 50 connections, 1 million random keys of 16 B, values of 64 B.',
  output: 'CPU per operation, throughput, p50, p99, RSS',
  yardstick: 'redis-server in the same run',
  async run(bench) {
    const shape = { keys: bench.keys(1_000_000), valueBytes: 64, connections: 50 }
    await using servers = await bench.start([bench.subject(), bench.reference()])
    await servers.fill(shape)
    for (const pipeline of [1, 16]) {
      const requests = bench.quick ? 10_000 : pipeline * 300_000
      for (const test of ['ping_mbulk', 'set', 'get', 'incr', 'mset']) {
        await servers.compareWithRedisBenchmark(`${test}, pipeline ${pipeline}`, {
          ...shape, test, pipeline, requests: test === 'mset' ? Math.ceil(requests / 5) : requests,
        })
      }
    }
  },
}
