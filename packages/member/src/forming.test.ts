/** Who gets what: from tables of nodes to plans. */
import { describe, expect, it } from 'vitest'
import { fairShare, formingPlan, nextGiven, nextTaken, primaryInNeed, runsOf } from './forming.js'
import { fieldOf, type NodeRow, nodeRows, slotCountOf, slotsOf } from './nodes-table.js'
import { checkSameCluster, parseSeed, refusalOf } from './seeds.js'

const row = (port: number, more: Partial<NodeRow> = {}): NodeRow => ({
  id: `n${port}`, host: '10.0.0.1', port, busPort: port + 10_000, isMyself: false, isReplica: false, isAbsent: false,
  primary: '', slots: [], ...more,
})
const planned = (rows: readonly NodeRow[], replicas: number): unknown => {
  const plan = formingPlan(rows, replicas)
  return {
    slots: plan.slots.map(({ node, runs }) => `${node.id} ${runs.map((run) => run.join('-')).join(' ')}`),
    replicas: plan.replicas.map(({ node, primary }) => `${node.id} of ${primary.id}`),
  }
}

describe('forming', () => {
  it('gives one member everything', () => {
    expect(planned([row(1)], 0)).toEqual({ slots: ['n1 0-16383'], replicas: [] })
    expect(planned([row(1)], 2)).toEqual({ slots: ['n1 0-16383'], replicas: [] })
  })

  it('gives equal shares in the order of addresses, whatever the order of the table', () => {
    expect(planned([row(3), row(1), row(2)], 0)).toEqual({ slots: ['n1 0-5461', 'n2 5462-10922', 'n3 10923-16383'], replicas: [] })
  })

  it('makes replicas of what is left, each primary as many as the others', () => {
    expect(planned([1, 2, 3, 4, 5, 6].map((port) => row(port)), 1)).toEqual({
      slots: ['n1 0-5461', 'n2 5462-10922', 'n3 10923-16383'], replicas: ['n4 of n1', 'n5 of n2', 'n6 of n3'],
    })
    expect(planned([1, 2].map((port) => row(port)), 1)).toEqual({ slots: ['n1 0-16383'], replicas: ['n2 of n1'] })
  })

  it('makes three primaries first, since of two neither is replaced', () => {
    expect(planned([1, 2, 3, 4, 5].map((port) => row(port)), 1)).toEqual({
      slots: ['n1 0-5461', 'n2 5462-10922', 'n3 10923-16383'], replicas: ['n4 of n1', 'n5 of n2'],
    })
  })

  it('goes on where it was cut off', () => {
    const rows = [row(1, { slots: [[0, 5461]] }), row(2), row(3), row(4, { isReplica: true, primary: 'n1' }), row(5), row(6)]
    expect(planned(rows, 1)).toEqual({
      slots: ['n2 5462-10922', 'n3 10923-16383'], replicas: ['n5 of n2', 'n6 of n3'],
    })
  })

  it('leaves who has more than its share as it is', () => {
    const rows = [row(1, { slots: [[0, 9999]] }), row(2), row(3)]
    expect(planned(rows, 0)).toEqual({ slots: ['n2 10000-13191', 'n3 13192-16383'], replicas: [] })
  })
})

describe('one who comes later', () => {
  const three = [
    row(1, { slots: [[0, 5461]] }), row(2, { slots: [[5462, 10_922]] }), row(3, { slots: [[10_923, 16_383]] }),
    row(4, { isMyself: true }),
  ]

  const all = new Set(['n1', 'n2', 'n3', 'n4'])
  /** Takes until there is no more to take; a table that is changed as the moves would change it. */
  function taken(rows: readonly NodeRow[], wish: { wanted: number; leave: number }, donors = all): NodeRow[] {
    let now = [...rows]
    for (let move = nextTaken(now, wish, donors); move !== null; move = nextTaken(now, wish, donors)) {
      const { first, last, from, to } = move
      expect(last - first).toBeLessThan(1024)
      now = now.map((item) => {
        const kept = slotsOf(item).filter((slot) => slot < first || slot > last)
        if (item.id === from.id) return { ...item, slots: runsOf(kept) }
        return item.id === to.id ? { ...item, slots: [...item.slots, [first, last]] } : item
      })
    }
    return now
  }

  it('takes a fair share, range after range, of each as much', () => {
    expect(fairShare(three)).toBe(4096)
    const after = taken(three, { wanted: 4096, leave: 4096 })
    expect(after.map(slotCountOf)).toEqual([4096, 4096, 4096, 4096])
    expect(after[0]!.slots).toEqual([[0, 4095]])
  })

  it('takes as many as it is told, and nobody\'s last slot', () => {
    const self = row(4, { isMyself: true })
    const many = taken([row(1, { slots: [[0, 16_383]] }), self], { wanted: 12_000, leave: 1 })
    expect(many.map(slotCountOf)).toEqual([4384, 12_000])
    const few = taken([row(1, { slots: [[7, 7], [9, 9]] }), self], { wanted: 5, leave: 1 })
    expect(few.map(slotCountOf)).toEqual([1, 1])
    expect(nextTaken([row(2, { isMyself: true })], { wanted: 5, leave: 1 }, all)).toBeNull()
  })

  it('takes nothing of who cannot give, is away or is a replica', () => {
    const rows = [
      row(1, { slots: [[0, 5461]], isAbsent: true }), row(2, { slots: [[5462, 10_922]] }), row(3, { isReplica: true }),
      row(4, { isMyself: true }),
    ]
    expect(nextTaken(rows, { wanted: 100, leave: 1 }, new Set(['n1', 'n3']))).toBeNull()
    expect(nextTaken(rows, { wanted: 100, leave: 1 }, all)).toMatchObject({ from: { id: 'n2' }, first: 10_823, last: 10_922 })
  })

  it('that goes gives all it has to those with the fewest', () => {
    const rows = [
      row(1, { isMyself: true, slots: [[0, 99], [200, 205]] }), row(2, { slots: [[300, 400]] }),
      row(3, { slots: [[500, 501]] }), row(4),
    ]
    expect(nextGiven(rows)).toMatchObject({ to: { id: 'n3' }, first: 200, last: 205 })
    expect(nextGiven([{ ...rows[0]!, slots: [] }, rows[1]!])).toBeNull()
    expect(nextGiven([rows[0]!, row(2, { slots: [[300, 400]], isAbsent: true })])).toBeNull()
    expect(nextGiven([rows[0]!, row(2)])).toMatchObject({ to: { id: 'n2' } })
  })

  it('becomes a copy where one is wished', () => {
    expect(primaryInNeed(three, 0)).toBeUndefined()
    expect(primaryInNeed(three, 1)?.id).toBe('n1')
    const some = [...three, row(5, { isReplica: true, primary: 'n1' })]
    expect(primaryInNeed(some, 1)?.id).toBe('n2')
    expect(primaryInNeed([...some, row(6, { isReplica: true, primary: 'n2' }), row(7, { isReplica: true, primary: 'n3' })], 1)).toBeUndefined()
  })
})

describe('the table of nodes', () => {
  it('is read as it is printed', () => {
    const rows = nodeRows([
      `${'a'.repeat(40)} 127.0.0.1:7000@17000,host myself,master - 0 0 1 connected 0-5460 7000 [93->-${'b'.repeat(40)}]`,
      `${'b'.repeat(40)} ::1:7001@17001 slave,fail? ${'a'.repeat(40)} 0 0 1 connected`,
      `${'c'.repeat(40)} :0@0 master,noaddr - 0 0 0 disconnected`,
    ].join('\n'))
    expect(rows[0]).toEqual({
      id: 'a'.repeat(40), host: '127.0.0.1', port: 7000, busPort: 17_000, isMyself: true, isReplica: false, isAbsent: false,
      primary: '', slots: [[0, 5460], [7000, 7000]],
    })
    expect(slotCountOf(rows[0]!)).toBe(5462)
    expect(rows[1]).toMatchObject({ host: '::1', port: 7001, isReplica: true, isAbsent: true, primary: 'a'.repeat(40) })
    expect(rows[2]).toMatchObject({ isAbsent: true })
    expect(fieldOf('cluster_state:ok\r\ncluster_slots_ok:0\r\n', 'cluster_state')).toBe('ok')
  })
})

describe('a seed', () => {
  it('is host and port', () => {
    expect(parseSeed('10.0.0.1:7000')).toEqual({ host: '10.0.0.1', port: 7000 })
    expect(parseSeed('[::1]:7000')).toEqual({ host: '::1', port: 7000 })
    for (const bad of ['10.0.0.1', ':7000', 'a:0', 'a:70000', 'a:b', 'redis://a b:7000', 5]) expect(() => parseSeed(bad)).toThrow(TypeError)
  })

  it.each<[info: string, refusal: RegExp | null]>([
    ['redis_version:7.0.15\r\nredis_mode:cluster\r\n', null],
    ['redis_version:8.2.0\r\nredis_mode:cluster\r\n', null],
    ['redis_version:7.0.15\r\nslotwise_version:0.9.0\r\nredis_mode:cluster\r\n', null],
    ['redis_version:7.0.15\r\nslotwise_version:1.0.0\r\nredis_mode:cluster\r\n', /is Slotwise 1.0.0: expected 0, as this is 0.1.0/],
    ['redis_version:6.2.14\r\nredis_mode:cluster\r\n', /is Redis 6.2.14/],
    ['redis_version:7.0.15\r\nredis_mode:standalone\r\n', /no node of a cluster/],
    ['', /no node of a cluster/],
  ])('is refused for what it is: %j', (info, refusal) => {
    const found = refusalOf(info, '0.1.0')
    if (refusal === null) expect(found).toBeNull()
    else expect(found).toMatch(refusal)
  })

  it('of another cluster is refused before anybody is met', () => {
    const self = row(1, { isMyself: true })
    const theirs = [row(8, { isMyself: true, slots: [[0, 16_383]] }), row(9)]
    expect(() => checkSameCluster([self], 0, theirs, 'd')).not.toThrow()
    expect(() => checkSameCluster([self, row(2)], 5, [...theirs, row(1)], 'd')).not.toThrow()
    expect(() => checkSameCluster([self, row(9)], 5, theirs, 'd')).not.toThrow()
    const refused: [NodeRow[], number][] = [[[self, row(2)], 0], [[{ ...self, slots: [[0, 5]] }], 0], [[self], 1]]
    for (const [own, keys] of refused) {
      expect(() => checkSameCluster(own, keys, theirs, 'd')).toThrow(expect.objectContaining({ code: 'OTHERCLUSTER' }))
    }
  })
})
