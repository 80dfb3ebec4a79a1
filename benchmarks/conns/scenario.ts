/**
 * Question   How does the cost of an operation grow with the number of connections?
 * Workload   GET, pipeline 1, 100,000 keys of 16 B, values of 64 B: 50, 1,000 and 5,000 active connections, then 50
 *            active among 1,000 and 5,000 silent ones.
 * Output     Server CPU per operation, throughput, p50, p99, p99.9, RSS (what a connection costs in memory).
 * Yardstick  redis-server in the same run. Red flag: work in each turn that grows with all connections.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'conns',
  question: 'How does the cost of an operation grow with the number of connections?',
  workload: 'GET, pipeline 1, 100,000 keys of 16 B, values of 64 B; active connections, and 50 active among silent ones.',
  output: 'CPU per operation, throughput, percentiles, RSS',
  yardstick: 'redis-server in the same run',
  async run(bench) {
    const shape = { keys: bench.keys(100_000), valueBytes: 64 }
    await using servers = await bench.start([bench.subject(), bench.reference()])
    await servers.fill(shape)
    const counts = bench.quick ? [200] : [1000, 5000]
    for (const connections of [50, ...counts]) {
      await servers.compare(`${connections} active`, { workload: 'get', connections, ...shape })
    }
    for (const silent of counts) {
      await servers.compare(`50 active, ${silent} silent`, { workload: 'get', idleConnections: silent, ...shape })
    }
  },
}
