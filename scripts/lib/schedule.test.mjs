import { describe, expect, it } from 'vitest'
import { runSteps } from './schedule.mjs'

/** Steps whose work takes one turn of the event loop; the trace shows who ran beside whom. */
function traced(specs) {
  const trace = []
  let busy = 0
  let busiest = 0
  const steps = specs.map(([name, cores, after = [], ok = true]) => ({
    name, cores, after,
    run: async () => {
      trace.push(name)
      busy += cores
      busiest = Math.max(busiest, busy)
      await new Promise((resolve) => setImmediate(resolve))
      busy -= cores
      return { ok }
    },
  }))
  return { steps, trace, busiest: () => busiest }
}

describe('runSteps', () => {
  it('runs a step after those it names', async () => {
    const { steps, trace } = traced([['c', 1, ['b']], ['b', 1, ['a']], ['a', 1]])
    await runSteps(steps, 2)
    expect(trace).toEqual(['a', 'b', 'c'])
  })

  it('never takes more cores than there are', async () => {
    const { steps, trace, busiest } = traced([['a', 1], ['b', 2], ['c', 1], ['d', 1], ['e', 2]])
    await runSteps(steps, 2)
    expect(trace.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(busiest()).toBe(2)
  })

  it('runs on one core what asks for two', async () => {
    const { steps, trace } = traced([['a', 2], ['b', 1]])
    await runSteps(steps, 1)
    expect(trace).toEqual(['a', 'b'])
  })

  it('does not run what depends on a failure, however far, and runs the rest', async () => {
    const { steps, trace } = traced([['d', 1, ['b']], ['a', 1, [], false], ['b', 1, ['a']], ['c', 1]])
    const results = await runSteps(steps, 2)
    expect(trace).toEqual(['a', 'c'])
    expect(Object.fromEntries(results)).toEqual({
      a: { ok: false }, b: { ok: false, blockedBy: 'a' }, c: { ok: true }, d: { ok: false, blockedBy: 'b' },
    })
  })

  it('takes an exception for a failure', async () => {
    const results = await runSteps([{ name: 'a', cores: 1, after: [], run: () => Promise.reject(new Error('no')) }], 1)
    expect(results.get('a')).toMatchObject({ ok: false, output: expect.stringContaining('no') })
  })

  it('refuses steps that wait for each other', async () => {
    const { steps } = traced([['a', 1, ['b']], ['b', 1, ['a']]])
    await expect(runSteps(steps, 2)).rejects.toThrow('wait for each other: a, b')
  })
})
