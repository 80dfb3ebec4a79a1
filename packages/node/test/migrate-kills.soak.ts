/**
 * CLUSTER MIGRATE under load, again and again, with kill -9 of the source or the target at a random moment of it, also
 * of its short phases. After each kill one node owns the slots and has everything that was acknowledged, and nobody
 * else has any of it.
 * SLOTWISE_MIGRATE_KILLS says how often (30), SLOTWISE_SEED which moments; `npm run test:migrate-kills -- --kills 100`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { type ClusterProcess, createCluster, isOk, startNodes } from './fixtures/cluster.js'
import { ask, fill, ids, keysOf, LAST, ownerOf, tags, Writer } from './fixtures/migration.js'

const kills = Number(process.env.SLOTWISE_MIGRATE_KILLS ?? 30)
const seed = Number(process.env.SLOTWISE_SEED ?? Date.now() % 1_000_000)
const KEYS_OF_TAG = 200
const WAIT_MS = 60_000

/** As STATUS of the source names them, in their order. */
const phases = ['connecting', 'copying', 'following', 'held', 'handover', 'success'] as const
type Phase = typeof phases[number]

/** A linear congruential generator: the moments follow from the seed, though what happens then does not. */
function randomOf(from: number): () => number {
  let state = from >>> 0
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

/** Looks at the last migration of a node all the time, until it is in one of these phases. */
async function untilPhase(cluster: ClusterProcess, index: number, wanted: readonly string[]): Promise<string> {
  await using client = await cluster.nodes[index]!.client()
  let row: string[] = []
  for (const end = performance.now() + WAIT_MS; performance.now() < end;) {
    const rows = await client.command('CLUSTER', 'MIGRATE', 'STATUS') as string[][]
    row = rows.at(-1) ?? []
    const state = row[row.indexOf('state') + 1]!
    if (wanted.includes(state)) return state
  }
  throw new Error(`the migration is not ${wanted.join(' or ')}: ${row.join(' ')}`)
}

describePeer(['redis-server', 'redis-cli'], 'CLUSTER MIGRATE', () => {
  it(`${kills} kills of source and target leave one owner each time, and all that was acknowledged`, async () => {
    const random = randomOf(seed)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'], ['--cluster-node-timeout', '1500'])
    await createCluster(cluster, 0)
    const nodes = await ids(cluster)
    await fill(cluster, 0, KEYS_OF_TAG, 300)
    const writers = [new Writer(cluster, 'a'), new Writer(cluster, 'b')]
    const stopped = writers.map((writer) => writer.run())
    let from = 0
    const begin = (): Promise<unknown> => waitFor(
      async () => await ask(cluster, from, 'CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST), 'NODE', nodes[1 - from]!) === 'OK',
      { timeoutMs: WAIT_MS, what: 'a migration that begins' })
    // Once without a kill: how long does it take here?
    const startedMs = performance.now()
    await begin()
    await untilPhase(cluster, from, ['success'])
    const wholeMs = performance.now() - startedMs
    from = 1
    await waitFor(async () => await keysOf(cluster, 0) === 0, { timeoutMs: WAIT_MS, what: 'an empty source' })
    const seen = new Map<string, number>()
    const moved = { yes: 0, no: 0 }
    for (let kill = 0; kill < kills; kill++) {
      const what = (text: string): string => `${text} after kill ${kill + 1} of ${kills}, seed ${seed}`
      const isSource = kill % 2 === 0
      await begin()
      let phase: string
      if (random() < 0.4) {
        const ms = random() * 1.3 * wholeMs
        await sleep(ms) // the moment is what is tried here
        phase = 'any time'
      } else {
        const first = phases.indexOf(pick<Phase>(phases))
        phase = await untilPhase(cluster, from, [...phases.slice(first), 'failed'])
      }
      // Some time behind it, when what went is deleted, and the node has forgotten that it had to.
      if (phase === 'success' && random() < 0.5) await sleep(1500)
      const victim = isSource ? from : 1 - from
      await cluster.nodes[victim]!.sigkill()
      seen.set(`${isSource ? 'source' : 'target'}, ${phase}`, (seen.get(`${isSource ? 'source' : 'target'}, ${phase}`) ?? 0) + 1)
      await cluster.restart(victim)
      await isOk(cluster)
      const owner = await waitFor(async () => {
        const found = await ownerOf(cluster)
        return found !== null && nodes.slice(0, 2).includes(found) ? found : null
      }, { timeoutMs: WAIT_MS, what: what('one owner') })
      moved[nodes.indexOf(owner) === from ? 'no' : 'yes']++
      from = nodes.indexOf(owner)
      await waitFor(async () => await keysOf(cluster, 1 - from) === 0, { timeoutMs: WAIT_MS, what: what('nothing left elsewhere') })
      const counters = (): number => writers.reduce((sum, { last }) => sum + last.size, 0)
      await waitFor(async () => await keysOf(cluster, from) === tags.length * KEYS_OF_TAG + counters(),
        { timeoutMs: WAIT_MS, what: what('all keys') })
      expect(writers.flatMap(({ lost }) => lost), what('lost writes')).toEqual([])
    }
    for (const writer of writers) writer.stop()
    await Promise.all(stopped)
    const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
    expect(writers.flatMap(({ lost }) => lost)).toEqual([])
    expect(acknowledged).toBeGreaterThan(100 * kills)
    // And all counters as their writers know them, or one more that was not answered.
    await using reader = await cluster.nodes[from]!.client()
    for (const { last } of writers) {
      for (const [key, count] of last) {
        const found = Number(await reader.command('GET', key))
        expect(found - count, key).toBeGreaterThanOrEqual(0)
      }
    }
    console.log(`seed ${seed}: ${kills} kills, the slots had changed hands ${moved.yes} times and stayed ${moved.no} times; ` +
      `${acknowledged} acknowledged writes, none lost; a whole migration takes ${wholeMs.toFixed(0)} ms; killed: ` +
      [...seen].sort().map(([moment, times]) => `${moment} ${times}`).join('; '))
  }, 120_000 + kills * 60_000)
})
