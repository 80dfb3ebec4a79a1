/**
 * A stranger at the bus of a cluster that has passwords: a real redis-server that says it owns every slot, with the
 * largest epoch, and asks to be met. Redis 7.0 gives it all slots within a second, and its primaries become the
 * stranger's replicas and send it their password. Here it is met, and gets nothing.
 */
import { connect } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePeer, freePort, type RespClient, type ServerProcess, startRedis, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { createCluster, isOk, rowsOf, startNodes } from './fixtures/cluster.js'

const KEY = 'of-the-cluster'

/** Bytes of memory that the process has. */
const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])

/** MEET is said again, as a handshake is given up after the node timeout, which a busy machine may sleep through. */
async function meetUntilRefused(stranger: RespClient, node: ServerProcess, busPort: string): Promise<void> {
  await waitFor(async () => {
    expect(await stranger.command('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort)).toBe('OK')
    return node.output.includes('it has not the key of the bus')
  }, { timeoutMs: 60_000, intervalMs: 500, what: 'a refusal' }).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}\n${node.output}`, { cause: error })
  })
}

describePeer(['redis-server', 'redis-cli'], 'a stranger on the bus', () => {
  it('with all slots and the largest epoch gets no slot, no replica and no secret', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'], ['--masterauth', KEY])
    await createCluster(cluster, 0)
    const before = await cluster.rows(0)
    for (const node of cluster.nodes) {
      await using client = await node.client()
      await client.command('CONFIG', 'SET', 'requirepass', KEY)
    }
    await using stranger = await startRedis({
      args: ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '2000'],
    })
    await using theirs = await stranger.client()
    const ask = async (...words: string[]): Promise<string> => (await theirs.command('CLUSTER', ...words) as string)
    expect(await ask('ADDSLOTSRANGE', '0', '16383')).toBe('OK')
    expect(await ask('SET-CONFIG-EPOCH', '1000')).toBe('OK')
    const [first] = cluster.nodes
    await using ours = await first!.client()
    await ours.command('AUTH', KEY)
    const busPort = /@(\d+)/.exec((await ours.command('CLUSTER', 'NODES') as string).split('\n').find((line) => line.includes('myself'))!)![1]!
    expect(await ask('MEET', '127.0.0.1', String(first!.port), busPort)).toBe('OK')

    // It is one of them, everybody has heard its claim, and it theirs.
    const strangerId = await ask('MYID')
    const rows = async (): Promise<ReturnType<typeof rowsOf>> => rowsOf((await ours.command('CLUSTER', 'NODES') as string))
    await waitFor(async () => (await rows()).find(({ id }) => id === strangerId)?.epoch === 1000, { timeoutMs: 60_000, what: 'the stranger, met' })
    await waitFor(async () => (await ask('INFO')).includes('cluster_known_nodes:4'), { timeoutMs: 60_000, what: 'all four known to the stranger' })
    const pings = async (): Promise<number> => Number(/cluster_stats_messages_ping_sent:(\d+)/.exec(await ask('INFO'))?.[1] ?? 0)
    const heard = await pings()
    await waitFor(async () => await pings() > heard + 10, { timeoutMs: 60_000, what: 'ten PINGs of the stranger' })
    const refusal = `Node ${strangerId} joined lately and claims 16384 slots that others own: refused`
    for (const node of cluster.nodes) await waitFor(() => node.output.includes(refusal), { what: `the refusal of the node at ${node.port}` })

    for (const node of cluster.nodes) {
      await using client = await node.client()
      await client.command('AUTH', KEY)
      const seen = rowsOf((await client.command('CLUSTER', 'NODES') as string))
      expect(seen.find(({ id }) => id === strangerId)!.slots).toEqual([])
      for (const { id, slots } of before) expect(seen.find((row) => row.id === id)).toMatchObject({ slots })
      await waitFor(async () => (await client.command('CLUSTER', 'INFO') as string).includes('cluster_state:ok'), { what: 'cluster_state:ok' })
    }
    expect((await theirs.command('INFO', 'replication') as string)).toContain('connected_slaves:0')
    expect((await theirs.command('INFO', 'commandstats') as string)).not.toMatch(/cmdstat_(auth|psync|replconf)/)
  }, 300_000)

  it('without the key of the bus is not even met', async () => {
    const key = 'this-is-no-good-key-but-it-is-long-enough'
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'], [], { 'nodes.conf.key': key })
    await createCluster(cluster, 0)
    await using other = await startNodes(['slotwise'])
    await using stranger = await other.nodes[0]!.client()
    await using ours = await cluster.nodes[0]!.client()
    const busPort = /@(\d+)/.exec((await ours.command('CLUSTER', 'NODES') as string).split('\n').find((line) => line.includes('myself'))!)![1]!
    await meetUntilRefused(stranger, cluster.nodes[0]!, busPort)
    // The handshake of the stranger ends by itself after the node timeout.
    await waitFor(async () => (await stranger.command('CLUSTER', 'INFO') as string).includes('cluster_known_nodes:1'), { what: 'the end of the handshake' })
    await waitFor(async () => /cluster_state:ok[^]*cluster_known_nodes:3/.test(await ours.command('CLUSTER', 'INFO') as string), { what: 'a cluster as before' })
  }, 240_000)

  it('has no chance while the key of the bus is changed, node by node, and the cluster serves all the while', async () => {
    const [former, next] = ['f'.repeat(32), 'n'.repeat(32)]
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'], [], { 'nodes.conf.key': former })
    await createCluster(cluster, 0)
    for (const keys of [`${next} ${former}`, next]) {
      for (const index of [0, 1, 2]) {
        await cluster.nodes[index]!.stop()
        writeFileSync(join(cluster.nodes[index]!.dir, 'nodes.conf.key'), keys, { mode: 0o600 })
        await cluster.restart(index)
        await isOk(cluster)
        // Each of the other links is made anew, too, by either side.
        await waitFor(async () => {
          const views = await Promise.all([0, 1, 2].map((node) => cluster.rows(node)))
          return views.every((rows) => rows.length === 3 && rows.every(({ flags, connected }) => connected && !flags.some((flag) => flag.startsWith('fail'))))
        }, { timeoutMs: 60_000, what: `links of all nodes after node ${index} has ${keys.split(' ').length} keys` })
      }
    }
    await using late = await startNodes(['slotwise'], [], { 'nodes.conf.key': former })
    await using stranger = await late.nodes[0]!.client()
    await using ours = await cluster.nodes[0]!.client()
    const busPort = /@(\d+)/.exec((await ours.command('CLUSTER', 'NODES') as string).split('\n').find((line) => line.includes('myself'))!)![1]!
    await meetUntilRefused(stranger, cluster.nodes[0]!, busPort)
    expect(await ours.command('CLUSTER', 'INFO')).toContain('cluster_known_nodes:3')
  }, 400_000)

  it('that streams 256 MB behind a length of 2 GiB is cut off, and costs no memory', async () => {
    await using cluster = await startNodes(['slotwise'])
    const [node] = cluster.nodes
    await using client = await node!.client()
    const busPort = Number(/@(\d+)/.exec((await client.command('CLUSTER', 'NODES') as string))![1])
    const before = residentBytes(node!.pid)
    const header = Buffer.alloc(16)
    header.write('RCmb')
    header.writeUInt32BE(2 ** 31 - 1, 4)
    const block = Buffer.alloc(1 << 20)
    const sent = await new Promise<number>((resolve) => {
      let blocks = 0
      const socket = connect(busPort, '127.0.0.1')
      const more = (): void => {
        while (blocks < 256 && !socket.destroyed) {
          blocks++
          if (!socket.write(block)) return
        }
      }
      socket.on('error', () => undefined).on('drain', more).once('close', () => resolve(blocks))
      socket.write(header, more)
    })
    expect(sent).toBeLessThan(16)
    expect(residentBytes(node!.pid) - before).toBeLessThan(16 * 2 ** 20)
    expect(await client.command('PING')).toBe('PONG')
  }, 240_000)
})
