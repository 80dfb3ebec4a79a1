/** A node that cannot be reached is looked for under its host name, and known again by its id only. */
import { describe, expect, it } from 'vitest'
import type { ClusterNode, Effect, LinkId } from './index.js'
import { resolved } from './index.js'
import { Bench, idOf, pingBody, pong, sentTo, T } from '../test/helpers.js'

const NAME = 'one.example'

const asked = (effects: readonly Effect[]): Effect[] => effects.filter(({ type }) => type === 'resolve')
const linksOf = (effects: readonly Effect[]): LinkId[] => effects.flatMap((effect) => effect.type === 'connect' ? [effect.link] : [])

/** Node 1 has a host name, and nobody is where it was. */
function lost(hostname = NAME): { bench: Bench; node: ClusterNode } {
  const bench = new Bench()
  const node = bench.add(1)
  node.hostname = hostname
  bench.at(0, () => bench.gossip.closed(node.link!.id))
  return { bench, node }
}

/** Ticks until so long after the start, every 100 ms, with nobody listening at any address. */
function ticks(bench: Bench, fromMs: number, toMs: number): Effect[] {
  const all: Effect[] = []
  for (let ms = fromMs; ms <= toMs; ms += 100) {
    const effects = bench.tick(ms)
    all.push(...effects)
    for (const link of linksOf(effects)) bench.at(ms, () => bench.gossip.failed(link, true))
  }
  return all
}

/** The host name says `ip`, somebody listens there and answers as `id`. */
function answeredAt({ bench }: { bench: Bench }, ip: string, from: number): Effect[] {
  const looked = bench.at(T, () => resolved(bench.view, idOf(1), [ip]))
  expect(looked.filter(({ type }) => type !== 'log')).toEqual([])
  const effects = bench.tick(T + 100)
  const [connect] = effects.filter((effect) => effect.type === 'connect' && effect.ip === ip)
  if (connect?.type !== 'connect') throw new Error(`nobody was asked at ${ip}`)
  expect(connect).toMatchObject({ ip, port: 17_000 })
  const opened = bench.at(T + 110, () => bench.gossip.opened(connect.link, '10.0.0.0'))
  // Never MEET: who is there may be a node of another cluster, which would join.
  expect(opened.flatMap((effect) => effect.type === 'send' ? [effect.message.body.type] : [])).toEqual(['ping'])
  return bench.at(T + 120, () => {
    bench.gossip.receive(connect.link, { header: bench.header(from), body: pong() })
  })
}

describe('the host name of a node', () => {
  it('is looked up when no link was open for T / 2, and then every T', () => {
    const { bench } = lost()
    expect(asked(ticks(bench, 100, T / 2))).toEqual([])
    expect(asked(ticks(bench, T / 2 + 100, T / 2 + T))).toEqual([{ type: 'resolve', node: idOf(1), hostname: NAME }])
    expect(asked(ticks(bench, T / 2 + T + 100, T / 2 + 3 * T))).toHaveLength(2)
  })

  it('is not looked up while it is reached, nor of nodes that have none', () => {
    const bench = new Bench()
    bench.add(1).hostname = NAME
    expect(asked([T, 2 * T, 3 * T].flatMap((ms) => bench.tick(ms)))).toEqual([])
    expect(asked(ticks(lost('').bench, 100, 3 * T))).toEqual([])
  })

  it('leads to the node: who answers there with its id is it, and is called there from now on', () => {
    const found = lost()
    const { bench, node } = found
    bench.follow(node)
    const effects = answeredAt(found, '10.9.9.9', 1)
    expect([node.ip, node.port, node.busPort]).toEqual(['10.9.9.9', 7000, 17_000])
    expect(effects).toContainEqual({ type: 'replicateFrom', node: idOf(1), ip: '10.9.9.9', port: 7000 })
    expect(bench.view.list).toHaveLength(2)
    const [link] = linksOf(bench.tick(T + 200))
    expect(sentTo(bench, bench.at(T + 210, () => bench.gossip.opened(link!, '10.0.0.0')), 'ping')).toEqual([idOf(1)])
  })

  it('says nothing about whoever else answers there: neither it nor the node is changed', () => {
    const found = lost()
    const { bench, node } = found
    bench.add(2)
    const before = bench.view.list.length
    for (const from of [2, 7]) { // a node that is known, and a stranger
      answeredAt(found, '10.9.9.9', from)
      expect([node.ip, bench.view.nodes.get(idOf(2))!.ip, bench.view.nodes.has(idOf(7)), bench.view.list.length]).toEqual(['10.0.0.1', '10.0.0.2', false, before])
    }
  })

  it('is asked at every address it has but the one that is known, once at a time', () => {
    const { bench, node } = lost()
    const ips = ['10.0.0.1', '10.9.9.9', '10.9.9.8']
    bench.at(T, () => {
      resolved(bench.view, idOf(1), ips)
      resolved(bench.view, idOf(1), ips)
      resolved(bench.view, idOf(6), ips)
    })
    expect(bench.view.list.filter(({ inHandshake }) => inHandshake).map(({ ip }) => ip)).toEqual(['10.9.9.9', '10.9.9.8'])
    expect(node.ip).toBe('10.0.0.1')
  })

  it('finds also a node at whose address another one answered', () => {
    const bench = new Bench()
    const node = bench.add(1)
    node.hostname = NAME
    bench.at(10, () => {
      bench.gossip.receive(node.link!.id, { header: bench.header(5), body: pong() })
    })
    expect([node.ip, node.busPort]).toEqual(['', 0])
    expect(asked(ticks(bench, 100, T / 2))).toEqual([])
    expect(asked(ticks(bench, T / 2 + 100, T))).toHaveLength(1)
    answeredAt({ bench }, '10.9.9.9', 1)
    expect([node.ip, node.busPort]).toEqual(['10.9.9.9', 17_000])
  })

  it('that changes is kept, and redirects that name it are made anew', () => {
    const bench = new Bench()
    const node = bench.add(1)
    const told = (): Effect[] => bench.inbound(10, 1, { ...pingBody(), hostname: NAME } as never)
    expect(told().map(({ type }) => type)).toEqual(expect.arrayContaining(['persist', 'slotMapChanged']))
    expect(node.hostname).toBe(NAME)
    expect(told().map(({ type }) => type)).not.toContain('slotMapChanged')
  })
})
