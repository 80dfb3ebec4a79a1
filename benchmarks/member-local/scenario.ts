/**
 * Question   How long does a member of a cluster take for a get of a slot of its own, and how long is it over loopback?
 * Workload   One caller, one call at a time, 10,000 keys, values of 64 B; three members in the caller's process.
 * Output     p50, p99, p99.9 of a call (the timer included, some 50 ns), calls a second, CPU of the caller per call.
 * Yardstick  ioredis to redis-server on loopback.
 */
import { fileURLToPath } from 'node:url'
import type { Sample, Scenario } from '../../apps/benchmark/src/scenario.js'

const CALLER = fileURLToPath(new URL('../http-local/caller.js', import.meta.url))

export const scenario: Scenario = {
  name: 'member-local',
  question: 'How long does a member of a cluster take for a get of a slot of its own?',
  workload: 'One caller, one call at a time, 10,000 keys of its own slots, values of 64 B; a cluster of three members.',
  output: 'percentiles of a call, calls a second, CPU of the caller per call',
  yardstick: 'ioredis to redis-server on loopback',
  goals: [{ case: 'get, one at a time', metric: 'p50Us', against: 'ioredis', must: 0.02, aim: 0.01 }],
  async run(bench) {
    const redis = await bench.startOne(bench.reference(), { pinned: false })
    await bench.interleave([{ label: 'slotwise member', store: 'member' }, { label: 'ioredis', store: 'ioredis' }], async ({ store }) => {
      const caller = bench.script(CALLER, [store, String(redis.port)], 'load')
      const sample = await caller.ask<Sample>({ seconds: Math.min(bench.windows.seconds, 3) })
      await caller.stop()
      return { 'get, one at a time': sample }
    })
  },
}
