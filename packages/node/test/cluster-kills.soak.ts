/**
 * Three nodes of ours and three of Redis in one cluster; its primaries are killed and restarted in turn, again and
 * again. Each time a replica takes over, whoever has to vote; at the end every node tells the same story.
 * SLOTWISE_CLUSTER_KILLS says how often (20); `npm run test:cluster-kills -- --kills 100`.
 */
import { describePeer, type RespClient } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, isOk, type ClusterProcess, type NodeRow, redisCli, startNodes, waitInCluster } from './fixtures/cluster.js'

const kills = Number(process.env.SLOTWISE_CLUSTER_KILLS ?? 20)
const WAIT_MS = 60_000

/** Who is what, without what each node sees for itself: times, links, who I am. */
const view = (rows: readonly NodeRow[]): string[] => rows.map(({ id, port, flags, primary, epoch, slots }) =>
  [id, port, flags.filter((flag) => flag !== 'myself').join(), primary, epoch, ...slots].join(' ')).sort()

async function untilSame(cluster: ClusterProcess): Promise<string[]> {
  let last: string[] = []
  await waitInCluster(cluster, async () => {
    const views = await Promise.all(cluster.nodes.map(async (_, index) => view(await cluster.rows(index))))
    last = views[0]!
    return views.every((each) => each.join('\n') === last.join('\n')) && !last.some((line) => /fail|handshake/.test(line))
  }, { timeoutMs: WAIT_MS, intervalMs: 100, what: 'the same view at all nodes' })
  return last
}

describePeer(['redis-server', 'redis-cli'], 'a cluster of both', () => {
  it(`takes ${kills} kills of primaries in turn, and all nodes agree at the end`, async () => {
    await using cluster = await startNodes(['redis', 'slotwise', 'redis', 'slotwise', 'redis', 'slotwise'])
    await createCluster(cluster, 1)
    const replaced = { slotwise: 0, redis: 0 }
    const startMs = performance.now()
    for (let kill = 0; kill < kills; kill++) {
      const what = (text: string): string => `${text} after kill ${kill + 1} of ${kills}`
      const rows = await cluster.rows(0)
      // Shards in turn, by their first slot; whoever is primary there now.
      const primaries = rows.filter(({ slots }) => slots.length > 0)
        .sort((a, b) => Number.parseInt(a.slots[0]!) - Number.parseInt(b.slots[0]!))
      expect(primaries).toHaveLength(3)
      const victim = primaries[kill % 3]!
      const index = cluster.nodes.findIndex(({ port }) => port === victim.port)
      const heir = rows.find(({ primary }) => primary === victim.id)
      expect(heir, what('a replica of the next victim')).toBeDefined()
      const [first] = victim.slots
      const client = await cluster.nodes[index]!.client()
      const tag = `{${await tagOf(client, victim.slots[0]!)}}`
      expect(await client.command('SET', tag, `kill ${kill}`), what('a write')).toBe('OK')
      expect(await client.command('WAIT', 1, 10_000), what('the write at the replica')).toBe(1)

      await cluster.nodes[index]!.sigkill()
      const witness = (index + 1) % 6
      const isReplaced = async (): Promise<boolean> =>
        (await cluster.rows(witness)).some(({ id, slots }) => id !== victim.id && slots.includes(first!))
      await waitInCluster(
        cluster, isReplaced, { timeoutMs: WAIT_MS, what: what('a new primary') },
      )
      await isOk(cluster, [index])
      expect((await redisCli('-c', '-p', String(cluster.nodes[witness]!.port), 'GET', tag)).output.trim()).toBe(`kill ${kill}`)
      replaced[index % 2 === 0 ? 'redis' : 'slotwise']++

      const again = await cluster.restart(index)
      await waitInCluster(cluster, async () => (await cluster.rows(witness)).find(({ id }) => id === victim.id)?.flags.join() === 'slave',
        { timeoutMs: WAIT_MS, what: what('the old primary a replica') })
      await using back = await again.client()
      await waitInCluster(cluster, async () => (await back.command('INFO', 'replication') as string).includes('master_link_status:up'),
        { timeoutMs: WAIT_MS, what: what('its link') })
      await untilSame(cluster)
    }
    const seen = await untilSame(cluster)
    expect(seen).toHaveLength(6)
    const address = `127.0.0.1:${cluster.nodes[0]!.port}`
    for (const command of ['check', 'fix']) {
      const { code, output } = await redisCli('--cluster', command, address)
      expect(code, output).toBe(0)
    }
    const seconds = Math.round((performance.now() - startMs) / 1000)
    console.log(`${kills} kills in ${seconds} s: ${replaced.slotwise} primaries of ours and ${replaced.redis} of redis-server were replaced`)
  }, 60_000 + kills * 60_000)
})

/** A word whose slot is in `range`. */
async function tagOf(client: RespClient, range: string): Promise<string> {
  const [first, last] = range.split('-').map(Number) as [number, number]
  for (let number = 0; ; number++) {
    const slot = await client.command('CLUSTER', 'KEYSLOT', String(number)) as number
    if (slot >= first && slot <= last) return String(number)
  }
}
