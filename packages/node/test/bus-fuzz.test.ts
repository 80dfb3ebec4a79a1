/**
 * Messages that are nearly right, sent to a live node: of the types that there are, and of what it and a redis-server
 * sent themselves. First under ids that nobody knows, then under those of its peers.
 * SLOTWISE_BUS_FUZZ_SECONDS says for how long (10; `npm run fuzz:bus` for minutes), SLOTWISE_BUS_FUZZ_SEED repeats a
 * run.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { freePort, peer, type RespClient, type ServerProcess, startRedis, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { BusPeers, bitmap, idOf } from './fixtures/bus-peers.js'
import { below, mutate, oneOf, type Random, randomOf, tame, withSender } from './fixtures/bus-mutations.js'

const seconds = Number(process.env.SLOTWISE_BUS_FUZZ_SECONDS ?? 10)
const seed = Number(process.env.SLOTWISE_BUS_FUZZ_SEED ?? Date.now() % 1e9)

const GROWTH_BYTES_MAX = 128 * 2 ** 20
const NODE_LINE = /^[0-9a-f]{40} [0-9a-fA-F.:]*:\d+@\d+(,[A-Za-z0-9.-]*)? [a-z?,]+ ([0-9a-f]{40}|-) \d+ \d+ \d+ (dis)?connected( (\d+(-\d+)?|\[\d+-[<>]-[0-9a-f]{40}\]))*$/

const args = (peers: BusPeers): string[] => [
  '--cluster-enabled', 'yes', '--cluster-port', String(peers.rows[0]!.busPort), '--cluster-node-timeout', '15000', '--loglevel', 'warning',
]

/** What of CLUSTER NODES does not change by itself: no times, no links, nobody in handshake. */
async function stable(client: RespClient): Promise<string[]> {
  const text = await client.command('CLUSTER', 'NODES') as string
  for (const line of text.trim().split('\n')) expect(line).toMatch(NODE_LINE)
  return text.trim().split('\n').filter((line) => !line.includes('handshake'))
    .map((line) => line.split(' ').filter((_, index) => ![4, 5, 7].includes(index)).join(' ')).sort()
}

const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])

/** Valid messages of every type, of all peers. */
function vectors(peers: BusPeers): Buffer[] {
  const entry = (number: number, flags: number): object =>
    ({ id: idOf(number), pingSentSeconds: 0, pongSeconds: 1, ip: '127.0.0.1', port: 7000, busPort: 17_000, flags, plainPort: 0 })
  const gossip = [entry(0, 1), entry(1, 5), entry(2, 9), entry(9, 1)] as never[]
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  return [1, 2, 3].flatMap((from) => [
    ...(['ping', 'pong', 'meet'] as const).flatMap((type) => [
      peers.message(from, { type, gossip: [], hostname: '', extensions: [] }),
      peers.message(from, { type, gossip, hostname: 'a.example.com', extensions: [{ type: 0x5357, data: new Uint8Array(40) }] }),
    ]),
    ...[0, 1, 2].map((failed) => peers.message(from, { type: 'fail', failed: idOf(failed) })),
    ...(['publish', 'publishshard'] as const).map((type) => peers.message(from, { type, channel: text('news'), message: text('hello') })),
    ...(['auth-req', 'auth-ack', 'mfstart'] as const).map((type) => peers.message(from, { type }, { currentEpoch: 5, forceAck: true })),
    ...[0, 1, 3].map((subject) => peers.message(from, { type: 'update', subject: idOf(subject), configEpoch: 6, slots: bitmap(0, 9) })),
    peers.message(from, { type: 'module', moduleId: 7n, moduleType: 1, payload: text('payload') }),
  ])
}

/** What a real redis-server says in the place of node 0. */
async function recordRedis(): Promise<Buffer[]> {
  if (!peer('redis-server').usable) return []
  await using peers = await BusPeers.start()
  await using dir = tempDir()
  writeFileSync(join(dir.path, 'nodes.conf'), peers.nodesConf)
  await using _redis = await startRedis({ port: peers.rows[0]!.port, dir: dir.path, args: args(peers) })
  await waitFor(() => peers.recorded.length >= 6, { timeoutMs: 60_000, what: 'messages of redis-server' })
  return [...peers.recorded]
}

interface Run {
  readonly node: ServerProcess
  readonly peers: BusPeers
  readonly seeds: readonly Buffer[]
  readonly random: Random
  readonly sinkPort: number
}

/** One connection: some messages, the last of them perhaps cut. Resolves when it is closed by either side. */
function attack({ peers, seeds, random, sinkPort }: Run, senders: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const ids = Array.from({ length: 16 }, (_, index) => idOf(index))
    const parts = Array.from({ length: 1 + below(random, 40) }, () =>
      withSender(tame(mutate(seeds, random), random, { busPort: sinkPort, ids }), oneOf(random, senders)))
    if (random() < 0.2) parts.push(parts.pop()!.subarray(0, below(random, 2256)))
    const socket = connect(peers.rows[0]!.busPort, '127.0.0.1')
    socket.on('error', () => undefined).resume().once('close', () => resolve(parts.length))
    socket.write(Buffer.concat(parts), () => socket.end())
    socket.setTimeout(1000, () => socket.destroy())
  })
}

async function attackFor(
  ms: number, run: Run, senders: () => readonly string[],
): Promise<{ sent: number; residentMax: number }> {
  const total = { sent: 0, residentMax: 0 }
  for (const end = performance.now() + ms; performance.now() < end;) {
    for (const count of await Promise.all(Array.from({ length: 4 }, () => attack(run, senders())))) total.sent += count
    total.residentMax = Math.max(total.residentMax, residentBytes(run.node.pid))
  }
  return total
}

function listen(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

it(`a node is sent messages that are nearly right for ${seconds} s (seed ${seed}): it lives, its memory is bounded, strangers change nothing`, async () => {
  const random = randomOf(seed)
  const redis = await recordRedis()
  await using peers = await BusPeers.start()
  await using dir = tempDir()
  writeFileSync(join(dir.path, 'nodes.conf'), peers.nodesConf)
  await using node = await startSlotwise({ port: peers.rows[0]!.port, dir: dir.path, args: args(peers) })
  const sink = await listen(createServer((socket) => socket.destroy()))
  const address = sink.address()
  const sinkPort = typeof address === 'object' && address !== null ? address.port : await freePort()
  try {
    await using client = await node.client()
    await waitFor(async () => (await client.command('CLUSTER', 'INFO') as string).includes('cluster_state:ok'), { timeoutMs: 60_000 })
    await waitFor(() => peers.recorded.length >= 6, { what: 'messages of the node itself' })
    const seeds = [...vectors(peers), ...redis, ...peers.recorded].filter(({ length }) => length >= 2256)
    const run: Run = { node, peers, random, sinkPort, seeds }
    const before = await stable(client)
    const received = async (): Promise<number> =>
      Number(/cluster_stats_messages_received:(\d+)/.exec((await client.command('CLUSTER', 'INFO') as string))![1])
    const receivedBefore = await received()

    const strange = (): string[] => [Array.from({ length: 40 }, () => below(random, 16).toString(16)).join('')]
    const residentBefore = residentBytes(node.pid)
    const strangers = await attackFor(seconds * 500, run, strange)
    // Many of them are whole messages: the fuzzing goes below the surface.
    expect(await received() - receivedBefore).toBeGreaterThan(strangers.sent / 20)
    expect(await stable(client)).toEqual(before)

    const members = await attackFor(seconds * 500, run, () => [idOf(1), idOf(2), idOf(3)])
    expect(await client.command('PING')).toBe('PONG')
    await stable(client) // every line is one
    expect((await client.command('CLUSTER', 'INFO') as string)).toContain('cluster_known_nodes:')
    expect(Math.max(strangers.residentMax, members.residentMax) - residentBefore).toBeLessThan(GROWTH_BYTES_MAX)
    expect(strangers.sent + members.sent).toBeGreaterThan(100)
    // A member may have made it the replica of one that is not there, and it goes on asking that one.
    const complaints = node.output.split('\n').filter((line) => /error|exception/i.test(line))
    expect(complaints.filter((line) => !line.includes('Error condition on socket for SYNC: Connection refused'))).toEqual([])
  } finally {
    sink.close()
  }
}, 180_000 + seconds * 1000)
