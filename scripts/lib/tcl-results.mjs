/**
 * What a run of the Tcl suite says, as data: native/tables/suite-results.json, from which docs/compatibility.md lists
 * the units and what fails in them. Pure: text in, data out.
 */

const unitName = (path) => path.replace(/^unit\//, '')

/**
 * The result of each unit of a run.
 * @param {string} output  of the runner: a line `suite=... unit=... passed=... of baseline ...` for each unit.
 * @param {(unit: string) => string} logOf  the suite's own log of a unit.
 * @returns {{unit: string, passed: number, baseline: number | null, note?: string, failures: string[]}[]}
 */
export function unitResults(output, logOf) {
  const results = []
  for (const line of output.split('\n')) {
    const match = /^suite=redis-tcl .*?unit=(\S+) passed=(\d+) failed=\d+.* of baseline (\S+)(?: note=(\S+))?$/.exec(line)
    if (match === null || match[1] === 'ALL') continue
    const [, unit, passed, baseline, note] = match
    results.push({
      unit: unitName(unit),
      passed: Number(passed),
      baseline: baseline === '-' ? null : Number(baseline),
      ...(note === undefined ? {} : { note }),
      failures: failedTests(logOf(unit)),
    })
  }
  return results
}

/** Names of the tests that failed, each once, as the suite spells them. */
export function failedTests(log) {
  const names = new Set()
  for (const [, name] of log.matchAll(/^\[err\]: (.*) in tests\/\S+\.tcl$/gm)) names.add(name)
  for (const [, what] of log.matchAll(/^\[exception\]: (.*)$/gm)) names.add(`(aborted) ${what}`.trim())
  return [...names].sort()
}

/** Units of `now` replace those recorded before; sorted, so that a record changes only where a result did. */
export function merged(before, now) {
  const units = new Map([...before, ...now].map((result) => [result.unit, result]))
  return [...units.values()].sort((a, b) => (a.unit < b.unit ? -1 : 1))
}
