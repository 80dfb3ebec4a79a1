/**
 * CLUSTER MIGRATE whose connection is cut, or whose target is killed, in the middle of it: it goes on by itself, from
 * where it was or from the first key, and ends as any other: one owner, with everything that was acknowledged.
 */
import { describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { type ClusterProcess, createCluster, isOk, startNodes } from './fixtures/cluster.js'
import { CutLink } from './fixtures/cut-link.js'
import { ask, fill, ids, keysOf, LAST, ownerOf, status, tags, Writer } from './fixtures/migration.js'

const KEYS_OF_TAG = 100
const VALUE_BYTES = 500
const KEYS = tags.length * KEYS_OF_TAG
const BYTES = KEYS * VALUE_BYTES
const WAIT_MS = 120_000

/** Three nodes, keys at the first, and a link to the second by which others find it. */
async function linked(): Promise<{ cluster: ClusterProcess; link: CutLink; target: string }> {
  const cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'])
  await createCluster(cluster, 0)
  const [, target] = await ids(cluster) as [string, string]
  await fill(cluster, 0, KEYS_OF_TAG, VALUE_BYTES)
  const link = await CutLink.to(cluster.nodes[1]!.port)
  await ask(cluster, 1, 'CONFIG', 'SET', 'cluster-announce-port', String(link.port))
  await waitFor(async () => (await cluster.rows(0)).some(({ port }) => port === link.port), { timeoutMs: WAIT_MS, what: 'the port of the link' })
  return { cluster, link, target }
}

const begin = async (cluster: ClusterProcess, target: string): Promise<unknown> =>
  await ask(cluster, 0, 'CLUSTER', 'MIGRATE', 'SLOTSRANGE', '0', String(LAST), 'NODE', target)

/** It is done, the target has everything, the source nothing, and no acknowledged write is missing. */
async function isWhole(cluster: ClusterProcess, target: string, writer: Writer): Promise<Map<string, string | number>> {
  const row = await waitFor(async () => {
    const found = await status(cluster, 0)
    return ['success', 'failed', 'cancelled'].includes(String(found.get('state'))) ? found : null
  }, { timeoutMs: WAIT_MS, what: 'the end of the migration' })
  expect([row.get('state'), row.get('message')]).toEqual(['success', ''])
  await waitFor(async () => await ownerOf(cluster) === target, { timeoutMs: WAIT_MS, what: 'one owner' })
  await waitFor(async () => await keysOf(cluster, 0) === 0, { timeoutMs: WAIT_MS, what: 'an empty source' })
  await waitFor(async () => await keysOf(cluster, 1) === KEYS + writer.last.size, { timeoutMs: WAIT_MS, what: 'all keys' })
  expect(writer.lost).toEqual([])
  return row
}

describePeer(['redis-server', 'redis-cli'], 'CLUSTER MIGRATE', () => {
  it('goes on from where it was when its connection is cut, again and again', async () => {
    const { cluster, link, target } = await linked()
    await using _cluster = cluster
    await using _link = link
    const writer = new Writer(cluster)
    const stopped = writer.run()
    const cuts = 6
    link.cutAfter(BYTES / 10, () => link.cuts < cuts)
    expect(await begin(cluster, target)).toBe('OK')
    const row = await isWhole(cluster, target, writer)
    writer.stop()
    await stopped
    expect(link.cuts).toBe(cuts)
    expect([row.get('resumed'), row.get('begun_again')]).toEqual([cuts, 0])
    // What is copied twice is what was on its way, and keys that were written meanwhile.
    expect(row.get('keys_sent')).toBeLessThan(KEYS + tags.length + writer.acknowledged)
    expect(row.get('bytes_sent')).toBeLessThan(BYTES * 1.9)
  }, 300_000)

  it('begins from the first key when its target is killed in the middle, and says so meanwhile', async () => {
    const { cluster, link, target } = await linked()
    await using _cluster = cluster
    await using _link = link
    const writer = new Writer(cluster)
    const stopped = writer.run()
    const inTheMiddle = new Promise<void>((resolve) => link.cutAfter(BYTES / 2, () => {
      void cluster.nodes[1]!.sigkill().then(() => resolve())
      return false
    }))
    expect(await begin(cluster, target)).toBe('OK')
    const first = await status(cluster, 0)
    await inTheMiddle
    const waiting = await waitFor(async () => {
      const found = await status(cluster, 0)
      return found.get('state') === 'waiting' && found.get('message') !== '' ? found : null // the data plane's word, and the control plane's
    }, { timeoutMs: WAIT_MS, what: 'a migration that waits, and says why' })
    expect(waiting.get('name')).toBe(first.get('name'))
    expect(waiting.get('message')).toMatch(/^the (connection to the target broke|target cannot be reached)/)
    await cluster.restart(1)
    await isOk(cluster)
    const row = await isWhole(cluster, target, writer)
    writer.stop()
    await stopped
    expect(row.get('begun_again')).toBe(1)
    expect(row.get('name')).not.toBe(first.get('name'))
    expect(row.get('keys_sent')).toBeGreaterThanOrEqual(KEYS)
  }, 300_000)
})
