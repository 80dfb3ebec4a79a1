/**
 * CLUSTER MIGRATE between real processes: under load of a cluster client, cancelled, and with either side killed at
 * some moment. Whatever happens, one node owns the slots and has everything that was acknowledged, and nobody else has
 * any of it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describePeer, RespError, type RespReply, waitFor } from '@slotwise/testing'
import { Cluster as Cluster5 } from 'ioredis5'
import { expect, it } from 'vitest'
import { type ClusterProcess, createCluster, isOk, redisCli, startNodes } from './fixtures/cluster.js'

const LAST = 2999
/** Hash tags of these slots, spread. */
const tags = Array.from({ length: 2000 }, (_, n) => `t${n}`).filter((tag) => slotOf(tag) <= LAST).slice(0, 200)

/** CRC16 (XMODEM) modulo 16384. */
function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc & 16_383
}

const ids = async (cluster: ClusterProcess): Promise<string[]> => {
  const rows = await cluster.rows(0)
  return cluster.nodes.map(({ port }) => rows.find((row) => row.port === port)!.id)
}

async function ask(cluster: ClusterProcess, index: number, ...args: string[]): Promise<RespReply> {
  await using client = await cluster.nodes[index]!.client()
  return await client.command(...args)
}

/** The last row of CLUSTER MIGRATE STATUS. */
async function status(cluster: ClusterProcess, index: number): Promise<Map<string, string | number>> {
  const rows = await ask(cluster, index, 'CLUSTER', 'MIGRATE', 'STATUS') as string[][]
  const row = rows.at(-1) ?? []
  return new Map(Array.from({ length: row.length / 2 }, (_, n) => [row[n * 2]!, row[n * 2 + 1]!]))
}

async function fill(cluster: ClusterProcess, index: number, keysOfTag: number, bytes: number): Promise<void> {
  await using client = await cluster.nodes[index]!.client()
  const value = 'v'.repeat(bytes)
  for (const tag of tags) {
    const words = Array.from({ length: keysOfTag }, (_, n) => [`{${tag}}:${n}`, value]).flat()
    expect(await client.command('MSET', ...words)).toBe('OK')
  }
}

async function keysOf(cluster: ClusterProcess, index: number): Promise<number> {
  await using client = await cluster.nodes[index]!.client()
  const counts = await client.pipeline(Array.from({ length: LAST + 1 }, (_, slot) => ['CLUSTER', 'COUNTKEYSINSLOT', slot]))
  return (counts as number[]).reduce((sum, count) => sum + count, 0)
}

/** Whom every node takes for the owner of slot 0 and of the last one; null while they disagree. */
async function ownerOf(cluster: ClusterProcess): Promise<string | null> {
  const owners = new Set<string>()
  for (const index of cluster.nodes.keys()) {
    for (const row of await cluster.rows(index)) {
      for (const range of row.slots) {
        const [first, last = first] = range.split('-').map(Number) as [number, number?]
        for (const slot of [0, LAST]) if (first <= slot && slot <= last) owners.add(row.id)
      }
    }
  }
  return owners.size === 1 ? [...owners][0]! : null
}

const done = (cluster: ClusterProcess, index: number): Promise<unknown> => waitFor(async () => {
  const row = await status(cluster, index)
  if (row.get('state') === 'failed') throw new Error(String(row.get('message')))
  return row.get('state') === 'success'
}, { timeoutMs: 30_000, what: 'the migration' })

describePeer(['redis-server', 'redis-cli'], 'CLUSTER MIGRATE', () => {
  it('moves slots under load of a cluster client, back and forth: nothing is lost, nothing is done twice, nobody is asked to ASK', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'])
    await createCluster(cluster, 0)
    const [first, second] = await ids(cluster) as [string, string]
    await fill(cluster, 0, 100, 200)
    const client = new Cluster5(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })), { redisOptions: { maxRetriesPerRequest: null } })
    const counted = new Map<string, number>()
    let stop = false
    const load = Array.from({ length: 20 }, async (_, worker) => {
      for (let n = worker; !stop; n += 20) {
        const key = `{${tags[n % tags.length]!}}:n`
        await client.incr(key)
        counted.set(key, (counted.get(key) ?? 0) + 1)
        await client.rpush(`${key}:list`, n)
      }
    })
    for (const [index, to] of [[0, second], [1, first]] as const) {
      expect(await ask(cluster, index, 'CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST), 'NODE', to)).toBe('OK')
      await done(cluster, index)
      const row = await status(cluster, index)
      expect(row.get('operation')).toBe('EXPORT')
      expect(row.get('slot_ranges')).toBe(`0-${LAST}`)
      expect(row.get('keys_sent')).toBeGreaterThanOrEqual(tags.length * 100)
      // 20 ms is what is aimed at, on a machine that has nothing else to do.
      expect(row.get('write_pause_us')).toBeGreaterThan(0)
      expect(row.get('write_pause_us')).toBeLessThan(1_000_000)
      await waitFor(async () => await keysOf(cluster, index) === 0, { what: 'an empty source' })
    }
    stop = true
    await Promise.all(load)
    expect(counted.size).toBe(tags.length)
    for (const [key, count] of counted) {
      expect([key, await client.get(key), await client.llen(`${key}:list`)]).toEqual([key, String(count), count])
    }
    client.disconnect()
    for (const index of [0, 1]) expect(await ask(cluster, index, 'INFO', 'errorstats') as string).not.toContain('errorstat_ASK')
    // The third node takes nodes' word for what they gave up, which comes with the next PING.
    const agreed = async (): Promise<boolean> => (await redisCli('--cluster', 'check', `127.0.0.1:${cluster.nodes[2]!.port}`)).code === 0
    await waitFor(agreed, { timeoutMs: 20_000, what: 'one view at all nodes' })
  }, 90_000)

  it('cancelled it leaves nothing at the target, and everything at the source', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'])
    await createCluster(cluster, 0)
    const [first, second] = await ids(cluster) as [string, string]
    await fill(cluster, 0, 500, 500)
    expect(await ask(cluster, 0, 'CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST), 'NODE', second)).toBe('OK')
    await waitFor(async () => await keysOf(cluster, 1) > 0, { what: 'keys at the target', intervalMs: 1 })
    const reply = await ask(cluster, 0, 'CLUSTER', 'MIGRATE', 'CANCEL')
    if (reply instanceof RespError) expect(reply.message).toMatch(/handed over|No slots/) // it was faster
    const owner = reply instanceof RespError ? second : first
    await waitFor(async () => await ownerOf(cluster) === owner, { what: 'one owner' })
    const [has, hasNot] = owner === first ? [0, 1] : [1, 0]
    await waitFor(async () => await keysOf(cluster, hasNot) === 0, { what: 'nothing left' })
    expect(await keysOf(cluster, has)).toBe(tags.length * 500)
    expect(await ask(cluster, 0, 'CLUSTER', 'MIGRATE', 'CANCEL')).toBeInstanceOf(RespError)
  }, 60_000)

  it.each([['source', 0, [15, 120]], ['target', 1, [15, 120]]] as const)(
    'a %s that is killed leaves one owner, and all that was acknowledged', async (_, victim, moments) => {
      await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'], ['--cluster-node-timeout', '1500'])
      await createCluster(cluster, 0)
      const [first, second] = await ids(cluster) as [string, string]
      await fill(cluster, 0, 200, 300)
      const writer = new Writer(cluster)
      const stopped = writer.run()
      let from = 0
      for (const ms of moments) {
        const [to, expected] = from === 0 ? [second, [first, second]] as const : [first, [first, second]] as const
        await waitFor(async () => await ask(cluster, from, 'CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST), 'NODE', to) === 'OK',
          { timeoutMs: 20_000, what: 'a migration that begins' })
        await sleep(ms)
        const killed = victim === 0 ? from : 1 - from
        await cluster.nodes[killed]!.sigkill()
        await cluster.restart(killed)
        await isOk(cluster)
        const owner = await waitFor(async () => {
          const found = await ownerOf(cluster)
          return found !== null && expected.includes(found) ? found : null
        }, { timeoutMs: 20_000, what: 'one owner' })
        from = owner === first ? 0 : 1
        await waitFor(async () => await keysOf(cluster, 1 - from) === 0, { timeoutMs: 20_000, what: 'nothing left elsewhere' })
        // What has no counter, and the counters.
        await waitFor(async () => await keysOf(cluster, from) === tags.length * 200 + writer.last.size, { timeoutMs: 10_000, what: 'all keys' })
      }
      writer.stop()
      await stopped
      expect(writer.lost).toEqual([])
      expect(writer.acknowledged).toBeGreaterThan(100)
    }, 90_000)
})

/** INCR of counters at whoever serves them. Each reply must be larger than the last of that key, or a write is lost. */
class Writer {
  readonly last = new Map<string, number>()
  readonly lost: string[] = []
  acknowledged = 0
  #stop = false

  constructor(readonly cluster: ClusterProcess) {}

  stop(): void { this.#stop = true }

  async run(): Promise<void> {
    let at = 0
    for (let n = 0; !this.#isStopped(); n++) {
      try {
        await using client = await this.cluster.nodes[at]!.client({ timeoutMs: 1000 })
        for (; !this.#isStopped(); n++) {
          const key = `{${tags[n % tags.length]!}}:count`
          const reply = await client.command('INCR', key)
          if (typeof reply !== 'number') break
          if (reply <= (this.last.get(key) ?? 0)) this.lost.push(`${key}: ${reply} after ${this.last.get(key)}`)
          this.last.set(key, reply)
          this.acknowledged++
        }
      } catch { /* it was killed */ }
      at = 1 - at
      await sleep(5)
    }
  }

  #isStopped(): boolean { return this.#stop }
}
