/**
 * Question   How long does one get take inside the process, and how long over loopback?
 * Workload   One caller, one call at a time, 10,000 keys, values of 64 B. redis-server may use either core.
 * Output     p50, p99, p99.9 of a call (the timer included, some 50 ns), calls a second, CPU of the caller per call.
 * Yardstick  ioredis to redis-server on loopback.
 */
import { fileURLToPath } from 'node:url'
import type { Sample, Scenario } from '../../apps/benchmark/src/scenario.js'

const CALLER = fileURLToPath(new URL('./caller.js', import.meta.url))

export const scenario: Scenario = {
  name: 'http-local',
  question: 'How long does one get take inside the process, and how long over loopback?',
  workload: 'One caller, one call at a time, 10,000 keys, values of 64 B.',
  output: 'percentiles of a call, calls a second, CPU of the caller per call',
  yardstick: 'ioredis to redis-server on loopback',
  goals: [{ case: 'get, one at a time', metric: 'p50Us', against: 'ioredis', must: 0.02, aim: 0.01 }],
  async run(bench) {
    const redis = await bench.startOne(bench.reference(), { pinned: false })
    await bench.interleave([{ label: 'slotwise embedded', store: 'slotwise' }, { label: 'ioredis', store: 'ioredis' }], async ({ store }) => {
      const caller = bench.script(CALLER, [store, String(redis.port)], 'load')
      const sample = await caller.ask<Sample>({ seconds: Math.min(bench.windows.seconds, 3) })
      await caller.stop()
      return { 'get, one at a time': sample }
    })
  },
}
