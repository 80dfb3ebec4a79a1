/**
 * What failed, one line a test: step, file > name, message; the fewer there are, the more of it, without its stack. It
 * is printed last of all, since the end is what is kept of a log that is cut. A failure here is { test, message }; one
 * without `test` is the step as a whole.
 */
import { isAbsolute, relative } from 'node:path'
import { root } from './repository.mjs'

const linesMax = 40
const charactersMin = 300
const charactersOfAll = 3000

const unhandledHeading = /Unhandled (Rejection|Error|Exception)/

const firstLine = (text) => text.split('\n').find((line) => line.trim() !== '')?.trim() ?? ''
/** On one line, without the stack. */
const folded = (text) =>
  text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('at ')).join(' | ')
const lastLine = (text) => text.trimEnd().split('\n').at(-1).trim()

/**
 * From vitest's JSON report. What happens outside of any test is only in what was printed.
 * @param text  the report
 * @param output  what vitest printed
 */
export function vitestFailures(text, output) {
  const report = JSON.parse(text)
  const failures = report.testResults.flatMap((file) => {
    const path = isAbsolute(file.name) ? relative(root, file.name) : file.name
    const failed = file.assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0) return file.status === 'failed' ? [{ test: path, message: firstLine(file.message ?? '') }] : []
    return failed.map(({ ancestorTitles, title, failureMessages }) => {
      const [message = ''] = failureMessages ?? []
      return { test: [path + lineIn(path, message), ...ancestorTitles, title].join(' > '), message: folded(message) }
    })
  })
  return report.success || failures.length > 0 ? failures : [{ message: unhandled(output) }]
}

/** ':12', the topmost line of the test's own file in the stack; empty if it is not in there. */
function lineIn(path, message) {
  const at = message.indexOf(`${path}:`)
  return at < 0 ? '' : /^:\d+/.exec(message.slice(at + path.length))?.[0] ?? ''
}

function unhandled(output) {
  const lines = output.split('\n').map((line) => line.trim())
  const at = lines.findIndex((line) => unhandledHeading.test(line))
  return at < 0 ? lastLine(output) : lines.slice(at).find((line) => line !== '' && !unhandledHeading.test(line)) ?? lines[at]
}

/**
 * From what the C++ harness prints: expectations that did not hold and what sanitizers say come before the name. Two
 * processes share the tests out, so with several failures at once a message may stand at its neighbour's name.
 */
export function nativeFailures(output) {
  const failures = []
  let said = ''
  for (const line of output.split('\n')) {
    const [, test, why] = /^FAILED ([^\s:]+|after the last test)(?:: (.*))?$/.exec(line) ?? []
    if (test === undefined) {
      if (said === '' && /^\S+\.(cc|h):\d+(:\d+)?: |(Address|Thread|Leak)Sanitizer: /.test(line)) said = line.trim()
      continue
    }
    failures.push({ test, message: [said, why].filter(Boolean).join('; ') })
    said = ''
  }
  // No test was named: it was not built, or died of something else.
  return failures.length > 0 ? failures : [{ message: said === '' ? lastLine(output) : said }]
}

/** Of a step that failed, as its runner says, or with its last line. */
export function failuresOf({ ok, blockedBy, failures = [], output = '' }) {
  if (ok) return []
  if (blockedBy !== undefined) return [{ message: `not run: ${blockedBy} failed` }]
  return failures.length > 0 ? failures : [{ message: lastLine(output) }]
}

/**
 * The list for the end of the log.
 * @param results  [name of the step, its result], in order
 */
export function failureList(results) {
  const found = results.flatMap(([step, result]) => failuresOf(result).map(({ test, message }) =>
    [step, test, folded(message)].filter(Boolean).join(': ')))
  const all = found.map((line) => line.slice(0, Math.max(charactersMin, Math.floor(charactersOfAll / found.length))))
  if (all.length <= linesMax) return all
  return [...all.slice(0, linesMax), `and ${all.length - linesMax} more`]
}
