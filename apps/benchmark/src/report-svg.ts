/**
 * The report as one plot: how many times better the subject is, on a logarithmic axis with 1 in the middle.
 * Cost ratios are turned over, so a bar to the right is always better whatever the metric; whiskers span the runs, a
 * tick marks what must be reached and a diamond the aim. Plain SVG text: it opens anywhere and diffs in git.
 */
import type { Report } from './report.js'
import { METRICS } from './scenario.js'
import type { Spread } from './statistics.js'

interface Bar {
  label: string
  /** Times better. */
  spread: Spread
  must?: number
  aim?: number
}

const WIDTH = 960
const LEFT = 400
const RIGHT = 90
const ROW = 22
const TOP = 64

/** Ratio turned so that more is better. */
const gain = (ratio: number, better: 'lower' | 'higher'): number => (better === 'higher' ? ratio : 1 / ratio)

/** Bars of a report: CPU, throughput where there is no CPU, and whatever has a goal. */
export function barsOf(report: Report): Bar[] {
  return report.scenarios.flatMap((scenario) => scenario.figures.flatMap((figure) => {
    const { better, title } = METRICS[figure.metric]
    return figure.sides.flatMap((side): Bar[] => {
      if (side.ratio === null) return []
      const goal = scenario.verdicts.find(
        (verdict) => verdict.case === figure.case && verdict.metric === figure.metric && verdict.against === side.label)
      if (goal === undefined && figure.metric !== 'cpuUsPerOp') return []
      const ends = [gain(side.ratio.min, better), gain(side.ratio.max, better)].sort((a, b) => a - b)
      return [{
        label: `${scenario.name}: ${figure.case}, ${title} / ${side.label}`,
        spread: { median: gain(side.ratio.median, better), min: ends[0]!, max: ends[1]! },
        ...(goal === undefined ? {} : { must: gain(goal.must, better), aim: gain(goal.aim, better) }),
      }]
    })
  }))
}

export function svgOf(report: Report): string {
  const bars = barsOf(report)
  const extremes = bars.flatMap((bar) => [bar.spread.min, bar.spread.max, bar.must ?? 1, bar.aim ?? 1])
  const power = Math.max(1, Math.ceil(Math.max(...extremes.map((value) => Math.abs(Math.log2(value))), 0)))
  const x = (value: number): number => LEFT + (WIDTH - LEFT - RIGHT) * (Math.log2(value) / power + 1) / 2
  const height = TOP + bars.length * ROW + 30
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(16, 22, `${report.settings.subject}: times better than the peer (right is better)`, 'font-size="15" font-weight="bold"'),
    text(16, 40, `${report.machine.cpu}, commit ${report.commit}, seed ${report.settings.seed}, ${report.settings.runs} runs; | must, \u25c6 aim`, 'fill="#666"'),
  ]
  for (let exponent = -power; exponent <= power; exponent++) {
    const at = x(2 ** exponent).toFixed(1)
    parts.push(`<line x1="${at}" y1="${TOP - 8}" x2="${at}" y2="${height - 24}" stroke="${exponent === 0 ? '#333' : '#ddd'}"/>`)
    parts.push(text(Number(at), height - 8, exponent < 0 ? `1/${2 ** -exponent}` : `${2 ** exponent}`, 'text-anchor="middle" fill="#666"'))
  }
  for (const [row, bar] of bars.entries()) parts.push(...barParts(bar, TOP + row * ROW, x))
  return `${[...parts, '</svg>'].join('\n')}\n`
}

function barParts(bar: Bar, y: number, x: (value: number) => number): string[] {
  const { median, min, max } = bar.spread
  const [from, to] = [x(1), x(median)].sort((a, b) => a - b) as [number, number]
  const middle = y + ROW / 2 - 4
  const parts = [
    text(LEFT - 10, middle + 4, shorten(bar.label, 62), 'text-anchor="end"'),
    `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(1, to - from).toFixed(1)}" height="${ROW - 8}" fill="${median >= 1 ? '#3b8f5a' : '#c0504d'}"/>`,
    `<line x1="${x(min).toFixed(1)}" y1="${middle}" x2="${x(max).toFixed(1)}" y2="${middle}" stroke="#111"/>`,
    text(Math.max(to, x(max)) + 6, middle + 4, `${median.toFixed(2)}x`),
  ]
  if (bar.must !== undefined) {
    const at = x(bar.must).toFixed(1)
    parts.push(`<line x1="${at}" y1="${y - 2}" x2="${at}" y2="${y + ROW - 6}" stroke="#e08e0b" stroke-width="2"/>`)
  }
  if (bar.aim !== undefined) {
    const at = x(bar.aim)
    parts.push(`<path d="M${(at - 4).toFixed(1)} ${middle}l4 -4l4 4l-4 4z" fill="#2f5fa8"/>`)
  }
  return parts
}

const shorten = (label: string, length: number): string => (label.length > length ? `${label.slice(0, length - 1)}\u2026` : label)

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`
}
