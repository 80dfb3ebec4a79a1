/** The counts that a view keeps are those of its nodes, and what a node says survives others that come and go. */
import { expect, it } from 'vitest'
import { Bench, idOf, START_MS } from '../test/helpers.js'
import {
  type ClusterNode, ClusterView, defaultOptions, FAILURE_FLAGS, NodeFlag, NodePlaces, randomOf,
} from './index.js'

const flags = [
  NodeFlag.primary, NodeFlag.replica, NodeFlag.pfail, NodeFlag.fail, NodeFlag.noAddress, NodeFlag.migrateTo,
]

function countsOf(list: readonly ClusterNode[]): object {
  const count = (is: (node: ClusterNode) => boolean): number => list.filter(is).length
  return {
    voters: count((node) => node.isVoter), reachableVoters: count((node) => node.isVoter && !node.has(FAILURE_FLAGS)),
    failedOwners: count((node) => node.isFail && node.slotCount > 0), failing: count((node) => node.has(FAILURE_FLAGS)),
    suspects: count((node) => node.isPfail),
  }
}

it('counts and suspects follow flags, slots, and nodes that come and go', () => {
  const bench = new Bench()
  const { view } = bench
  const random = randomOf(5)
  /** What each node was told last. */
  const told = new Map<ClusterNode, { offset: number; port: number }>()
  let added = 0
  for (let round = 0; round < 3000; round++) {
    const what = random()
    const node = view.randomNode()
    if (what < 0.05 && view.list.length < 40) bench.add(++added)
    else if (what < 0.08 && !node.isMyself) {
      view.remove(node)
      told.delete(node)
    } else if (what < 0.3) node.set(flags[Math.floor(random() * flags.length)]!)
    else if (what < 0.55) node.clear(flags[Math.floor(random() * flags.length)]!)
    else if (what < 0.8) view.bind(Math.floor(random() * 60), random() < 0.3 ? null : node)
    else {
      const says = { offset: Math.floor(random() * 2 ** 40), port: 1 + Math.floor(random() * 60_000) }
      Object.assign(node, says)
      told.set(node, says)
    }
    const { rows: { voters, reachableVoters, failedOwners, failing }, suspects } = view
    expect({ voters, reachableVoters, failedOwners, failing, suspects: suspects.size }).toEqual(countsOf(view.list))
  }
  expect(added).toBeGreaterThan(50)
  for (const [index, node] of view.list.entries()) {
    expect([node.row, view.numbered[node.number], view.nodes.get(node.id)]).toEqual([index, node, node])
    const says = told.get(node)
    if (says !== undefined) expect([node.offset, node.port]).toEqual([says.offset, says.port])
  }
})

it('views that share places know each other\'s entries by their numbers, also after a node went and an id changed', () => {
  const places = new NodePlaces()
  const views = [0, 1].map((number) => new ClusterView({
    id: idOf(number), options: defaultOptions, random: randomOf(1), nowMs: START_MS, places,
  }))
  const bench = new Bench()
  for (const [index, view] of views.entries()) {
    for (const number of index === 0 ? [7, 8, 9] : [9, 7, 6, 8]) {
      const node = bench.add(number + 10 * index)
      bench.view.remove(node)
      node.id = idOf(number)
      view.add(node)
    }
  }
  const [here, there] = views as [ClusterView, ClusterView]
  there.remove(there.nodes.get(idOf(7))!)
  there.rename(there.nodes.get(idOf(6))!, idOf(5))
  for (const { id, place } of here.list) {
    expect([places.list[place.index], places.numbers[place.index]]).toEqual([place, place.number])
    const known = there.nodes.get(id)
    expect(there.rows.rowOf(place.number)).toBe(known === undefined ? -1 : known.row)
  }
  expect(there.rows.rowOf(there.nodes.get(idOf(5))!.place.number)).toBe(there.nodes.get(idOf(5))!.row)
})
