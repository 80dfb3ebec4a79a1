import { describe, expect, it } from 'vitest'
import { type NodeRow, nodeRows } from './nodes-table.js'
import { copiesBySlot, SlotCopies } from './slot-copies.js'

const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(40))
const rows: NodeRow[] = nodeRows([
  `${a} 10.0.0.1:7000@17000 myself,slave ${b} 0 0 1 connected`,
  `${b} 10.0.0.2:7000@17000 master - 0 0 1 connected 0-99 200`,
  `${c} 10.0.0.3:7000@17000 slave ${b} 0 0 1 connected`,
  `${d} 10.0.0.4:7000@17000 slave,fail ${b} 0 0 1 connected`,
  `${e} 10.0.0.5:7000@17000 master - 0 0 2 connected 300-16383`,
].join('\n'))

describe('the copies of a slot', () => {
  it('are its primary and the replicas that are there, without this node', () => {
    const bySlot = copiesBySlot(rows)
    for (const slot of [0, 99, 200]) expect(bySlot[slot]).toEqual(['10.0.0.2:7000', '10.0.0.3:7000'])
    for (const slot of [300, 16_383]) expect(bySlot[slot]).toEqual(['10.0.0.5:7000'])
    for (const slot of [100, 199, 201, 299]) expect(bySlot[slot]).toEqual([])
  })

  it('are asked for once by many reads, and nobody is refused while they cannot be had', async () => {
    let asked = 0
    const copies = new SlotCopies(() => {
      asked++
      return Promise.resolve(rows)
    })
    expect(await Promise.all([copies.of(0), copies.of(300), copies.of(100)])).toEqual([
      ['10.0.0.2:7000', '10.0.0.3:7000'], ['10.0.0.5:7000'], [],
    ])
    expect(asked).toBe(1)
    expect(await new SlotCopies(() => Promise.reject(new Error('no'))).of(0)).toEqual([])
  })
})
