import { describe, expect, it } from 'vitest'
import { Bench, idOf, ipOf, range, START_MS, T } from '../test/helpers.js'
import { bitmapOf, type BusBody, type BusHeader, type ClusterNode, type Effect, encodeSlotwise, findSlotwise } from './index.js'

const body = (type: 'ping' | 'pong', processId: number, isSecond = false): BusBody => ({
  type, gossip: [], hostname: '', extensions: [encodeSlotwise({
    version: 1, clusterId: '0'.repeat(32), shared: false, durableOffset: 0, acknowledgedOffset: 0, processId, isSecond,
  })],
})

const CALLER = -77

interface Called {
  bench: Bench
  node: ClusterNode
  call: (ms: number, processId: number, over?: Partial<BusHeader>) => Effect[]
}

/** Node 1 has answered where it is, as process 11; somebody calls from elsewhere. */
function called(): Called {
  const bench = new Bench()
  const node = bench.add(1)
  node.pingSentAt = node.pingLeftAt = START_MS
  bench.answer(5, 1, body('pong', 11))
  bench.at(10, () => bench.gossip.accepted(CALLER, '10.9.9.9', ipOf(0)))
  const call = (ms: number, processId: number, over: Partial<BusHeader> = {}): Effect[] => bench.at(ms, () => {
    bench.gossip.receive(CALLER, { header: bench.header(1, over), body: body('ping', processId) })
  })
  return { bench, node, call }
}

const answers = (effects: readonly Effect[]): (boolean | undefined)[] => effects.flatMap((effect) =>
  effect.type === 'send' && effect.link === CALLER && 'extensions' in effect.message.body
    ? [findSlotwise(effect.message.body.extensions)?.isSecond] : [])

describe('row 84: two processes under one id', () => {
  it('nothing is learned from the one that calls while the other answers, and it is told when that is certain', () => {
    const { bench, node, call } = called()
    const more = { configEpoch: 9, currentEpoch: 9, slots: bitmapOf(range(0, 99)), ip: '10.9.9.9' }
    const first = call(20, 22, more)
    expect(answers(first)).toEqual([]) // nothing to serve by
    expect(first).toContainEqual(expect.objectContaining({ type: 'send', link: node.link!.id })) // is the first one there?
    const learned = (): unknown[] => [node.slotCount, node.configEpoch, bench.view.currentEpoch, node.ip, node.inbound]
    expect(learned()).toEqual([0, 1, 0, ipOf(1), null])
    bench.answer(30, 1, body('pong', 11))
    const second = call(40, 22, more)
    expect(answers(second)).toEqual([true])
    expect(second).toContainEqual({ type: 'event', name: 'duplicateId', node: idOf(1), epoch: 0 })
    expect(call(50, 22, more).filter(({ type }) => type === 'event' || type === 'log')).toEqual([])
    expect(learned()).toEqual([0, 1, 0, ipOf(1), null])
  })

  it('one process may have two links, from wherever it calls, and who says no number is judged by the address', () => {
    for (const processId of [11, 0]) {
      const { bench, node, call } = called()
      expect(answers(call(20, processId, { configEpoch: 9, currentEpoch: 9 }))).toEqual([false])
      expect([bench.view.currentEpoch, node.inbound?.id]).toEqual([9, CALLER])
    }
  })

  it('the one that calls is believed when the other has not answered for T, or its link has ended', () => {
    const silent = called()
    expect(answers(silent.call(20, 22))).toEqual([])
    expect(answers(silent.call(T + 10, 22, { ip: '10.9.9.9' }))).toEqual([false])
    expect(silent.node.ip).toBe('10.9.9.9')
    const gone = called()
    gone.bench.at(15, () => gone.bench.gossip.closed(gone.node.link!.id))
    expect(answers(gone.call(20, 22, { ip: '10.9.9.9' }))).toEqual([false])
    expect(gone.node.ip).toBe('10.9.9.9')
  })

  it('the second one stops when a majority of the others has said so for two node timeouts', () => {
    const bench = new Bench()
    for (const number of [1, 2, 3, 4]) bench.add(number)
    const stops = (ms: number, ...from: number[]): string[] => from.flatMap((number) =>
      bench.answer(ms, number, body('pong', number, true)).flatMap((effect) => effect.type === 'stop' ? [effect.why] : []))
    for (let ms = 100; ms < 2 * T; ms += 500) expect(stops(ms, 1, 2)).toEqual([])
    expect(stops(2 * T + 500, 1, 2)).toEqual([]) // two of four are none
    for (let ms = 2 * T + 600; ms < 4 * T + 600; ms += 500) expect(stops(ms, 1, 2, 3)).toEqual([])
    expect(stops(4 * T + 700, 1, 2, 3)).toEqual([expect.stringMatching(/^another process runs under the id of this node.*: 3 of 4 other nodes/)])
    expect(bench.view.nodes.get(idOf(1))!.confirmedAt).toBe(0) // no lease follows from such an answer
  })

  it('a pause in what they say begins the time anew, and what nobody is asked for counts nothing', () => {
    const bench = new Bench()
    bench.add(1)
    const told = (ms: number): Effect[] => bench.answer(ms, 1, body('pong', 1, true))
    told(0)
    told(T)
    expect(told(2 * T + 1).filter(({ type }) => type === 'stop')).toEqual([])
    const inbound = bench.inbound(6 * T, 1, body('ping', 1, true))
    expect(inbound.filter(({ type }) => type === 'stop')).toEqual([])
  })
})
