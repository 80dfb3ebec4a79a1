/**
 * `repl-ack quorum` with real processes (fixtures/quorum.ts), in short: a primary that is alone, one that is killed
 * while nobody copies from it, and one that is stopped. Many rounds, and the same with asynchronous replication, which
 * must lose something: quorum.soak.ts, `npm run test:quorum`.
 */
import { describePeer } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copiesBut, field, infoOf, isLed, killAlone, leader, runFaults, startQuorumShard, stop } from './fixtures/quorum.js'
import type { Shard } from './fixtures/shard.js'

const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

const noQuorum = expect.objectContaining(
  { message: expect.stringMatching(/^CLUSTERDOWN No quorum/) as string },
) as unknown

describePeer('redis-cli', 'a shard with repl-ack quorum', () => {
  let shard: Shard
  beforeAll(async () => void (shard = await startQuorumShard('quorum', 2000)), 180_000)
  afterAll(() => shard.cluster[Symbol.asyncDispose](), 60_000)

  it('acknowledges nothing alone, says why, and serves again when copies are back', async () => {
    const { index, client } = await leader(shard, { replicas: 2 })
    expect(field(await infoOf(shard.cluster.nodes[index]!), 'quorum_replicas_needed')).toBe('1')
    const replicas = copiesBut(shard.cluster, index)
    await Promise.all(replicas.map((replica) => replica.suspend()))
    expect(await client.command('SET', `{${shard.tag}}:alone`, '1')).toEqual(noQuorum)
    await using other = await shard.cluster.nodes[index]!.client()
    expect(await other.command('GET', `{${shard.tag}}:probe`)).toEqual(noQuorum)
    for (const replica of replicas) replica.signal('SIGCONT')
    await client.close()
    await isLed(shard, { replicas: 2 })
  }, 240_000)

  it(`is linearizable and loses nothing when its primary is killed or stopped (seed ${seed})`, async () => {
    const { acknowledged, wrong } = await runFaults(shard, [killAlone, stop], seed)
    expect(wrong).toEqual([])
    expect(acknowledged).toBeGreaterThan(10) // each waits for two disks
  }, 600_000)
})
