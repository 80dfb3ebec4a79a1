/** The report as Markdown: machine first, the promises next, then every figure with its spread. */
import type { Figure, Report, ScenarioReport } from './report.js'
import { type Metric, METRICS } from './scenario.js'
import type { Spread } from './statistics.js'

export function markdownOf(report: Report): string {
  const { machine, settings } = report
  const pinned = settings.serverCores === null
    ? 'not pinned'
    : `servers on core ${settings.serverCores}, load on core ${settings.loadCores ?? 'any'}`
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`).join(', ')
  const lines = [
    `# ${settings.subject} against ${settings.reference}`,
    '',
    `- Machine: ${machine.cpu}, ${machine.coreCount} cores, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ${machine.kernel}, Node ${machine.node}; ${pinned}`,
    `- Commit ${report.commit}, ${report.startedAt}, seed ${settings.seed}; ${settings.runs} interleaved runs of ${settings.seconds} s after ${settings.warmupSeconds} s of warm-up`,
    `- Versions: ${versions || 'none'}`,
    '- Each figure: median (min to max). Ratios are taken round by round, first column / reference; **bold** where the first column was better in every round.',
    ...(settings.quick ? ['- **Quick form: it shows that the suite runs. Its figures mean nothing.**'] : []),
    ...(settings.subject === settings.reference
      ? ['- **Null comparison: one peer against itself. Every ratio should be 1.00; what it differs by is the noise of this machine.**']
      : []),
    '',
  ]
  const verdicts = report.scenarios.flatMap((scenario) => scenario.verdicts.map((verdict) => ({ scenario, verdict })))
  if (verdicts.length > 0) {
    lines.push('| promise | ratio to | must | aim | measured | |', '| --- | --- | --- | --- | --- | --- |')
    for (const { scenario, verdict } of verdicts) {
      const sign = METRICS[verdict.metric].better === 'lower' ? '<=' : '>='
      lines.push(`| ${scenario.name}: ${verdict.case}, ${METRICS[verdict.metric].title} | ${verdict.against} | ${sign} ${verdict.must} | ${verdict.aim} | ${ratioText(verdict.ratio)} | ${verdict.verdict} |`)
    }
    lines.push('')
  }
  for (const scenario of report.scenarios) lines.push(...scenarioLines(scenario))
  return `${lines.join('\n').trimEnd()}\n`
}

function scenarioLines(scenario: ScenarioReport): string[] {
  const lines = [`## ${scenario.name}`, '', `${scenario.question} ${scenario.workload}`, '']
  if (scenario.status !== 'done') lines.push(`${scenario.status}: ${scenario.reason ?? ''}`, '')
  // Cases of one scenario may have different sides (a store without a codec): one table for each set of sides.
  const tables = new Map<string, Figure[]>()
  for (const figure of scenario.figures) {
    const sides = figure.sides.map((side) => side.label).join('\n')
    tables.set(sides, [...tables.get(sides) ?? [], figure])
  }
  for (const figures of tables.values()) lines.push(...tableLines(figures), '')
  for (const note of scenario.notes) lines.push(`- ${note}`)
  if (scenario.notes.length > 0) lines.push('')
  return lines
}

function tableLines(figures: readonly Figure[]): string[] {
  const [subject, ...references] = (figures[0]!).sides
  const heading = ['case', 'figure', subject?.label ?? '', ...references.flatMap((side) => [side.label, 'ratio'])]
  const rows = figures.map((figure) => {
    const { better, title, unit } = METRICS[figure.metric]
    return [
      figure.case,
      `${title}, ${unit}`,
      ...figure.sides.flatMap((side, index) => {
        const value = spreadText(side.spread, figure.metric)
        if (index === 0) return [value]
        if (side.ratio === null) return [value, '']
        const text = ratioText(side.ratio)
        const isBetter = better === 'lower' ? side.ratio.max < 1 : side.ratio.min > 1
        return [value, isBetter ? `**${text}**` : text]
      }),
    ]
  })
  return [heading, heading.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}

function ratioText({ median, min, max }: Spread): string {
  const digits = median < 0.1 ? 3 : 2
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
}

function spreadText({ median, min, max }: Spread, metric: Metric): string {
  return `${valueText(median, metric)} (${valueText(min, metric)} to ${valueText(max, metric)})`
}

/** A value in the metric's unit with three significant digits, thousands apart. */
export function valueText(value: number, metric: Metric): string {
  const scaled = metric === 'rssBytes' ? value / 2 ** 20 : value
  if (scaled >= 1000) return Math.round(scaled).toLocaleString('en-US').replaceAll(',', ' ')
  return scaled === 0 ? '0' : scaled.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(scaled)))))
}
