import { replyError } from '@slotwise/engine'
import { ConnectionError } from 'slotwise'
import { describe, expect, it } from 'vitest'
import { stepAfter } from './redirection.js'

const aborted = (reason: string): Error => Object.assign(replyError('EXECABORT Transaction discarded'), { cause: replyError(reason) })

describe('a refusal', () => {
  it.each<[string, unknown, boolean, unknown]>([
    ['that names the owner', replyError('MOVED 3999 10.0.0.2:7001'), false, { to: 'node', address: '10.0.0.2:7001', asking: false }],
    ['that names an IPv6 owner', replyError('MOVED 3999 fe80::1:7001'), false, { to: 'node', address: 'fe80::1:7001', asking: false }],
    ['of a slot on its way', replyError('ASK 3999 10.0.0.2:7001'), false, { to: 'node', address: '10.0.0.2:7001', asking: true }],
    ['that knows no address yet', replyError('MOVED 3999 :7001'), false, { to: 'wait' }],
    ['that knows no address at all', replyError('MOVED 3999 ?:7001'), false, { to: 'wait' }],
    ['while a slot changes hands', replyError('TRYAGAIN The slot is being handed over to another node'), false, { to: 'wait' }],
    ['while there is no majority', replyError('CLUSTERDOWN The cluster is down'), false, { to: 'wait' }],
    ['of a node that loads', replyError('LOADING Redis is loading the dataset in memory'), false, { to: 'wait' }],
    ['of a transaction', aborted('MOVED 1 h:1'), false, { to: 'node', address: 'h:1', asking: false }],
    ['of a transaction with a bad command', aborted('ERR wrong number of arguments'), false, null],
    ['of the command itself', replyError('WRONGTYPE Operation against a key'), true, null],
    ['that was not sent', new ConnectionError('x', { mayHaveRun: false }), false, { to: 'wait' }],
    ['whose reply was lost, of a read', new ConnectionError('x'), true, { to: 'wait' }],
    ['whose reply was lost, of a write', new ConnectionError('x'), false, null],
    ['that is a bug', new TypeError('x'), true, null],
    ['that is none', 'value', true, null],
  ])('%s', (_, error, isRepeatable, expected) => {
    expect(stepAfter(error, isRepeatable)).toEqual(expected)
  })
})
