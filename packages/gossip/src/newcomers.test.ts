/** Who joined lately takes nothing from those who are here, but what was given up, and if he was elected. */
import { describe, expect, it } from 'vitest'
import { Bench, claim, entryOf, idOf, meetBody, pingBody, pong, range, sentTo, START_MS, T } from '../test/helpers.js'
import { type ClusterNode, type Effect, NodeFlag, slotsOf } from './index.js'

/** I own 0..9, node 1 owns 10..19, node 2 is its replica; node 3 has just joined, without slots. */
function joined(): { bench: Bench; stranger: ClusterNode } {
  const bench = new Bench()
  bench.own(range(0, 9), 5)
  bench.add(1, { slots: range(10, 19), epoch: 6 })
  bench.addReplica(2, 1)
  bench.inbound(5, 3, meetBody())
  const node = bench.view.list.find(({ inHandshake }) => inHandshake)!
  const [link] = bench.tick(100).flatMap((effect) => effect.type === 'connect' ? [effect.link] : [])
  bench.at(101, () => bench.gossip.opened(link!, ''))
  bench.at(102, () => bench.gossip.receive(link!, { header: bench.header(3), body: pong() }))
  expect(node.id).toBe(idOf(3))
  bench.view.currentEpoch = 10
  return { bench, stranger: node }
}

const all = claim(range(0, 16_383))
const warnings = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => effect.type === 'log' && effect.level === 'warn' ? [effect.text] : [])

describe('row 77: who has just joined and claims every slot with the largest epoch', () => {
  it('gets those that nobody has, makes nobody his replica, and is told of once', () => {
    const { bench, stranger } = joined()
    const effects = bench.inbound(200, 3, pingBody(), { configEpoch: 1000, currentEpoch: 1000, slots: all })
    expect([bench.view.self.slotCount, bench.view.nodes.get(idOf(1))!.slotCount]).toEqual([10, 10])
    expect(stranger.slotCount).toBe(16_364)
    expect(effects.filter(({ type }) => type === 'replicateFrom' || type === 'deleteKeysInSlots')).toEqual([])
    expect(warnings(effects)).toEqual([`Node ${idOf(3)} joined lately and claims 20 slots that others own: refused`])
    expect(warnings(bench.inbound(300, 3, pingBody(), { configEpoch: 1001, slots: all }))).toEqual([])
  })

  it('is refused as long as he claims them, also after ten node timeouts', () => {
    const { bench } = joined()
    for (let ms = 200; ms < 30 * T; ms += T) bench.inbound(ms, 3, pingBody(), { configEpoch: 1000, slots: all })
    expect(bench.view.self.slotCount).toBe(10)
  })

  it('is believed when he was quiet for ten node timeouts: he is a node like others then', () => {
    const { bench, stranger } = joined()
    bench.inbound(102 + 10 * T, 3, pingBody(), { configEpoch: 11, slots: claim([10]) })
    expect(stranger.slotCount).toBe(1)
  })

  it('is believed when he was given slots that nobody had, and claimed nothing else', () => {
    const { bench, stranger } = joined()
    bench.inbound(200, 3, pingBody(), { configEpoch: 11, slots: claim(range(20, 29)) })
    bench.inbound(300, 3, pingBody(), { configEpoch: 12, slots: claim(range(15, 29)) })
    expect([stranger.slotCount, bench.view.nodes.get(idOf(1))!.slotCount]).toEqual([15, 5])
  })

  it('is not believed about third nodes: UPDATE, and addresses of who fails here', () => {
    const { bench, stranger } = joined()
    const [first, second] = [bench.view.nodes.get(idOf(1))!, bench.view.nodes.get(idOf(2))!]
    bench.inbound(200, 3, { type: 'update', subject: idOf(1), configEpoch: 500, slots: all })
    expect([first.configEpoch, first.slotCount]).toEqual([6, 10])
    second.set(NodeFlag.pfail)
    const elsewhere = pingBody([entryOf(2, NodeFlag.replica, { ip: '10.6.6.6' })])
    bench.inbound(210, 3, elsewhere)
    expect(second.ip).toBe('10.0.0.2')
    stranger.newcomerAt = 0
    bench.inbound(220, 3, elsewhere)
    expect(second.ip).toBe('10.6.6.6')
  })
})

describe('a newcomer', () => {
  it('takes the slots of the primary whose replica it was: it was elected', () => {
    const { bench, stranger } = joined()
    bench.inbound(200, 3, pingBody(), { replicaOf: idOf(1), configEpoch: 6, slots: claim(range(10, 19)) })
    expect(stranger.isReplica).toBe(true)
    const elected = { replicaOf: null, flags: NodeFlag.primary, configEpoch: 11, slots: claim(range(10, 19)) }
    bench.inbound(300, 3, pingBody(), elected)
    expect(stranger.slotCount).toBe(10)
  })

  it('takes no slots of another shard than the one it was a replica in', () => {
    const { bench } = joined()
    bench.inbound(200, 3, pingBody(), { replicaOf: idOf(1), configEpoch: 6, slots: claim(range(10, 19)) })
    bench.inbound(300, 3, pingBody(), { replicaOf: null, flags: NodeFlag.primary, configEpoch: 11, slots: all })
    expect(bench.view.self.slotCount).toBe(10)
  })

  it('takes what its owner stopped claiming, and what I am migrating to it', () => {
    const { bench, stranger } = joined()
    bench.inbound(200, 1, pingBody(), { slots: claim(range(11, 19)) })
    bench.view.migrating.set(3, stranger)
    bench.inbound(300, 3, pingBody(), { configEpoch: 11, slots: claim([3, 10]) })
    expect(slotsOf(bench.view.bitmap(stranger))).toEqual([3, 10])
  })

  it('takes what a failed owner left for longer than T, but not of my own shard', () => {
    const { bench, stranger } = joined()
    const failed = bench.view.nodes.get(idOf(1))!
    failed.set(NodeFlag.fail)
    failed.failAt = START_MS
    bench.inbound(T, 3, pingBody(), { configEpoch: 11, slots: claim([10]) })
    expect(stranger.slotCount).toBe(0)
    bench.inbound(T + 1, 3, pingBody(), { configEpoch: 11, slots: claim([10]) })
    expect(stranger.slotCount).toBe(1)
    bench.view.unbindAll(bench.view.self)
    bench.follow(failed)
    bench.inbound(T + 2, 3, pingBody(), { configEpoch: 11, slots: claim([10, 11]) })
    expect(slotsOf(bench.view.bitmap(stranger))).toEqual([10])
  })

  it('is also whom gossip brought, and not who was read from nodes.conf', () => {
    const { bench } = joined()
    bench.inbound(200, 1, pingBody([entryOf(8, NodeFlag.primary)]))
    bench.inbound(300, 8, pingBody(), { configEpoch: 900, slots: all })
    expect(bench.view.self.slotCount).toBe(10)
    const known = bench.add(9)
    bench.inbound(400, 9, pingBody(), { configEpoch: 901, slots: claim([10]) })
    expect(known.slotCount).toBe(1)
  })
})

describe('row 75: the id of a known node from another address', () => {
  const answering = (): { bench: Bench; node: ClusterNode } => {
    const bench = new Bench()
    const node = bench.add(1)
    node.pingSentAt = START_MS
    node.pingLeftAt = START_MS
    bench.answer(5, 1)
    return { bench, node }
  }

  it('is not believed while the node answers where it was; a replica is not sent there; told once a minute', () => {
    const { bench, node } = answering()
    bench.follow(node)
    const effects = bench.inbound(10, 1, pingBody(), { ip: '10.9.9.9' })
    expect(node.ip).toBe('10.0.0.1')
    expect(effects.filter(({ type }) => type === 'replicateFrom')).toEqual([])
    expect(effects).toContainEqual(expect.objectContaining({ type: 'event', name: 'duplicateId', node: idOf(1) }))
    expect(warnings(effects)[0]).toContain('answers at 10.0.0.1:7000, and somebody under its id calls from 10.9.9.9:7000')
    expect(warnings(bench.inbound(20, 1, pingBody(), { ip: '10.9.9.9' }))).toEqual([])
  })

  it('is believed when the node has not answered for T, or when its link is gone', () => {
    const silent = answering()
    silent.bench.inbound(T, 1, pingBody(), { ip: '10.9.9.9' })
    expect(silent.node.ip).toBe('10.9.9.9')
    const gone = answering()
    gone.bench.at(10, () => gone.bench.gossip.closed(gone.node.link!.id))
    gone.bench.inbound(20, 1, pingBody(), { ip: '10.9.9.9' })
    expect(gone.node.ip).toBe('10.9.9.9')
  })

  it('is believed when the node announces it where it answers', () => {
    const { bench, node } = answering()
    const link = node.link!.id
    const effects = bench.answer(10, 1, pong(), { ip: '10.7.7.7', port: 7001, busPort: 17_001 })
    expect([node.ip, node.port, node.busPort]).toEqual(['10.7.7.7', 7001, 17_001])
    expect(effects).toContainEqual({ type: 'close', link })
    expect(sentTo(bench, bench.tick(100), 'ping')).toEqual([])
  })
})
