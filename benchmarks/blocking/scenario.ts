/**
 * Question   How long until an element that is pushed has reached a client that waits for it?
 * Workload   100 connections in BLPOP on one list, each waiting again at once; one producer pushes single elements,
 *            2,000 a second, then bursts of 100 in one RPUSH, the next when all have arrived; 5 s each after 1 s of
 *            warm-up, the servers by turns of 0.1 s: a host that takes the cores away for milliseconds is the 99th
 *            percentile of both, and has to meet both.
 * Output     p50, p99, p99.9 from when it was due to the consumer's read, in one client process for both ends
 *            (apps/benchmark/native/handover.cc; a client in JavaScript measured its own garbage collector); the same
 *            of the slices in which no such time was counted ("undisturbed"), if a tenth of them was so.
 * Yardstick  redis-server in the same run. Red flag: a hand-over that waits for a turn of another thread.
 */
import type { HandoverPercentiles, Sample, Scenario } from '../../apps/benchmark/src/scenario.js'

const ROUNDS = 9
/** Of the elements: fewer are no 99th percentile. */
const UNDISTURBED_SHARE_MIN = 0.1

const sampleOf = ({ p50, p99, p999 }: HandoverPercentiles): Sample => ({ p50Us: p50, p99Us: p99, p999Us: p999 })

export const scenario: Scenario = {
  name: 'blocking',
  question: 'How long until an element that is pushed has reached a client that waits for it?',
  workload: '100 clients in BLPOP on one list; a producer with 2,000 single elements a second, then bursts of 100.',
  output: 'p50, p99, p99.9 of the hand-over',
  yardstick: 'redis-server in the same run',
  goals: [
    { case: 'one at a time', metric: 'p99Us', must: 1, aim: 0.8 },
    { case: 'bursts of 100', metric: 'p99Us', must: 1, aim: 0.8 },
  ],
  async run(bench) {
    const [seconds, warmupSeconds] = bench.quick ? ['0.2', '0.05'] : ['5', '1']
    const sides = [bench.subject(), bench.reference()]
    // One measurement of all sides a round, which records by itself.
    await bench.interleave([{ label: 'all' }], async () => {
      const servers = await Promise.all(sides.map((side) => bench.startOne(side)))
      const results = await bench.handover(['--seconds', seconds, '--warmup-seconds', warmupSeconds], servers)
      for (const server of servers) await server.stop()
      for (const [name, kind] of [['one at a time', 'singles'], ['bursts of 100', 'bursts']] as const) {
        const isCalm = results.every(({ [kind]: { elements, undisturbed } }) =>
          undisturbed.elements > elements * UNDISTURBED_SHARE_MIN)
        for (const [index, side] of sides.entries()) {
          bench.record(name, side.label, sampleOf(results[index]![kind]))
          if (isCalm) bench.record(`${name}, undisturbed`, side.label, sampleOf(results[index]![kind].undisturbed))
        }
      }
      return {}
    }, { runs: ROUNDS })
  },
}
