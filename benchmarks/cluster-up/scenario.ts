/**
 * Question   How long does a newcomer wait for a cluster with data in it?
 * Workload   From nothing to six nodes, three of them copies: `slotwise cluster up`; then 1,000 keys through a cluster
 *            client, each read back. All cores are theirs.
 * Output     seconds from the command to the last key.
 * Yardstick  six processes of redis-server and `redis-cli --cluster create`, as its own documentation says.
 */
import { fileURLToPath } from 'node:url'
import type { Scenario } from '../../apps/benchmark/src/scenario.js'

const NEWCOMER = fileURLToPath(new URL('./newcomer.js', import.meta.url))
/** What the project promises. */
const LIMIT_SECONDS = 20

export const scenario: Scenario = {
  name: 'cluster-up',
  question: 'How long does a newcomer wait for a cluster of six with data in it?',
  workload: '`slotwise cluster up`, then 1,000 keys through a cluster client, each read back.',
  output: 'seconds from the command to the last key',
  yardstick: 'six redis-server and `redis-cli --cluster create`',
  async run(bench) {
    const sides = [{ label: 'slotwise cluster up', way: 'slotwise' }, { label: 'redis-cli --cluster create', way: 'redis' }]
    await bench.interleave(sides, async ({ label, way }) => {
      const newcomer = bench.script(NEWCOMER, [way, await bench.tempDir()], 'anywhere')
      try {
        const seconds = await newcomer.ask<number>({})
        if (way === 'slotwise' && seconds > LIMIT_SECONDS) bench.note(`${label}: ${seconds.toFixed(1)} s, more than ${LIMIT_SECONDS}`)
        return { 'six nodes with data': { seconds } }
      } finally {
        await newcomer.stop()
      }
    })
  },
}
