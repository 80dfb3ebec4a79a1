/** PFAIL, FAIL, reports: Redis 7.0 cluster, "failure detection", and refused connections as evidence. */
import { describe, expect, it } from 'vitest'
import { Bench, entryOf, idOf, kinds, pingBody, sentTo, START_MS, T } from '../test/helpers.js'
import { type ClusterNode, type Effect, NodeFlag, reportCount } from './index.js'

/** Five voters, me among them; node 5 is a replica of node 1. */
function five(): Bench {
  const bench = new Bench()
  bench.own([0])
  for (let number = 1; number <= 4; number++) bench.add(number, { slots: [number] })
  bench.addReplica(5, 1)
  return bench
}

const nodeOf = (bench: Bench, number: number): ClusterNode => bench.view.nodes.get(idOf(number))!
const suspects = (number: number, flags: number = NodeFlag.primary | NodeFlag.pfail): ReturnType<typeof pingBody> =>
  pingBody([entryOf(number, flags)])

/** Ticks each 100 ms; nothing is heard from node 1. */
function silence(bench: Bench, from: number, to: number): Effect[] {
  const effects: Effect[] = []
  for (let ms = from; ms <= to; ms += 100) {
    for (const node of bench.view.list)
      if (node.id !== idOf(1)) Object.assign(node, { dataAt: START_MS + ms, pongAt: START_MS + ms, pingSentAt: 0 })
    effects.push(...bench.tick(ms))
  }
  return effects
}

describe('PFAIL', () => {
  it('after a PING pending for longer than T without any data', () => {
    const bench = five()
    nodeOf(bench, 1).pingSentAt = START_MS
    silence(bench, 100, T)
    expect(nodeOf(bench, 1).isPfail).toBe(false)
    silence(bench, T + 100, T + 100)
    expect(nodeOf(bench, 1).isPfail).toBe(true)
  })

  it('not while any data comes, as from a node whose PONG is behind a big message', () => {
    const bench = five()
    nodeOf(bench, 1).pingSentAt = START_MS
    silence(bench, 100, T)
    nodeOf(bench, 1).dataAt = START_MS + T
    silence(bench, T + 100, 2 * T)
    expect(nodeOf(bench, 1).isPfail).toBe(false)
  })

  it('is told at once to the replicas of the suspect and, in a small cluster, to the voters', () => {
    const bench = five()
    nodeOf(bench, 1).pingSentAt = START_MS
    silence(bench, 100, T)
    const pinged = new Set(sentTo(bench, silence(bench, T + 100, T + 100), 'ping'))
    expect([...pinged].sort()).toEqual([2, 3, 4, 5].map(idOf))
  })
})

describe('a suspicion of a replica', () => {
  it('about its primary is told to its siblings, who answer with their offsets', () => {
    const bench = five()
    bench.view.unbindAll(bench.view.self)
    bench.follow(nodeOf(bench, 1))
    nodeOf(bench, 1).pingSentAt = START_MS
    silence(bench, 100, T)
    const pinged = sentTo(bench, silence(bench, T + 50, T + 50), 'ping')
    expect(pinged).toEqual([idOf(5)])
  })
})

describe('refused connections', () => {
  const refuse = (bench: Bench, from: number, to: number, refused = true): void => {
    bench.at(from, () => bench.gossip.closed(nodeOf(bench, 1).link!.id))
    for (let ms = from; ms <= to; ms += 100) {
      const { link } = nodeOf(bench, 1)
      if (link !== null) bench.at(ms + 1, () => bench.gossip.failed(link.id, refused))
      silence(bench, ms + 100, ms + 100)
    }
  }

  it('make a killed process suspected well before T', () => {
    const bench = five()
    silence(bench, 100, 900)
    refuse(bench, 1000, 1100)
    expect(nodeOf(bench, 1).isPfail).toBe(false) // no more than a restart
    refuse(bench, 1300, 1500)
    expect(nodeOf(bench, 1).isPfail).toBe(true)
  })

  it('connections that time out are no evidence: the host may be slow', () => {
    const bench = five()
    silence(bench, 100, 900)
    refuse(bench, 1000, 1900, false)
    expect(nodeOf(bench, 1).isPfail).toBe(false)
  })

  it('data from the node ends the evidence', () => {
    const bench = five()
    silence(bench, 100, 900)
    refuse(bench, 1000, 1200)
    bench.inbound(1301, 1, pingBody())
    expect(nodeOf(bench, 1).refusedCount).toBe(0)
    silence(bench, 1400, 1600)
    expect(nodeOf(bench, 1).isPfail).toBe(false)
  })

  it('of many nodes that fail are asked for in turns, and who is heard is connected to at once', () => {
    const bench = new Bench()
    bench.own([0])
    for (let number = 1; number <= 30; number++) bench.add(number, { slots: [number] })
    const { list, links } = bench.view
    for (const { link } of list) if (link !== null) bench.at(500, () => bench.gossip.closed(link.id))
    const refuseAll = (ms: number): void => {
      for (const { id, open } of [...links.values()]) if (!open) bench.at(ms, () => bench.gossip.failed(id, true))
    }
    const asked = (effects: readonly Effect[]): string[] =>
      effects.flatMap((effect) => effect.type === 'connect' ? [effect.node] : [])
    const attempts = new Map<string, number>()
    for (let ms = 600; ms < 7000; ms += 100) {
      refuseAll(ms - 50)
      for (const id of asked(bench.tick(ms))) if (ms >= 4000) attempts.set(id, (attempts.get(id) ?? 0) + 1)
    }
    expect(list.every((node) => node.isMyself || node.isPfail)).toBe(true)
    // Ten a tick for thirty of them: each every third tick.
    expect(new Set(attempts.values())).toEqual(new Set([10]))
    expect(attempts.size).toBe(30)
    let ms = 7000
    while (asked(bench.tick(ms)).length === 0) ms += 100
    refuseAll(ms + 10)
    bench.inbound(ms + 20, 1, pingBody())
    expect(asked(bench.tick(ms + 100))).toEqual([idOf(1)])
  })

  it('do not count with a factor of 0, as in Redis', () => {
    const bench = new Bench(0, { refusedFactor: 0 })
    bench.own([0])
    bench.add(1, { slots: [1] })
    silence(bench, 100, 900)
    refuse(bench, 1000, 1800)
    expect(nodeOf(bench, 1).isPfail).toBe(false)
  })
})

describe('FAIL', () => {
  it('by my suspicion and the reports of a majority; everybody is told', () => {
    const bench = five()
    nodeOf(bench, 1).set(NodeFlag.pfail)
    bench.inbound(10, 2, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(false)
    const effects = bench.inbound(20, 3, suspects(1))
    expect([nodeOf(bench, 1).isFail, nodeOf(bench, 1).isPfail]).toEqual([true, false])
    expect(sentTo(bench, effects, 'fail').sort()).toEqual([1, 2, 3, 4, 5].map(idOf))
    expect(kinds(effects)).toContain('persist')
  })

  it('not by reports of replicas, or of primaries without slots', () => {
    const bench = five()
    bench.addReplica(6, 2)
    bench.add(7)
    nodeOf(bench, 1).set(NodeFlag.pfail)
    for (const reporter of [5, 6, 7, 2]) bench.inbound(10 + reporter, reporter, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(false)
    expect(reportCount(bench.view, nodeOf(bench, 1))).toBe(2) // Redis counts every primary
  })

  it('a replica marks too, and its own opinion does not count', () => {
    const bench = five()
    bench.view.unbindAll(bench.view.self)
    bench.follow(nodeOf(bench, 1))
    nodeOf(bench, 1).set(NodeFlag.pfail)
    bench.inbound(10, 2, suspects(1))
    bench.inbound(20, 3, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(false)
    bench.inbound(30, 4, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(true)
  })

  it('a report ends after 2 T, or when its reporter sees the node well', () => {
    const bench = five()
    bench.inbound(10, 2, suspects(1))
    bench.inbound(10, 3, suspects(1))
    bench.inbound(20, 3, suspects(1, NodeFlag.primary))
    expect(reportCount(bench.view, nodeOf(bench, 1))).toBe(1)
    bench.at(10 + 2 * T, () => expect(reportCount(bench.view, nodeOf(bench, 1))).toBe(1))
    bench.at(11 + 2 * T, () => expect(reportCount(bench.view, nodeOf(bench, 1))).toBe(0))
  })

  it('a majority of reports is enough even if I hear the node: it is cut off from them', () => {
    const bench = five()
    for (const reporter of [2, 3]) bench.inbound(reporter, reporter, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(false)
    bench.inbound(10, 4, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(true)
  })

  it('not by reports of some time ago about a node that I hear: it may have come back', () => {
    const bench = five()
    for (const reporter of [2, 3]) bench.inbound(reporter, reporter, suspects(1))
    bench.inbound(10 + T / 2, 4, suspects(1))
    expect(nodeOf(bench, 1).isFail).toBe(false)
  })

  it('by a FAIL message of any known sender about a node that I do not hear', () => {
    const bench = five()
    Object.assign(nodeOf(bench, 1), { dataAt: START_MS - T, pongAt: START_MS - T })
    bench.inbound(10, 5, { type: 'fail', failed: idOf(1) })
    expect(nodeOf(bench, 1).isFail).toBe(true)
  })

  it('row 78: about a node that I hear, a FAIL message is one report, from a replica none; I ask the node', () => {
    const bench = five()
    expect(sentTo(bench, bench.inbound(10, 2, { type: 'fail', failed: idOf(1) }), 'ping')).toEqual([idOf(1)])
    bench.inbound(20, 5, { type: 'fail', failed: idOf(1) })
    expect([nodeOf(bench, 1).isFail, reportCount(bench.view, nodeOf(bench, 1))]).toEqual([false, 1])
  })

  it('row 78: about me or unknown nodes, or of unknown senders, it is ignored', () => {
    const bench = five()
    bench.inbound(10, 2, { type: 'fail', failed: idOf(0) })
    bench.inbound(20, 2, { type: 'fail', failed: idOf(99) })
    bench.inbound(30, 77, { type: 'fail', failed: idOf(1) })
    expect(bench.view.list.filter((node) => node.isFail)).toEqual([])
  })
})

describe('clearing', () => {
  it('a node that fails here is asked by me, however fresh its PONGs to others are', () => {
    const bench = five()
    const node = nodeOf(bench, 1)
    node.set(NodeFlag.fail)
    node.failAt = START_MS
    for (let ms = 100; ms <= T; ms += 100) {
      const pongSeconds = Math.ceil((START_MS + ms) / 1000)
      bench.inbound(ms, 2, pingBody([entryOf(1, NodeFlag.primary, { pongSeconds })]))
      bench.tick(ms)
    }
    expect(node.pingSentAt).toBeGreaterThan(0)
  })

  it('PFAIL by a PONG on our own link, not on an inbound one', () => {
    const bench = five()
    nodeOf(bench, 1).set(NodeFlag.pfail)
    nodeOf(bench, 1).pingSentAt = START_MS
    bench.inbound(10, 1, pingBody())
    expect([nodeOf(bench, 1).isPfail, nodeOf(bench, 1).pingSentAt]).toEqual([true, START_MS])
    bench.answer(20, 1)
    expect([nodeOf(bench, 1).isPfail, nodeOf(bench, 1).pingSentAt]).toEqual([false, 0])
  })

  it.each([
    ['a replica', 5, 10, false],
    ['a primary with slots, within 2 T', 1, 2 * T, true],
    ['a primary with slots that nobody took, after 2 T', 1, 2 * T + 1, false],
  ])('FAIL of %s', (_name, number, afterMs, expected) => {
    const bench = five()
    nodeOf(bench, number).set(NodeFlag.fail)
    nodeOf(bench, number).failAt = START_MS
    bench.answer(afterMs, number)
    expect(nodeOf(bench, number).isFail).toBe(expected)
  })

  it('FAIL of a primary without slots at once', () => {
    const bench = five()
    const node = bench.add(6)
    node.set(NodeFlag.fail)
    node.failAt = START_MS
    bench.answer(10, 6)
    expect(node.isFail).toBe(false)
  })
})
