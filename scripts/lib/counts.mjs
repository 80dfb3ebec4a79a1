/** Reads how many tests passed, failed and were skipped out of what each runner leaves behind. */

export const none = { passed: 0, failed: 0, skipped: 0 }

export const add = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
})

/** The C++ harness closes with 'native: N passed, N failed'; without that line it crashed, which is one failure. */
export function nativeCounts(output) {
  const last = [...output.matchAll(/^native: (\d+) passed, (\d+) failed$/gm)].at(-1)
  return last === undefined
    ? { ...none, failed: 1 }
    : { ...none, passed: Number(last[1]), failed: Number(last[2]) }
}

/**
 * Vitest's JSON report. A file that could not be loaded has no tests of its own and counts as one failure;
 * so does an error outside of any test, which the report shows only as `success: false`.
 */
export function vitestCounts(text) {
  const report = JSON.parse(text)
  const brokenFiles = report.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
  return report.success || counts.failed > 0 ? counts : { ...counts, failed: 1 }
}

/** The one line that closes every run, as CI reads it. */
export const closingLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`
