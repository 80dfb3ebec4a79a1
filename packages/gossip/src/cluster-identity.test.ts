/** Two clusters do not become one; one cluster gets one id. */
import { describe, expect, it } from 'vitest'
import { Bench, kinds, pong, range, START_MS } from '../test/helpers.js'
import { type BusBody, type Effect, encodeSlotwise, findSlotwise, startHandshake } from './index.js'

const [MINE, THEIRS] = ['a'.repeat(32), 'b'.repeat(32)]

const saying = (type: 'ping' | 'pong' | 'meet', clusterId: string, shared = true): BusBody => ({
  type, gossip: [], hostname: '', extensions: [encodeSlotwise({ version: 1, clusterId, shared, durableOffset: 0, acknowledgedOffset: 0 })],
})

function benchOf(clusterId: string, shared = true): Bench {
  const bench = new Bench()
  bench.view.clusterId = clusterId
  bench.view.clusterIdShared = shared
  return bench
}

/** The ids that left with these effects. */
const told = (effects: readonly Effect[]): string[] => effects.flatMap((effect) =>
  effect.type === 'send' && 'gossip' in effect.message.body ? [findSlotwise(effect.message.body.extensions)?.clusterId ?? 'none'] : [])

describe('a message of another cluster', () => {
  it('MEET begins no handshake; it is answered with the id of this one, and told of', () => {
    const bench = benchOf(MINE)
    const effects = bench.inbound(10, 9, saying('meet', THEIRS))
    expect([kinds(effects), told(effects), bench.view.list.length]).toEqual([['send pong'], [MINE], 1])
    expect(effects).toContainEqual(expect.objectContaining({ type: 'log', level: 'warn', text: expect.stringContaining('is of another cluster') as unknown }))
  })

  it('ends a handshake of ours when it answers', () => {
    const bench = benchOf(MINE)
    startHandshake(bench.view, { ip: '10.0.0.9', port: 7000, plainPort: 0, busPort: 17_000 }, true)
    const [link] = bench.tick(100).flatMap((effect) => effect.type === 'connect' ? [effect.link] : [])
    expect(told(bench.at(101, () => bench.gossip.opened(link!, '')))).toEqual([MINE])
    bench.at(102, () => bench.gossip.receive(link!, { header: bench.header(9), body: saying('pong', THEIRS) }))
    expect(bench.view.list).toEqual([bench.view.self])
  })

  it('of a known node is not taken, nor is what it says later, until it says this cluster\'s id', () => {
    const bench = benchOf(MINE)
    bench.own(range(0, 9), 1)
    const node = bench.add(1, { epoch: 2 })
    const claims = { configEpoch: 5, currentEpoch: 5, slots: new Uint8Array(2048).fill(255) }
    bench.inbound(10, 1, saying('ping', THEIRS), claims)
    bench.inbound(20, 1, { type: 'ping', gossip: [], hostname: '', extensions: [] }, claims)
    expect([node.slotCount, bench.view.currentEpoch]).toEqual([0, 1])
    bench.inbound(30, 1, saying('ping', MINE), claims)
    expect(bench.view.currentEpoch).toBe(5)
  })

  it('is taken from who has no id: redis-server, or a node that is new', () => {
    const bench = benchOf(MINE)
    bench.inbound(10, 8, { type: 'meet', gossip: [], hostname: '', extensions: [] })
    bench.inbound(20, 9, saying('meet', '0'.repeat(32), false), { busPort: 17_001 })
    expect(bench.view.list.length).toBe(3)
  })
})

describe('an id', () => {
  it('is learned from a known node, kept, and told to nodes that tell theirs until they say the same', () => {
    const bench = benchOf('', false)
    const [first, second] = [bench.add(1), bench.add(2)]
    bench.inbound(10, 2, saying('ping', '0'.repeat(32), false))
    expect(kinds(bench.inbound(20, 1, saying('ping', MINE)))).toContain('persist')
    expect([bench.view.clusterId, bench.view.clusterIdShared]).toEqual([MINE, true])
    for (const node of [first, second]) Object.assign(node, { pingSentAt: 0, pongAt: START_MS - 60_000 })
    expect(told(bench.tick(100)).sort()).toEqual([MINE, 'none'])
    bench.inbound(110, 2, saying('ping', MINE))
    for (const node of [first, second]) Object.assign(node, { pingSentAt: 0, pongAt: START_MS - 60_000 })
    expect(told(bench.tick(200))).toEqual(['none', 'none'])
  })

  it.each([
    ['the smaller of two that nobody shares', MINE, false, THEIRS, false, MINE],
    ['the smaller of two that nobody shares, theirs', THEIRS, false, MINE, false, MINE],
    ['theirs, if others have it', MINE, false, THEIRS, true, THEIRS],
    ['mine, if others have it', THEIRS, true, MINE, false, THEIRS],
  ])('that counts is %s', (_name, mine, mineShared, theirs, theirsShared, expected) => {
    const bench = benchOf(mine, mineShared)
    const node = bench.add(1)
    bench.inbound(10, 1, saying('ping', theirs, theirsShared))
    expect([bench.view.clusterId, node.isOfAnotherCluster]).toEqual([expected, false])
  })

  it('that is young yields to a smaller one that members share; an old one does not, nor one to strangers', () => {
    const yielding = (ageMs: number, from: number): [string, boolean] => {
      const bench = benchOf(THEIRS)
      bench.view.clusterIdAt = bench.view.now + 10 - ageMs
      const node = bench.add(1)
      bench.inbound(10, from, saying('ping', MINE))
      return [bench.view.clusterId, node.isOfAnotherCluster]
    }
    const youngMs = 10 * benchOf('').view.options.nodeTimeoutMs
    expect([yielding(youngMs - 1, 1), yielding(youngMs, 1), yielding(0, 7)])
      .toEqual([[MINE, false], [THEIRS, true], [THEIRS, false]])
  })

  it('is made by the primary with the smallest id of ours, when all slots are served', () => {
    const bench = new Bench(3)
    bench.own(range(0, 9999))
    const [smaller] = [bench.add(1, { slots: range(10_000, 16_383) })]
    smaller.tellsCluster = true
    bench.view.state = 'ok'
    bench.tick(100)
    expect(bench.view.clusterId).toBe('')
    smaller.tellsCluster = false // a redis-server
    bench.tick(200)
    expect(bench.view.clusterId).toMatch(/^[0-9a-f]{32}$/)
    bench.view.clusterId = ''
    bench.view.bind(5, null)
    bench.tick(300)
    expect(bench.view.clusterId).toBe('')
  })

  it('is the same if two make it at once', () => {
    const ids = [1, 3].map((self) => {
      const bench = new Bench(self)
      bench.own(self === 1 ? range(0, 9999) : range(10_000, 16_383))
      bench.add(4 - self, { slots: self === 1 ? range(10_000, 16_383) : range(0, 9999) })
      bench.addReplica(9, 4 - self)
      bench.view.state = 'ok'
      bench.tick(100)
      return bench.view.clusterId
    })
    expect(ids).toEqual([`${'0'.repeat(31)}2`, `${'0'.repeat(31)}2`])
  })

  it('is written down when a second node has it', () => {
    const bench = benchOf(MINE, false)
    bench.add(1)
    expect(kinds(bench.inbound(10, 1, saying('ping', MINE, false)))).toContain('persist')
    expect(bench.view.clusterIdShared).toBe(true)
    expect(kinds(bench.inbound(20, 1, saying('ping', MINE)))).not.toContain('persist')
  })

  it('goes with the first message of a link only', () => {
    const bench = benchOf(MINE)
    const node = bench.add(1)
    const [again] = bench.at(200, () => bench.gossip.closed(node.link!.id)).flatMap((effect) => effect.type === 'connect' ? [effect.link] : [])
    expect(told(bench.at(210, () => bench.gossip.opened(again!, '')))).toEqual([MINE])
    bench.answer(220, 1, pong())
    Object.assign(node, { pingSentAt: 0, pongAt: START_MS - 60_000 })
    expect(told(bench.tick(300))).toEqual(['none'])
  })
})
