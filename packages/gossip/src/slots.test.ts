/** Bitmaps of slots, and those that a view keeps of its nodes. */
import { describe, expect, it } from 'vitest'
import { Bench } from '../test/helpers.js'
import {
  bitmapOf, type ClusterNode, type ClusterView, hasAllSlots, randomOf, rangesIn, rangesOf, SLOT_COUNT, slotsOf,
} from './index.js'
import { setSlots } from './slots.js'

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, index) => first + index)
const ownedBy = (view: ClusterView, node: ClusterNode | null): number[] =>
  range(0, SLOT_COUNT).filter((slot) => view.owners[slot] === node)

describe('ranges of a bitmap', () => {
  it.each<[slots: number[]]>([
    [[]], [[0]], [[SLOT_COUNT - 1]], [[7, 8]], [[0, 1, 2, 3, 4, 5, 6, 7]], [[8, 9, 10, 11, 12, 13, 14, 15, 16]],
    [[6, 7, 9, 100]],
    [range(0, SLOT_COUNT)],
  ])('of %j', (slots) => expect(rangesIn(bitmapOf(slots))).toEqual(rangesOf(slots)))

  it('are those of its slots', () => {
    const random = randomOf(1)
    for (let round = 0; round < 20; round++) {
      const share = random()
      const slots = range(0, SLOT_COUNT).filter(() => random() < share * share)
      const bitmap = bitmapOf(slots)
      expect(rangesIn(bitmap)).toEqual(rangesOf(slotsOf(bitmap)))
    }
  })
})

describe('a run of slots in a bitmap', () => {
  it.each([[0, 0], [0, 1], [3, 6], [3, 8], [7, 9], [8, 16], [5, 40], [8, 43], [16_000, SLOT_COUNT]])('from %d up to %d', (first, end) => {
    const bitmap = bitmapOf([])
    setSlots(bitmap, first, end, true)
    expect(slotsOf(bitmap)).toEqual(range(first, end))
    expect(hasAllSlots(bitmap, bitmapOf(range(first, end)))).toBe(true)
    expect(hasAllSlots(bitmap, bitmapOf([end % SLOT_COUNT]))).toBe(first === 0 && end === SLOT_COUNT)
    bitmap.fill(0xff)
    setSlots(bitmap, first, end, false)
    expect(slotsOf(bitmap)).toEqual([...range(0, first), ...range(end, SLOT_COUNT)])
  })
})

describe('a view', () => {
  it('binds many slots at a time as it binds each', () => {
    const [one, other] = [new Bench(), new Bench()]
    const nodesOf = (bench: Bench): ClusterNode[] => [bench.view.self, bench.add(1), bench.add(2)]
    const [nodes, others] = [nodesOf(one), nodesOf(other)]
    const random = randomOf(3)
    const below = (limit: number): number => Math.floor(random() * limit)
    for (let round = 0; round < 60; round++) {
      for (let n = below(20); n > 0; n--) {
        const [slot, value] = [below(SLOT_COUNT), random() < 0.5]
        for (const { view } of [one, other]) view.setNotClaiming(slot, value)
      }
      const slots = new Set(Array.from({ length: below(6) }, () => {
        const first = below(SLOT_COUNT)
        return range(first, Math.min(SLOT_COUNT, first + 1 + below(random() < 0.5 ? 10 : 6000)))
      }).flat())
      const to = below(4) - 1
      for (const slot of slots) one.view.bind(slot, nodes[to] ?? null)
      other.view.bindAll(bitmapOf(slots), others[to] ?? null)
      const told = ({ view }: Bench, all: readonly ClusterNode[]): unknown => [view.assignedCount, ...all.map((node) =>
        [node.slotCount, node.notClaimingCount, rangesIn(view.bitmap(node)), rangesOf(ownedBy(view, node))])]
      expect(told(other, others)).toEqual(told(one, nodes))
    }
  })

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
        expect(slotsOf(bitmap)).toEqual(ownedBy(view, node))
        const others = nodes.map((other) => view.isClaimedBitmap(node, bitmapOf(ownedBy(view, other))))
        expect(others).toEqual(nodes.map((other) => other === node || (other.slotCount === 0 && node.slotCount === 0)))
        given.set(bitmap, ownedBy(view, node))
      }
    }
    for (const [bitmap, slots] of given) expect(slotsOf(bitmap)).toEqual(slots)
  })
})
