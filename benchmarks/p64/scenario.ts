/**
 * Question   What does one operation cost the server with pipelines of 64 over more keys than any cache holds?
 * Workload   50 connections, batches of 64, 5 million keys of 16 B with values of 64 B, uniform, so that nearly every
 *            lookup misses the caches; GET, SET, and 90 % GET with zipf 0.99.
 * Output     Server CPU per operation, throughput, p50, p99, p99.9 (of a batch), RSS.
 * Yardstick  redis-server in the same run. kvload makes the load: redis-benchmark needs more CPU than the server here.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'p64',
  question: 'What does one operation cost the server with pipelines of 64 over more keys than any cache holds?',
  workload: 'Pipeline 64, 50 connections, 5 million keys of 16 B, values of 64 B, uniform (the mix: zipf 0.99).',
  output: 'CPU per operation, throughput, percentiles, RSS',
  yardstick: 'redis-server in the same run',
  goals: [
    { case: 'GET', metric: 'cpuUsPerOp', must: 0.3, aim: 0.17 },
    { case: 'SET', metric: 'cpuUsPerOp', must: 0.3, aim: 0.17 },
  ],
  async run(bench) {
    const shape = { keys: bench.keys(5_000_000), valueBytes: 64 }
    await using servers = await bench.start([bench.subject(), bench.reference()])
    await servers.fill(shape)
    await servers.compare('GET', { workload: 'get', pipeline: 64, ...shape })
    await servers.compare('SET', { workload: 'set', pipeline: 64, ...shape })
    await servers.compare('90 % GET, zipf', { workload: 'mix', pipeline: 64, ...shape, distribution: 'zipf' })
  },
}
