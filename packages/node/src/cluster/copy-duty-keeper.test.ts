/** What the data plane is told and when, and how a log that came back with less is noticed. */
import type { CopyDuty } from '@slotwise/cluster'
import type { ControlPort, DataPlaneDuty } from '@slotwise/engine'
import { describe, expect, it, test } from 'vitest'
import type { ClusterFiles, CopyLogNote } from './cluster-files.js'
import { CopyDutyKeeper, whyLess } from './copy-duty-keeper.js'

const duty: CopyDuty = { isActive: true, tag: '4-a-1', needed: 1, received: 0, servesUntilMs: 0, feeds: true, why: '' }

function bench(): { keeper: CopyDutyKeeper; told: DataPlaneDuty[]; ends: number[]; notes: CopyLogNote[] } {
  const told: DataPlaneDuty[] = []
  const ends: number[] = []
  const notes: CopyLogNote[] = []
  const control = {
    setCopyDuty: (one: DataPlaneDuty) => void told.push(one), setServesUntil: (ms: number) => void ends.push(ms),
  } as unknown as ControlPort
  const files = { noteLog: (note: CopyLogNote) => void notes.push(note) } as unknown as ClusterFiles
  return { keeper: new CopyDutyKeeper(control, files, 1000), told, ends, notes }
}

describe('the duty', () => {
  it('is told when it has changed, with the end of the lease on the monotonic clock', () => {
    const { keeper, told } = bench()
    const inTenSeconds = 1000 + performance.now() + 10_000
    keeper.apply({ ...duty, servesUntilMs: inTenSeconds }, '')
    keeper.apply({ ...duty, servesUntilMs: inTenSeconds }, '')
    expect(told).toHaveLength(1)
    const left = told[0]!.servesUntilMs - Number(process.hrtime.bigint()) / 1e6
    expect(left).toBeLessThanOrEqual(10_000)
    expect(left).toBeGreaterThan(0)
  })

  it.each<[string, Partial<CopyDuty>, string]>([
    ['there is no lease', { servesUntilMs: 0, why: 'so' }, ''],
    ['there are too few copies', { servesUntilMs: 1e15, needed: Number.POSITIVE_INFINITY, why: 'so' }, ''],
    ['directives do not allow it', { servesUntilMs: 1e15 }, 'so'],
  ])('serves nothing if %s', (_, over, promiseWhy) => {
    const { keeper, told } = bench()
    keeper.apply({ ...duty, ...over }, promiseWhy)
    expect(told).toMatchObject([{ servesUntilMs: 0, why: 'so' }])
    expect(Number.isSafeInteger(told[0]!.needed)).toBe(true)
  })
})

test('the end of a lease is told when it has changed, on the monotonic clock', () => {
  const { keeper, ends } = bench()
  const inTenSeconds = 1000 + performance.now() + 10_000
  for (const untilMs of [Number.POSITIVE_INFINITY, inTenSeconds, inTenSeconds, -1e12]) keeper.lease(untilMs)
  expect(ends).toHaveLength(3)
  expect(ends[0]).toBe(Number.POSITIVE_INFINITY)
  const left = ends[1]! - Number(process.hrtime.bigint()) / 1e6
  expect(left).toBeLessThanOrEqual(10_000)
  expect(left).toBeGreaterThan(0)
  expect(ends[2]).toBe(0)
})

test('a node whose copies are not counted is told nothing, and one that ends it is told so', () => {
  const { keeper, told } = bench()
  const none = { ...duty, isActive: false, servesUntilMs: Number.POSITIVE_INFINITY }
  keeper.apply(none, '')
  expect(told).toEqual([])
  keeper.apply({ ...duty, servesUntilMs: 1e15 }, '')
  keeper.apply(none, '')
  expect(told).toMatchObject([{ tag: duty.tag }, { servesUntilMs: 0 }])
})

describe('the note of a log', () => {
  const at = (history: string, offset: number): Parameters<CopyDutyKeeper['noteLog']>[1] =>
    ({ history, offset, durableOffset: offset - 1, connected: true, sinceMs: 0, loaded: true })

  it('is written for a new history at once, else once a second, and never by who is no copy', () => {
    const { keeper, notes } = bench()
    keeper.noteLog(false, at('a', 5))
    keeper.noteLog(true, at('a', 5))
    keeper.noteLog(true, at('a', 9))
    keeper.noteLog(true, at('b', 9))
    expect(notes).toMatchObject([{ history: 'a', offset: 4 }, { history: 'b', offset: 8 }])
  })

  const note = { history: 'aa', offset: 100, boot: 'another' }
  const info = (offset: number, id: string, previous = '00'): string =>
    `master_replid:${id}\r\nmaster_replid2:${previous}\r\nmaster_repl_offset:${offset}\r\n`

  it.each<[string, number, RegExp]>([
    [info(100, 'aa'), 0, /^$/],
    [info(140, 'bb', 'aa'), 0, /^$/],
    [info(99, 'aa'), 0, /ends at 99 and not at 100/],
    [info(140, 'bb'), 0, /another history/],
    ['', 0, /another history/],
    [info(100, 'aa'), 1, /started again/],
  ])('%# tells whether the log is less', (text, received, why) => {
    expect(whyLess(text, note, received)).toMatch(why)
  })
})
