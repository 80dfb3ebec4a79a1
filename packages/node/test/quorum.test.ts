/**
 * `repl-ack quorum` with real processes (fixtures/quorum.ts), in short: a primary that is alone, one that is killed
 * while nobody copies from it, and one that is stopped. Many rounds, and the same with asynchronous replication, which
 * must lose something: quorum.soak.ts, `npm run test:quorum`.
 */
import { describePeer, RespError, waitFor } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copiesBut, field, infoOf, isLed, killAlone, leader, runFaults, startQuorumShard, stop } from './fixtures/quorum.js'
import type { Shard } from './fixtures/shard.js'

const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

const noQuorum = expect.objectContaining(
  { message: expect.stringMatching(/^CLUSTERDOWN No quorum/) as string },
) as unknown

const isDown = (reply: unknown): boolean => reply instanceof RespError && reply.message === 'CLUSTERDOWN The cluster is down'

describePeer('redis-cli', 'a shard with repl-ack quorum', () => {
  let shard: Shard
  beforeAll(async () => void (shard = await startQuorumShard('quorum', 2000)), 180_000)
  afterAll(() => shard.cluster[Symbol.asyncDispose](), 60_000)

  it('acknowledges nothing alone, says why, and serves again when copies are back', async () => {
    const { index, client } = await leader(shard, { replicas: 2 })
    expect(field(await infoOf(shard.cluster.nodes[index]!), 'quorum_replicas_needed')).toBe('1')
    const replicas = copiesBut(shard.cluster, index)
    await Promise.all(replicas.map((replica) => replica.suspend()))
    try {
      await using other = await shard.cluster.nodes[index]!.client()
      const { tag } = shard
      for (const [by, ...command] of [[client, 'SET', `{${tag}}:alone`, '1'], [other, 'GET', `{${tag}}:probe`]] as const) {
        let reply: unknown
        // A machine that stands still for a second ends its lease, too, which is said until voters have answered again.
        await waitFor(async () => !isDown(reply = await by.command(...command)), { what: 'an answer of the shard' })
        expect(reply).toEqual(noQuorum)
      }
    } finally {
      for (const replica of replicas) replica.signal('SIGCONT')
    }
    await client.close()
    await isLed(shard, { replicas: 2 })
  }, 240_000)

  it('hands over by request: who hands over stops to acknowledge, and nobody waits for its lease to end', async () => {
    const { index, client } = await leader(shard, { replicas: 2 })
    const key = `{${shard.tag}}:handed`
    expect(await client.command('SET', key, '1')).toBe('OK')
    await client.close()
    const copy = copiesBut(shard.cluster, index)[0]!
    await using next = await copy.client()
    const leads = async (): Promise<boolean> => field(await infoOf(copy), 'role') === 'master'
    // A replica gives it up after five seconds, as Redis has it, and whoever asked asks again.
    await waitFor(async () => {
      if (await leads()) return true
      return await next.command('CLUSTER', 'FAILOVER') === 'OK' && await waitFor(leads, { timeoutMs: 6000 })
    }, { timeoutMs: 60_000, what: 'the copy to lead' })
    await isLed(shard, { replicas: 2 })
    expect(await next.command('GET', key)).toBe('1')
  }, 120_000)

  it(`is linearizable and loses nothing when its primary is killed or stopped (seed ${seed})`, async () => {
    const { acknowledged, wrong } = await runFaults(shard, [killAlone, stop], seed)
    expect(wrong).toEqual([])
    expect(acknowledged).toBeGreaterThan(10) // each waits for two disks
  }, 600_000)
})
