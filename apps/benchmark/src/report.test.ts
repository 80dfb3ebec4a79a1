import { describe, expect, it } from 'vitest'
import { figuresOf, type Report, verdictsOf } from './report.js'
import { markdownOf, valueText } from './report-markdown.js'
import { barsOf, svgOf } from './report-svg.js'
import type { Scenario } from './scenario.js'

const comparison = {
  case: 'GET',
  sides: ['slotwise', 'redis'],
  samples: [
    [{ cpuUsPerOp: 1, opsPerSecond: 4000, p50Us: 9 }, { cpuUsPerOp: 2, opsPerSecond: 2000, p50Us: 9 }],
    [{ cpuUsPerOp: 4, opsPerSecond: 1000 }, { cpuUsPerOp: 4, opsPerSecond: 1000 }],
  ],
}
const scenario: Scenario = {
  name: 'p1', question: 'How much?', workload: 'Some.', output: '', yardstick: 'redis',
  goals: [{ case: 'GET', metric: 'cpuUsPerOp', must: 0.5, aim: 0.3 }],
  run: () => Promise.resolve(),
}

function reportOf(reference = 'redis'): Report {
  const figures = figuresOf(comparison)
  return {
    formatVersion: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    commit: 'abc1234',
    machine: { cpu: 'C<P>U', coreCount: 2, memoryBytes: 2 ** 34, kernel: 'linux 6', node: '20.20.2' },
    settings: {
      quick: false, runs: 2, seconds: 5, warmupSeconds: 1, seed: 1, serverCores: '0', loadCores: '1', subject: 'slotwise', reference,
    },
    versions: { redis: '7.0.15' },
    scenarios: [{
      name: 'p1', question: 'How much?', workload: 'Some.', yardstick: 'redis', status: 'done', notes: ['noisy'], figures,
      verdicts: verdictsOf(scenario, figures, 'slotwise'),
    }],
  }
}

describe('figuresOf', () => {
  it('keeps the metrics that every side has, with ratios of paired rounds', () => {
    const figures = figuresOf(comparison)
    expect(figures.map((figure) => figure.metric)).toEqual(['cpuUsPerOp', 'opsPerSecond'])
    expect(figures[0]?.sides[1]?.ratio).toEqual({ median: 0.375, min: 0.25, max: 0.5 })
    expect(figures[0]?.sides[0]?.ratio).toBeNull()
  })
})

describe('verdictsOf', () => {
  it('judges the median ratio of the subject', () => {
    expect(verdictsOf(scenario, figuresOf(comparison), 'slotwise')).toMatchObject([{ against: 'redis', verdict: 'must met' }])
  })

  it('judges nobody else', () => {
    const figures = figuresOf({ ...comparison, sides: ['lmdb', 'map'] })
    expect(verdictsOf(scenario, figures, 'slotwise')).toEqual([])
  })
})

describe('markdownOf', () => {
  it('states machine, commit, seed, versions, promise and every figure', () => {
    const text = markdownOf(reportOf())
    for (const part of ['C<P>U, 2 cores', 'Commit abc1234', 'seed 1', 'redis 7.0.15', 'must met', '- noisy']) {
      expect(text).toContain(part)
    }
    expect(text).toContain('| GET | CPU, us/op | 1.50 (1.00 to 2.00) | 4.00 (4.00 to 4.00) | **0.38 (0.25 to 0.50)** |')
  })

  it('says that a null comparison is one', () => {
    expect(markdownOf(reportOf('slotwise'))).toContain('Null comparison')
    expect(markdownOf(reportOf())).not.toContain('Null comparison')
  })
})

describe('svgOf', () => {
  it('turns costs over, so that longer to the right is better', () => {
    const [bar] = barsOf(reportOf())
    expect(bar?.spread).toEqual({ median: 1 / 0.375, min: 2, max: 4 })
    expect(bar?.must).toBe(2)
  })

  it('escapes what stands in text', () => {
    const svg = svgOf(reportOf())
    expect(svg).toContain('C&lt;P&gt;U')
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
  })
})

describe('valueText', () => {
  it.each([[0.01234, '0.0123'], [1.5, '1.50'], [150.4, '150'], [1_234_567, '1 234 567'], [0, '0']])('%d is %s', (value, text) => {
    expect(valueText(value, 'opsPerSecond')).toBe(text)
  })

  it('shows bytes in MiB', () => {
    expect(valueText(2 ** 21, 'rssBytes')).toBe('2.00')
  })
})
