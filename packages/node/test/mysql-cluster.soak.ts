/**
 * A cluster that follows a MariaDB for SLOTWISE_SOAK_MINUTES (5), while at random the node that follows or another
 * primary is killed or stands still, or slots move. After each the cluster holds every row, and no log has any change
 * of one twice. SLOTWISE_SOAK_SEED repeats the order of events. `npm run soak -- --minutes 5 mysql-cluster`.
 */
import { describeMariadb, describePeer, startMariadb } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { ids, LAST, migrate } from './fixtures/migration.js'
import { eachOnce, FollowedSource, isWhole, leaderOf, primaries } from './fixtures/mysql-cluster.js'

const minutes = Number(process.env.SLOTWISE_SOAK_MINUTES ?? 5)
const seed = Number(process.env.SLOTWISE_SOAK_SEED ?? Date.now() % 1e9)

const EVENTS = ['kill the follower', 'kill another primary', 'stop the follower for a while', 'stop another primary for a while', 'move slots'] as const

/** A linear congruential generator, in [0, below). */
function generator(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => Math.floor((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32 * below)
}

describePeer(['redis-server', 'redis-cli'], 'a cluster with a MySQL source', () => describeMariadb('', () => {
  it(`for ${minutes} minutes, seed ${seed}`, async () => {
    const random = generator(seed)
    await using server = await startMariadb()
    const source = new FollowedSource(server)
    source.work(100)
    await using cluster = await source.startCluster(['--cluster-node-timeout', '3000'])
    const nodes = await ids(cluster)
    const counts = new Map<string, number>()
    for (const endMs = performance.now() + minutes * 60_000; performance.now() < endMs;) {
      const event = EVENTS[random(EVENTS.length)]!
      counts.set(event, (counts.get(event) ?? 0) + 1)
      const what = `everything after: ${event}, round ${[...counts.values()].reduce((a, b) => a + b)}, seed ${seed}`
      const leader = await leaderOf(cluster)
      const all = await primaries(cluster)
      const others = all.filter(({ index }) => index !== leader)
      const victim = event.includes('the follower') ? leader : others[random(others.length)]!.index
      source.work(20 + random(200))
      if (event.startsWith('kill')) {
        await cluster.nodes[victim]!.sigkill()
        source.work(100 + random(200))
        if (random(2) === 0) await source.isHeldBy(cluster, what)
        await cluster.restart(victim)
      } else if (event.startsWith('stop')) {
        await cluster.nodes[victim]!.suspend()
        source.work(100 + random(200))
        // Long enough to be replaced, or not.
        await new Promise((resolve) => setTimeout(resolve, random(9000)))
        source.work(random(100))
        cluster.nodes[victim]!.signal('SIGCONT')
      } else {
        const from = all.find(({ row: { slots } }) => slots.some((range) => range.startsWith('0-')))!.index
        const to = all.filter(({ index }) => index !== from)[random(all.length - 1)]!.index
        const moved = migrate(cluster, from, [0, LAST], nodes[to]!)
        for (let n = 0; n < 5; n++) source.work(random(100))
        await moved
      }
      source.work(50)
      await source.isHeldBy(cluster, what)
      await isWhole(cluster)
    }
    const rows = await eachOnce(cluster)
    expect(rows).toBeGreaterThan(0)
    console.log(`seed ${seed}: ${[...counts].map(([event, n]) => `${event} ${n}`).join(', ')}; ${source.rows} transactions, all there, no change twice in any log (${rows} rows in them)`)
  })
}))
