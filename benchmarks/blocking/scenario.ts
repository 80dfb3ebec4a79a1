/**
 * Question   How long until an element that is pushed has reached a client that waits for it?
 * Workload   100 connections in BLPOP on one list, each waiting again at once; one producer pushes single elements,
 *            2,000 a second, then bursts of 100 in one RPUSH, the next when all have arrived; 5 s each after 1 s of
 *            warm-up.
 * Output     p50, p99, p99.9 from when it was due to the consumer's read, in one client process for both ends
 *            (apps/benchmark/native/handover.cc; a client in JavaScript measured its own garbage collector).
 * Yardstick  redis-server in the same run. Red flag: a hand-over that waits for a turn of another thread.
 */
import type { HandoverResult, Sample, Scenario } from '../../apps/benchmark/src/scenario.js'

const sampleOf = ({ p50, p99, p999 }: HandoverResult['singles']): Sample => ({ p50Us: p50, p99Us: p99, p999Us: p999 })

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
    await bench.interleave([bench.subject(), bench.reference()], async (side) => {
      const server = await bench.startOne(side)
      const { singles, bursts } = await bench.handover(['--seconds', seconds, '--warmup-seconds', warmupSeconds], server)
      await server.stop()
      return { 'one at a time': sampleOf(singles), 'bursts of 100': sampleOf(bursts) }
    })
  },
}
