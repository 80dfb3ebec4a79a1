import { describe, expect, it } from 'vitest'
import { failureList, nativeFailures, vitestFailures } from './failures.mjs'
import { inRoot } from './repository.mjs'

const file = inRoot('packages', 'a', 'test', 'a.test.ts')
const failed = (title, message) => ({ status: 'failed', ancestorTitles: ['a node'], title, failureMessages: [message] })
const report = (testResults) => JSON.stringify({ success: false, testResults })

describe('the list of what failed', () => {
  it('has the place, the name and the message of each test that vitest calls failed', () => {
    const message = `Error: slot 3 is whose?\nnode 0: master\n    at waitFor (${inRoot('packages', 'testing', 'wait-for.ts')}:9:1)\n    at ${file}:12:5\n    at ${file}:99:5`
    const passed = { status: 'passed', ancestorTitles: [], title: 'is up', failureMessages: [] }
    expect(vitestFailures(report([
      { name: file, status: 'failed', message: '', assertionResults: [failed('takes over', message), passed] },
      { name: inRoot('b.test.ts'), status: 'passed', message: '', assertionResults: [passed] },
    ]), '')).toEqual([{ test: 'packages/a/test/a.test.ts:12 > a node > takes over', message: 'Error: slot 3 is whose? | node 0: master' }])
  })

  it('has a file that did not load', () => {
    expect(vitestFailures(report([{ name: file, status: 'failed', message: '\nError: no such module\nstack', assertionResults: [] }]), ''))
      .toEqual([{ test: 'packages/a/test/a.test.ts', message: 'Error: no such module' }])
  })

  it('has an error outside of any test, as it was printed', () => {
    const output = ' Tests  3 passed\n\n⎯⎯ Unhandled Errors ⎯⎯\n⎯⎯ Unhandled Rejection ⎯⎯\nError: closed\n ❯ at x\n'
    expect(vitestFailures(report([]), output)).toEqual([{ message: 'Error: closed' }])
    expect(vitestFailures(JSON.stringify({ success: true, testResults: [] }), output)).toEqual([])
  })

  it('has the C++ tests with the first expectation that did not hold, or how the process ended', () => {
    expect(nativeFailures([
      'slow   A.One (1200 ms)', 'test/a_test.cc:7: x == y: 1, 2', 'test/a_test.cc:9: y == z: 2, 3', 'FAILED A.Two',
      'FAILED B.One: the process ended with status 0x6', '==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1',
      'FAILED after the last test: the process ended with status 0x100', 'native: 4 passed, 3 failed',
    ].join('\n'))).toEqual([
      { test: 'A.Two', message: 'test/a_test.cc:7: x == y: 1, 2' },
      { test: 'B.One', message: 'the process ended with status 0x6' },
      { test: 'after the last test', message: '==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1; the process ended with status 0x100' },
    ])
    expect(nativeFailures('src/a.cc:3:1: error: expected }\nmake: *** [all] Error 2\n')).toEqual([{ message: 'src/a.cc:3:1: error: expected }' }])
  })

  it('names the step, and is short: of each failure so much, and so many', () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ test: `t${index}`, message: 'x'.repeat(1000) }))
    const list = failureList([
      ['lint', { ok: false, output: 'a.ts\n  1:1 error\n\n✖ 1 problem\n' }], ['unit', { ok: true, failures: [] }],
      ['nx targets', { ok: false, blockedBy: 'build native' }], ['peers', { ok: false, failures: many, output: '' }],
    ])
    expect(list.slice(0, 2)).toEqual(['lint: ✖ 1 problem', 'nx targets: not run: build native failed'])
    expect(list[2]).toMatch(/^peers: t0: x+$/)
    expect(list[2]).toHaveLength(300)
    expect(list).toHaveLength(41)
    expect(list.at(-1)).toBe('and 12 more')
    expect(failureList([['unit', { ok: true }]])).toEqual([])
    expect(failureList([['peers', { ok: false, failures: many.slice(0, 2) }]]).map(({ length }) => length)).toEqual([1011, 1011])
    expect(failureList([['peers', { ok: false, failures: [{ message: 'x'.repeat(9000) }] }]])[0]).toHaveLength(3000)
  })
})
