import { expect, it } from 'vitest'
import { lateReturnMs, parseNodesConf, type SavedCluster } from './index.js'

const id = (number: number): string => number.toString(16).padStart(40, '0')
const conf = (self: string, replica: string): SavedCluster => parseNodesConf([
  `${id(0)} 10.0.0.1:7000@17000 ${self}`,
  `${id(1)} 10.0.0.2:7000@17000 master - 0 1 2 connected 10-19`,
  `${id(2)} 10.0.0.3:7000@17000 ${replica} 0 1 1 connected`,
  'vars currentEpoch 2 lastVoteEpoch 0', '',
].join('\n')) as SavedCluster

it.each([
  ['a primary with a replica', 'myself,master - 0 1 1 connected 0-9', `slave ${id(0)}`, 12_000],
  ['one whose replica had failed', 'myself,master - 0 1 1 connected 0-9', `slave,fail ${id(0)}`, 0],
  ['one whose replica was suspected', 'myself,master - 0 1 1 connected 0-9', `slave,fail? ${id(0)}`, 12_000],
  ['one without a replica', 'myself,master - 0 1 1 connected 0-9', `slave ${id(1)}`, 0],
  ['one without slots', 'myself,master - 0 1 1 connected', `slave ${id(0)}`, 0],
  ['a replica', `myself,slave ${id(1)} 0 1 2 connected`, `slave ${id(1)}`, 0],
])('%s that has lost its data stays away', (_name, self, replica, ms) => {
  expect(lateReturnMs(conf(self, replica), 5000)).toBe(ms)
})
