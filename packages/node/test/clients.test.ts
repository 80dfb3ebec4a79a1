/**
 * Unmodified clients and tools of Redis against our server: what they do when they connect, how they read every reply,
 * and that errors arrive as their own error types. One server for all; each test has keys, or a database, of its own.
 */
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describePeer, peer, startSlotwise, tempDir, waitFor, type ServerProcess } from '@slotwise/testing'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Redis6 } from 'ioredis6'
import { createClient as createClient5 } from 'redis5'
import { createClient as createClient6 } from 'redis6'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let server: ServerProcess
const folder = tempDir()
const unixsocket = `${folder.path}/socket`

beforeAll(async () => {
  server = await startSlotwise({ args: ['--appendonly', 'yes', '--unixsocket', unixsocket, '--maxmemory-policy', 'allkeys-lfu'] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await folder.remove()
})

function program(name: 'redis-cli' | 'redis-benchmark', args: readonly string[], input?: string): string {
  const found = peer(name)
  if (!found.usable) throw new Error(found.reason)
  const { stdout, stderr, status } = spawnSync(found.path, ['-p', String(server.port), ...args],
    { encoding: 'utf8', timeout: 50_000, ...input === undefined ? {} : { input } })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout
}

describePeer('redis-cli', 'redis-cli', () => {
  const cli = (...args: string[]): string => program('redis-cli', args)

  it('prints replies of every kind', () => {
    expect(cli('set', 'cli:a', 'x\ny')).toBe('OK\n')
    expect(cli('get', 'cli:a')).toBe('x\ny\n')
    expect(cli('--no-raw', 'get', 'cli:a')).toBe('"x\\ny"\n')
    expect(cli('--no-raw', 'get', 'cli:none')).toBe('(nil)\n')
    expect(cli('--no-raw', 'incr', 'cli:n')).toBe('(integer) 1\n')
    expect(cli('--no-raw', 'mget', 'cli:n', 'cli:none')).toBe('1) "1"\n2) (nil)\n')
    expect(cli('-3', '--no-raw', 'config', 'get', 'appendonly')).toBe('1# "appendonly" => "yes"\n')
    expect(cli('nonsense', 'a')).toBe("ERR unknown command 'nonsense', with args beginning with: 'a' \n\n")
    expect(cli('-n', '3', 'dbsize')).toBe('0\n')
    expect(cli('-u', `redis://127.0.0.1:${server.port}/2`, 'client', 'info')).toContain(' db=2 ')
    expect(spawnSync('redis-cli', ['-s', unixsocket, 'ping'], { encoding: 'utf8' }).stdout).toBe('PONG\n')
  })

  it('repeats, reads commands from its input, and runs transactions', () => {
    expect(cli('-r', '3', 'incr', 'cli:r')).toBe('1\n2\n3\n')
    expect(program('redis-cli', [], 'MULTI\nINCR cli:m\nINCRBY cli:m 4\nEXEC\n')).toBe('OK\nQUEUED\nQUEUED\n1\n5\n')
    expect(program('redis-cli', ['-x', 'set', 'cli:x'], 'from stdin')).toBe('OK\n')
    expect(cli('get', 'cli:x')).toBe('from stdin\n')
  })

  it('mass-inserts with --pipe', () => {
    const input = Array.from({ length: 10_000 }, (_, i) => `*3\r\n$3\r\nSET\r\n$${`pipe:${i}`.length}\r\npipe:${i}\r\n$1\r\n${i % 10}\r\n`).join('')
    expect(program('redis-cli', ['-n', '4', '--pipe'], input)).toContain('errors: 0, replies: 10000')
    expect(cli('-n', '4', 'dbsize')).toBe('10000\n')
  })

  it('scans, and finds big keys, hot keys and memory hogs', () => {
    cli('-n', '5', 'mset', 'a', '1', 'bb', 'x'.repeat(500), 'ccc', '3')
    expect(cli('-n', '5', '--scan').trim().split('\n').sort()).toEqual(['a', 'bb', 'ccc'])
    expect(cli('-n', '5', '--scan', '--pattern', 'c*')).toBe('ccc\n')
    expect(cli('-n', '5', '--bigkeys')).toContain("Biggest string found '\"bb\"' has 500 bytes")
    expect(cli('-n', '5', '--hotkeys')).toContain('Sampled 3 keys in the keyspace!')
    expect(cli('-n', '5', '--memkeys')).toContain("Biggest string found '\"bb\"'")
  })

  /** For the modes that end with the terminal. */
  async function untilOutput(
    args: readonly string[], wanted: readonly string[], then: () => void = () => undefined,
  ): Promise<void> {
    const path = (peer('redis-cli') as { path: string }).path
    const child = execFile(path, ['-p', String(server.port), ...args])
    let output = ''
    child.stdout?.on('data', (text: string) => output += text)
    for (const [index, text] of wanted.entries()) {
      await waitFor(() => output.includes(text), { what: `${text} from redis-cli ${args.join(' ')}` })
      if (index === 0) then()
    }
    child.kill()
    await once(child, 'exit')
  }

  it('measures latency and shows statistics', async () => {
    expect(cli('--raw', '-i', '0.1', '--latency').trim().split(/\s+/)).toHaveLength(4)
    await untilOutput(['-i', '0.05', '--stat'], ['keys', '(+1)'])
  })

  it('subscribes, and gets what is published', async () => {
    await untilOutput(['--csv', 'subscribe', 'cli:news'], ['"subscribe","cli:news",1', '"message","cli:news","hello"'],
      () => expect(cli('publish', 'cli:news', 'hello')).toBe('1\n'))
  })
})

describePeer('redis-benchmark', 'redis-benchmark', () => {
  it.each([[[]], [['-P', '16']], [['--threads', '2']], [['-r', '1000', '-d', '1000']], [['-3']]])('runs its string tests %j', (args) => {
    const output = program('redis-benchmark', ['-t', 'set,get,incr,mset', '-n', '2000', '-c', '20', '--csv', ...args])
    const names = output.trim().split('\n').slice(1).map((line) => line.split(',')[0])
    expect(names).toEqual(['"SET"', '"GET"', '"INCR"', '"MSET (10 keys)"'])
    expect(output).not.toMatch(/error|warning/i)
  })
})

describe.each([['5', Redis5], ['6', Redis6 as unknown as typeof Redis5]] as const)('ioredis %s', (version, Redis) => {
  const options = (): { port: number; db: number; host: string } => ({ port: server.port, host: '127.0.0.1', db: Number(version) })

  it('reads and writes strings, numbers and bytes', async () => {
    const redis = new Redis(options())
    expect(await redis.set('a', 'é\0\r\n')).toBe('OK')
    expect(await redis.get('a')).toBe('é\0\r\n')
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await redis.set(Buffer.from([0, 255]), bytes)
    expect(await redis.getBuffer(Buffer.from([0, 255]))).toEqual(bytes)
    expect(await redis.get('none')).toBeNull()
    expect(await redis.incrby('n', 5)).toBe(5)
    expect(await redis.mget('n', 'none', 'a')).toEqual(['5', null, 'é\0\r\n'])
    expect(await redis.set('ttl', 'v', 'PX', 50_000, 'NX')).toBe('OK')
    expect(await redis.pttl('ttl')).toBeGreaterThan(40_000)
    expect(await redis.incrbyfloat('f', 0.5)).toBe('0.5')
    redis.disconnect()
  })

  it('gets errors as ReplyError', async () => {
    const redis = new Redis(options())
    await redis.set('s', 'abc')
    await expect(redis.incr('s')).rejects.toMatchObject({ name: 'ReplyError', message: 'ERR value is not an integer or out of range' })
    await expect(redis.call('NOPE', '1')).rejects.toThrow("ERR unknown command 'NOPE', with args beginning with: '1' ")
    redis.disconnect()
  })

  it('pipelines, by hand and by itself', async () => {
    const redis = new Redis({ ...options(), enableAutoPipelining: true })
    expect(await redis.pipeline().set('p', 1).incr('p').get('p').exec()).toEqual([[null, 'OK'], [null, 2], [null, '2']])
    expect(await Promise.all(Array.from({ length: 1000 }, () => redis.incr('auto')))).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1))
    redis.disconnect()
  })

  it('runs transactions, and sees them aborted by WATCH', async () => {
    const [redis, other] = [new Redis(options()), new Redis(options())]
    expect(await redis.multi().set('m', 1).incr('m').exec()).toEqual([[null, 'OK'], [null, 2]])
    await redis.watch('m')
    await other.set('m', 9)
    expect(await redis.multi().incr('m').exec()).toBeNull()
    await expect(redis.multi().call('set', 'm').exec()).rejects.toThrow('EXECABORT Transaction discarded because of previous errors.')
    redis.disconnect()
    other.disconnect()
  })

  it('publishes and subscribes, by name and by pattern', async () => {
    const [listener, publisher] = [new Redis(options()), new Redis(options())]
    const messages: string[] = []
    listener.on('message', (channel, message) => messages.push(`${channel} ${message}`))
    listener.on('pmessage', (pattern, channel, message) => messages.push(`${pattern} ${channel} ${message}`))
    expect(await listener.subscribe(`io${version}`, 'other')).toBe(2)
    expect(await listener.psubscribe(`io${version}*`)).toBe(3)
    expect(await publisher.publish(`io${version}`, 'hi')).toBe(2)
    await waitFor(() => messages.length === 2)
    expect(messages.sort()).toEqual([`io${version} hi`, `io${version}* io${version} hi`])
    expect(await listener.unsubscribe(`io${version}`, 'other')).toBe(1)
    expect(await listener.punsubscribe(`io${version}*`)).toBe(0)
    expect(await listener.get('none')).toBeNull()
    listener.disconnect()
    publisher.disconnect()
  })

  it('scans with a stream and a prefix', async () => {
    const redis = new Redis({ ...options(), keyPrefix: 'scan:' })
    await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i])))
    const found = new Set<string>()
    for await (const keys of redis.scanStream({ match: 'scan:*', count: 50 })) for (const key of keys as string[]) found.add(key)
    expect(found.size).toBe(500)
    redis.disconnect()
  })

  it('connects over a unix socket', async () => {
    const redis = new Redis({ path: unixsocket })
    expect(await redis.ping('x')).toBe('x')
    redis.disconnect()
  })

  it('reconnects after a crash, with its password, database and subscriptions', async () => {
    await using own = tempDir()
    const args = ['--appendonly', 'yes', '--requirepass', 'secret']
    const first = await startSlotwise({ dir: own.path, args, password: 'secret' })
    const redis = new Redis({ port: first.port, db: 3, password: 'secret', retryStrategy: () => 20, maxRetriesPerRequest: null })
    const listener = new Redis({ port: first.port, password: 'secret', retryStrategy: () => 20 })
    redis.on('error', () => undefined).on('close', () => undefined)
    listener.on('error', () => undefined)
    await redis.set('k', 'before')
    // Who subscribes between 'connect' and 'ready' is not ready then, and ioredis subscribes again only who was.
    if (listener.status !== 'ready') await once(listener, 'ready')
    await listener.subscribe('news')
    await first.sigkill()
    await using again = await startSlotwise({ dir: own.path, args, port: first.port, password: 'secret' })
    expect(await redis.get('k')).toBe('before')
    const message = once(listener, 'message')
    await waitFor(async () => await redis.publish('news', 'again') === 1)
    expect(await message).toEqual(['news', 'again'])
    redis.disconnect()
    listener.disconnect()
    await again.stop()
  })
})

describe.each([
  ['5, RESP2', createClient5 as unknown as typeof createClient6, 2], ['5, RESP3', createClient5 as unknown as typeof createClient6, 3],
  ['6, RESP2', createClient6, 2], ['6, RESP3', createClient6, 3],
] as const)('node-redis %s', (title, createClient, RESP) => {
  const database = title.startsWith('5') ? 7 : 8
  const make = async () => {
    const client = createClient({ socket: { port: server.port, host: '127.0.0.1' }, database, RESP })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  it('reads and writes strings, numbers and maps', async () => {
    const client = await make()
    await client.flushDb()
    expect(await client.set('a', 'é\0\r\n', { EX: 100 })).toBe('OK')
    expect(await client.get('a')).toBe('é\0\r\n')
    expect(await client.ttl('a')).toBeGreaterThan(90)
    expect(await client.get('none')).toBeNull()
    expect(await client.incrBy('n', 5)).toBe(5)
    expect(await client.mGet(['n', 'none'])).toEqual(['5', null])
    expect(await client.configGet('appendonly')).toEqual({ appendonly: 'yes' })
    expect((await client.info('server'))).toContain('redis_version:7.0.15')
    expect(await client.exists(['n', 'n', 'none'])).toBe(2)
    client.destroy()
  })

  it('gets errors as its own', async () => {
    const client = await make()
    await client.set('s', 'abc')
    await expect(client.incr('s')).rejects.toThrow('ERR value is not an integer or out of range')
    await expect(client.sendCommand(['NOPE'])).rejects.toThrow("ERR unknown command 'NOPE', with args beginning with: ")
    client.destroy()
  })

  it('pipelines and runs transactions', async () => {
    const client = await make()
    await client.del('m')
    expect(await Promise.all([client.incr('m'), client.incr('m'), client.get('m')])).toEqual([1, 2, '2'])
    expect(await client.multi().set('m', '1').incr('m').get('m').exec()).toEqual(['OK', 2, '2'])
    const other = await make()
    await client.watch('m')
    await other.set('m', '9')
    await expect(client.multi().incr('m').exec()).rejects.toThrow('One (or more) of the watched keys has been changed')
    client.destroy()
    other.destroy()
  })

  it('publishes and subscribes', async () => {
    const [listener, publisher] = [await make(), await make()]
    const messages: string[] = []
    await listener.subscribe(`nr:${title}`, (message, channel) => void messages.push(`${channel} ${message}`))
    await listener.pSubscribe(`nr:${title}*`, (message) => void messages.push(message))
    await listener.sSubscribe(`nr:${title}`, (message) => void messages.push(`shard ${message}`))
    expect(await publisher.publish(`nr:${title}`, 'hi')).toBe(2)
    expect(await publisher.sPublish(`nr:${title}`, 'hi')).toBe(1)
    await waitFor(() => messages.length === 3)
    expect(messages.sort()).toEqual(['hi', `nr:${title} hi`, 'shard hi'])
    await listener.unsubscribe(`nr:${title}`)
    await listener.pUnsubscribe(`nr:${title}*`)
    listener.destroy()
    publisher.destroy()
  })

  it('scans', async () => {
    const client = await make()
    await client.mSet(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`scan:${i}`, String(i)])))
    const found = new Set<string>()
    for await (const keys of client.scanIterator({ MATCH: 'scan:*', COUNT: 40 })) for (const key of keys) found.add(key)
    expect(found.size).toBe(300)
    client.destroy()
  })
})

it('the promise of a parallel load over many connections holds: every increment counts once', async () => {
  const clients = Array.from({ length: 20 }, () => new Redis6({ port: server.port, host: '127.0.0.1', db: 9 }))
  await Promise.all(clients.map((client) => Promise.all(Array.from({ length: 200 }, () => client.incr('total')))))
  expect(await clients[0]?.get('total')).toBe('4000')
  for (const client of clients) client.disconnect()
})
