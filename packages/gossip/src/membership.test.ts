/**
 * Links, handshake, addresses and the gossip section: Redis 7.0 cluster bus, "links, handshake, addresses" and
 * "gossip".
 */
import { describe, expect, it } from 'vitest'
import {
  Bench, entryOf, idOf, ipOf, kinds, meetBody, pingBody, pong, range, sentTo, START_MS, T,
} from '../test/helpers.js'
import { ClusterNode, type Effect, NodeFlag, startHandshake } from './index.js'
import { gossipCount, gossipOf } from './headers.js'

const connects = (effects: readonly Effect[]): number[] => effects.flatMap((effect) =>
  effect.type === 'connect' ? [effect.link] : [])

describe('links', () => {
  it('every known node with an address and without a link is connected to, and the first message is a PING', () => {
    const bench = new Bench()
    const node = new ClusterNode(idOf(1), NodeFlag.primary, START_MS)
    Object.assign(node, { ip: ipOf(1), port: 7000, busPort: 17_000 })
    bench.view.add(node)
    const [link] = connects(bench.tick(100))
    expect(kinds(bench.at(101, () => bench.gossip.opened(link!, '10.0.0.0')))).toEqual(['send ping'])
    expect(node.pingSentAt).toBe(START_MS + 101)
    expect(connects(bench.tick(200))).toEqual([])
  })

  it('a node without an address is not connected to', () => {
    const bench = new Bench()
    bench.view.add(new ClusterNode(idOf(1), NodeFlag.primary | NodeFlag.noAddress, START_MS))
    expect(connects(bench.tick(100))).toEqual([])
  })

  it('the time of a pending PING survives reconnects', () => {
    const bench = new Bench()
    const node = bench.add(1)
    node.pingSentAt = START_MS + 5
    const [again] = connects(bench.at(500, () => bench.gossip.closed(node.link!.id)))
    bench.at(510, () => bench.gossip.opened(again!, '10.0.0.0'))
    expect(node.pingSentAt).toBe(START_MS + 5)
  })

  it('a connection that fails counts as the start of a pending PING', () => {
    const bench = new Bench()
    const node = bench.add(1)
    bench.at(100, () => bench.gossip.failed(node.link!.id, false))
    expect(node.pingSentAt).toBe(START_MS + 100)
  })

  it('a second inbound connection of a node replaces the first', () => {
    const bench = new Bench()
    const node = bench.add(1)
    bench.inbound(10, 1, pingBody())
    expect(node.inbound?.id).toBe(-1)
    expect(bench.inbound(20, 1, pingBody())).toContainEqual({ type: 'close', link: -1 })
    expect(node.inbound?.id).toBe(-2)
  })

  it('PING is answered on the link it came by, also for an unknown id, which changes nothing', () => {
    const bench = new Bench()
    const effects = bench.inbound(10, 9, pingBody([entryOf(8, NodeFlag.primary)]), { currentEpoch: 77 })
    expect(effects).toMatchObject([{ type: 'send', link: -1, message: { body: { type: 'pong' } } }])
    expect([bench.view.list.length, bench.view.currentEpoch]).toEqual([1, 0])
  })
})

describe('handshake', () => {
  it('CLUSTER MEET: a random id, and MEET as the first message; the same address again does nothing', () => {
    const bench = new Bench()
    const address = { ip: ipOf(1), port: 7000, plainPort: 0, busPort: 17_000 }
    expect(startHandshake(bench.view, address, true)).toBe(true)
    expect(startHandshake(bench.view, address, true)).toBe(false)
    const [link] = connects(bench.tick(100))
    expect(kinds(bench.at(101, () => bench.gossip.opened(link!, '')))).toEqual(['send meet'])
  })

  it('the receiver of MEET enters the sender by the address of its socket, answers, and asks back with PING', () => {
    const bench = new Bench()
    const effects = bench.inbound(10, 1, meetBody())
    expect(kinds(effects)).toEqual(['persist', 'send pong'])
    const node = bench.view.list[1]!
    expect([node.inHandshake, node.ip, node.busPort, node.id === idOf(1)]).toEqual([true, ipOf(1), 17_000, false])
    const [link] = connects(bench.tick(100))
    expect(kinds(bench.at(101, () => bench.gossip.opened(link!, '')))).toEqual(['send ping'])
  })

  it('nothing is learned from the gossip of a MEET', () => {
    const bench = new Bench()
    bench.inbound(10, 1, { type: 'meet', gossip: [entryOf(5, NodeFlag.primary)], hostname: '', extensions: [] },
      { currentEpoch: 9 })
    expect([bench.view.nodes.has(idOf(5)), bench.view.currentEpoch]).toEqual([false, 0])
  })

  const shaking = (bench: Bench, number: number): ClusterNode => {
    startHandshake(bench.view, { ip: ipOf(number), port: 7000, plainPort: 0, busPort: 17_000 }, true)
    const node = bench.view.list.at(-1)!
    const [link] = connects(bench.tick(100))
    bench.at(101, () => bench.gossip.opened(link!, ''))
    return node
  }

  it('an answer on the outbound link gives the node its id and role', () => {
    const bench = new Bench()
    const node = shaking(bench, 1)
    bench.at(110, () => bench.gossip.receive(node.link!.id, { header: bench.header(1), body: pong() }))
    expect([node.id, node.inHandshake, node.isPrimary]).toEqual([idOf(1), false, true])
    expect(bench.view.known(idOf(1))).toBe(node)
  })

  it('an answer with an id that is known updates that node and drops the handshake', () => {
    const bench = new Bench()
    const known = bench.add(1)
    const node = shaking(bench, 3)
    bench.at(110, () => bench.gossip.receive(node.link!.id, { header: bench.header(1), body: pong() }))
    expect([known.ip, bench.view.list.length]).toEqual([ipOf(3), 2])
  })

  it('a handshake that takes longer than T is dropped', () => {
    const bench = new Bench()
    shaking(bench, 1)
    bench.tick(T)
    expect(bench.view.list.length).toBe(2)
    bench.tick(T + 1)
    expect(bench.view.list.length).toBe(1)
  })

  it('a node that meets itself ends the handshake and knows nobody more', () => {
    const bench = new Bench()
    const node = shaking(bench, 0)
    expect(kinds(bench.inbound(105, 0, meetBody()))).toEqual(['send pong'])
    bench.at(110, () => bench.gossip.receive(node.link!.id, { header: bench.header(0), body: pong() }))
    expect(bench.view.list).toEqual([bench.view.self])
  })

  it('row 84: another process with my id is told of', () => {
    const bench = new Bench()
    const effects = bench.inbound(10, 0, pingBody(), { port: 7999 })
    expect(effects).toContainEqual(expect.objectContaining({ type: 'event', name: 'duplicateId' }))
  })
})

describe('addresses', () => {
  it('another id on the link of a known node: the node has no address any more, and nothing is learned', () => {
    const bench = new Bench()
    const node = bench.add(1)
    const link = node.link!.id
    const effects = bench.at(10, () =>
      bench.gossip.receive(link, { header: { ...bench.header(1), sender: idOf(9), currentEpoch: 50 }, body: pong() }))
    expect(effects).toContainEqual({ type: 'close', link })
    expect([node.has(NodeFlag.noAddress), node.ip, node.busPort, bench.view.currentEpoch]).toEqual([true, '', 0, 0])
  })

  it('a PING from elsewhere moves a node and rebuilds its link; a primary that moves is followed', () => {
    const bench = new Bench()
    const node = bench.add(1)
    bench.follow(node)
    const link = node.link!.id
    const effects = bench.inbound(10, 1, pingBody(), { ip: '10.9.9.9' })
    expect(effects).toContainEqual({ type: 'close', link })
    expect(effects).toContainEqual({ type: 'replicateFrom', node: idOf(1), ip: '10.9.9.9', port: 7000 })
    expect(node.ip).toBe('10.9.9.9')
  })

  it('the own address is that of the socket of a MEET, and of any PING while it is unknown', () => {
    const bench = new Bench(0, { announceIp: '' })
    bench.inbound(10, 1, pingBody())
    expect(bench.view.self.ip).toBe(ipOf(0))
  })
})

describe('the gossip section', () => {
  it.each([[2, 0], [3, 1], [4, 2], [5, 3], [6, 3], [31, 3], [40, 4], [1000, 100]])('of %i nodes %i are wanted',
    (nodes, wanted) => {
      expect(gossipCount(nodes)).toBe(wanted)
    })

  it('names no node twice, not me, no handshake, none without address, and all suspects beyond the wanted', () => {
    const bench = new Bench()
    for (let number = 1; number <= 8; number++) bench.add(number)
    bench.view.nodes.get(idOf(1))!.set(NodeFlag.pfail)
    bench.view.nodes.get(idOf(2))!.set(NodeFlag.pfail)
    bench.view.nodes.get(idOf(3))!.set(NodeFlag.noAddress)
    bench.view.nodes.get(idOf(4))!.set(NodeFlag.handshake)
    for (let round = 0; round < 50; round++) {
      const ids = gossipOf(bench.view).map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids).toEqual(expect.arrayContaining([idOf(1), idOf(2)]))
      expect(ids.length).toBeLessThanOrEqual(5)
      for (const hidden of [0, 3, 4]) expect(ids).not.toContain(idOf(hidden))
    }
  })

  it('an unknown node is added with its flags; not one that was forgotten, without address, or over the limit', () => {
    const bench = new Bench(0, { nodesMax: 3 })
    bench.add(1)
    bench.view.blocked.set(idOf(5), START_MS + 60_000)
    bench.inbound(10, 1, pingBody([
      entryOf(5, NodeFlag.primary), entryOf(6, NodeFlag.primary | NodeFlag.noAddress),
      entryOf(7, NodeFlag.replica | NodeFlag.pfail),
      entryOf(8, NodeFlag.primary),
    ]))
    expect(bench.view.list.map(({ id }) => id)).toEqual([idOf(0), idOf(1), idOf(7)])
    expect(bench.view.nodes.get(idOf(7))!.flags).toBe(NodeFlag.replica | NodeFlag.pfail)
  })

  it('row 83: a node that invents 100,000 others fills the table to its limit', () => {
    const bench = new Bench(0, { nodesMax: 50 })
    bench.add(1)
    for (let round = 0; round < 100; round++)
      bench.inbound(round, 1, pingBody(Array.from({ length: 1000 }, (_, index) =>
        entryOf(1000 * round + index + 10, NodeFlag.primary))))
    expect(bench.view.list.length).toBe(50)
  })

  it('row 83: so do MEETs from many addresses', () => {
    const bench = new Bench(0, { nodesMax: 50 })
    for (let port = 1; port <= 1000; port++) bench.inbound(port, 9, meetBody(), { busPort: port })
    expect(bench.view.list.length).toBe(50)
  })

  it.each([
    ['later than ours', 20, 0, 20_000],
    ['earlier than ours', -20, 0, 0],
    ['more than half a second in the future', 31, 0, 0],
    ['while a PING of ours is pending', 20, 1, 0],
  ])('a PONG time of others counts if it is later: %s', (_name, seconds, pending, expected) => {
    const bench = new Bench()
    bench.add(1)
    const node = bench.add(2)
    node.pingSentAt = pending
    const base = Math.floor(START_MS / 1000)
    bench.inbound(30_000, 1, pingBody([entryOf(2, NodeFlag.primary, { pongSeconds: base + seconds })]))
    expect(node.pongAt - START_MS).toBe(expected)
  })

  it('an address is taken from hearsay only for a node that fails here and is well there', () => {
    const bench = new Bench()
    bench.add(1)
    const [well, ill] = [bench.add(2), bench.add(3)]
    ill.set(NodeFlag.pfail)
    const moved = { ip: '10.5.5.5' }
    bench.inbound(10, 1, pingBody([entryOf(2, NodeFlag.primary, moved), entryOf(3, NodeFlag.primary, moved)]))
    expect([well.ip, ill.ip, ill.link]).toEqual([ipOf(2), '10.5.5.5', null])
  })

  it('the header tells epochs, offset, role and NOFAILOVER; a missing hostname erases it', () => {
    const bench = new Bench()
    const [primary, node] = [bench.add(1), bench.add(2)]
    node.hostname = 'old'
    bench.inbound(10, 2, pingBody(), { currentEpoch: 7, offset: 55, flags: NodeFlag.replica | NodeFlag.noFailover,
      replicaOf: idOf(1) })
    expect([bench.view.currentEpoch, node.offset, node.isReplica, node.primary, node.has(NodeFlag.noFailover),
      node.hostname])
      .toEqual([7, 55, true, primary, true, ''])
    expect(primary.has(NodeFlag.migrateTo)).toBe(true)
  })

  it('a primary that becomes a replica loses its slots, and is a primary again without them', () => {
    const bench = new Bench()
    bench.add(1)
    const node = bench.add(2, { slots: range(0, 9) })
    bench.inbound(10, 2, pingBody(), { replicaOf: idOf(1) })
    expect([node.slotCount, bench.view.assignedCount]).toEqual([0, 0])
    bench.inbound(20, 2, pingBody(), { replicaOf: null, flags: NodeFlag.primary })
    expect([node.isPrimary, node.primary]).toEqual([true, null])
  })

  it('row 76: epochs that jump by more than a million are refused, but a new node may learn them', () => {
    const bench = new Bench()
    bench.add(1)
    bench.view.currentEpoch = 5
    bench.inbound(10, 1, pingBody(), { currentEpoch: 2 ** 21 })
    expect([bench.view.currentEpoch, bench.view.refusedMessages]).toEqual([5, 1])
    bench.view.currentEpoch = 0
    bench.inbound(20, 1, pingBody(), { currentEpoch: 2 ** 21 })
    expect(bench.view.currentEpoch).toBe(2 ** 21)
  })
})

describe('the PING schedule', () => {
  it('PINGs a node whose last PONG is older than T / 2', () => {
    const bench = new Bench(0, { nodeTimeoutMs: 1000 })
    const node = bench.add(1)
    bench.tick(100) // the draw of this second
    node.pingSentAt = 0
    node.pongAt = START_MS + 200
    expect(sentTo(bench, bench.tick(700), 'ping')).toEqual([])
    expect(sentTo(bench, bench.tick(701), 'ping')).toEqual([idOf(1)])
  })

  it('goes by a shorter T at once', () => {
    const bench = new Bench(0, { nodeTimeoutMs: 15_000 })
    const node = bench.add(1)
    bench.tick(100) // the draw of this second
    Object.assign(node, { pingSentAt: 0, pongAt: START_MS + 200 })
    bench.tick(300)
    Object.assign(bench.view.options, { nodeTimeoutMs: 1000 }) // as CONFIG SET does
    expect(sentTo(bench, bench.tick(700), 'ping')).toEqual([])
    expect(sentTo(bench, bench.tick(701), 'ping')).toEqual([idOf(1)])
  })

  it('draws five each second and PINGs the one heard of longest ago', () => {
    const bench = new Bench()
    for (let number = 1; number <= 3; number++) bench.add(number).pongAt = START_MS - number
    const pinged = sentTo(bench, bench.tick(100), 'ping')
    expect(pinged).toHaveLength(1)
    expect(sentTo(bench, bench.tick(200), 'ping')).toEqual([])
    expect(sentTo(bench, bench.tick(1100), 'ping').length).toBeGreaterThan(0)
  })

  it('gives up a link with a PING pending for T / 2 and no data, if the link is older than T', () => {
    const bench = new Bench()
    const node = bench.add(1)
    node.pingSentAt = START_MS + 10
    const link = node.link!.id
    bench.tick(T - 100)
    expect(bench.tick(T)).not.toContainEqual({ type: 'close', link })
    expect(bench.tick(T + 1)).toContainEqual({ type: 'close', link })
  })

  it('gives up a connection that nobody answers after T / 2, tries again, and suspects the node after T', () => {
    const bench = new Bench()
    const node = bench.add(1)
    Object.assign(node, { dataAt: START_MS, pongAt: START_MS })
    const [link] = connects(bench.at(200, () => bench.gossip.closed(node.link!.id)))
    for (let ms = 300; ms <= 200 + T / 2; ms += 100) expect(connects(bench.tick(ms))).toEqual([])
    expect(bench.tick(300 + T / 2)).toContainEqual({ type: 'close', link })
    expect(connects(bench.tick(400 + T / 2))).toHaveLength(1)
    for (let ms = 500 + T / 2; ms <= 200 + T; ms += 100) bench.tick(ms)
    expect(node.isPfail).toBe(false)
    bench.tick(300 + T)
    expect(node.isPfail).toBe(true)
  })

  it('gives up a link without an answer for T although the other side\'s link brings data', () => {
    const bench = new Bench()
    const node = bench.add(1)
    node.pingSentAt = START_MS + 10
    const link = node.link!.id
    bench.inbound(T, 1, pingBody())
    expect(bench.tick(T + 10)).not.toContainEqual({ type: 'close', link })
    expect(bench.tick(T + 11)).toContainEqual({ type: 'close', link })
  })

  it('time in which this node did not run is nobody\'s silence', () => {
    const bench = new Bench()
    const node = bench.add(1)
    bench.tick(100)
    node.pingSentAt = START_MS + 100
    bench.tick(30_000)
    expect(node.isPfail).toBe(false)
    for (let ms = 30_100; ms <= 30_000 + T + 200; ms += 100) bench.tick(ms)
    expect(node.isPfail).toBe(true)
  })
})
