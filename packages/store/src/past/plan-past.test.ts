import { PurgedError, ReplyError } from '@slotwise/engine'
import { describe, expect, it } from 'vitest'
import type { HeldFile, HeldFiles } from './held-files.js'
import { parsePastTarget, planPast } from './plan-past.js'

const segment = (seq: number): HeldFile => ({ name: `a.${seq}.incr.aof`, seq, path: '' })
const held = (more: Partial<HeldFiles> = {}): HeldFiles => ({
  base: { name: 'a.2.base.rdb', seq: 2, path: '' }, live: [segment(3), segment(4)], history: [], fromTheBeginning: false, manifest: '', ...more,
})
/** Segment n was written last at second 100 n. */
const last = ({ seq }: HeldFile): number => seq * 100
const plan = (files: HeldFiles, at: string | number): unknown => {
  const { base, segments } = planPast(files, typeof at === 'string' ? parsePastTarget(at) : { seconds: at }, last)
  return [base?.seq ?? null, ...segments.map(({ seq }) => seq)]
}
const whole = held({ history: [segment(1), segment(2)], fromTheBeginning: true })

describe('the files of a moment', () => {
  it.each([
    ['a base and what follows it', held(), 'a.4.incr.aof:7', [2, 3, 4]], ['no more than is needed', held(), '3:0', [2, 3]],
    ['all from the beginning, before the base', whole, '2:5', [null, 1, 2]], ['the base where it can be used', whole, '3:5', [2, 3]],
    ['a base and all behind it, for a time', held({ history: [segment(2)] }), 200, [2, 3, 4]],
    ['all from the beginning, for an earlier time', whole, 199, [null, 1, 2, 3, 4]], ['no base, where there was none', held({ base: null }), '3:1', [null, 3]],
  ])('are %s', (_, files, at, expected) => expect(plan(files, at)).toEqual(expected))

  it.each([
    [held(), '2:0', 'a.3.incr.aof:0'], [held({ history: [segment(2)] }), '2:9', 'a.3.incr.aof:0'], [held({ history: [segment(2)] }), 'a.1.incr.aof:9', 'a.3.incr.aof:0'],
    [held({ history: [segment(2)] }), 199, 'a.3.incr.aof:0'], [held({ history: [segment(2)], live: [segment(4)] }), '3:0', 'a.4.incr.aof:0'],
  ])('are gone, and the oldest position is named: %#', (files, at, oldest) => {
    expect(() => plan(files, at)).toThrow(PurgedError)
    expect(() => plan(files, at)).toThrow(`not held any more: the oldest position held is ${oldest}`)
  })

  it('are not invented', () => {
    for (const at of ['5:0', 'b:0', 'a.9.incr.aof:1']) expect(() => plan(held(), at)).toThrow(ReplyError)
  })
})

describe('a moment', () => {
  it('is a position or a date', () => {
    expect(parsePastTarget('3:17')).toEqual({ file: '3', byte: 17 })
    expect(parsePastTarget(new Date(1999))).toEqual({ seconds: 1 })
    for (const at of ['', '3', ':1', '3:', '3:x', 'a b:1', '$', new Date(Number.NaN), 7, null]) expect(() => parsePastTarget(at as string)).toThrow(TypeError)
  })
})
