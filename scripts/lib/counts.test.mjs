import { describe, expect, it } from 'vitest'
import { add, closingLine, nativeCounts, none, vitestCounts } from './counts.mjs'

const report = (fields) => JSON.stringify({
  success: true, numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [], ...fields,
})

describe('counts', () => {
  it('reads the last closing line of the C++ harness', () => {
    expect(nativeCounts('native: 1 passed, 9 failed\nslow X\nnative: 12 passed, 3 failed\n'))
      .toEqual({ passed: 12, failed: 3, skipped: 0 })
  })

  it('takes a C++ run without a closing line for a crash', () => {
    expect(nativeCounts('AddressSanitizer: heap-use-after-free')).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  it('counts skipped and todo tests as skipped', () => {
    expect(vitestCounts(report({ numPassedTests: 5, numPendingTests: 2, numTodoTests: 1 })))
      .toEqual({ passed: 5, failed: 0, skipped: 3 })
  })

  it('counts a file that did not load as a failure', () => {
    const testResults = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [{ status: 'failed' }] },
      { status: 'passed', assertionResults: [{ status: 'passed' }] },
    ]
    expect(vitestCounts(report({ success: false, numPassedTests: 1, numFailedTests: 1, testResults })).failed).toBe(2)
  })

  it('never reports success for a run that vitest calls failed', () => {
    expect(vitestCounts(report({ success: false, numPassedTests: 3 })).failed).toBe(1)
  })

  it('closes with one line', () => {
    expect(closingLine(add({ passed: 1, failed: 2, skipped: 3 }, { ...none, passed: 4 }))).toBe('5 passed, 2 failed, 3 skipped')
  })
})
