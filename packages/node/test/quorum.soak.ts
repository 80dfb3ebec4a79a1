/**
 * Rounds of faults on a shard with `repl-ack quorum`, and with strict semi-sync (fixtures/quorum.ts). The same with
 * `repl-ack async` must lose some: else this harness could not see it. `npm run test:quorum`; SLOTWISE_QUORUM_ROUNDS
 * says how many rounds (12 by default), SLOTWISE_KILL_SEED the seed.
 */
import { describePeer } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { type Ack, type Fault, kill, killAlone, loseData, type Outcome, runFaults, startQuorumShard, stop } from './fixtures/quorum.js'

const rounds = Number(process.env.SLOTWISE_QUORUM_ROUNDS ?? 12)
const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

async function run(ack: Ack, faults: readonly Fault[], copies: number, ownSeed = seed): Promise<Outcome> {
  const shard = await startQuorumShard(ack, 1000)
  await using _ = shard.cluster
  return await runFaults(shard, faults, ownSeed, copies)
}

describePeer('redis-cli', 'a shard whose copies are counted', () => {
  it.each(['quorum', 'strict'] as const)(`with %s is linearizable and loses nothing through faults of its primary, ${rounds} rounds (seed ${seed})`, async (ack) => {
    const faults = Array.from({ length: rounds }, (_, round) => [killAlone, stop, kill, loseData][round % 4]!)
    const { acknowledged, operations, histories, wrong, refused } = await run(ack, faults, 2)
    console.log(`${ack}: ${operations} operations, ${acknowledged} acknowledged writes in ${rounds} rounds, ${histories} histories checked,`,
      `${wrong.length} of them wrong, refused ${JSON.stringify([...refused])}`)
    expect(wrong).toEqual([])
    expect(acknowledged).toBeGreaterThan(100)
  }, 180_000 + rounds * 120_000)

  it('the same harness sees what asynchronous replication loses', async () => {
    let lost = 0
    for (let attempt = 0; attempt < 5 && lost === 0; attempt++) lost = (await run('async', [killAlone], 0, seed + attempt)).wrong.length
    expect(lost).toBeGreaterThan(0)
  }, 600_000)
})
