/** Histories by hand, good and bad: a checker that finds nothing is worse than none. */
import { describe, expect, it } from 'vitest'
import { isLinearizable, type RegisterOperation } from './register-history.js'

const set = (value: string, calledAt: number, answeredAt: number | null): RegisterOperation => ({ kind: 'set', value, calledAt, answeredAt })
const get = (value: string | null, calledAt: number, answeredAt: number): RegisterOperation => ({ kind: 'get', value, calledAt, answeredAt })

describe('a history of a register', () => {
  it.each<[string, RegisterOperation[]]>([
    ['nothing', []],
    ['a read of nothing', [get(null, 0, 1)]],
    ['one after the other', [set('a', 0, 1), get('a', 2, 3), set('b', 4, 5), get('b', 6, 7)]],
    ['a read beside a write sees it', [set('a', 0, 10), get('a', 1, 2)]],
    ['a read beside a write does not see it', [set('a', 0, 10), get(null, 1, 2)]],
    ['two writes at once, in either order', [set('a', 0, 10), set('b', 0, 10), get('a', 11, 12), get('a', 13, 14)]],
    ['a read spans two writes and sees the first', [set('a', 0, 1), get('a', 1.5, 10), set('b', 2, 3)]],
    ['a write that was never answered took effect late', [set('a', 0, null), get(null, 5, 6), get('a', 7, 8)]],
    ['a write that was never answered never took effect', [set('a', 0, null), get(null, 5, 6), set('b', 7, 8), get('b', 9, 10)]],
    ['two unanswered writes, the later one first', [set('a', 0, null), set('b', 1, null), get('b', 2, 3), get('a', 4, 5)]],
    ['an answer and a call at one moment may be either way', [set('a', 0, 1), get(null, 1, 2)]],
    ['a write that was called after a read was', [get('a', 0, 10), set('a', 5, 6)]],
    ['three readers beside one write, each once', [set('a', 0, 9), get(null, 1, 2), get('a', 3, 4), get('a', 5, 6)]],
  ])('is good: %s', (_, operations) => {
    expect(isLinearizable(operations)).toBe(true)
  })

  it.each<[string, RegisterOperation[]]>([
    ['an acknowledged write is lost', [set('a', 0, 1), get(null, 2, 3)]],
    ['an acknowledged write is lost for an older one', [set('a', 0, 1), set('b', 2, 3), get('a', 4, 5)]],
    ['a read of what nobody wrote', [set('a', 0, 1), get('b', 2, 3)]],
    ['a read of what is written later', [get('a', 0, 1), set('a', 2, 3)]],
    ['two reads go back', [set('a', 0, 1), set('b', 2, 10), get('b', 3, 4), get('a', 5, 6)]],
    ['two reads beside a write go back', [set('a', 0, 10), get('a', 1, 2), get(null, 3, 4)]],
    ['an unanswered write comes and goes', [set('a', 0, null), get('a', 1, 2), get(null, 3, 4)]],
    ['an unanswered write takes effect twice', [set('a', 0, null), get('a', 1, 2), set('b', 3, 4), get('b', 5, 6), get('a', 7, 8)]],
    ['an unanswered write takes effect before it was called', [get('a', 0, 1), set('a', 2, null)]],
    ['readers see two writes in different orders', [set('a', 0, 10), set('b', 0, 10), get('a', 11, 12), get('b', 13, 14)]],
    ['a stale read elsewhere after the acknowledgement', [set('a', 0, 1), set('b', 2, 3), get('b', 4, 5), get('a', 4.5, 6), get('a', 7, 8)]],
    ['the last of many', [...Array.from({ length: 30 }, (_, index) => set(`v${index}`, 2 * index, 2 * index + 1)), get('v28', 100, 101)]],
  ])('is bad: %s', (_, operations) => {
    expect(isLinearizable(operations)).toBe(false)
  })

  it('may begin with a value', () => {
    expect(isLinearizable([get('a', 0, 1)], 'a')).toBe(true)
    expect(isLinearizable([get(null, 0, 1)], 'a')).toBe(false)
  })

  it('of many clients at once is decided soon', () => {
    const operations: RegisterOperation[] = []
    for (let at = 0; at < 100; at++) {
      operations.push(set(`v${at}`, at, at + 4))
      operations.push(get(`v${at}`, at + 3, at + 4.5))
    }
    expect(isLinearizable(operations)).toBe(true)
    operations.push(get('v3', 200, 201))
    expect(isLinearizable(operations)).toBe(false)
  })
})
