/** nodes.conf: Redis 7.0, "nodes.conf"; row 61 of the bad input. */
import { randomOf } from '@slotwise/gossip'
import { describe, expect, it } from 'vitest'
import {
  ClusterMachine, CORRUPTED, defaultOptions, nodesConf, parseNodesConf, type SavedCluster, savedCluster,
  withFileVersion,
} from './index.js'

const one = '82928e546572906871c33de35650e329c088324c'
const two = '3e108ccd36013896ef88cee0030ac90515e4d5d0'
const three = 'aa74c0f643472f8f30cbc24759a0de4a796409f6'

/** As redis-server 7.0.15 wrote it. */
const text = [
  `${one} 127.0.0.1:21100@21200,a.example.com myself,master - 0 1795291365000 1 connected 0-5460 [5->-${three}] [9000-<-${three}]`,
  `${two} 127.0.0.1:21103@21203 slave ${one} 0 1795291365468 1 connected`,
  `${three} 127.0.0.1:21102@21202 master,fail - 5 1795291365065 3 disconnected 5461-5461 10923-16383`,
  'vars currentEpoch 8 lastVoteEpoch 7', '',
].join('\n')

const saved = (): SavedCluster => parseNodesConf(text) as SavedCluster

const machine = (): ClusterMachine => new ClusterMachine({
  options: { ...defaultOptions, port: 21_100, busPort: 21_200, announceHostname: 'a.example.com' },
  random: randomOf(1), nowMs: 1_795_291_365_000,
  saved: saved(),
})

describe('nodes.conf', () => {
  it('of redis-server is read', () => {
    const { view } = machine()
    expect([view.self.id, view.currentEpoch, view.lastVoteEpoch, view.self.slotCount, view.assignedCount])
      .toEqual([one, 8, 7, 5461, 10_923])
    expect([view.nodes.get(two)!.primary, view.nodes.get(two)!.configEpoch, view.nodes.get(three)!.isFail])
      .toEqual([view.self, 0, true])
    expect([view.migrating.get(5)?.id, view.importing.get(9000)?.id]).toEqual([three, three])
  })

  it('written and read again says the same', () => {
    const { view } = machine()
    const again = parseNodesConf(nodesConf(view)) as SavedCluster
    expect(savedCluster(view)).toEqual(again)
    expect({ ...again, nodes: again.nodes.map(({ pinged, ponged, ...node }) =>
      ({ ...node, pinged: typeof pinged, ponged: typeof ponged })) })
      .toMatchObject({ currentEpoch: 8, lastVoteEpoch: 7, migrating: saved().migrating, importing: saved().importing })
    expect(again.nodes.map(({ id, slots, flags }) => [id, slots.length, flags]))
      .toEqual(saved().nodes.map(({ id, slots, flags }) => [id, slots.length, flags]))
  })

  it('padded with line feeds, with unknown variables, without bus port is read', () => {
    const other = text.replace('@21203', '').replace('lastVoteEpoch 7', 'lastVoteEpoch 7 future 3')
    const read = parseNodesConf(`${other}\n\n\n`) as SavedCluster
    expect(read.nodes[1]!.busPort).toBe(31_103)
    expect(read.unknownVars).toEqual(['future'])
  })

  it('keeps the id of the cluster; one that is none is refused', () => {
    const conf = `${one} 10.0.0.1:7000@17000 myself,master - 0 1 5 connected\nvars currentEpoch 5 lastVoteEpoch 0`
    const id = '0123456789abcdef'.repeat(2)
    const read = parseNodesConf(`${conf} slotwiseClusterId ${id}\n`) as SavedCluster
    expect([read.clusterId, (parseNodesConf(`${conf}\n`) as SavedCluster).clusterId]).toEqual([id, ''])
    const { view } = new ClusterMachine({ options: defaultOptions, random: randomOf(1), nowMs: 1, saved: read })
    expect(nodesConf(view)).toMatch(new RegExp(` slotwiseClusterId ${id}\n$`))
    expect(parseNodesConf(`${conf} slotwiseClusterId x\n`)).toHaveProperty('refused')
    view.clusterIdShared = false // made here, and nobody has heard of it
    expect(nodesConf(view)).not.toContain('slotwiseClusterId')
  })

  it('has a number if a driver gave it one, which does not change anything else', () => {
    const numbered = withFileVersion(text, 17)
    expect(parseNodesConf(numbered)).toEqual({ ...parseNodesConf(text) as SavedCluster, fileVersion: 17 })
    expect((parseNodesConf(text) as SavedCluster).fileVersion).toBeNull()
    expect(parseNodesConf(numbered.replace(' 17\n', ' x\n'))).toHaveProperty('refused')
  })

  it('currentEpoch is at least the largest config epoch in it', () => {
    expect(parseNodesConf(text.replace('currentEpoch 8', 'currentEpoch 2'))).toMatchObject({ currentEpoch: 3 })
  })

  it('row 61: cut at any byte is refused, never read as something else', () => {
    for (let length = 0; length < text.length; length++) expect(parseNodesConf(text.slice(0,
      length))).toHaveProperty('refused')
  })

  it.each([
    ['a slot out of range', text.replace('10923-16383', '10923-16384'), /16384 is out of range/],
    ['two lines of my own', text.replace(' slave ', ' myself,slave '), /Two lines/],
    ['no line of my own', text.replace('myself,', ''), /No line is my own/],
    ['a node twice', text.replace(`${two} 127`, `${three} 127`), /there twice/],
    ['an epoch of -1', text.replace('lastVoteEpoch 7', 'lastVoteEpoch -1'), /-1 is no epoch/],
    ['an epoch beyond 2^53', text.replace('lastVoteEpoch 7', 'lastVoteEpoch 18446744073709551615'), /is no epoch/],
    ['an id that is none', text.replace(two, 'x'.repeat(40)), /id is none/],
    ['an unknown flag', text.replace('master,fail', 'master,odd'), /Unknown flags/],
    ['a variable without value', text.replace('lastVoteEpoch 7', 'lastVoteEpoch'), /has no value/],
    ['a line that is too short', text.replace(' connected\n', '\n'), /7 fields/],
    ['10 MB of nothing', 'x'.repeat(10_000_000) + '\n', /1 fields/],
  ])('row 61: %s is refused', (_name, damaged, why) => {
    const result = parseNodesConf(damaged)
    expect(result).toHaveProperty('refused')
    expect((result as { refused: string }).refused).toMatch(why)
    expect((result as { refused: string }).refused.startsWith(CORRUPTED)).toBe(true)
  })
})
