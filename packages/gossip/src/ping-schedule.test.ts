/** Whom a node of a large cluster PINGs although gossip says that it lives. */
import { expect, it } from 'vitest'
import { Bench, sentTo, START_MS, T } from '../test/helpers.js'
import { TICK_MS } from './index.js'

it('who was not heard itself for 3 to 4 T is asked, some later than others, whatever gossip tells', () => {
  const bench = new Bench()
  const nodes = Array.from({ length: 50 }, (_, index) => bench.add(index + 1, { epoch: 0 }))
  const asked = new Set<string>()
  let most = 0
  const until = (endMs: number, fromMs: number): number => {
    for (let ms = fromMs; ms <= endMs; ms += TICK_MS) {
      for (const node of nodes) node.pongAt = START_MS + ms
      const now = sentTo(bench, bench.tick(ms), 'ping')
      most = Math.max(most, now.length)
      for (const id of now) asked.add(id)
    }
    return asked.size
  }
  expect(until(3 * T, TICK_MS)).toBeLessThanOrEqual(3 * T / 1000 + 1) // one a second is drawn
  expect(until(4 * T + TICK_MS, 3 * T + TICK_MS)).toBe(nodes.length)
  expect(most).toBeLessThan(10)
})
