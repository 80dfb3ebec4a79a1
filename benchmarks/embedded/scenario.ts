/**
 * Question   What does a store cost inside the Node process, where no socket hides it?
 * Workload   1 million keys of 16 B, values of 64 B, uniform: get, getMany(32), set; in a fresh process each run.
 *            Codecs: each library's default (msgpackr for both), text (strings), binary (bytes).
 * Output     CPU per key (all threads of the process), keys a second, p50, p99, p99.9 of single calls, RSS.
 * Yardstick  lmdb's get; a Map is the floor (it copies nothing); node:sqlite where Node has it.
 *            lmdb has no synchronous getMany: 32 gets stand in for it.
 */
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

export const scenario: Scenario = {
  name: 'embedded',
  question: 'What does a store cost inside the Node process, where no socket hides it?',
  workload: '1 million keys of 16 B, values of 64 B, uniform; a fresh process each run, not pinned. Figures are per key.',
  output: 'CPU per key (all threads of the process), keys a second, percentiles of single calls, RSS',
  yardstick: 'lmdb get; a Map is the floor; node:sqlite where Node has it',
  goals: ['default', 'text', 'binary'].flatMap((codec) => [
    { case: `get (${codec})`, metric: 'opsPerSecond', against: 'lmdb', must: 2, aim: 3 } as const,
    { case: `getMany(32), per key (${codec})`, metric: 'opsPerSecond', against: 'lmdb', must: 4, aim: 8 } as const,
  ]),
  async run(bench) {
    const shape = { keys: bench.keys(1_000_000), valueBytes: 64 }
    const peers = await bench.embeddedPeers(['slotwise', 'lmdb', 'map', 'node:sqlite'])
    for (const codec of bench.quick ? ['default'] as const : ['default', 'text', 'binary'] as const) {
      const sides = peers.filter((peer) => peer.codecs.includes(codec)).map((peer) => ({ label: peer.name, peer }))
      await bench.interleave(sides, async ({ peer }) => {
        const samples = await bench.runEmbedded(peer, { ...shape, codec })
        return Object.fromEntries(Object.entries(samples).map(([name, sample]) => [`${name} (${codec})`, sample]))
      })
    }
  },
}
