/** Bitmaps of slots, and those that a view keeps of its nodes. */
import { describe, expect, it } from 'vitest'
import { Bench } from '../test/helpers.js'
import { bitmapOf, type ClusterNode, randomOf, rangesIn, rangesOf, SLOT_COUNT, slotsOf } from './index.js'

describe('ranges of a bitmap', () => {
  it.each<[slots: number[]]>([
    [[]], [[0]], [[SLOT_COUNT - 1]], [[7, 8]], [[0, 1, 2, 3, 4, 5, 6, 7]], [[8, 9, 10, 11, 12, 13, 14, 15, 16]],
    [[6, 7, 9, 100]],
    [Array.from({ length: SLOT_COUNT }, (_, slot) => slot)],
  ])('of %j', (slots) => expect(rangesIn(bitmapOf(slots))).toEqual(rangesOf(slots)))

  it('are those of its slots', () => {
    const random = randomOf(1)
    for (let round = 0; round < 20; round++) {
      const share = random()
      const slots = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter(() => random() < share * share)
      const bitmap = bitmapOf(slots)
      expect(rangesIn(bitmap)).toEqual(rangesOf(slotsOf(bitmap)))
    }
  })
})

describe('a view', () => {
  it('has bitmaps that say what its table says, and never changes one that it gave away', () => {
    const bench = new Bench()
    const { view } = bench
    const random = randomOf(2)
    const nodes: ClusterNode[] = [view.self, bench.add(1), bench.add(2)]
    const given = new Map<Uint8Array, number[]>()
    for (let round = 0; round < 30; round++) {
      const changes = random() < 0.2 ? 500 : Math.floor(random() * 5)
      for (let n = 0; n < changes; n++) {
        const slot = Math.floor(random() * (random() < 0.5 ? 100 : SLOT_COUNT))
        view.bind(slot, random() < 0.3 ? null : nodes[Math.floor(random() * nodes.length)]!)
      }
      for (const node of nodes) {
        const bitmap = view.bitmap(node)
        expect(slotsOf(bitmap)).toEqual(view.slotsOf(node))
        const others = nodes.map((other) => view.isClaimedBitmap(node, bitmapOf(view.slotsOf(other))))
        expect(others).toEqual(nodes.map((other) => other === node || (other.slotCount === 0 && node.slotCount === 0)))
        given.set(bitmap, view.slotsOf(node))
      }
    }
    for (const [bitmap, slots] of given) expect(slotsOf(bitmap)).toEqual(slots)
  })
})
