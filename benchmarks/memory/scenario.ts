/**
 * Question   How much memory do small keys take?
 * Workload   5 million SETs of new keys, 16 B keys and 64 B values, into a fresh server each run.
 * Output     RSS of the whole process once it is quiet, RSS per key over the empty server, CPU of a SET of a new key.
 * Yardstick  redis-server. 80 B a key are the data itself. RSS of our server includes Node.js.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'memory',
  question: 'How much memory do small keys take?',
  workload: '5 million new keys of 16 B with values of 64 B into a fresh server each run.',
  output: 'RSS, RSS per key over the empty server, CPU per SET of a new key',
  yardstick: 'redis-server; 80 B a key are the data itself',
  goals: [{ case: 'after the fill', metric: 'rssBytes', must: 0.75, aim: 0.6 }],
  async run(bench) {
    const keys = bench.keys(5_000_000)
    await bench.interleave([bench.subject(), bench.reference()], async (side) => {
      const server = await bench.startOne(side)
      const emptyBytes = await server.rssBytes()
      const flags = ['--prefill', '--connections', '8', '--pipeline', '64', '--value-bytes', '64', '--keys', String(keys)]
      const filled = await bench.kvload(flags, server)
      await bench.untilQuiet(server)
      const rssBytes = await server.rssBytes()
      const size = await server.command('DBSIZE')
      if (size !== keys) throw new Error(`${side.label}: DBSIZE is ${String(size)} after ${keys} keys were set`)
      await server.stop()
      return {
        'after the fill': { rssBytes, bytesPerKey: (rssBytes - emptyBytes) / keys },
        'SET of a new key': { cpuUsPerOp: filled.serverCpuUsPerOp ?? NaN, opsPerSecond: filled.opsPerSecond },
      }
    }, { runsMax: 3 })
  },
}
