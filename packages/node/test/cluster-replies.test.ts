/**
 * What our nodes say of a cluster is what redis-server says in the same cluster: readings of operators and clients,
 * every refusal, host names, announced addresses; and what is published in a shard reaches its copies of either kind.
 */
import { describePeer, type RespClient, RespError, type RespReply, waitFor } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ClusterProcess, isOk, rowsOf } from './fixtures/cluster.js'
import { startShard } from './fixtures/shard.js'

/** Primaries 0, 1 and 2, a third of the slots each; 3 and 4 begin as replicas of 0, then 4 goes to 1. */
const kinds = ['slotwise', 'redis', 'slotwise', 'redis', 'slotwise'] as const
const OURS = 0
const THEIRS = 1
const LONE = 2
const REPLICA_OF_OURS = 3
const REPLICA_OF_THEIRS = 4
/** Slots of the first two that have no keys. */
const EMPTY_SLOTS = [100, 5561]

interface Members extends AsyncDisposable { cluster: ClusterProcess; clients: RespClient[]; ids: string[] }

async function start(): Promise<Members> {
  const { cluster } = await startShard(kinds, ['--bind', '127.0.0.1', '127.0.0.9', '--repl-ping-replica-period', '1'])
  const clients = await Promise.all(cluster.nodes.map((node) => node.client()))
  const ids = await Promise.all(clients.map(async (client) => await client.command('CLUSTER', 'MYID') as string))
  await waitFor(async () => await clients[REPLICA_OF_THEIRS]!.command('CLUSTER', 'REPLICATE', ids[THEIRS]!) === 'OK', { timeoutMs: 60_000, what: 'a replica of the other' })
  for (const index of [REPLICA_OF_OURS, REPLICA_OF_THEIRS]) {
    await waitFor(async () => (await clients[index]!.command('INFO', 'replication') as string).includes('master_link_status:up'),
      { timeoutMs: 60_000, what: `the link of replica ${index}` })
  }
  await isOk(cluster)
  return {
    cluster, clients, ids,
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()))
      await cluster[Symbol.asyncDispose]()
    },
  }
}

/** News takes its time; in the end all say the same. */
async function expectSame<T>(what: string, read: () => Promise<readonly T[]>): Promise<void> {
  let views: readonly T[] = []
  await waitFor(async () => {
    views = await read()
    return new Set(views.map((view) => JSON.stringify(view))).size === 1
  }, { timeoutMs: 60_000, intervalMs: 50, what }).catch(() => undefined)
  for (const view of views) expect(view, what).toEqual(views[0])
}

/** Without what differs by who is asked, and when. */
const nodesOf = (reply: RespReply): string[] => (reply as string).trimEnd().split('\n')
  .map((line) => line.replace('myself,', '').split(' ').filter((_, index) => ![4, 5].includes(index)).join(' ')).sort()

const byId = (one: RespReply[], other: RespReply[]): number =>
  JSON.stringify(one[2]).localeCompare(JSON.stringify(other[2]))

type SlotsRow = [first: number, last: number, primary: RespReply[], ...replicas: RespReply[][]]
const slotsOf = (reply: RespReply): SlotsRow[] => (reply as unknown as SlotsRow[])
  .map(([first, last, primary, ...replicas]) => [first, last, primary, ...replicas.sort(byId)])

/** Every word in its order; offsets grow. */
const shardsOf = (reply: RespReply): unknown[] => (reply as RespReply[][])
  .map(([slotsWord, slots, nodesWord, nodes]) => [slotsWord, slots, nodesWord, (nodes as RespReply[][])
    .map((node) => node.map((word, index) => node[index - 1] === 'replication-offset' ? typeof word : word))])
  .sort((a, b) => JSON.stringify(a[1]).localeCompare(JSON.stringify(b[1])))

const infoOf = (reply: RespReply): string[] => (reply as string).split('\r\n')
  // Which messages were seen so far, and what Redis has not.
  .filter((line) => !/^(cluster_stats_messages_(?!sent|received)|cluster_state_reason|cluster_failover_reason|cluster_id|cluster_clock_skew_)/.test(line))
  .map((line) => /^cluster_(my_epoch|stats_messages_)/.test(line) ? line.split(':')[0]! : line)

const linksOf = (reply: RespReply): unknown[] => (reply as RespReply[][])
  .map((link) => link.map((word, index) => index % 2 === 0 || index === 1 ? word : typeof word)).sort()

/** Asked of a primary of either kind; each is refused and changes nothing. MINE, EMPTY: slots of it. */
const refused = `
CLUSTER
CLUSTER FOO
CLUSTER FOO BAR
CLUSTER ADDSLOTS
CLUSTER ADDSLOTS x
CLUSTER ADDSLOTS -1
CLUSTER ADDSLOTS 16384
CLUSTER ADDSLOTS 01
CLUSTER ADDSLOTS 12000
CLUSTER ADDSLOTSRANGE
CLUSTER ADDSLOTSRANGE 1
CLUSTER ADDSLOTSRANGE 5 3
CLUSTER ADDSLOTSRANGE 1 2 3
CLUSTER ADDSLOTSRANGE 12000 12001
CLUSTER ADDSLOTSRANGE 1 16384
CLUSTER DELSLOTS
CLUSTER DELSLOTS 16384
CLUSTER DELSLOTS 12000 12000
CLUSTER DELSLOTSRANGE 5 3
CLUSTER DELSLOTSRANGE 12000 12001 12001 12002
CLUSTER DELSLOTSRANGE 1 2 3
CLUSTER FLUSHSLOTS
CLUSTER FLUSHSLOTS x
CLUSTER SETSLOT
CLUSTER SETSLOT x
CLUSTER SETSLOT 0
CLUSTER SETSLOT x STABLE
CLUSTER SETSLOT 16384 STABLE
CLUSTER SETSLOT 0 FOO
CLUSTER SETSLOT 0 STABLE x
CLUSTER SETSLOT 12000 MIGRATING LONE
CLUSTER SETSLOT EMPTY MIGRATING nosuch
CLUSTER SETSLOT EMPTY MIGRATING REPLICA
CLUSTER SETSLOT EMPTY MIGRATING
CLUSTER SETSLOT EMPTY IMPORTING LONE
CLUSTER SETSLOT 12000 IMPORTING nosuch
CLUSTER SETSLOT 12000 IMPORTING REPLICA
CLUSTER SETSLOT 0 NODE
CLUSTER SETSLOT 0 NODE nosuch
CLUSTER SETSLOT 0 NODE REPLICA
CLUSTER SETSLOT MINE NODE LONE
CLUSTER MEET
CLUSTER MEET 1.2.3.4
CLUSTER MEET 1.2.3 7000
CLUSTER MEET host 7000
CLUSTER MEET 1.2.3.4 x
CLUSTER MEET 1.2.3.4 0
CLUSTER MEET 1.2.3.4 65536
CLUSTER MEET 1.2.3.4 60000
CLUSTER MEET 1.2.3.4 7000 x
CLUSTER MEET 1.2.3.4 7000 0
CLUSTER MEET 1.2.3.4 7000 17000 1
CLUSTER FORGET
CLUSTER FORGET nosuch
CLUSTER FORGET SELF
CLUSTER FORGET SELF x
CLUSTER REPLICATE
CLUSTER REPLICATE nosuch
CLUSTER REPLICATE SELF
CLUSTER REPLICATE REPLICA
CLUSTER REPLICATE LONE
CLUSTER REPLICAS
CLUSTER REPLICAS nosuch
CLUSTER REPLICAS REPLICA
CLUSTER SLAVES
CLUSTER SLAVES nosuch
CLUSTER COUNT-FAILURE-REPORTS
CLUSTER COUNT-FAILURE-REPORTS nosuch
CLUSTER FAILOVER
CLUSTER FAILOVER x
CLUSTER FAILOVER FORCE
CLUSTER FAILOVER TAKEOVER x
CLUSTER RESET
CLUSTER RESET x
CLUSTER RESET HARD SOFT
CLUSTER SET-CONFIG-EPOCH
CLUSTER SET-CONFIG-EPOCH x
CLUSTER SET-CONFIG-EPOCH -1
CLUSTER SET-CONFIG-EPOCH 9
CLUSTER BUMPEPOCH x
CLUSTER SAVECONFIG x
CLUSTER KEYSLOT
CLUSTER KEYSLOT a b
CLUSTER COUNTKEYSINSLOT
CLUSTER COUNTKEYSINSLOT x
CLUSTER COUNTKEYSINSLOT -1
CLUSTER COUNTKEYSINSLOT 16384
CLUSTER GETKEYSINSLOT 0
CLUSTER GETKEYSINSLOT 0 x
CLUSTER GETKEYSINSLOT 0 -1
CLUSTER GETKEYSINSLOT 16384 1
CLUSTER MYID x
CLUSTER NODES x
CLUSTER INFO x
CLUSTER SLOTS x
CLUSTER SHARDS x
CLUSTER LINKS x
ASKING x
READONLY x
READWRITE x
SELECT 1
SELECT x
MOVE key 1
SWAPDB 0 1
REPLICAOF 127.0.0.1 7000
REPLICAOF NO ONE
FAILOVER
FAILOVER ABORT
SSUBSCRIBE a b
SPUBLISH a`.trim().split('\n')

describePeer('redis-server', 'a cluster of both', () => {
  let members: Members
  beforeAll(async () => { members = await start() }, 240_000)
  afterAll(() => members[Symbol.asyncDispose]())

  it('is described by ours as by redis-server', async () => {
    const { clients, ids } = members
    const keys = await Promise.all([OURS, THEIRS].map((index) => keyOf(clients[index]!)))
    const all = [OURS, THEIRS, LONE, REPLICA_OF_OURS, REPLICA_OF_THEIRS]
    const each = async <T>(read: (client: RespClient, index: number) => Promise<T>, which = all): Promise<T[]> =>
      Promise.all(which.map((index) => read(clients[index]!, index)))
    const primaries = [OURS, THEIRS]

    await expectSame('CLUSTER NODES', () => each(async (client) => nodesOf(await client.command('CLUSTER', 'NODES'))))
    await expectSame('CLUSTER SLOTS', () => each(async (client) => slotsOf(await client.command('CLUSTER', 'SLOTS'))))
    await expectSame('CLUSTER SHARDS', () => each(async (client) => shardsOf(await client.command('CLUSTER', 'SHARDS'))))
    await expectSame('CLUSTER INFO', () => each(async (client) => infoOf(await client.command('CLUSTER', 'INFO'))))
    await expectSame('CLUSTER LINKS', () => each(async (client) => linksOf(await client.command('CLUSTER', 'LINKS'))))
    for (const id of ids.slice(0, 3)) {
      for (const word of ['REPLICAS', 'SLAVES'])
        await expectSame(word, () => each(async (client) => nodesOf((await client.command('CLUSTER', word, id) as string[]).join('\n'))))
      await expectSame('COUNT-FAILURE-REPORTS', () => each((client) => client.command('CLUSTER', 'COUNT-FAILURE-REPORTS', id)))
    }
    await expectSame('KEYSLOT', () => each(async (client) => Promise.all(['a', '{b}a', '{}', ''].map((key) => client.command('CLUSTER', 'KEYSLOT', key)))))
    await expectSame('keys of a slot', () => each(async (client, index) => {
      const slot = await client.command('CLUSTER', 'KEYSLOT', keys[index]!) as number
      const found = await client.command('CLUSTER', 'GETKEYSINSLOT', slot, 10) as string[]
      return [await client.command('CLUSTER', 'COUNTKEYSINSLOT', slot), found.map((key) => key === keys[index])]
    }, primaries))

    // What RESP3 has other types for.
    await each((client) => client.command('HELLO', 3), primaries)
    const heads = /^[*%$=:+_][^\r]*/gm
    for (const words of [['SLOTS'], ['LINKS'], ['SHARDS']]) {
      await expectSame(`CLUSTER ${words.join(' ')} in RESP3`, () =>
        each(async (client) => (await client.wire('CLUSTER', ...words)).match(heads)!.slice(0, words[0] === 'SHARDS' ? 3 : undefined)
          .filter((head) => !head.startsWith(':')).sort(), primaries))
    }
    for (const word of ['NODES', 'INFO']) expect(await each(async (client) => (await client.wire('CLUSTER', word)).replace(/^=\d+\r\ntxt:[^]*/, 'text'), primaries)).toEqual(['text', 'text'])
    await each((client) => client.command('HELLO', 2), primaries)

    const answers = await each(async (client, index) => {
      const slot = await client.command('CLUSTER', 'KEYSLOT', keys[index]!) as number
      const words: Record<string, string> = {
        MINE: String(slot), EMPTY: String(EMPTY_SLOTS[index]), SELF: ids[index]!, LONE: ids[LONE]!,
        REPLICA: ids[REPLICA_OF_OURS]!,
      }
      const told = []
      for (const line of refused) {
        const reply = await client.command(...line.split(' ').map((word) => words[word] ?? word))
        const text = reply instanceof RespError ? reply.message : `answered: ${JSON.stringify(reply)}`
        told.push(`${line}: ${text.replace(/\b\d+\b/g, (number) => number === words.MINE ? 'MINE' : number === words.EMPTY ? 'EMPTY' : number)}`)
      }
      return told
    }, primaries)
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]!.filter((line) => line.includes(': answered:'))).toEqual([])
  }, 240_000)

  it('has the host names, addresses and ports that its nodes announce, in redirections too', async () => {
    const { cluster, clients } = members
    const set = (index: number, name: string, value: string | number): Promise<unknown> => clients[index]!.command('CONFIG', 'SET', `cluster-${name}`, value)
    const keys = await Promise.all([OURS, THEIRS, LONE].map((index) => keyOf(clients[index]!)))
    /** What each of two says of the other's key: ours of theirs, then theirs of ours. */
    const pairs = [[OURS, THEIRS], [THEIRS, OURS]] as const
    const redirections = async (): Promise<string[]> => Promise.all(pairs.map(async ([asked, owner]) =>
      (await clients[asked]!.command('GET', keys[owner]!) as RespError).message.replace(/^MOVED \d+ /, '').replace(String(cluster.nodes[owner]!.port), 'port')))
    const untilMoved = (...expected: string[]): Promise<unknown> => waitFor(async () => {
      const found = await redirections()
      if (found.join() === expected.join()) return true
      throw new Error(`redirections to ${found.join(' and ')}`)
    }, { timeoutMs: 60_000, intervalMs: 50, what: `redirections to ${expected.join(' and ')}` })
    const bothSay = async (): Promise<void> => {
      await expectSame('CLUSTER SLOTS', () => Promise.all([OURS, THEIRS].map(async (index) => slotsOf(await clients[index]!.command('CLUSTER', 'SLOTS')))))
      await expectSame('CLUSTER SHARDS', () => Promise.all([OURS, THEIRS].map(async (index) => shardsOf(await clients[index]!.command('CLUSTER', 'SHARDS')))))
    }

    for (const index of clients.keys()) expect(await set(index, 'announce-hostname', `node-${index}.example.com`)).toBe('OK')
    for (const [index, client] of clients.entries()) {
      await waitFor(async () => (await client.command('CLUSTER', 'NODES') as string).match(/,node-\d\.example\.com /g)?.length === clients.length,
        { timeoutMs: 60_000, what: `all host names known to node ${index}` })
    }
    await untilMoved('127.0.0.1:port', '127.0.0.1:port')
    await bothSay()
    for (const index of [OURS, THEIRS]) expect(await set(index, 'preferred-endpoint-type', 'hostname')).toBe('OK')
    await untilMoved('node-1.example.com:port', 'node-0.example.com:port')
    await bothSay()
    for (const index of [OURS, THEIRS]) expect(await set(index, 'preferred-endpoint-type', 'unknown-endpoint')).toBe('OK')
    await untilMoved(':port', ':port')
    await bothSay()
    for (const index of [OURS, THEIRS]) expect(await set(index, 'preferred-endpoint-type', 'ip')).toBe('OK')
    expect(await set(OURS, 'announce-hostname', 'no_host name')).toMatchObject({ message: await errorOf(set(THEIRS, 'announce-hostname', 'no_host name')) })

    // A primary of each kind, without replicas that would follow what is announced.
    const rowOf = async (asked: number, of: number): Promise<string> =>
      (await clients[asked]!.command('CLUSTER', 'NODES') as string).split('\n').find((line) => line.startsWith(members.ids[of]!))!.split(' ')[1]!
    const busPort = /@(\d+)/.exec(await rowOf(OURS, LONE))![1]!
    expect(await set(LONE, 'announce-ip', '127.0.0.9')).toBe('OK')
    expect(await set(LONE, 'announce-port', 7777)).toBe('OK')
    for (const asked of clients.keys()) {
      await waitFor(async () => await rowOf(asked, LONE) === `127.0.0.9:7777@${busPort},node-${LONE}.example.com`,
        { timeoutMs: 60_000, what: `the announced address at node ${asked}` })
    }
    for (const asked of [OURS, THEIRS]) {
      // I/O threads redirect by a map of their own, which follows.
      await waitFor(async () => /^MOVED \d+ 127\.0\.0\.9:7777$/.test((await clients[asked]!.command('GET', keys[LONE]!) as RespError).message),
        { timeoutMs: 60_000, what: `the announced address in redirections of node ${asked}` })
    }
    expect(await set(LONE, 'announce-port', 0)).toBe('OK')
    for (const asked of clients.keys()) {
      await waitFor(async () => (await rowOf(asked, LONE)).startsWith(`127.0.0.9:${cluster.nodes[LONE]!.port}@`), { timeoutMs: 60_000, what: `the port at node ${asked}` })
    }
    const theirBusPort = /@(\d+)/.exec(await rowOf(OURS, THEIRS))![1]!
    expect(await set(THEIRS, 'announce-ip', '127.0.0.9')).toBe('OK')
    for (const asked of [OURS, LONE]) {
      await waitFor(async () => (await rowOf(asked, THEIRS)).startsWith(`127.0.0.9:${cluster.nodes[THEIRS]!.port}@${theirBusPort},`),
        { timeoutMs: 60_000, what: `redis-server's announced address at node ${asked}` })
    }
    await waitFor(async () => /master_host:127\.0\.0\.9\r\n[^]*master_link_status:up/.test(await clients[REPLICA_OF_THEIRS]!.command('INFO', 'replication') as string),
      { timeoutMs: 60_000, what: 'a replica of ours at the announced address' })
    await isOk(cluster)
  }, 240_000)

  it('carries what is published in a shard to its copies, and to nobody else', async () => {
    const { cluster, clients } = members
    for (const [primary, replica] of [[OURS, REPLICA_OF_OURS], [THEIRS, REPLICA_OF_THEIRS]] as const) {
      const key = await keyOf(clients[primary]!)
      for (const [from, to] of [[primary, replica], [replica, primary]] as const) {
        const channel = `{${key}}:${from}:${to}`
        await using listener = await cluster.nodes[to]!.client()
        expect(await listener.command('SSUBSCRIBE', channel)).toEqual(['ssubscribe', channel, 1])
        // At most once: while two nodes have no link it reaches nobody.
        await waitFor(async () => {
          expect(await clients[from]!.command('SPUBLISH', channel, 'news')).toBe(0)
          return listener.unreadCount > 0
        }, { intervalMs: 100, what: `what ${kinds[from]} publishes at ${kinds[to]}` })
        expect(await listener.read()).toEqual(['smessage', channel, 'news'])
      }
      await using stranger = await cluster.nodes[LONE]!.client()
      expect(await stranger.command('SSUBSCRIBE', `{${key}}`)).toMatchObject({ message: expect.stringMatching(/^MOVED /) as string })
      expect(await stranger.command('SPUBLISH', `{${key}}`, 'x')).toMatchObject({ message: expect.stringMatching(/^MOVED /) as string })
    }
    expect(rowsOf(await clients[OURS]!.command('CLUSTER', 'NODES') as string)).toHaveLength(kinds.length)
  }, 240_000)
})

/** A key that this node serves, written. */
async function keyOf(client: RespClient): Promise<string> {
  return waitFor(async () => {
    for (let number = 0; number < 100; number++) if (await client.command('SET', `k${number}`, 'v') === 'OK') return `k${number}`
    return null
  }, { timeoutMs: 60_000, what: 'a key of its own' })
}

async function errorOf(reply: Promise<unknown>): Promise<string> { return (await reply as RespError).message }
