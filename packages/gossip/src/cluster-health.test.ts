/** Cluster state: Redis 7.0 cluster, "cluster state", and why it is down in words. */
import { describe, expect, it } from 'vitest'
import { Bench, idOf, range, START_MS, T } from '../test/helpers.js'
import { leaseUntilMs, NodeFlag, rejoinDelayMs, updateState } from './index.js'

function full(options: object = {}): Bench {
  const bench = new Bench(0, { leaseFactor: 0, ...options })
  bench.own(range(0, 5000))
  bench.add(1, { slots: range(5001, 10_000) })
  bench.add(2, { slots: range(10_001, 16_383) })
  return bench
}

/** The others answered a PING that left then. */
const confirm = (bench: Bench, afterMs: number): void => {
  for (const node of bench.view.list) node.confirmedAt = START_MS + afterMs
}

const stateAt = (bench: Bench, afterMs: number): string => {
  bench.at(afterMs, () => updateState(bench.view))
  return bench.view.state
}

describe('the state of the cluster', () => {
  it('a primary says fail for two seconds after its start, then ok', () => {
    const bench = full()
    expect(stateAt(bench, 0)).toBe('fail')
    expect(stateAt(bench, 1999)).toBe('fail')
    expect(bench.view.stateWhy).toMatch(/just started/)
    expect(stateAt(bench, 2000)).toBe('ok')
  })

  it('a replica says ok at once', () => {
    const bench = new Bench()
    bench.add(1, { slots: range(0, 16_383) })
    bench.follow(bench.view.nodes.get(idOf(1))!)
    expect(stateAt(bench, 0)).toBe('ok')
  })

  it.each([
    ['a slot without owner', (bench: Bench) => bench.view.bind(16_000, null), /1 slots have no owner/],
    ['an owner that failed', (bench: Bench) => bench.view.nodes.get(idOf(1))!.set(NodeFlag.fail),
      /failed and 5000 slots are not served/],
  ])('%s is fail if full coverage is required', (_name, change, why) => {
    const bench = full()
    stateAt(bench, 0)
    expect(stateAt(bench, 3000)).toBe('ok')
    change(bench)
    expect(stateAt(bench, 3100)).toBe('fail')
    expect(bench.view.stateWhy).toMatch(why)
    const lenient = full({ requireFullCoverage: false })
    stateAt(lenient, 0)
    change(lenient)
    expect(stateAt(lenient, 3000)).toBe('ok')
  })

  it.each([
    ['a healthy replica', 0, 0, 'ok'],
    ['a replica that is not to fail over', NodeFlag.noFailover, 0, 'fail'],
    ['a replica that failed too', NodeFlag.fail, 0, 'fail'],
    ['a replica that is suspected', NodeFlag.pfail, 0, 'fail'],
    ['a replica and half of T behind it', 0, T / 2, 'fail'],
  ])('an owner that failed with %s', (_name, flags, afterMs, state) => {
    const bench = full()
    const owner = bench.view.nodes.get(idOf(1))!
    const replica = bench.addReplica(3, 1)
    stateAt(bench, 0)
    expect(stateAt(bench, 3000)).toBe('ok')
    replica.set(flags)
    owner.set(NodeFlag.fail)
    owner.failAt = START_MS + 3000
    expect(stateAt(bench, 3000 + afterMs)).toBe(state)
  })

  it('fewer than a quorum of voters: fail, whatever the coverage; back with a delay', () => {
    const bench = full({ requireFullCoverage: false })
    stateAt(bench, 0)
    stateAt(bench, 3000)
    for (const number of [1, 2]) bench.view.nodes.get(idOf(number))!.set(NodeFlag.pfail)
    expect(stateAt(bench, 3100)).toBe('fail')
    expect(bench.view.stateWhy).toBe('1 of 3 primaries are reachable, 2 are needed')
    bench.view.nodes.get(idOf(1))!.clear(NodeFlag.pfail)
    expect(stateAt(bench, 3100 + rejoinDelayMs(T) - 1)).toBe('fail')
    expect(stateAt(bench, 3100 + rejoinDelayMs(T))).toBe('ok')
  })

  it('a primary without an answer of a majority for half of T stops, and goes on with the next answer', () => {
    const bench = full({ leaseFactor: 0.5 })
    stateAt(bench, 0)
    confirm(bench, 2900)
    expect(stateAt(bench, 3000)).toBe('ok')
    expect(leaseUntilMs(bench.view)).toBe(START_MS + 2900 + T / 2)
    expect(stateAt(bench, 2900 + T / 2 - 1)).toBe('ok')
    expect(stateAt(bench, 2900 + T / 2)).toBe('fail')
    expect(bench.view.stateWhy).toMatch(/no majority has answered for 1000 milliseconds/)
    bench.view.nodes.get(idOf(2))!.confirmedAt = START_MS + 4000
    expect(stateAt(bench, 4001)).toBe('ok')
  })

  it('after a pause longer than the lease a primary waits, whatever answers lay in its sockets', () => {
    const bench = full({ leaseFactor: 0.5 })
    stateAt(bench, 0)
    confirm(bench, 2900)
    bench.tick(2900)
    expect(stateAt(bench, 3000)).toBe('ok')
    bench.tick(20_000)
    confirm(bench, 20_000)
    expect(stateAt(bench, 20_100)).toBe('fail')
    confirm(bench, 20_000 + rejoinDelayMs(T))
    expect(stateAt(bench, 20_000 + rejoinDelayMs(T))).toBe('ok')
  })

  it('the lease counts from when an answered PING left', () => {
    const bench = full({ leaseFactor: 0.5 })
    bench.tick(100)
    const node = bench.view.nodes.get(idOf(1))!
    expect(node.pingLeftAt).toBe(START_MS + 100)
    bench.answer(700, 1)
    expect(node.confirmedAt).toBe(START_MS + 100)
  })

  it('an empty node is in the minority of nobody', () => {
    const bench = new Bench()
    stateAt(bench, 0)
    expect(stateAt(bench, 5000)).toBe('fail')
    expect(bench.view.minorityAt).toBe(START_MS + 5000)
  })

  it.each([[1000, 1000], [100, 500], [15_000, 5000]])('the delay with T = %i is %i ms', (timeout, delay) => {
    expect(rejoinDelayMs(timeout)).toBe(delay)
  })
})
