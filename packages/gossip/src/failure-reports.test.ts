/** Reports of failures, against the plainest thing that could keep them; and how seldom they are counted. */
import { describe, expect, it } from 'vitest'
import { Bench, idOf, START_MS } from '../test/helpers.js'
import { addReport, FailureReports } from './failure-reports.js'
import { randomOf } from './random.js'

const REPORTERS = 12

/** Voters 1 to 12, but for one in three. */
function bench(): Bench {
  const made = new Bench()
  for (let number = 1; number <= REPORTERS; number++) made.add(number, { slots: number % 3 === 0 ? [] : [number] })
  return made
}

describe('reports', () => {
  it('are what a map of reporters and times says, whatever comes in which order', () => {
    const { view } = bench()
    const random = randomOf(11)
    for (let round = 0; round < 40; round++) {
      const reports = new FailureReports()
      const plain = new Map<number, number>()
      let now = START_MS
      for (let n = 0; n < 200; n++) {
        now += Math.floor(random() * 50)
        const reporter = view.nodes.get(idOf(1 + Math.floor(random() * REPORTERS)))!
        const what = random()
        if (what < 0.6) {
          reports.add(reporter.number, now)
          plain.set(reporter.number, now)
        } else if (what < 0.75) {
          reports.delete(reporter.number)
          plain.delete(reporter.number)
        } else if (what < 0.85) {
          const oldest = now - 300
          reports.expire(oldest)
          for (const [number, time] of plain) if (time < oldest) plain.delete(number)
        } else if (what < 0.9) {
          // A voter ends to be one, or becomes one.
          const slot = 100 + Number.parseInt(reporter.id, 16)
          if (reporter.slotCount === 0) view.bind(slot, reporter)
          else view.unbindAll(reporter)
        }
        expect(reports.size).toBe(plain.size)
        const from = now - (random() < 0.5 ? 300 : 100)
        const needed = 1 + Math.floor(random() * REPORTERS)
        const exact = [...plain].filter(([number, time]) => time >= from && view.numbered[number]!.isVoter).length
        const counted = reports.voters(view, from, needed)
        if (exact >= needed) expect(counted).toBe(exact)
        else expect(counted).toBeLessThan(needed)
      }
    }
  })

  it('of a node that is forgotten are gone, and are not those of the next one that has its number', () => {
    const made = bench()
    const { view } = made
    const subject = view.nodes.get(idOf(1))!
    const reporter = view.nodes.get(idOf(2))!
    const { number } = reporter
    addReport(subject, reporter, START_MS)
    view.remove(reporter)
    expect([subject.reports, subject.reportedAt, view.numbered[number]]).toEqual([null, 0, undefined])
    const next = made.add(20, { slots: [20] })
    expect([next.number, view.numbered[number]]).toEqual([number, next])
    addReport(subject, next, START_MS)
    expect(subject.reports!.voters(view, START_MS, 1)).toBe(1)
  })
})
