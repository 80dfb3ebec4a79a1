/**
 * We follow a primary, a real redis-server or one of ours: everything is copied, the stream applied, and what we have
 * at the end is what it has, told by DEBUG DIGEST; whatever was cut meanwhile, and whoever follows us.
 */
import { execFileSync } from 'node:child_process'
import {
  describePeer, freePort, peer, startRedis, startSlotwise, tempDir, waitFor,
  type RespClient, type ServerOptions, type ServerProcess,
} from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { expectSame, field, fill, linkIsUp, load } from './fixtures/replication-load.js'

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
const readOnly = 'READONLY You can\'t write against a read only replica.'

const startReplica = (of: { port: number }, more: string[] = [], options: ServerOptions = {}): Promise<ServerProcess> =>
  startSlotwise({ ...options, args: [...args, '--replicaof', '127.0.0.1', String(of.port), ...more] })
const follow = (client: RespClient, of: { port: number }): Promise<unknown> => client.command('REPLICAOF', '127.0.0.1', of.port)
const digest = (client: RespClient): Promise<unknown> => client.command('DEBUG', 'DIGEST')

const primaries: [string, (options?: ServerOptions) => Promise<ServerProcess>][] = [
  ['one of ours', (options = {}) => startSlotwise({ ...options, args: [...args, ...options.args ?? []] })],
]
if (peer('redis-server').usable) primaries.push(['a redis-server', (options = {}) => startRedis({ ...options, args: [...args, ...options.args ?? []] })])

describe.each(primaries)('a replica of %s', (_, startPrimary) => {
  it.each([
    ['of unknown length', 'yes', ['--appendonly', 'no']],
    ['with its length in front, into an append-only file', 'no', ['--appendonly', 'yes']],
  ])('copies everything and follows under load, the snapshot %s', async (_name, diskless, more) => {
    await using primary = await startPrimary({ args: ['--repl-diskless-sync', diskless] })
    await using client = await primary.client()
    await fill(client)
    await using writer = await primary.client()
    const writes = load(writer)
    await using replica = await startReplica(primary, more)
    await using follower = await replica.client()
    await linkIsUp(follower)
    expect(await writes.stop()).toBeGreaterThan(0)
    await expectSame(client, follower)
    expect(await client.command('WAIT', 1, 25_000)).toBe(1)
    expect(await follower.command('SET', 'k', 'v')).toMatchObject({ message: readOnly })
    expect(await field(follower, 'replication', 'master_replid')).toBe(await field(client, 'replication', 'master_replid'))
    expect(await client.command('ROLE')).toEqual(['master', expect.any(Number), [['127.0.0.1', String(replica.port), expect.any(String)]]])
    expect(await follower.command('ROLE')).toEqual(['slave', '127.0.0.1', primary.port, 'connected', expect.any(Number)])
  }, 240_000)

  it('goes on where it was after each of many cuts under load', async () => {
    await using primary = await startPrimary({ args: ['--repl-backlog-size', '64mb'] })
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    await using writer = await primary.client()
    const writes = load(writer)
    const cuts = 50
    for (let i = 1; i <= cuts; i++) {
      await waitFor(async () => await client.command('CLIENT', 'KILL', 'TYPE', 'replica') === 1, { what: 'a replica to cut off' })
      await waitFor(async () => Number(await field(client, 'stats', 'sync_partial_ok')) >= i, { timeoutMs: 60_000, what: `partial resync ${i}` })
    }
    await writes.stop()
    await expectSame(client, follower)
    expect(await field(client, 'stats', 'sync_full')).toBe('1')
  }, 240_000)

  it('serves replicas of its own the very same stream', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await client.pipeline([['SELECT', 3], ['SET', 'a', 1], ['SELECT', 0]])
    await using replica = await startReplica(primary, ['--appendonly', 'yes'])
    await using follower = await replica.client()
    await linkIsUp(follower)
    await using second = await startReplica(replica)
    await using third = await second.client()
    await linkIsUp(third)
    await using writer = await primary.client()
    const writes = load(writer)
    await writes.stop()
    await client.pipeline([['SELECT', 3], ['INCR', 'a'], ['SELECT', 0]])
    await expectSame(client, follower)
    await expectSame(client, third)
    expect(await field(third, 'replication', 'master_replid')).toBe(await field(client, 'replication', 'master_replid'))
  }, 240_000)

  it('keeps keys whose time is over until the primary says so, and hides them', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    await client.command('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
    await client.pipeline([['SET', 'k', 'v', 'PX', 20], ['WAIT', 1, 25_000]])
    await waitFor(async () => await follower.command('GET', 'k') === null, { timeoutMs: 60_000, what: 'the key to be over' })
    expect(await follower.pipeline([['EXISTS', 'k'], ['TTL', 'k'], ['KEYS', '*'], ['DBSIZE'], ['RANDOMKEY']])).toEqual([0, -2, [], 1, 'k'])
    expect(await client.command('GET', 'k')).toBeNull()
    await waitFor(async () => await follower.command('DBSIZE') === 0, { timeoutMs: 60_000, what: 'the DEL' })
  })

  it('becomes a primary that keeps the history, and can be followed', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await client.command('SET', 'k', 'v')
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    const id = await field(follower, 'replication', 'master_replid')
    const offset = Number(await field(follower, 'replication', 'master_repl_offset'))
    expect(await follower.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    expect(await follower.command('SET', 'k2', 'v')).toBe('OK')
    expect(await field(follower, 'replication', 'role')).toBe('master')
    expect(await field(follower, 'replication', 'master_replid2')).toBe(id)
    expect(await field(follower, 'replication', 'master_replid')).not.toBe(id)
    expect(Number(await field(follower, 'replication', 'second_repl_offset'))).toBeGreaterThan(offset)
    await follow(client, replica)
    await linkIsUp(client)
    await expectSame(follower, client)
    expect(await client.command('GET', 'k2')).toBe('v')
  }, 240_000)
})

describe.each(primaries)('a primary that is %s', (_, startPrimary) => {
  it('knows a replica by the address that it announces', async () => {
    await using primary = await startPrimary()
    await using client = await primary.client()
    await using replica = await startReplica(primary, ['--replica-announce-ip', '10.9.8.7', '--replica-announce-port', '4321'])
    await using follower = await replica.client()
    await linkIsUp(follower)
    const online = async (): Promise<boolean> => (await field(client, 'replication', 'slave0') ?? '').startsWith('ip=10.9.8.7,port=4321,state=online,')
    await waitFor(online, { timeoutMs: 60_000, what: 'the announced address' })
    expect(await client.command('ROLE')).toEqual(['master', expect.any(Number), [['10.9.8.7', '4321', expect.any(String)]]])
  }, 240_000)
})

describe('a replica', () => {
  it('does not notice the end of a sibling, while that copies or later', async () => {
    await using primary = await startSlotwise({ args: [...args, '--repl-diskless-sync-delay', '1'] })
    await using client = await primary.client()
    await fill(client)
    await using replica = await startReplica(primary)
    await using sibling = await startReplica(primary)
    await using follower = await replica.client()
    const count = (n: number): Promise<unknown> =>
      waitFor(async () => await field(client, 'replication', 'connected_slaves') === String(n), { timeoutMs: 60_000, what: `${n} replicas` })
    await count(2)
    await sibling.sigkill() // they wait for their copy together
    await linkIsUp(follower)
    await count(1)
    await using late = await startReplica(primary)
    await using other = await late.client()
    await linkIsUp(other)
    await using writer = await primary.client()
    const writes = load(writer)
    await late.sigkill()
    await count(1)
    expect(await writes.stop()).toBeGreaterThan(0)
    await expectSame(client, follower)
  }, 240_000)

  it('starts from the append-only file that it made of the primary\'s data, and so does redis-server', async () => {
    await using dir = tempDir()
    await using primary = await startSlotwise({ args })
    await using client = await primary.client()
    await fill(client)
    const replica = await startReplica(primary, ['--appendonly', 'yes'], { dir: dir.path })
    {
      await using follower = await replica.client()
      await linkIsUp(follower)
      await client.pipeline([['SET', 'after', 1], ['SELECT', 7], ['SET', 'seven', 7], ['SELECT', 0]])
      await expectSame(client, follower)
    }
    await replica.stop()
    await using again = await startSlotwise({ dir: dir.path, args: [...args, '--appendonly', 'yes'] })
    await using ours = await again.client()
    expect(await digest(ours)).toBe(await digest(client))
    await again.stop()
    if (!peer('redis-server').usable) return
    await using redis = await startRedis({ dir: dir.path, args: ['--appendonly', 'yes', '--enable-debug-command', 'yes'] })
    await using theirs = await redis.client()
    expect(await digest(theirs)).toBe(await digest(client))
  }, 240_000)

  it('answers MASTERDOWN without a link, if it is not to serve old data', async () => {
    const port = await freePort()
    await using replica = await startSlotwise({ args: [...args, '--replicaof', '127.0.0.1', String(port)] })
    await using client = await replica.client()
    expect(await client.command('GET', 'k')).toBeNull()
    expect(await client.command('CONFIG', 'SET', 'replica-serve-stale-data', 'no')).toBe('OK')
    const down = { message: 'MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to \'no\'.' }
    expect(await client.command('GET', 'k')).toMatchObject(down)
    expect(await client.pipeline([['MULTI'], ['GET', 'k'], ['EXEC']])).toMatchObject([{}, {}, {}])
    expect(await field(client, 'replication', 'master_link_status')).toBe('down')
    await using primary = await startSlotwise({ port, args })
    await linkIsUp(client)
    expect(await client.command('GET', 'k')).toBeNull()
    await primary.stop()
    await waitFor(async () => await client.command('GET', 'k') !== null, { timeoutMs: 60_000, what: 'the link to break' })
    expect(await client.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
  }, 240_000)

  it('refuses what is queued when the role changes, and lets go who waits', async () => {
    await using other = await startSlotwise({ args })
    await using server = await startSlotwise({ args })
    await using client = await server.client()
    await using waiting = await server.client()
    await client.pipeline([['MULTI'], ['SET', 'k', 'v']])
    const popped = waiting.command('BLPOP', 'l', 0)
    await using admin = await server.client()
    await waitFor(async () => await field(admin, 'clients', 'blocked_clients') === '1', { what: 'the client to wait' })
    expect(await follow(admin, other)).toBe('OK')
    expect(await follow(admin, other)).toBe('OK Already connected to specified master')
    expect(await popped).toMatchObject({ message: 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)' })
    expect(await client.command('EXEC')).toMatchObject({ message: `EXECABORT Transaction discarded because of: ${readOnly}` })
    expect(await client.command('WAIT', 1, 0)).toMatchObject({ message: expect.stringMatching(/^ERR WAIT cannot be used with replica instances/) as string })
    expect(await client.pipeline([['MULTI'], ['PUBLISH', 'c', 'm'], ['EXEC']])).toEqual(['OK', 'QUEUED', [0]])
    expect(await client.command('REPLICAOF', 'h', 'x')).toMatchObject({ message: 'ERR Invalid master port' })
  })

  it('authenticates with masteruser and masterauth', async () => {
    await using primary = await startSlotwise({ args: [...args, '--requirepass', 'secret'], password: 'secret' })
    await using client = await primary.client()
    await client.command('ACL', 'SETUSER', 'repl', 'on', '>other', '+psync', '+replconf', '+ping')
    await client.command('SET', 'k', 'v')
    await using replica = await startReplica(primary, ['--masterauth', 'wrong'])
    await using follower = await replica.client()
    await waitFor(() => replica.output.includes('Unable to AUTH to MASTER'), { what: 'the refusal' })
    await follower.command('CONFIG', 'SET', 'masteruser', 'repl', 'masterauth', 'other')
    await linkIsUp(follower)
    expect(await follower.command('GET', 'k')).toBe('v')
  })

  it('says in CONFIG GET whom it follows', async () => {
    await using primary = await startSlotwise({ args })
    await using server = await startSlotwise({ args })
    await using client = await server.client()
    await follow(client, primary)
    expect(await client.command('CONFIG', 'GET', 'replicaof')).toEqual(['replicaof', `127.0.0.1 ${primary.port}`])
    await client.command('REPLICAOF', 'NO', 'ONE')
    expect(await client.command('CONFIG', 'GET', 'replicaof')).toEqual(['replicaof', ''])
  })
})

describe('a history', () => {
  const persistent = ['--appendonly', 'yes']

  it.each(['SIGTERM', 'SIGKILL'] as const)('outlives the replica\'s process, ended by %s', async (signal) => {
    await using dir = tempDir()
    await using primary = await startSlotwise({ args: [...args, '--repl-backlog-size', '64mb'] })
    await using client = await primary.client()
    await fill(client)
    const first = await startReplica(primary, persistent, { dir: dir.path })
    {
      await using follower = await first.client()
      await linkIsUp(follower)
      await client.pipeline([['SELECT', 7], ['SET', 'seven', 7], ['WAIT', 1, 25_000]])
    }
    await using writer = await primary.client()
    const writes = load(writer)
    first.signal(signal)
    await first.exited
    await client.pipeline([['INCR', 'seven'], ['SELECT', 0]])
    await using second = await startReplica(primary, persistent, { dir: dir.path })
    await using follower = await second.client()
    await linkIsUp(follower)
    await writes.stop()
    await expectSame(client, follower)
    expect(await field(client, 'stats', 'sync_full')).toBe('1')
    expect(await field(client, 'stats', 'sync_partial_ok')).toBe('1')
  }, 240_000)

  it.each(['SIGTERM', 'SIGKILL'] as const)('outlives the primary\'s process, ended by %s', async (signal) => {
    await using dir = tempDir()
    const port = await freePort()
    const first = await startSlotwise({ port, dir: dir.path, args: [...args, ...persistent] })
    await using replica = await startReplica({ port })
    await using follower = await replica.client()
    {
      await using client = await first.client()
      await fill(client)
      await linkIsUp(follower)
      await client.pipeline([['SET', 'k', 'v'], ['WAIT', 1, 25_000]])
    }
    const id = await field(follower, 'replication', 'master_replid')
    first.signal(signal)
    await first.exited
    await using second = await startSlotwise({ port, dir: dir.path, args: [...args, ...persistent] })
    await using client = await second.client()
    expect(await field(client, 'replication', 'master_replid2')).toBe(id)
    await linkIsUp(follower)
    await client.command('SET', 'k2', 'v')
    await expectSame(client, follower)
    expect(await field(client, 'stats', 'sync_full')).toBe('0')
    expect(await field(client, 'stats', 'sync_partial_ok')).toBe('1')
    expect(await field(follower, 'replication', 'master_replid')).toBe(await field(client, 'replication', 'master_replid'))
  }, 240_000)

  it('lets the sibling of a promoted replica go on', async () => {
    // Without PINGs: one that only the sibling has got when the primary dies would put it ahead. Nobody waits for one.
    const silent = ['--repl-ping-replica-period', '3600', '--repl-timeout', '3600']
    await using primary = await startSlotwise({ args: [...args, ...silent] })
    await using client = await primary.client()
    await fill(client)
    await using promoted = await startReplica(primary, silent)
    await using sibling = await startReplica(primary, silent)
    await using a = await promoted.client()
    await using b = await sibling.client()
    await linkIsUp(a)
    await linkIsUp(b)
    await client.pipeline([['SET', 'k', 'v'], ['WAIT', 2, 25_000]])
    await expectSame(client, a)
    await expectSame(client, b)
    await primary.sigkill()
    await a.pipeline([['REPLICAOF', 'NO', 'ONE'], ['SET', 'k2', 'v']])
    await follow(b, promoted)
    await linkIsUp(b)
    await expectSame(a, b)
    expect(await field(a, 'stats', 'sync_full')).toBe('0')
  }, 240_000)
})

describePeer('redis-benchmark', 'the tests of redis-benchmark', () => {
  it('leave a replica with the same data, and no lag soon after', async () => {
    await using primary = await startSlotwise({ args })
    await using client = await primary.client()
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    const tests = 'set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset'
    const options = ['-p', String(primary.port), '-q', '-n', '20000', '-r', '1000', '-P', '8', '-t', tests]
    execFileSync('redis-benchmark', options, { stdio: 'ignore' })
    const offset = Number(await field(client, 'replication', 'master_repl_offset'))
    const caughtUp = async (): Promise<boolean> => Number(await field(follower, 'replication', 'slave_repl_offset')) >= offset
    await waitFor(caughtUp, { what: 'the replica' })
    await expectSame(client, follower)
  }, 240_000)
})

describePeer('redis-server', 'a redis-server that follows a replica of ours', () => {
  it('has what the primary has', async () => {
    await using primary = await startRedis({ args })
    await using client = await primary.client()
    await fill(client)
    await using replica = await startReplica(primary)
    await using follower = await replica.client()
    await linkIsUp(follower)
    await using last = await startRedis({ args: [...args, '--replicaof', '127.0.0.1', String(replica.port)] })
    await using third = await last.client()
    await linkIsUp(third)
    await using writer = await primary.client()
    await load(writer).stop()
    await expectSame(client, follower)
    await expectSame(client, third)
  }, 240_000)
})
