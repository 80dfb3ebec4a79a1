import { describe, expect, it } from 'vitest'
import { type Answer, parseNodes, renderStatus, slotCount } from './view.js'

const id = (digit: string): string => digit.repeat(40)
const NODES = `${id('a')} 127.0.0.1:7001@17001 myself,master - 0 0 2 connected 5461-10922 [93->-${id('b')}]
${id('b')} 127.0.0.1:7000@17000,host master - 0 1 1 connected 0-5459 5460
${id('c')} 127.0.0.1:7003@17003 slave ${id('b')} 0 1 1 connected
${id('d')} 127.0.0.1:7002@17002 master,fail - 0 1 3 disconnected 10923-16383
`
const answers = new Map<string, Answer>([
  ['127.0.0.1:7000', new Map([['db0', 'keys=12,expires=0,avg_ttl=0'], ['used_memory_human', '1.20M'], ['master_repl_offset', '120'], ['connected_clients', '3'], ['instantaneous_ops_per_sec', '9']])],
  ['127.0.0.1:7001', new Map([['used_memory_human', '1.00M']])],
  ['127.0.0.1:7003', new Map([['db0', 'keys=12'], ['master_link_status', 'up'], ['slave_repl_offset', '100']])],
  ['127.0.0.1:7002', null],
])

describe('the status of a cluster', () => {
  it('is read from CLUSTER NODES, with and without host names and migrating slots', () => {
    const members = parseNodes(NODES)
    expect(members.map(({ address }) => address)).toEqual(['127.0.0.1:7001', '127.0.0.1:7000', '127.0.0.1:7003', '127.0.0.1:7002'])
    expect(members.map(slotCount)).toEqual([5462, 5461, 0, 5461])
    expect(parseNodes('ERR This instance has cluster support disabled')).toEqual([])
  })

  it('shows primaries by their slots, replicas below them with how far they are behind, and who failed', () => {
    const info = new Map([['cluster_state', 'fail'], ['cluster_state_reason', 'slots without owner'], ['cluster_slots_ok', '10923'], ['cluster_current_epoch', '3']])
    const lines = renderStatus(info, parseNodes(NODES), answers).split('\n')
    expect(lines[0]).toBe('cluster fail (slots without owner), 4 nodes, 10923 of 16384 slots served, epoch 3')
    expect(lines.slice(3).map((line) => line.trim().split(/\s{2,}/))).toEqual([
      ['127.0.0.1:7000', 'primary', '0-5459 5460', '12', '1.20M', '3', '9', 'ok'],
      ['127.0.0.1:7003', 'replica', '12', '-', '-', '-', 'ok, 20 bytes behind'],
      ['127.0.0.1:7001', 'primary', '5461-10922', '0', '1.00M', '-', '-', 'ok'],
      ['127.0.0.1:7002', 'primary', '10923-16383', '-', '-', '-', '-', 'FAIL'],
    ])
  })
})
