/**
 * Question   What do collections cost: CPU of their commands, memory of many small ones and of a big one?
 * Workload   redis-benchmark, 50 connections, pipeline 16. Memory: 1 million collections of 10 members of 16 B (hashes:
 *            fields of 16 B with values of 16 B), and one of 1 million such members, into a fresh server each run.
 * Output     Server CPU per operation, throughput, p50, p99; RSS over the empty server per key or member.
 * Yardstick  redis-server in the same run. The tool is the bottleneck: read CPU per operation.
 */
import type { Bench, Scenario } from '../../apps/benchmark/src/scenario.js'

interface CommandCase {
  name: string
  /** A test of redis-benchmark, or a command. */
  test: string | readonly string[]
  /** What `__rand_int__` is below. */
  keys: number
  /** What must be there before each run, in a server whose data was deleted. */
  prepare: (requests: number) => Iterable<readonly string[]>
}

interface MemoryCase {
  name: string
  /** The command that adds `members` to the collection `key`. */
  add: (key: string, members: readonly string[]) => readonly string[]
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
/** 16 bytes. */
const name16 = (kind: string, i: number): string => kind + String(i).padStart(16 - kind.length, '0')

function* oneByOne(n: number, command: (i: number) => readonly string[]): Iterable<readonly string[]> {
  for (let i = 0; i < n; i++) yield command(i)
}

const nothing = (): readonly (readonly string[])[] => []

const commands: CommandCase[] = [
  { name: 'LPUSH', test: 'lpush', keys: 1_000_000, prepare: nothing },
  {
    name: 'LRANGE_100',
    test: ['LRANGE', 'mylist', '0', '99'],
    keys: 1_000_000,
    prepare: () => oneByOne(1000, (i) => ['LPUSH', 'mylist', `xxx${i}`]),
  },
  { name: 'LPOP', test: 'lpop', keys: 1_000_000, prepare: (requests) => oneByOne(requests, () => ['LPUSH', 'mylist', 'xxx']) },
  { name: 'SADD', test: 'sadd', keys: 1_000_000, prepare: nothing },
  {
    name: 'SPOP',
    test: 'spop',
    keys: 1_000_000,
    prepare: (requests) => oneByOne(requests, (i) => ['SADD', 'myset', name16('element:', i)]),
  },
  { name: 'HSET', test: 'hset', keys: 1_000_000, prepare: nothing },
  {
    name: 'HGETALL of 20 fields',
    test: ['HGETALL', 'h:__rand_int__'],
    keys: 100_000,
    prepare: () => oneByOne(100_000, (i) => [
      'HSET', `h:${String(i).padStart(12, '0')}`, ...range(20).flatMap((f) => [`field:${f}`, `value:${i}`]),
    ]),
  },
  { name: 'ZADD', test: 'zadd', keys: 1_000_000, prepare: nothing },
  {
    name: 'ZPOPMIN',
    test: 'zpopmin',
    keys: 1_000_000,
    prepare: (requests) => oneByOne(requests, (i) => ['ZADD', 'myzset', String(i * 7919 % 1_000_003), name16('element:', i)]),
  },
  {
    name: 'ZRANGEBYSCORE of 10',
    test: ['ZRANGEBYSCORE', 'myzset', '__rand_int__', '+inf', 'LIMIT', '0', '10'],
    keys: 100_000,
    prepare: () => oneByOne(100_000, (i) => ['ZADD', 'myzset', String(i), name16('element:', i)]),
  },
  { name: 'INCR', test: 'incr', keys: 1_000_000, prepare: nothing },
  { name: 'MSET of 10 keys', test: 'mset', keys: 1_000_000, prepare: nothing },
]

const memory: MemoryCase[] = [
  { name: 'sets', add: (key, members) => ['SADD', key, ...members] },
  { name: 'hashes', add: (key, members) => ['HSET', key, ...members.flatMap((m) => [m, m])] },
  { name: 'lists', add: (key, members) => ['RPUSH', key, ...members] },
  { name: 'sorted sets', add: (key, members) => ['ZADD', key, ...members.flatMap((m, i) => [String(Number(m.slice(2)) * 1.5 + i), m])] },
]

/** RSS over the empty server, per item, after `fill` into a fresh server of each side. */
async function measureMemory(
  bench: Bench, label: string, items: number, fill: () => Iterable<readonly string[]>,
): Promise<void> {
  await bench.interleave([bench.subject(), bench.reference()], async (side) => {
    const server = await bench.startOne(side)
    const emptyBytes = await server.rssBytes()
    await bench.send(server, fill())
    await bench.untilQuiet(server)
    const rssBytes = await server.rssBytes()
    await server.stop()
    return { [label]: { rssBytes, bytesPerKey: (rssBytes - emptyBytes) / items } }
  }, { runsMax: 3 })
}

export const scenario: Scenario = {
  name: 'collections',
  question: 'What do collections cost: CPU of their commands, memory of many small ones and of a big one?',
  workload: 'redis-benchmark, 50 connections, pipeline 16; 1 million small collections, and one of 1 million members.',
  output: 'CPU per operation, throughput, p50, p99; RSS over the empty server per key, and per member of a big one',
  yardstick: 'redis-server in the same run',
  goals: [
    ...commands.map(({ name }) => ({ case: name, metric: 'cpuUsPerOp', must: 0.6, aim: 0.5 } as const)),
    ...memory.flatMap(({ name }) => [
      { case: `1 million ${name} of 10`, metric: 'bytesPerKey', must: 0.9, aim: 0.6 } as const,
      { case: `one of 1 million, ${name}`, metric: 'bytesPerKey', must: 0.75, aim: 0.7 } as const,
    ]),
  ],
  async run(bench) {
    {
      await using servers = await bench.start([bench.subject(), bench.reference()])
      for (const { name, test, keys, prepare } of commands) {
        const requests = bench.quick ? 10_000 : 1_000_000
        await servers.compareWithRedisBenchmark(name, {
          test, requests, connections: 50, pipeline: 16, valueBytes: 3, keys: bench.keys(keys),
          prepare: () => prepare(requests),
        })
      }
    }
    const count = bench.keys(1_000_000)
    for (const { name, add } of memory) {
      const members = (i: number): string[] => range(10).map((j) => name16('m:', i * 10 + j))
      await measureMemory(bench, `1 million ${name} of 10`, count, () => oneByOne(count, (i) => add(name16('key:', i), members(i))))
      await measureMemory(bench, `one of 1 million, ${name}`, count, () => oneByOne(Math.ceil(count / 10), (i) => add('big', members(i))))
    }
  },
}
