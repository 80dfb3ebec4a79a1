import { describe, expect, it } from 'vitest'
import { failedTests, merged, unitResults } from './tcl-results.mjs'

describe('results of the Tcl suite', () => {
  it('reads one result for each unit, with the tests that failed', () => {
    const output = [
      'suite=redis-tcl mode=standalone unit=unit/slowlog passed=14 failed=2 ignored=0 of baseline 16',
      'suite=redis-tcl mode=standalone unit=unit/limits passed=0 failed=1 ignored=0 of baseline - note=timeout',
      'suite=redis-tcl mode=standalone unit=ALL passed=14 failed=3 of baseline 16',
    ].join('\n')
    const logs = {
      'unit/slowlog': '[ok]: fine (3 ms)\n[err]: b in c in tests/unit/slowlog.tcl\nExpected\n[err]: a in tests/unit/slowlog.tcl\n',
      'unit/limits': '',
    }
    expect(unitResults(output, (unit) => logs[unit])).toEqual([
      { unit: 'slowlog', passed: 14, baseline: 16, failures: ['a', 'b in c'] },
      { unit: 'limits', passed: 0, baseline: null, note: 'timeout', failures: [] },
    ])
  })

  it('names an abort as one', () => {
    expect(failedTests('[exception]: Executing test client: I/O error\n')).toEqual(['(aborted) Executing test client: I/O error'])
  })

  it('replaces only the units that were run', () => {
    const old = [{ unit: 'a', passed: 1 }, { unit: 'c', passed: 1 }]
    expect(merged(old, [{ unit: 'c', passed: 2 }, { unit: 'b', passed: 3 }]))
      .toEqual([{ unit: 'a', passed: 1 }, { unit: 'b', passed: 3 }, { unit: 'c', passed: 2 }])
  })
})
