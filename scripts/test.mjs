/**
 * `npm test [-- --only GROUP,... | --skip GROUP,...] [--fuzz-seconds N] [--verbose] [-- VITEST ARGUMENTS]`:
 * sets up what is missing and runs every test there is; closes with a list of what failed and one line of counts.
 * Groups: see test-plan.mjs.
 * A step that has no tests to count (lint, ...) adds nothing when it passes and one failure when it fails.
 */
import { rmSync } from 'node:fs'
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { add, closingLine, none } from './lib/counts.mjs'
import { failureList } from './lib/failures.mjs'
import { installPeers, missingText } from './lib/peers.mjs'
import { main, Problem, say, seconds, step } from './lib/progress.mjs'
import { reportDir, root } from './lib/repository.mjs'
import { runSteps } from './lib/schedule.mjs'
import { groups, testPlan } from './lib/test-plan.mjs'
import { checkTools } from './lib/toolchain.mjs'

const cores = 2
const heartbeatMs = 30_000

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      skip: { type: 'string' },
      'fuzz-seconds': { type: 'string', default: '60' },
      verbose: { type: 'boolean', default: false },
    },
  })
  const list = (text) => text?.split(',').filter((name) => name !== '')
  const only = list(values.only) ?? groups
  const skip = list(values.skip) ?? []
  const unknown = [...only, ...skip].filter((name) => !groups.includes(name))
  if (unknown.length > 0) throw new Problem(`no such group: ${unknown.join(', ')}; there are ${groups.join(', ')}`)
  const wanted = new Set(only.filter((name) => !skip.includes(name)))
  return { wanted, fuzzSeconds: Number(values['fuzz-seconds']), verbose: values.verbose, passOn: positionals }
}

const countsOf = ({ ok, passed = 0, failed = ok ? 0 : 1, skipped = 0 }) => ({ passed, failed, skipped })

const resultOf = ({ ok, blockedBy, ...counted }) => {
  const { passed, failed, skipped } = countsOf({ ok, ...counted })
  if (blockedBy !== undefined) return `not run: ${blockedBy} failed`
  const counts = passed + skipped > 0 || failed > 1 ? ` (${passed} passed, ${failed} failed, ${skipped} skipped)` : ''
  return (ok ? 'ok' : 'FAILED') + counts
}

await main(async () => {
  const { wanted, fuzzSeconds, verbose, passOn } = readOptions()
  checkTools()
  rmSync(reportDir, { recursive: true, force: true })
  let missing = []
  if (['peers', 'unit', 'fuzz', 'bench'].some((group) => wanted.has(group)))
    missing = await step('peers from Debian', (update) => installPeers(update))

  const latest = new Map()
  const startedMs = new Map()
  const rows = []
  const hint = (name) => (line) => {
    if (line.trim() !== '') latest.set(name, line.trim())
    if (verbose) say(`${name}: ${line}`)
  }
  const plan = testPlan({ fuzzSeconds, passOn, hint }).filter(({ group }) => group === 'build' || wanted.has(group))
  const heartbeat = setInterval(() => {
    for (const [name, startMs] of startedMs)
      say(`  ${name}: ${Math.round((performance.now() - startMs) / 1000)} s, ${(latest.get(name) ?? '...').slice(0, 100)}`)
  }, heartbeatMs)
  const results = await runSteps(plan, cores, {
    onStart: ({ name }) => {
      startedMs.set(name, performance.now())
      say(`> ${name}`)
    },
    onEnd: ({ name }, result) => {
      const tookMs = startedMs.has(name) ? performance.now() - startedMs.get(name) : 0
      startedMs.delete(name)
      rows.push([name, resultOf(result), seconds(tookMs)])
      say(`${result.ok ? '<' : 'X'} ${name}: ${resultOf(result)}, ${seconds(tookMs)}`)
      if (!result.ok && result.output && !verbose) say(result.output.trimEnd().split('\n').slice(-80).map((line) => `    ${line}`).join('\n'))
    },
  })
  clearInterval(heartbeat)

  let total = none
  for (const result of results.values()) total = add(total, countsOf(result))
  const width = (column) => Math.max(...rows.map((row) => row[column].length))
  console.log('')
  for (const [name, result, took] of rows) console.log(`${name.padEnd(width(0))}  ${result.padEnd(width(1))}  ${took.padStart(width(2))}`)
  console.log(`logs: ${relative(root, reportDir)}/`)
  if (missing.length > 0) console.log(`missing, so that tests were skipped:\n${missingText(missing)}`)
  const failures = failureList([...results])
  if (failures.length > 0) console.log(`\nfailed:\n${failures.map((line) => `  ${line}`).join('\n')}`)
  console.log('')
  console.log(closingLine(total))
  if (total.failed > 0) process.exitCode = 1
})
