/**
 * Every command that the server has, through unmodified clients of Redis: what they hand to the application has to be
 * what they make of a real redis-server's reply. RESP2 and, where the client speaks it, RESP3.
 */
import { describePeer, startRedis, startSlotwise, waitFor, type ServerProcess } from '@slotwise/testing'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Redis6 } from 'ioredis6'
import { createClient as createClient5 } from 'redis5'
import { createClient as createClient6 } from 'redis6'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { elsewhere, type Example, examples } from './command-examples.js'

interface Client {
  run(args: readonly [string, ...string[]]): Promise<unknown>
  close(): void
}

type Connect = (port: number) => Promise<Client>

type Method = (...args: string[]) => Promise<unknown>

/** ioredis has a method for each command; what it does not know goes through `call`. */
const ioredis = (Redis: unknown): Connect => async (port) => {
  const redis = new (Redis as typeof Redis5)({ port, lazyConnect: true, maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined)
  await redis.connect()
  const methods = redis as unknown as Record<string, Method | undefined>
  return {
    run: ([name, ...args]) => {
      const method = methods[name.toLowerCase()]
      // Its own MULTI collects commands in the client.
      return method === undefined || name === 'MULTI' || name === 'EXEC' ? redis.call(name, ...args) : method.apply(redis, args)
    },
    close: () => redis.disconnect(),
  }
}

const nodeRedis = (create: typeof createClient5 | typeof createClient6, RESP: 2 | 3): Connect => async (port) => {
  const client = (create as typeof createClient5)({ socket: { port, reconnectStrategy: false }, RESP })
  client.on('error', () => undefined)
  await client.connect()
  return { run: (args) => client.sendCommand([...args]), close: () => client.destroy() }
}

const clients: [string, Connect][] = [
  ['ioredis 5', ioredis(Redis5)], ['ioredis 6', ioredis(Redis6)],
  ['node-redis 5, RESP2', nodeRedis(createClient5, 2)], ['node-redis 5, RESP3', nodeRedis(createClient5, 3)],
  ['node-redis 6, RESP2', nodeRedis(createClient6, 2)], ['node-redis 6, RESP3', nodeRedis(createClient6, 3)],
]

type Outcome = { reply: unknown } | { error: string }

async function outcome(client: Client, args: Example['args']): Promise<Outcome> {
  try {
    return { reply: await client.run(args) }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

/** With and without its first argument, which may be a subcommand. */
const namesOf = ({ args: [name, sub] }: Example): string[] =>
  [name, `${name}|${sub}`].map((item) => item.toLowerCase())

const kind = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : value instanceof Map ? 'map' : Buffer.isBuffer(value) ? 'bytes' : typeof value

function comparable({ compare }: Example, found: Outcome): unknown {
  if ('error' in found) return found
  if (compare === 'kind') return kind(found.reply)
  // Of a hundred: neither server need be asked in the same second.
  if (compare === 'seconds') return typeof found.reply === 'number' && found.reply > 60 && found.reply <= 100
  return compare === 'unordered' && Array.isArray(found.reply) ? [...found.reply as string[]].sort() : found.reply
}

describePeer('redis-server', 'every command', () => {
  let ours: ServerProcess
  let redis: ServerProcess
  let served: Set<string>

  beforeAll(async () => {
    // On a machine that stands still for a moment any command is a slow one.
    const args = ['--maxmemory-policy', 'allkeys-lru', '--enable-debug-command', 'yes', '--slowlog-log-slower-than', '-1']
    ours = await startSlotwise({ args })
    redis = await startRedis({ args })
    await using client = await ours.client()
    const commands = await client.command('COMMAND') as [name: string, ...unknown[]][]
    served = new Set(commands.flatMap((command) => {
      const subcommands = (command[9] as [name: string][]).map(([name]) => name)
      return subcommands.length > 0 ? subcommands : [command[0]]
    }))
  })
  afterAll(async () => {
    await ours[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  it('has an example', () => {
    const shown = new Set([...examples.flatMap(namesOf), ...elsewhere])
    expect([...served].filter((name) => !shown.has(name))).toEqual([])
  })

  describe.each(clients)('%s', (_, connect) => {
    it('hands out what it makes of a reply of Redis', async () => {
      const [left, right] = [await connect(redis.port), await connect(ours.port)]
      try {
        await Promise.all([left.run(['FLUSHALL']), right.run(['FLUSHALL'])])
        const different: unknown[] = []
        for (const example of examples) {
          if (!namesOf(example).some((name) => served.has(name))) continue
          const [wanted, found] = await Promise.all([outcome(left, example.args), outcome(right, example.args)])
          const [a, b] = [comparable(example, wanted), comparable(example, found)]
          if (JSON.stringify(a) !== JSON.stringify(b)) different.push([example.text, a, b])
        }
        expect(different).toEqual([])
        // A BGSAVE that goes on would be in the way of the next SAVE.
        for (const client of [left, right])
          await waitFor(async () => String(await client.run(['INFO', 'persistence'])).includes('rdb_bgsave_in_progress:0'), { timeoutMs: 60_000, what: 'the end of BGSAVE' })
      } finally {
        left.close()
        right.close()
      }
    })
  })
})
