/**
 * Rounds of everything that can happen to a cluster while clients use it: hand-overs, kills, slots that move as a whole
 * and key by key. redis-benchmark knows the primaries of its start only and ends at a new one, so it runs while slots
 * move. SLOTWISE_CLUSTER_CLIENT_ROUNDS says how many (5); `npm run test:cluster-clients -- --rounds 20`.
 */
import { describePeer } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, redisCli, runPeer, startNodes } from './fixtures/cluster.js'
import { type Change, runClients } from './fixtures/cluster-clients.js'
import { bringBack, handOver, killPrimary, migrate, reshard } from './fixtures/cluster-changes.js'

const rounds = Number(process.env.SLOTWISE_CLUSTER_CLIENT_ROUNDS ?? 5)
const strict = ['--repl-ack', 'semisync', '--repl-semi-sync-strict', 'yes']

describePeer(['redis-cli', 'redis-benchmark'], 'clients of a cluster that changes', () => {
  it(`get no wrong answer and lose nothing that was acknowledged, in ${rounds} rounds`, async () => {
    await using cluster = await startNodes(Array.from({ length: 6 }, () => 'slotwise'), strict)
    await createCluster(cluster, 1)
    const benchmarked = (name: string, change: () => Promise<void>): Change => ({
      name: `${name} under redis-benchmark`,
      run: async () => {
        const benchmark = runPeer('redis-benchmark', ['--cluster', '-p', String(cluster.nodes[0]!.port), '-t', 'set,get', '-n', '20000', '-c', '10',
          '-r', '1000', '--csv'])
        await change()
        const { code, output } = await benchmark
        expect(code, output).toBe(0)
      },
    })
    const killed = (shard: number): Change => ({
      name: `a kill of shard ${shard}`, run: async () => bringBack(cluster, await killPrimary(cluster, shard)),
    })
    const changes = Array.from({ length: rounds }, (_, round): Change[] => [
      { name: 'a hand-over', run: () => handOver(cluster, round % 3) },
      benchmarked('a migration', () => migrate(cluster, round % 3, (round + 1) % 3, 300)),
      killed((round + 1) % 3),
      benchmarked('resharding', () => reshard(cluster, (round + 2) % 3, round % 3, 100)),
      { name: 'a hand-over while slots move', run: async () => {
        await Promise.all([migrate(cluster, 0, 1, 300).catch(() => undefined), handOver(cluster, 2)])
      } },
    ]).flat()
    const { acknowledged, wrong, errors } = await runClients(cluster, changes)
    console.log([`${changes.length} changes, ${acknowledged} acknowledged writes, ${wrong.length} wrong answers`, ...errors].join('\n'))
    expect(wrong).toEqual([])
    const check = await redisCli('--cluster', 'check', `127.0.0.1:${cluster.nodes[0]!.port}`)
    expect(check, check.output).toMatchObject({ code: 0 })
  }, 120_000 + rounds * 300_000)
})
