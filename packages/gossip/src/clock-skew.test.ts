import { describe, expect, it } from 'vitest'
import { Bench, START_MS } from '../test/helpers.js'
import { type BusBody, type ClusterNode, encodeSlotwise, farthestClock, findSlotwise } from './index.js'

const pongOf = (wallMs: number): BusBody => ({
  type: 'pong', gossip: [], hostname: '', extensions: [encodeSlotwise({
    version: 1, clusterId: '0'.repeat(32), shared: false, durableOffset: 0, acknowledgedOffset: 0, wallMs,
  })],
})

/** A PING leaves at `START_MS` and is answered `rttMs` later by somebody whose clock shows `aheadMs` more than mine. */
function measured(rttMs: number, aheadMs: number, wallAheadMs: number | null = 0): { bench: Bench; node: ClusterNode } {
  const bench = new Bench()
  const node = bench.add(1)
  bench.view.wallAheadMs = wallAheadMs
  node.pingSentAt = node.pingLeftAt = START_MS
  bench.answer(rttMs, 1, pongOf(START_MS + rttMs / 2 + (wallAheadMs ?? 0) + aheadMs))
  return { bench, node }
}

describe('clocks of others', () => {
  it('are far where they differ by more than a second, beyond what the way of the answer explains', () => {
    for (const [rttMs, aheadMs, skewMs] of [
      [0, 1001, 1001], [0, 1000, 0], [0, -1001, -1001], [0, -1000, 0],
      [400, 1100, 0], [400, 1201, 1201], [400, -1201, -1201], [10_000, 4000, 0],
      [10, 600_000, 600_000], [10, -3_600_000, -3_600_000],
    ] as const) {
      const { bench, node } = measured(rttMs, aheadMs)
      expect([rttMs, aheadMs, node.clock?.skewMs ?? 0]).toEqual([rttMs, aheadMs, skewMs])
      expect(farthestClock(bench.view)).toEqual(skewMs === 0 ? null : { node, skewMs })
    }
  })

  it('are compared with what the own system shows, not with the time of the machine', () => {
    expect(measured(0, 2000, -7_200_000).node.clock!.skewMs).toBe(2000)
    expect(measured(0, 0, 7_200_000).node.clock).toBeNull()
  })

  it('are not looked at where one of both does not tell, and without a PING', () => {
    expect(measured(0, 5000, null).node.clock).toBeNull()
    const bench = new Bench()
    const node = bench.add(1)
    bench.view.wallAheadMs = 0
    bench.answer(0, 1, pongOf(START_MS + 5000)) // nobody asked
    node.pingSentAt = node.pingLeftAt = START_MS
    bench.answer(0, 1, pongOf(0))
    expect(node.clock).toBeNull()
  })

  it('are asked for every ten seconds, of who knows our extension', () => {
    const bench = new Bench()
    bench.view.wallAheadMs = 250
    let ms = 0
    const asked = (): number[] => {
      const walls: number[] = []
      for (const end = ms + 25_000; ms < end;) {
        ms += 100
        for (const effect of bench.tick(ms)) {
          if (effect.type !== 'send' || effect.message.body.type !== 'ping') continue
          const said = findSlotwise(effect.message.body.extensions)
          if (said !== null) walls.push(said.wallMs - START_MS - ms)
          bench.answer(ms, 1)
        }
      }
      return walls
    }
    const node = bench.add(1)
    expect(asked()).toEqual([])
    node.tellsCluster = true
    expect(asked()).toEqual([250, 250, 250])
  })
})
