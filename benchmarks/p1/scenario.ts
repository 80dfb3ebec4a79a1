/**
 * Question   What does one GET or SET cost the server when every client waits for its reply?
 * Workload   50 connections, one request at a time, 1 million keys of 16 B with values of 64 B, uniform; then GET at a
 *            fixed arrival rate of 50 % and 80 % of what the reference reached, latency from the intended moment.
 * Output     Server CPU per operation, throughput, p50, p99, p99.9, RSS.
 * Yardstick  redis-server in the same run. Most of this cost is the kernel's: two system calls a request.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'p1',
  question: 'What does one GET or SET cost the server when every client waits for its reply?',
  workload: 'Pipeline 1, 50 connections, 1 million keys of 16 B, values of 64 B, uniform.',
  output: 'CPU per operation, throughput, percentiles (also open loop at fixed rates), RSS',
  yardstick: 'redis-server in the same run',
  goals: [
    { case: 'GET', metric: 'cpuUsPerOp', must: 0.95, aim: 0.8 },
    { case: 'SET', metric: 'cpuUsPerOp', must: 0.95, aim: 0.8 },
  ],
  async run(bench) {
    const shape = { keys: bench.keys(1_000_000), valueBytes: 64 }
    await using servers = await bench.start([bench.subject(), bench.reference()])
    await servers.fill(shape)
    const [, reference = []] = await servers.compare('GET', { workload: 'get', ...shape })
    await servers.compare('SET', { workload: 'set', ...shape })
    const reached = Math.max(...reference.map((sample) => sample.opsPerSecond ?? 0))
    for (const percent of [50, 80]) {
      const rate = Math.round(reached * percent / 100)
      await servers.compare(`GET at ${percent} % rate`, { workload: 'get', ...shape, rate })
    }
  },
}
