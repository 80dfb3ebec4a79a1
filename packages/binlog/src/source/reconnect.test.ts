import { describe, expect, it } from 'vitest'
import { ServerError } from '../errors.js'
import { Reconnect } from './reconnect.js'
import { remedyFor } from './server-errors.js'
import { listMembers } from './source-facts.js'

const error = (errno: number, message = ''): ServerError => new ServerError(errno, '', message)

describe('reconnecting', () => {
  it('waits longer with every failure, up to the limit, and begins anew when a source served', () => {
    const reconnect = new Reconnect({ sourceCount: 1, delayMs: 100, delayMsMax: 1000, random: () => 1 })
    const pauses = Array.from({ length: 6 }, () => (reconnect.failed('retry') as { afterMs: number }).afterMs)
    expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000])
    reconnect.served()
    expect(reconnect.failed('retry')).toMatchObject({ afterMs: 100 })
  })

  it('tries the other sources first, at once, and never comes back in step', () => {
    const reconnect = new Reconnect({ sourceCount: 2, delayMs: 100, random: () => 0.5 })
    expect(reconnect.failed('retry')).toEqual({ type: 'connect', source: 1, afterMs: 0 })
    expect(reconnect.failed('retry')).toEqual({ type: 'connect', source: 0, afterMs: 75 })
    expect(reconnect.failed('retry')).toEqual({ type: 'connect', source: 1, afterMs: 150 })
  })

  it('stops when no source can serve from here, or another follower has taken over', () => {
    const reconnect = new Reconnect({ sourceCount: 2, random: () => 0 })
    expect(reconnect.failed('otherSource')).toMatchObject({ type: 'connect', source: 1 })
    expect(reconnect.failed('retry')).toMatchObject({ type: 'connect', source: 1 })
    expect(reconnect.failed('otherSource')).toMatchObject({ type: 'stop' })
    expect(new Reconnect({ sourceCount: 9, random: () => 0 }).failed('replaced')).toMatchObject({ type: 'stop' })
    expect(new Reconnect({ sourceCount: 9, random: () => 0 }).failed('stop')).toMatchObject({ type: 'stop' })
  })

  it.each([
    [error(1236, 'Could not find first log file name in binary log index file'), 'otherSource'],
    [error(1236, 'A replica with the same server_uuid/server_id as this replica has connected'), 'replaced'],
    [error(4052, 'A slave with the same server_id'), 'replaced'], [error(1045), 'stop'], [error(1227), 'stop'], [error(1040), 'retry'],
    [new Error('reset'), 'retry'],
  ])('%s: %s', (cause, remedy) => expect(remedyFor(cause)).toBe(remedy))
})

describe('members of a column type', () => {
  it('are unquoted', () => expect(listMembers('enum(\'a\',\'it\'\'s\',\'\')')).toEqual(['a', 'it\'s', '']))
})
