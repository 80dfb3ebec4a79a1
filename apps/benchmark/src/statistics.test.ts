import { describe, expect, it } from 'vitest'
import { metricsOf, ratioOf, spreadOf, valuesOf, verdictOf } from './statistics.js'

describe('spreadOf', () => {
  it('takes the middle of an odd number of runs, whatever their order', () => {
    expect(spreadOf([10, 2, 9])).toEqual({ median: 9, min: 2, max: 10 })
  })

  it('takes the mean of the two in the middle of an even number', () => {
    expect(spreadOf([4, 1, 3, 100])).toEqual({ median: 3.5, min: 1, max: 100 })
  })

  it('refuses an empty list and a value that is not a number, which would make any ratio look fine', () => {
    expect(() => spreadOf([])).toThrow(RangeError)
    expect(() => spreadOf([1, NaN])).toThrow(RangeError)
  })
})

describe('ratioOf', () => {
  it('pairs the rounds, so that a drift of the machine cancels', () => {
    // The machine halves its speed from round to round; the subject is twice as cheap in each of them.
    expect(ratioOf([1, 2, 4], [2, 4, 8])).toEqual({ median: 0.5, min: 0.5, max: 0.5 })
  })

  it('is undefined where a round or a side is missing, or a cost is below what the clock resolves', () => {
    expect(ratioOf([1, 2], [1])).toBeUndefined()
    expect(ratioOf([], [])).toBeUndefined()
    expect(ratioOf([1], [0])).toBeUndefined()
    expect(ratioOf([0, 1], [1, 1])).toBeUndefined() // 1/0 on the axis of a plot never ends
  })
})

describe('valuesOf and metricsOf', () => {
  it('drops a metric that one round lacks, since its pairs would no longer be pairs', () => {
    const samples = [{ cpuUsPerOp: 1, p50Us: 5 }, { cpuUsPerOp: 2 }]
    expect(valuesOf(samples, 'cpuUsPerOp')).toEqual([1, 2])
    expect(valuesOf(samples, 'p50Us')).toEqual([])
    expect(metricsOf(samples)).toEqual(['cpuUsPerOp'])
  })
})

describe('verdictOf', () => {
  it('reads a cost from above and a throughput from below', () => {
    const cost = { must: 0.95, aim: 0.8 }
    expect([0.8, 0.81, 0.96].map((ratio) => verdictOf('cpuUsPerOp', ratio, cost))).toEqual(['aim met', 'must met', 'missed'])
    const speed = { must: 1.3, aim: 2 }
    expect([2, 1.3, 1.29].map((ratio) => verdictOf('opsPerSecond', ratio, speed))).toEqual(['aim met', 'must met', 'missed'])
  })
})
