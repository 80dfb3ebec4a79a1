/**
 * What the server says of its commands, against a real redis-server: COMMAND INFO and DOCS, the keys of calls, the
 * errors of calls with too few or too many arguments. Only commands we serve are compared; sentences (summaries, notes,
 * history) are ours and are not. docs/compatibility.md lists these differences.
 */
import { describePeer, type RespClient, RespError, RespPush, type RespReply, startRedis, startSlotwise, type ServerProcess } from '@slotwise/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'

const ourSentences = new Set(['summary', 'complexity', 'replaced_by', 'history', 'notes'])

/** A reply as plain data: maps as sorted pairs, sets in their order (flags have one), sentences left out. */
function plain(reply: RespReply): unknown {
  if (reply instanceof RespError) return { error: reply.message }
  if (reply instanceof RespPush) return { push: reply.values.map(plain) }
  if (reply instanceof Set) return { set: [...reply].map(plain) }
  if (Array.isArray(reply)) return reply.map(plain)
  if (!(reply instanceof Map)) return reply
  const pairs = [...reply as Map<string, RespReply>].filter(([name]) => !ourSentences.has(name))
  return { map: pairs.map(([name, value]) => [name, plain(value)] as const).sort(([a], [b]) => (a < b ? -1 : 1)) }
}

type Info = readonly [name: string, arity: number, ...rest: unknown[]]

/** COMMAND INFO without the subcommands, which are compared on their own: ours may be fewer. */
function ownFacts(info: RespReply): unknown {
  return plain((info as RespReply[]).slice(0, 9))
}

/** Arguments that make specs, keywords and key counts meet each other; a seed, so that a failure can be repeated. */
function* calls(infos: readonly Info[], seed: number): Generator<string[]> {
  const words = ['k', 'a', 'b', '0', '1', '2', '3', '-1', 'x', 'STREAMS', 'store', 'limit', 'get', 'by', 'u8', 'set', 'count', 'GROUP']
  let state = seed
  const next = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor(state / 65536) % limit
  }
  for (const [name, arity] of infos) {
    const head = name.split('|')
    for (let round = 0; round < 40; round++) {
      const count = arity < 0 ? -arity + next(7) : arity
      yield [...head, ...Array.from({ length: count - head.length }, () => words[next(words.length)] ?? '')]
    }
  }
}

describePeer('redis-server', 'the command table', () => {
  let redis: ServerProcess
  let slotwise: ServerProcess
  let theirs: RespClient
  let ours: RespClient
  let served: Info[]

  beforeAll(async () => {
    redis = await startRedis()
    slotwise = await startSlotwise()
    theirs = await redis.client()
    ours = await slotwise.client()
    await Promise.all([theirs.command('HELLO', 3), ours.command('HELLO', 3)])
    const flatten = (info: RespReply): Info[] => {
      const fields = info as RespReply[]
      return [fields as unknown as Info, ...[...(fields[9] as Iterable<RespReply>)].flatMap(flatten)]
    }
    // But for those that Redis does not have.
    const isOwn = (name: string): boolean => /^(slotwise\.|binlog|follow|mysqlsource$|stop$|cluster\|migrate$)/.test(name)
    served = ((await ours.command('COMMAND')) as RespReply[]).flatMap(flatten).filter(([name]) => !isOwn(name))
  })
  afterAll(async () => {
    // What beforeAll could not start is not there.
    const open: (AsyncDisposable | undefined)[] = [ours, theirs, slotwise, redis]
    for (const item of open) await item?.[Symbol.asyncDispose]()
  })

  it('serves the commands that every client needs', () => {
    const names = served.map(([name]) => name)
    expect(names).toEqual(expect.arrayContaining(['command', 'command|docs', 'get', 'set', 'hello', 'config|get', 'multi']))
  })

  it('tells the same facts in COMMAND INFO, in RESP2 and RESP3', async () => {
    for (const protocol of [3, 2]) {
      await Promise.all([theirs.command('HELLO', protocol), ours.command('HELLO', protocol)])
      for (const [name] of served) {
        const [their] = (await theirs.command('COMMAND', 'INFO', name)) as RespReply[]
        const [our] = (await ours.command('COMMAND', 'INFO', name)) as RespReply[]
        // In RESP2 a key specification is a flat array, and Redis's may begin with its notes.
        const drop = (facts: unknown): unknown => JSON.parse(JSON.stringify(facts).replaceAll(/"notes","(?:[^"\\]|\\.)*",/g, ''))
        expect(drop(ownFacts(our ?? null)), name).toEqual(drop(ownFacts(their ?? null)))
      }
    }
    await Promise.all([theirs.command('HELLO', 3), ours.command('HELLO', 3)])
  })

  it('tells the same arguments and deprecations in COMMAND DOCS', async () => {
    const without = (docs: unknown): unknown =>
      JSON.parse(JSON.stringify(docs), (_key, value: unknown) =>
        Array.isArray(value) ? value.filter((item) => !(Array.isArray(item) && item[0] === 'subcommands')) : value)
    for (const [name] of served) {
      const [our, their] = await Promise.all([ours.command('COMMAND', 'DOCS', name), theirs.command('COMMAND', 'DOCS', name)])
      expect(without(plain(our)), name).toEqual(without(plain(their)))
    }
  })

  it('finds the same keys, with the same flags, in any call', async () => {
    const seed = 20
    // A documented difference: GEORADIUS names every STORE key, whichever the command takes.
    const storesTwice = ([name, ...words]: readonly string[]): boolean =>
      /^georadius/i.test(name ?? '') && words.filter((word) => /^store(dist)?$/i.test(word)).length > 1
    for (const call of calls(served, seed)) {
      if (storesTwice(call)) continue
      const [our, their] = await Promise.all([
        ours.command('COMMAND', 'GETKEYSANDFLAGS', ...call), theirs.command('COMMAND', 'GETKEYSANDFLAGS', ...call),
      ])
      expect(plain(our), `${call.join(' ')} (seed ${seed})`).toEqual(plain(their))
    }
  })

  it('refuses too few and too many arguments for every command in the words of Redis', async () => {
    for (const [name, arity] of served) {
      const head = name.split('|')
      const counts = arity < 0 ? [head.length, -arity - 1] : [head.length, arity - 1, arity + 1]
      for (const count of counts) {
        if (count < head.length || (arity < 0 ? count >= -arity : count === arity)) continue
        const call = [...head, ...Array.from({ length: count - head.length }, () => 'x')]
        const [our, their] = await Promise.all([ours.command(...call), theirs.command(...call)])
        expect(plain(our), call.join(' ')).toEqual(plain(their))
        expect(our).toBeInstanceOf(RespError)
      }
    }
  })

  it('answers odd requests as Redis does', async () => {
    const requests = [
      ['no-such-command'], ['no-such-command', 'a', 'b c'], ['no\r\nsuch', 'x\ny'], ['x'.repeat(300), 'y'.repeat(100), 'z'.repeat(100)],
      ['command', 'nope'], ['command', 'nope', 'x'], ['config', 'nope'], ['COMMAND', 'info', 'nope', 'get|x', 'config|nope'],
      ['command', 'docs', 'nope'], ['command', 'count', 'x'], ['command', 'list', 'x'], ['command', 'list', 'filterby'],
      ['command', 'list', 'filterby', 'module', 'x'], ['command', 'list', 'filterby', 'x', 'y'],
      ['command', 'list', 'filterby', 'aclcat', 'nope'], ['command', 'list', 'filterby', 'pattern', 'nope*'],
      ['command', 'getkeys', 'nope', 'x'], ['command', 'getkeys', 'get', 'a', 'b'], ['command', 'getkeys', 'publish', 'a', 'b'],
    ]
    for (const request of requests) {
      const [our, their] = await Promise.all([ours.command(...request), theirs.command(...request)])
      expect(plain(our), request.join(' ')).toEqual(plain(their))
    }
  })

  it('filters COMMAND LIST as Redis does', async () => {
    const known = new Set(served.map(([name]) => name))
    for (const filter of [['aclcat', 'string'], ['aclcat', 'TRANSACTION'], ['pattern', 'get*'], ['pattern', 'CONFIG*'], ['pattern', '*']]) {
      const list = async (client: RespClient): Promise<string[]> =>
        ((await client.command('COMMAND', 'LIST', 'FILTERBY', ...filter)) as string[]).filter((name) => known.has(name)).sort()
      const [our, their] = await Promise.all([list(ours), list(theirs)])
      expect(our, filter.join(' ')).toEqual(their)
      expect(our.length).toBeGreaterThan(0)
    }
  })
})
