/**
 * Runs scenarios one after another and makes the report. A scenario that fails is reported as failed and the others
 * go on; one whose peer is not installed is reported as skipped with what to install, never as passed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchRun, type RunOptions } from './bench.js'
import { buildLoad } from './kvload.js'
import { commit, machine } from './machine.js'
import { figuresOf, type Report, type ScenarioReport, verdictsOf } from './report.js'
import { markdownOf } from './report-markdown.js'
import { svgOf } from './report-svg.js'
import type { Scenario } from './scenario.js'

export async function runScenarios(
  scenarios: readonly Scenario[],
  options: RunOptions,
  progress: (text: string) => void,
): Promise<Report> {
  const report: Report = {
    formatVersion: 1,
    startedAt: new Date().toISOString(),
    commit: commit(options.root),
    machine: machine(),
    settings: {
      quick: options.quick,
      runs: options.runs,
      seconds: options.seconds,
      warmupSeconds: options.warmupSeconds,
      seed: options.seed,
      serverCores: options.serverCores ?? null,
      loadCores: options.loadCores ?? null,
      subject: options.subject.name,
      reference: options.reference.name,
    },
    versions: {},
    scenarios: [],
  }
  buildLoad('kvload')
  for (const [index, scenario] of scenarios.entries()) {
    progress(`[${index + 1}/${scenarios.length}] ${scenario.name}: ${scenario.question}`)
    report.scenarios.push(await runScenario(scenario, options, report, progress))
  }
  return report
}

async function runScenario(
  scenario: Scenario,
  options: RunOptions,
  report: Report,
  progress: (text: string) => void,
): Promise<ScenarioReport> {
  const { name, question, workload, yardstick } = scenario
  const result: ScenarioReport = { name, question, workload, yardstick, status: 'done', notes: [], figures: [], verdicts: [] }
  if (scenario.pending !== undefined) return { ...result, status: 'pending', reason: scenario.pending }
  const bench = new BenchRun(options, (text) => { progress(`  ${name}: ${text}`) })
  try {
    await scenario.run(bench)
  } catch (error) {
    const message = (error as Error).message.trim()
    result.status = message.includes('ENOENT') ? 'skipped' : 'failed'
    result.reason = withoutPaths(message, options.root)
    progress(`  ${name} ${result.status}: ${message}`)
  } finally {
    await bench.close()
  }
  Object.assign(report.versions, Object.fromEntries(bench.versions))
  result.notes = bench.notes.map((note) => withoutPaths(note, options.root))
  result.figures = bench.comparisons.flatMap(figuresOf)
  // A null comparison promises nothing, and the quick form measures nothing.
  if (options.subject.name !== options.reference.name && !options.quick) {
    result.verdicts = verdictsOf(scenario, result.figures, options.subject.name)
  }
  return result
}

/** Reports are committed and read elsewhere: the folders of this machine say nothing there. */
function withoutPaths(text: string, root: string): string {
  return text.replaceAll(root, '.').replaceAll(tmpdir(), '$TMPDIR')
}

/** Writes report.json, report.md and ratios.svg into a new folder of `out`. @returns the folder. */
export function writeReport(report: Report, out: string): string {
  const stamp = report.startedAt.slice(0, 19).replaceAll(':', '-')
  const folder = join(out, `${stamp}-${report.scenarios.map(({ name }) => name).join('-').slice(0, 60)}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(join(folder, 'report.md'), `${markdownOf(report)}\n![ratios](ratios.svg)\n`)
  writeFileSync(join(folder, 'ratios.svg'), svgOf(report))
  return folder
}
