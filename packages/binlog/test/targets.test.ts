/**
 * A real MariaDB is followed into other servers, ours and Redis, alone and as clusters: they are killed, replaced and
 * moved about, and hold at the end what the source holds.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  describeMariadb, describePeer, freePort, peer, startMariadb, startRedis, startSlotwise, tempDir, waitFor,
  type MariadbProcess, type ServerProcess,
} from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ClusterTarget, follow, Mapping, openTarget, parseTarget, RespTarget, type FollowOptions, type TargetStore } from '../src/index.js'
import { slotOf } from '../src/target/slots.js'

type Kind = 'slotwise' | 'redis'
const durable = ['--appendonly', 'yes', '--appendfsync', 'always']
const start = (kind: Kind, options: { port?: number; dir: string; args: string[] }): Promise<ServerProcess> =>
  (kind === 'redis' ? startRedis : startSlotwise)(options)

let nextServerId = 6000

describePeer(['redis-server', 'redis-cli'], 'following into other servers', () => describeMariadb('from a real MariaDB', () => {
  let source: MariadbProcess
  let rows = 0

  beforeAll(async () => {
    source = await startMariadb()
    // Every transaction inserts a row that says its number, and moves money between twenty accounts.
    source.sql(`CREATE DATABASE w; USE w; CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, n INT); CREATE TABLE acc (id INT PRIMARY KEY, balance INT);
      INSERT INTO acc SELECT seq, 1000 FROM seq_0_to_19;
      DELIMITER //
      CREATE PROCEDURE work(IN times INT) BEGIN WHILE times > 0 DO START TRANSACTION; INSERT INTO log (n) VALUES (times);
        UPDATE acc SET balance = balance - 1 WHERE id = times % 20; UPDATE acc SET balance = balance + 1 WHERE id = (times + 3) % 20; COMMIT; SET times = times - 1; END WHILE; END//`)
  })
  afterAll(async () => { await source[Symbol.asyncDispose]() })

  const work = (times: number): void => {
    source.sql(`CALL w.work(${times})`)
    rows += times
  }

  interface Following { done: Promise<unknown>; stop(): Promise<void>; lost: string[]; transactions(): number }

  /** Resolves when the rows that were there have been copied. */
  async function following(into: TargetStore | ClusterTarget, more: Partial<FollowOptions> = {}): Promise<Following> {
    const controller = new AbortController()
    const lost: string[] = []
    let transactions = 0
    let isConnected = false
    const done = follow({
      sources: [{ host: '127.0.0.1', port: source.port, user: 'repl', password: 'replpw' }], serverId: nextServerId++, into, start: 'snapshot', signal: controller.signal,
      mapping: new Mapping({ tables: [{ table: 'w.log', key: 'log:${id}' }, { table: 'w.acc', key: 'acc:{${id}}' }] }), heartbeatMs: 500, reconnectDelayMs: 20,
      onTargetLost: ({ message }) => lost.push(message), ...more,
      onProgress: (progress) => { ({ transactions } = progress) },
      onStatus: ({ type }) => { isConnected ||= type === 'connected' },
    }).then(() => null, (error: unknown) => error)
    await waitFor(() => isConnected, { timeoutMs: 60_000, what: `a follower: ${lost.join('\n')}` })
    return {
      done, lost, transactions: () => transactions,
      stop: async () => {
        controller.abort()
        await done
      },
    }
  }

  type Ask = (...words: string[]) => Promise<unknown>

  /** Waits until the store has the last row, then compares every one. */
  async function holdsWhatTheSourceHolds(ask: Ask): Promise<void> {
    await waitFor(async () => await ask('EXISTS', `log:${rows}`) === 1, { timeoutMs: 60_000, what: `log:${rows} in the store` })
    const accounts = source.sql('SELECT id, balance FROM w.acc ORDER BY id').trim().split('\n').map((line) => line.split('\t'))
    for (const [id, balance] of accounts) {
      await waitFor(async () => String(await ask('HGET', `acc:{${id}}`, 'balance')) === balance, { timeoutMs: 60_000, what: `balance ${balance} of account ${id}` })
    }
    for (const line of source.sql('SELECT id, n FROM w.log').trim().split('\n')) {
      const [id, n] = line.split('\t')
      expect(String(await ask('HGET', `log:${id}`, 'n')), `log:${id}`).toBe(n)
    }
    expect(await ask('EXISTS', `log:${rows + 1}`)).toBe(0)
  }

  it.each<Kind>(['slotwise', 'redis'])('one server of kind %s, which is killed, comes back where it was and gets the rest', async (kind) => {
    await using dir = tempDir()
    let server = await start(kind, { dir: dir.path, args: durable })
    const { port } = server
    await using target = await RespTarget.connect({ host: '127.0.0.1', port })
    work(500)
    const follower = await following(target)
    for (let round = 0; round < 3; round++) {
      const before = follower.transactions()
      work(300)
      await waitFor(() => follower.transactions() > before, { timeoutMs: 60_000, what: `progress: ${follower.lost.join('\n')}` })
      await server.sigkill()
      server = await start(kind, { dir: dir.path, port, args: durable })
    }
    await using client = await server.client()
    await holdsWhatTheSourceHolds((...words) => client.command(...words))
    expect(follower.lost.length).toBeGreaterThan(0)
    await follower.stop()
    await server.sigkill()
  }, 300_000)

  it('says what is wrong with a server that cannot be used', async () => {
    await using dir = tempDir()
    await expect(RespTarget.connect({ host: '127.0.0.1', port: await freePort() })).rejects.toMatchObject({ code: 'TARGETLOST' })
    await using server = await startSlotwise({ dir: dir.path, password: 'secret', args: ['--requirepass', 'secret'] })
    await expect(RespTarget.connect({ host: '127.0.0.1', port: server.port, password: 'wrong' })).rejects.toMatchObject({ code: 'TARGETREFUSED' })
    await using target = await openTarget(parseTarget(`redis://:secret@127.0.0.1:${server.port}/0`)) as RespTarget
    await target.commandBytes('SET', 'log:1', 'no hash')
    await expect(target.multi((batch) => batch.command('HSET', 'log:1', 'n', '1'))).rejects.toMatchObject({ code: 'TARGETREFUSED', message: expect.stringMatching(/WRONGTYPE/) as string })
    await expect(target.multi((batch) => batch.command('NONSENSE'))).rejects.toMatchObject({ code: 'TARGETREFUSED', message: expect.stringMatching(/unknown command/) as string })
    const found: string[] = []
    for await (const key of target.scan({ match: 'log:*' })) found.push(key)
    expect(found).toEqual(['log:1'])
  }, 120_000)

  it('a cluster of both, while slots move and keys of a table are deleted', async () => {
    await using cluster = await startCluster(['slotwise', 'redis', 'slotwise'], 0)
    await using target = await openTarget(parseTarget(`redis://${cluster.addresses.join(',')}`)) as ClusterTarget
    expect(target).toBeInstanceOf(ClusterTarget)
    source.sql('CREATE OR REPLACE TABLE w.gone (id INT PRIMARY KEY)')
    const mapping = new Mapping({ tables: [{ table: 'w.log', key: 'log:${id}' }, { table: 'w.acc', key: 'acc:{${id}}' }, { table: 'w.gone', key: 'gone:${id}', onTruncate: 'delete', onDrop: 'delete' }] })
    const follower = await following(target, { mapping, maxTransactionBytes: 20_000 })
    work(200)
    source.sql('USE w; INSERT INTO w.gone SELECT seq FROM seq_1_to_3000; TRUNCATE w.gone; INSERT INTO w.gone VALUES (7)')
    for (let move = 0; move < 2; move++) {
      const moving = { done: false }
      const moved = cluster.cli('--cluster', 'reshard', cluster.addresses[0]!, '--cluster-from', cluster.ids[move]!, '--cluster-to', cluster.ids[(move + 1) % 3]!, '--cluster-slots', '50', '--cluster-yes')
        .finally(() => { moving.done = true })
      while (!moving.done) {
        const before = follower.transactions()
        work(25)
        await waitFor(() => moving.done || follower.transactions() > before, { timeoutMs: 60_000, what: `progress while slots move: ${follower.lost.join('\n')}` })
      }
      await moved
      // What a node said before it heard of the move may come behind the news: the next PING puts it right.
      await waitFor(() => cluster.cli('--cluster', 'check', cluster.addresses[0]!), { timeoutMs: 60_000, intervalMs: 200, what: 'one view at all nodes' })
    }
    await using check = await ClusterTarget.connect({ nodes: cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })) })
    await holdsWhatTheSourceHolds(asking(check))
    const left: string[] = []
    for await (const key of check.scan({ match: 'gone:*' })) left.push(key)
    expect(left).toEqual(['gone:7'])
    await follower.stop()
    expect(await follower.done).toMatchObject({ name: 'AbortError' })
  }, 300_000)

  it('a cluster whose primaries are killed and replaced', async () => {
    await using cluster = await startCluster(['slotwise', 'slotwise', 'slotwise', 'slotwise', 'slotwise', 'slotwise'], 1)
    const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
    await using target = await ClusterTarget.connect({ nodes })
    work(300)
    const follower = await following(target)
    work(300)
    await waitFor(() => follower.transactions() >= 300, { timeoutMs: 60_000, what: 'progress' })
    work(300)
    await cluster.nodes[0]!.sigkill()
    work(300)
    await waitFor(() => follower.lost.length > 0, { timeoutMs: 60_000, what: 'the follower to notice' })
    await waitFor(() => follower.transactions() >= 700, { timeoutMs: 90_000, what: `progress after the fail-over: ${follower.lost.join('\n')}` })
    await using check = await waitForCluster(nodes.slice(1))
    await holdsWhatTheSourceHolds(asking(check))
    await follower.stop()
  }, 300_000)

  const asking = (cluster: ClusterTarget): Ask => async (...words) => {
    const slot = slotOf(words[1]!)
    return (await cluster.ask(new Map([[slot, words]]))).get(slot)
  }
}))

async function waitForCluster(nodes: { host: string; port: number }[]): Promise<ClusterTarget> {
  let found: ClusterTarget | null = null
  await waitFor(async () => {
    found = await ClusterTarget.connect({ nodes }).catch(() => null)
    return found !== null
  }, { timeoutMs: 60_000, what: 'a cluster that is whole' })
  return found!
}

interface Cluster extends AsyncDisposable {
  readonly nodes: readonly ServerProcess[]
  readonly addresses: readonly string[]
  /** Of the nodes, as the cluster calls them. */
  readonly ids: readonly string[]
  cli(...args: string[]): Promise<unknown>
}

/** Made as an operator makes it; with replicas, the first nodes are the primaries. */
async function startCluster(kinds: readonly Kind[], replicas: number): Promise<Cluster> {
  const dirs = kinds.map(() => tempDir())
  const nodes = await Promise.all(kinds.map(async (kind, i) => start(kind, {
    dir: dirs[i]!.path, args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '5000', '--repl-diskless-sync-delay', '0'],
  })))
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.sigkill()))
    await Promise.all(dirs.map((dir) => dir.remove()))
  }
  const cli = (...args: string[]): Promise<unknown> => {
    const program = peer('redis-cli')
    if (!program.usable) throw new Error(program.reason)
    return promisify(execFile)(program.path, args, { timeout: 120_000 })
  }
  try {
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    await cli('--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes')
    const ids: string[] = []
    for (const node of nodes) {
      await using client = await node.client()
      await waitFor(async () => (await client.command('CLUSTER', 'INFO') as string).includes('cluster_state:ok'), { timeoutMs: 60_000, what: 'cluster_state:ok' })
      const wanted = replicas * nodes.length / (replicas + 1)
      await waitFor(async () => (await client.command('CLUSTER', 'NODES') as string).split('slave').length - 1 === wanted, { timeoutMs: 60_000, what: 'replicas' })
      ids.push(await client.command('CLUSTER', 'MYID') as string)
    }
    return { nodes, addresses, ids, cli, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
