/** How each kind of test is run, and what its result is: { ok, passed, failed, skipped, output, failures }. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { nativeCounts, none, vitestCounts } from './counts.mjs'
import { nativeFailures, vitestFailures } from './failures.mjs'
import { run } from './processes.mjs'
import { inRoot, reportDir, root } from './repository.mjs'
import { filesBelow } from './stamp.mjs'
import { compilers } from './toolchain.mjs'

const minuteMs = 60_000
const logOf = (name) => join(reportDir, `${name.replaceAll(/[^a-z0-9]+/g, '-')}.log`)
const make = (args, options) =>
  run('make', ['-j2', '-C', inRoot('native'), ...args], { env: compilers(), ...options })

/** A command that passes or fails as a whole: no tests to count, a failure counts as one. */
export async function command(name, program, args, { timeoutMinutes = 10, ...options } = {}) {
  const limits = { cwd: root, logFile: logOf(name), timeoutMs: timeoutMinutes * minuteMs }
  const { code, output, timedOut } = await run(program, args, { ...limits, ...options })
  const note = timedOut ? `\nno end after ${timeoutMinutes} minutes` : ''
  return { ok: code === 0, ...none, failed: code === 0 ? 0 : 1, output: output + note }
}

/** The C++ unit tests under one sanitizer. */
export async function nativeTests(variant, onLine) {
  const limits = { logFile: logOf(`native-${variant}`), timeoutMs: 25 * minuteMs }
  const { code, output } = await make(['test', `VARIANT=${variant}`], { ...limits, onLine })
  const counts = nativeCounts(output)
  const failures = code === 0 ? [] : nativeFailures(output)
  return code === 0 || counts.failed > 0
    ? { ok: code === 0, ...counts, output, failures }
    : { ok: false, ...counts, failed: 1, output, failures }
}

/** Names of the scenarios: benchmarks/<name>/scenario.ts. */
export const benchmarkScenarios = () => readdirSync(inRoot('benchmarks'))
  .filter((name) => existsSync(inRoot('benchmarks', name, 'scenario.ts'))).sort()

/** Names of the fuzz targets: native/fuzz/<name>_fuzz.cc. */
export const fuzzTargets = () => existsSync(inRoot('native', 'fuzz'))
  ? readdirSync(inRoot('native', 'fuzz')).flatMap((name) => /^(.+)_fuzz\.cc$/.exec(name)?.[1] ?? []).sort()
  : []

/** Builds every fuzz target, which share their objects, by running each for a second. */
export async function buildFuzz(onLine) {
  let output = ''
  for (const target of fuzzTargets()) {
    const limits = { logFile: logOf(`fuzz-build-${target}`), timeoutMs: 25 * minuteMs }
    const result = await make(['fuzz', `TARGET=${target}`, 'SECONDS=1'], { ...limits, onLine })
    output = result.output
    if (result.code !== 0) return { ok: false, ...none, failed: 1, output }
  }
  return { ok: true, ...none, output }
}

/** One fuzz target for some seconds: one test. */
export async function fuzz(target, seconds, onLine) {
  const limits = { logFile: logOf(`fuzz-${target}`), timeoutMs: (seconds + 300) * 1000 }
  const { code, output } = await make(['fuzz', `TARGET=${target}`, `SECONDS=${seconds}`], { ...limits, onLine })
  return { ok: code === 0, ...none, [code === 0 ? 'passed' : 'failed']: 1, output }
}

/** Has this vitest project any test file? */
export const hasTests = (project) => ['packages', 'apps', 'scripts'].some((folder) =>
  filesBelow(inRoot(folder), (file) => /\.test\.m?[jt]s$/.test(file))
    .some((file) => file.slice(root.length).includes('/test/') === (project === 'peers')))

/** One vitest project, counted from its JSON report. */
export async function vitest(project, args, onLine) {
  const report = join(reportDir, `${project}.json`)
  mkdirSync(reportDir, { recursive: true })
  rmSync(report, { force: true })
  const { code, output } = await run(process.execPath, [
    inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', project,
    '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args,
  ], { cwd: root, env: { NO_COLOR: '1' }, logFile: logOf(project), timeoutMs: 25 * minuteMs, onLine })
  let counts = { ...none, failed: 1 }
  let failures = []
  try {
    const text = readFileSync(report, 'utf8')
    counts = vitestCounts(text)
    failures = vitestFailures(text, output)
  } catch {
    // No report: vitest itself fell over, which is one failure.
  }
  const failed = code === 0 ? counts.failed : Math.max(1, counts.failed)
  return { ok: failed === 0, ...counts, failed, output, failures }
}
