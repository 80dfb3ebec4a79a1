/** Bits of reports: none is missing, and what is not looked at because of them would have changed nothing. */
import { describe, expect, it } from 'vitest'
import { Bench, entryOf, idOf, pingBody, T } from '../test/helpers.js'
import { type ClusterView, type Effect, NodeFlag, randomOf, reportCount } from './index.js'
import { ReportedBits } from './reported-bits.js'

describe('bits of reports', () => {
  it('are what a set of pairs says, while rows come', () => {
    const bits = new ReportedBits()
    const random = randomOf(3)
    const pairs = new Set<string>()
    for (let rows = 2; rows < 200; rows += 3) {
      for (let n = 0; n < 40; n++) {
        const [reporter, subject] = [Math.floor(random() * rows), Math.floor(random() * rows)]
        const isSet = random() < 0.6
        if (isSet) bits.set(reporter, subject)
        else bits.clear(reporter, subject)
        if (isSet) pairs.add(`${reporter} ${subject}`)
        else pairs.delete(`${reporter} ${subject}`)
      }
      const found: string[] = []
      for (let reporter = 0; reporter < rows; reporter++)
        for (let subject = 0; subject < rows; subject++)
          if (bits.has(reporter, subject)) found.push(`${reporter} ${subject}`)
      expect(found.sort()).toEqual([...pairs].sort())
    }
  })

  it('follow nodes that leave a view: whoever was reported by one that moved up can be cleared by it', () => {
    const bench = new Bench()
    bench.own([0])
    for (let number = 1; number <= 40; number++) bench.add(number, { slots: [number] })
    const pfail = NodeFlag.primary | NodeFlag.pfail
    bench.inbound(100, 40, pingBody([entryOf(39, pfail)]))
    bench.at(110, () => bench.view.remove(bench.view.nodes.get(idOf(20))!))
    expect(bench.view.nodes.get(idOf(39))!.reports?.size).toBe(1)
    bench.inbound(200, 40, pingBody([entryOf(39, NodeFlag.primary)]))
    expect(bench.view.nodes.get(idOf(39))!.reports).toBeNull()
  })

  it('change nothing: a view in which all are set, so that every report is looked at, learns and does the same', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const quick = story(seed, () => undefined)
      const plain = story(seed, (view) => view.rows.reported.setAll())
      expect(quick).toEqual(plain)
      expect(quick.some((line) => line.includes('quorum reached'))).toBe(true)
    }
  })
})

/** What a view says and does while others report each other, take it back, fall silent, and come and go. */
function story(seed: number, beforeEach: (view: ClusterView) => void): string[] {
  const random = randomOf(seed)
  const bench = new Bench()
  const { view } = bench
  bench.own([0])
  const last = 12
  for (let number = 1; number <= last; number++) {
    if (number % 3 === 0) bench.addReplica(number, number - 1)
    else bench.add(number, { slots: [number] })
  }
  const any = (): number => 1 + Math.floor(random() * last)
  const lines: string[] = []
  let ms = 0
  for (let step = 0; step < 600; step++) {
    beforeEach(view)
    ms += random() < 0.05 ? random() * 3 * T : random() * T / 20
    ms = Math.floor(ms)
    const from = any()
    const what = random()
    if (what < 0.7) {
      const entries = Array.from({ length: 4 }, any).map((number) => entryOf(number,
        NodeFlag.primary | (random() < (number % 4 === 0 ? 0.7 : 0.1) ? NodeFlag.pfail : 0),
        { pongSeconds: Math.floor((view.now + random() * 2000 - 1000) / 1000) }))
      if (view.nodes.has(idOf(from))) lines.push(effects(bench.inbound(ms, from, pingBody(entries))))
    } else if (what < 0.85) lines.push(effects(bench.tick(ms)))
    else if (what < 0.95) {
      if (view.nodes.get(idOf(from))?.link?.open === true) lines.push(effects(bench.answer(ms, from)))
    } else if (what < 0.97 && view.nodes.has(idOf(from))) bench.at(ms, () => view.remove(view.nodes.get(idOf(from))!))
    else if (!view.nodes.has(idOf(from))) bench.add(from, { slots: [from] })
    const isCounted = random() < 0.2 // counting forgets what is over
    lines.push(view.list.map((node) => `${node.flags} ${node.pongAt}${isCounted ? ` ${reportCount(view, node)}` : ''}`).join())
  }
  return lines
}

const effects = (list: readonly Effect[]): string => JSON.stringify(list.map((effect) =>
  effect.type === 'send' ? { ...effect, message: effect.message.body } : effect))
