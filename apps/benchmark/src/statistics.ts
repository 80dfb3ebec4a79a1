/**
 * Median, spread and ratio of repeated runs.
 * Ratios are taken round by round, subject / reference, before the median: what changed between rounds (a neighbour on
 * the machine, a warmer cache) hit both sides of a round and cancels. The median, not the mean: noise is one-sided.
 */
import type { Sample, Metric } from './scenario.js'
import { METRICS } from './scenario.js'

export interface Spread {
  median: number
  min: number
  max: number
}

/** @throws {RangeError} for an empty list or a value that is not finite. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0 || !values.every(Number.isFinite)) {
    throw new RangeError(`expected finite numbers, found [${values.join(', ')}]`)
  }
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index]!
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  return { median, min: at(0), max: at(sorted.length - 1) }
}

/** Ratio of paired runs; undefined if either side lacks the metric or has a 0: a cost below what the clock resolves. */
export function ratioOf(subject: readonly number[], reference: readonly number[]): Spread | undefined {
  if (subject.length === 0 || subject.length !== reference.length) return undefined
  if (subject.includes(0) || reference.includes(0)) return undefined
  return spreadOf(subject.map((value, round) => value / (reference[round]!)))
}

/** The values of one metric over the rounds; empty if any round lacks it. */
export function valuesOf(samples: readonly Sample[], metric: Metric): number[] {
  const values = samples.map((sample) => sample[metric])
  return values.every((value) => value !== undefined) ? (values) : []
}

/** Metrics that a list of samples has, in report order. */
export function metricsOf(samples: readonly Sample[]): Metric[] {
  return (Object.keys(METRICS) as Metric[]).filter((metric) => valuesOf(samples, metric).length > 0)
}

export type Verdict = 'aim met' | 'must met' | 'missed'

/** Where a measured ratio stands between `must` and `aim`. */
export function verdictOf(metric: Metric, ratio: number, goal: { must: number; aim: number }): Verdict {
  const reaches = (bound: number): boolean => (METRICS[metric].better === 'lower' ? ratio <= bound : ratio >= bound)
  return reaches(goal.aim) ? 'aim met' : reaches(goal.must) ? 'must met' : 'missed'
}
