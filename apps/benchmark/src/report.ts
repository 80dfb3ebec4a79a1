/**
 * Report: the samples of a run with their medians, ratios and verdicts, as plain data. It is what report.json holds
 * and what the Markdown table and the plot are drawn from, so that either can be drawn again from a recorded file.
 */
import type { Comparison } from './bench.js'
import type { Machine } from './machine.js'
import type { Goal, Metric, Scenario } from './scenario.js'
import { metricsOf, ratioOf, type Spread, spreadOf, valuesOf, type Verdict, verdictOf } from './statistics.js'

export interface Report {
  formatVersion: 1
  startedAt: string
  commit: string
  machine: Machine
  settings: {
    quick: boolean
    runs: number
    seconds: number
    warmupSeconds: number
    seed: number
    serverCores: string | null
    loadCores: string | null
    subject: string
    reference: string
  }
  versions: Record<string, string>
  scenarios: ScenarioReport[]
}

export interface ScenarioReport {
  name: string
  question: string
  workload: string
  yardstick: string
  status: 'done' | 'pending' | 'skipped' | 'failed'
  /** Why it is not done. */
  reason?: string
  notes: string[]
  figures: Figure[]
  verdicts: GoalReport[]
}

/** One metric of one case: every side, and the ratio of the subject to each reference. */
export interface Figure {
  case: string
  metric: Metric
  sides: { label: string; runs: number[]; spread: Spread; ratio: Spread | null }[]
}

export interface GoalReport extends Goal {
  against: string
  ratio: Spread
  verdict: Verdict
}

/** Every metric that all sides of a comparison have. */
export function figuresOf(comparison: Comparison): Figure[] {
  const [subject = []] = comparison.samples
  return metricsOf(subject)
    .filter((metric) => comparison.samples.every((samples) => valuesOf(samples, metric).length > 0))
    .map((metric) => ({
      case: comparison.case,
      metric,
      sides: comparison.samples.map((samples, index) => {
        const runs = valuesOf(samples, metric)
        const ratio = index === 0 ? undefined : ratioOf(valuesOf(subject, metric), runs)
        return { label: comparison.sides[index]!, runs, spread: spreadOf(runs), ratio: ratio ?? null }
      }),
    }))
}

/** @param subject  Goals are promises about this peer: figures whose first side is another one get no verdict. */
export function verdictsOf(scenario: Scenario, figures: readonly Figure[], subject: string): GoalReport[] {
  return (scenario.goals ?? []).flatMap((goal) => {
    const figure = figures.find((candidate) => candidate.case === goal.case && candidate.metric === goal.metric)
    const [first, ...references] = figure?.sides ?? []
    if (!first?.label.startsWith(subject)) return []
    const side = references.find((candidate) => goal.against === undefined || candidate.label === goal.against)
    if (side === undefined || side.ratio === null) return []
    const verdict = verdictOf(goal.metric, side.ratio.median, goal)
    return [{ ...goal, against: side.label, ratio: side.ratio, verdict }]
  })
}
