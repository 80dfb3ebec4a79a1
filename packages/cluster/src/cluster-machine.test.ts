/**
 * Whole nodes among themselves: forming, failing over by votes and by hand, moving a slot, as redis-cli drives them.
 */
import { describe, expect, it } from 'vitest'
import { Formation, type Member } from '../test/formation.js'
import { clusterInfo, clusterNodes, clusterShards, clusterSlots, type ClusterOptions } from './index.js'

const primaries = [7001, 7002, 7003]
const all = [...primaries, 7004, 7005, 7006]

/** As `redis-cli --cluster create` does it. */
function created(options: Partial<ClusterOptions> = {}, skews: Readonly<Record<number, number>> = {}): Formation {
  const formation = new Formation(all, options, skews)
  primaries.forEach((port, index) =>
    formation.command(port, 'ADDSLOTSRANGE', String(index * 5462), String(Math.min(16_383, index * 5462 + 5461))))
  all.forEach((port, index) => formation.command(port, 'SET-CONFIG-EPOCH', String(index + 1)))
  for (const port of all.slice(1)) formation.command(port, 'MEET', '127.0.0.1', '7001')
  formation.until('everybody knows everybody', () => formation.members.every(({ machine }) =>
    machine.view.list.length === 6 && machine.view.list.every((node) => !node.inHandshake)))
  ;[7004, 7005, 7006].forEach((port, index) =>
    expect(formation.command(port, 'REPLICATE', formation.member(primaries[index]!).id))
      .toEqual({ type: 'status', text: 'OK' }))
  formation.until('the state is ok', () => formation.members.every(({ machine }) => machine.view.state === 'ok'))
  formation.run(2000)
  return formation
}

describe('six nodes', () => {
  it('form a cluster of three shards, in which everybody says the same', () => {
    const formation = created()
    for (const { machine } of formation.members) {
      expect(clusterInfo(machine.view, { failoverWhy: '', linkBufferLimitExceeded: 0 })).toContain('cluster_slots_ok:16384\r\n')
      expect(clusterSlots(machine.view).map(({ first, last, nodes }) => [first, last, nodes[0]!.port]))
        .toEqual([[0, 5461, 7001], [5462, 10_923, 7002], [10_924, 16_383, 7003]])
      expect(clusterShards(machine.view).map(({ nodes }) => nodes.map(({ role }) => role)))
        .toEqual([['master', 'replica'], ['master', 'replica'], ['master', 'replica']])
    }
    expect(clusterNodes(formation.member(7004).machine.view))
      .toMatch(new RegExp(`^${formation.member(7004).id} 127\\.0\\.0\\.1:7004@17004 myself,slave ${formation.member(7001).id} 0 \\d+ 1 connected$`, 'm'))
  })

  it('say at once whom they follow', () => {
    const formation = created()
    formation.run(1000)
    const [primary, replica] = [formation.member(7002), formation.member(7004)]
    expect(formation.command(7004, 'REPLICATE', primary.id)).toEqual({ type: 'status', text: 'OK' })
    // No time has passed since.
    for (const { machine } of formation.members)
      expect(machine.view.nodes.get(replica.id)!.primary!.id).toBe(primary.id)
    expect(formation.command(7004, 'FAILOVER')).toEqual({ type: 'status', text: 'OK' })
    formation.until('the roles are changed', () => primary.machine.view.self.primary?.id === replica.id)
  })

  it('replace a killed primary within half of T, by votes', () => {
    const formation = created()
    formation.kill(7001)
    const killedAt = formation.now
    formation.until('a new primary', () => formation.member(7004).machine.view.self.slotCount === 5462)
    expect(formation.now - killedAt).toBeLessThanOrEqual(500)
    formation.until('all agree', () => formation.members.every(({ machine, isUp, port }) => !isUp || port === 7004 ||
      machine.view.owners[0]?.id === formation.member(7004).id))
    expect(formation.member(7002).machine.view.lastVoteEpoch).toBe(formation.member(7004).machine.view.self.configEpoch)
  })

  it('take back a primary that was killed before anybody had heard of the id that it made', () => {
    // The replicas are of redis-server: of them nobody learns it either.
    const formation = new Formation(primaries, {})
    primaries.forEach((port, index) =>
      formation.command(port, 'ADDSLOTSRANGE', String(index * 5462), String(Math.min(16_383, index * 5462 + 5461))))
    for (const port of primaries.slice(1)) formation.command(port, 'MEET', '127.0.0.1', '7001')
    formation.until('all slots are known', () => formation.members.every(({ machine }) => machine.view.assignedCount === 16_384))
    const members = [...formation.members].sort((a, b) => a.id < b.id ? -1 : 1)
    const maker = members[0]!
    for (const { port } of members.slice(1)) formation.cut(maker.port, [port])
    maker.machine.view.state = 'ok'
    formation.run(100)
    expect([maker.machine.view.clusterId, maker.machine.view.clusterIdShared]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), false])
    formation.kill(maker.port)
    formation.heal()
    for (const { machine } of members.slice(1)) Object.assign(machine.view, { clusterId: 'f'.repeat(32), clusterIdShared: true })
    formation.restart(maker.port)
    formation.until('it is listened to', () => formation.members.every(({ machine }) => machine.view.state === 'ok' &&
      machine.view.clusterId === 'f'.repeat(32)))
  })

  it('row 99: clocks that are ten minutes ahead or an hour behind suspect nobody, keep their leases, and fail over as soon', () => {
    const formation = created({}, { 7001: 600_000, 7002: -3_600_000, 7004: 3_600_000, 7006: -600_000 })
    const before = formation.members.map(({ effects }) => effects.length)
    formation.run(20_000)
    formation.members.forEach(({ machine, effects }, index) => {
      const since = effects.slice(before[index])
      expect(since.filter((effect) => effect.type === 'stateChanged' || (effect.type === 'event' && effect.name === 'suspected'))).toEqual([])
      expect(machine.view.state).toBe('ok')
    })
    formation.kill(7001)
    const killedAt = formation.now
    formation.until('a new primary', () => formation.member(7004).machine.view.self.slotCount === 5462)
    expect(formation.now - killedAt).toBeLessThanOrEqual(500)
  })

  it('row 99: tell which clocks are far from the own one, and when they are not any more', () => {
    const formation = created({}, { 7002: -3_600_000, 7004: 900 })
    formation.run(30_000)
    const clockOf = (port: number): string[] => {
      const info = clusterInfo(formation.member(port).machine.view, { failoverWhy: '', linkBufferLimitExceeded: 0 })
      return /cluster_clock_skew_ms:(.*)\r\ncluster_clock_skew_node:(.*)\r\n/.exec(info)!.slice(1)
    }
    const told = (port: number): string[] => formation.member(port).effects.flatMap((effect) =>
      effect.type === 'log' && effect.text.startsWith('The clock of') ? [effect.text] : [])
    const { id } = formation.member(7002)
    for (const port of all) if (port !== 7002) {
      const ms = port === 7004 ? -3_600_900 : -3_600_000
      expect([port, clockOf(port)]).toEqual([port, [String(ms), id]])
      expect(told(port)).toEqual([expect.stringContaining(`The clock of node ${id} is ${-ms} ms behind that of this one`)])
    }
    expect(Number(clockOf(7002)[0])).toBe(3_600_900)
    expect(told(7002)).toHaveLength(5)
    // It is set right, and another one begins to step, between ten minutes ahead and an hour behind, each second.
    formation.member(7002).wallSkewMs = 0
    formation.run(30_000)
    expect(clockOf(7001)).toEqual(['0', ''])
    expect(told(7001).at(-1)).toContain('no longer far')
    const before = formation.members.map(({ effects }) => effects.length)
    for (let second = 0; second < 50; second++) {
      formation.member(7003).wallSkewMs = second % 2 === 0 ? 600_000 : -3_600_000
      formation.run(1000)
    }
    expect(clockOf(7001)[1]).toBe(formation.member(7003).id)
    expect(told(7001).filter((text) => text.includes(formation.member(7003).id) && text.includes(' ms '))).toHaveLength(1)
    formation.members.forEach(({ machine, effects }, index) => {
      const since = effects.slice(before[index])
      expect(since.filter(({ type }) => type === 'stateChanged' || type === 'event')).toEqual([])
      expect([machine.view.state, machine.view.now]).toEqual(['ok', formation.now + formation.members[index]!.skewMs]) // which did not step
    })
  })

  const events = ({ effects }: Member): string[] => effects.flatMap((effect) => effect.type === 'event' ? [effect.name] : [])

  it('row 84: a copy of the directory of a node that runs serves nothing, and stops with the reason', () => {
    const formation = created()
    const first = formation.member(7001)
    formation.run(2000)
    const before = first.effects.length
    const copy = formation.startCopy(7009, first.disk)
    expect(copy.id).toBe(first.id)
    formation.until('it stops', () => copy.stoppedWhy !== '')
    expect(copy.stoppedWhy).toMatch(new RegExp(`^another process runs under the id of this node, ${first.id}, .*: [345] of 5 other nodes say`))
    expect(copy.effects.filter((effect) => effect.type === 'stateChanged')).toEqual([])
    expect(events(copy)).toContain('duplicateId')
    for (const port of [7002, 7003]) expect(events(formation.member(port))).toContain('duplicateId')
    formation.run(5000)
    expect(first.effects.slice(before).filter(({ type }) => type === 'stateChanged' || type === 'stop')).toEqual([])
    for (const { machine, port } of formation.members) {
      if (port === 7009) continue
      expect(machine.view.state).toBe('ok')
      if (port !== 7001) expect(machine.view.nodes.get(first.id)!.port).toBe(7001)
    }
  })

  it('row 84: a copy that is started when the node is dead takes its place, and then the node stops', () => {
    const formation = created()
    const first = formation.member(7001)
    formation.run(2000)
    formation.kill(7001)
    formation.run(3000)
    const copy = formation.startCopy(7009, first.disk)
    formation.until('it has its place', () => [7002, 7003].every((port) =>
      formation.member(port).machine.view.nodes.get(first.id)!.port === 7009) && copy.machine.view.state === 'ok')
    formation.run(2000)
    formation.restart(7001)
    formation.until('the other one stops', () => first.stoppedWhy !== '')
    expect([copy.stoppedWhy, copy.machine.view.state]).toEqual(['', 'ok'])
  })

  it('row 84: a node whose former place is only silent is not told apart from one that moved, and stays', () => {
    const formation = created()
    const first = formation.member(7001)
    formation.run(2000)
    formation.cut(7001) // its links stay, as those of a machine without power
    const moved = formation.startCopy(7009, first.disk)
    formation.until('it has its place', () => [7002, 7003].every((port) => formation.member(port).machine.view.nodes.get(first.id)!.port === 7009))
    formation.run(10_000)
    expect([moved.stoppedWhy, moved.machine.view.state]).toEqual(['', 'ok'])
  })

  it('with silence only, as Redis, not before T', () => {
    const formation = created({ refusedFactor: 0, promptElections: false })
    formation.kill(7001)
    const killedAt = formation.now
    formation.until('a new primary', () => formation.member(7004).machine.view.self.slotCount === 5462)
    expect(formation.now - killedAt).toBeGreaterThan(1500)
  })

  it('CLUSTER FAILOVER: the primary pauses, votes for its replica and follows it', () => {
    const formation = created()
    expect(formation.command(7004, 'FAILOVER')).toEqual({ type: 'status', text: 'OK' })
    formation.until('the roles are changed', () => formation.member(7001).machine.view.self.primary?.id === formation.member(7004).id)
    const types = formation.member(7001).effects.map(({ type }) => type)
    expect(types).toContain('pauseWrites')
    expect(types.lastIndexOf('unpauseWrites')).toBeGreaterThan(types.lastIndexOf('pauseWrites'))
    formation.until('all agree', () => formation.members.every(({ machine }) =>
      machine.view.owners[0]?.id === formation.member(7004).id))
  })

  it('move a slot: the importer takes a new epoch, and everybody believes it', () => {
    const formation = created()
    const [source, target] = [formation.member(7001), formation.member(7002)]
    formation.command(7002, 'SETSLOT', '0', 'IMPORTING', source.id)
    formation.command(7001, 'SETSLOT', '0', 'MIGRATING', target.id)
    expect(clusterNodes(source.machine.view)).toContain(`[0->-${target.id}]`)
    formation.command(7002, 'SETSLOT', '0', 'NODE', target.id)
    formation.run(1500)
    for (const { machine } of formation.members) expect(machine.view.owners[0]?.id).toBe(target.id)
    expect(target.machine.view.self.configEpoch).toBe(7)
    expect(source.machine.view.migrating.size).toBe(0)
  })

  it('defect 6 of Redis: a primary without data hides no replica in CLUSTER SLOTS; one that is behind is hidden', () => {
    const formation = created()
    const { view } = formation.member(7002).machine
    const ports = (): number[] => clusterSlots(view)[0]!.nodes.map(({ port }) => port)
    expect(ports()).toEqual([7001, 7004])
    view.nodes.get(formation.member(7001).id)!.offset = 9
    expect(ports()).toEqual([7001])
    expect(clusterShards(view).flatMap(({ nodes }) => nodes).find(({ port }) => port === 7004)!.health).toBe('loading')
  })

  it('send a replica of a shard that has two to a primary that has lost its only one, where it may take over', () => {
    const formation = created()
    formation.command(7006, 'REPLICATE', formation.member(7001).id)
    formation.run(1000)
    formation.kill(7005)
    const orphan = formation.member(7002)
    const [spare] = [7004, 7006].map((port) => formation.member(port)).sort((one, other) => one.id < other.id ? -1 : 1)
    formation.until('a replica of the orphan', () => spare!.machine.view.self.primary?.id === orphan.id)
    formation.until('everybody knows', () => formation.members.every(({ machine, isUp }) =>
      !isUp || machine.view.nodes.get(spare!.id)!.primary?.id === orphan.id))
    formation.run(2000)
    formation.kill(7002)
    formation.until('it takes over', () => spare!.machine.view.self.slotCount === 5462)
  })

  it('tell in words why a replica does not take over', () => {
    const formation = created()
    for (const port of primaries) formation.kill(port)
    formation.run(5000)
    const { view, failoverWhy } = formation.member(7004).machine
    const info = clusterInfo(view, { failoverWhy, linkBufferLimitExceeded: 0 })
    expect(info).toContain('cluster_state_reason:0 of 3 primaries are reachable, 2 are needed\r\n')
    expect(info).toContain('cluster_failover_reason:my primary does not answer, and too few primaries call it failing: 0 of 2\r\n')
  })

  it('forget a node that is deleted, and gossip does not bring it back for a minute', () => {
    const formation = created()
    const { id } = formation.member(7006)
    formation.kill(7006)
    for (const port of all.slice(0, 5)) if (port !== 7006) formation.command(port, 'FORGET', id)
    formation.run(3000)
    for (const { machine, isUp } of formation.members) if (isUp) expect(machine.view.nodes.has(id)).toBe(false)
  })
})
