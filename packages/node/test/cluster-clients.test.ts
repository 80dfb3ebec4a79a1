/**
 * Cluster clients, unmodified, while the cluster changes: a hand-over, slots that move as a whole, a primary that is
 * killed and comes back. No wrong answer, and with strict semi-sync no acknowledged write is lost. Many rounds, and
 * resharding key by key: cluster-clients.soak.ts, `npm run test:cluster-clients`.
 */
import { describePeer } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, redisCli, runPeer, startNodes } from './fixtures/cluster.js'
import { runClients } from './fixtures/cluster-clients.js'
import { bringBack, handOver, killPrimary, migrate } from './fixtures/cluster-changes.js'

const strict = ['--repl-ack', 'semisync', '--repl-semi-sync-strict', 'yes']

describePeer(['redis-cli', 'redis-benchmark'], 'clients of a cluster that changes', () => {
  it('get no wrong answer and lose nothing that was acknowledged', async () => {
    await using cluster = await startNodes(Array.from({ length: 6 }, () => 'slotwise'), strict)
    await createCluster(cluster, 1)
    const port = String(cluster.nodes[0]!.port)
    let killed = 0
    const { acknowledged, wrong } = await runClients(cluster, [
      { name: 'a hand-over', run: () => handOver(cluster, 0) },
      {
        name: 'a migration, under redis-benchmark',
        run: async () => {
          const benchmark = runPeer('redis-benchmark', ['--cluster', '-p', port, '-t', 'set,get', '-n', '10000', '-c', '10', '-r', '1000', '--csv'])
          await migrate(cluster, 0, 1, 200)
          const { code, output } = await benchmark
          expect(code, output).toBe(0)
          expect(output).toContain('"GET"')
        },
      },
      {
        name: 'a kill',
        run: async () => {
          killed = await killPrimary(cluster, 1)
          await bringBack(cluster, killed)
        },
      },
    ])
    expect(wrong).toEqual([])
    expect(acknowledged).toBeGreaterThan(1000)
    const check = await redisCli('--cluster', 'check', `127.0.0.1:${cluster.nodes[killed]!.port}`)
    expect(check, check.output).toMatchObject({ code: 0 })
  }, 180_000)
})
