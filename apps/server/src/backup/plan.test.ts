import { describe, expect, it } from 'vitest'
import { type ArchivedSegment, chainOf, type FullCopy, type Plan, planRestore, type Segment, type Target } from './plan.js'

const segment = (seq: number, size: number, lastSeconds: number): Segment => ({ name: `a.${seq}.incr.aof`, seq, size, lastSeconds })
const archived = (seq: number, size: number, lastSeconds: number, next: number): ArchivedSegment =>
  ({ ...segment(seq, size, lastSeconds), next })
function full(name: string, createdSeconds: number, segments: Segment[], rest: Partial<FullCopy> = {}): FullCopy {
  return { name, createdSeconds, base: { name: 'a.1.base.rdb', seq: 1, size: 9 }, baseSeconds: createdSeconds - 50, archiveId: 'h', segments, ...rest }
}
const monday = full('monday', 1000, [segment(3, 10, 990)])
const archive = new Map([['h', [archived(3, 40, 1100, 4), archived(4, 50, 1300, 6), archived(6, 60, 1500, 7)]]])
const shape = (plan: Plan): string => plan.segments.map(({ seq, from, size }) => `${seq}${from === 'copy' ? 'c' : 'a'}${size}`).join(' ')

describe('the chain behind a copy', () => {
  it('has the archived form of segments that the copy has in part, then those that follow by their notes', () => {
    const chain = chainOf(monday, archive.get('h')!)
    expect(shape(chain)).toBe('3a40 4a50 6a60')
    expect(chain.missing).toBe(7)
    expect(chain.knownUntilSeconds).toBe(1499)
  })
  it('is what the copy has, without an archive', () => {
    const chain = chainOf(full('m', 1000, [segment(3, 10, 990), segment(4, 0, 0)]), [])
    expect(shape(chain)).toBe('3c10 4c0')
    expect([chain.missing, chain.knownUntilSeconds]).toEqual([0, 999])
  })
  it('goes on with the copy where a segment is not archived yet', () => {
    expect(shape(chainOf(full('m', 1200, [segment(3, 10, 990), segment(4, 7, 1190)]), [archived(3, 40, 1100, 4)]))).toBe('3a40 4c7')
  })
  it('ends before a segment that is missing, however many come later', () => {
    const chain = chainOf(monday, [archived(3, 40, 1100, 4), archived(6, 60, 1500, 7)])
    expect(shape(chain)).toBe('3a40')
    expect([chain.missing, chain.knownUntilSeconds]).toEqual([4, 1099])
  })
  it('does not skip a segment because a note says so', () =>
    expect(() => chainOf(monday, [archived(3, 40, 1100, 6), archived(4, 50, 1300, 6), archived(6, 60, 1500, 7)]))
      .toThrow(/6 follows 3, but it also has 4/))
})

describe('a restore', () => {
  const tuesday = full('tuesday', 1400, [segment(6, 20, 1390)], { baseSeconds: 1310 })
  const plan = (target: Target, name?: string): Plan => planRestore([monday, tuesday], archive, target, name)

  it('begins with the newest copy that is early enough', () => {
    expect(plan({ seconds: 1400 }).full.name).toBe('tuesday')
    expect(plan({ seconds: 1309 }).full.name).toBe('monday')
    expect(plan({}).full.name).toBe('tuesday')
    expect(plan({}, 'monday').full.name).toBe('monday')
  })
  it('refuses a time before the oldest copy, and one that nothing reaches', () => {
    expect(() => plan({ seconds: 900 })).toThrow(/oldest backup begins at 1970-01-01T00:15:50Z/)
    expect(() => plan({ seconds: 1500 })).toThrow(/known up to 1970-01-01T00:24:59Z.*segment 7 is not in the archive/)
    expect(() => planRestore([monday], new Map(), { seconds: 1000 })).toThrow(/known up to 1970-01-01T00:16:39Z/)
  })
  it('takes any time for a copy that begins with nothing', () => {
    const first = full('m', 1000, [segment(1, 5, 990)], { base: null, baseSeconds: null })
    expect(planRestore([first], new Map(), { seconds: 5 }).full.name).toBe('m')
  })
  it('takes a copy whose base has no date only from its own time on', () => {
    const undated = full('m', 1000, [segment(1, 5, 990)], { baseSeconds: null })
    expect(() => planRestore([undated], new Map(), { seconds: 990 })).toThrow(/oldest backup begins/)
  })
  it('ends at the segment of a position', () => {
    expect(shape(plan({ position: { seq: 4, byte: 50 } }))).toBe('3a40 4a50')
    expect(shape(plan({ position: { seq: 6, byte: 60 } }))).toBe('6a60')
    expect(() => plan({ position: { seq: 4, byte: 51 } })).toThrow(/known up to byte 50, not to 51/)
    expect(() => plan({ position: { seq: 5, byte: 1 } })).toThrow(/has segment 5/)
  })
  it('asks which history a position means', () => {
    const other = full('other', 2000, [segment(6, 99, 1990)], { archiveId: null })
    expect(() => planRestore([monday, other], archive, { position: { seq: 6, byte: 60 } })).toThrow(/two histories.*--backup other.*--backup monday/)
    expect(planRestore([monday, other], archive, { position: { seq: 6, byte: 60 } }, 'monday').full.name).toBe('monday')
  })
  it('says that there is nothing', () => {
    expect(() => planRestore([], new Map(), {})).toThrow('There is no backup')
    expect(() => plan({}, 'wednesday')).toThrow('There is no backup named wednesday')
  })
})
