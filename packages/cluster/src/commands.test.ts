/** Every refusal of the CLUSTER commands in the words of Redis 7.0.15, and that it changes nothing. */
import { ClusterNode, NodeFlag, randomOf } from '@slotwise/gossip'
import { describe, expect, it } from 'vitest'
import {
  type ClusterEffect, ClusterMachine, type CommandReply, defaultOptions, nodesConf, parseNodesConf, type SavedCluster,
} from './index.js'

const START = 1_700_000_000_000
const idOf = (number: number): string => number.toString(16).padStart(40, '0')

/** Me, 0, owner of 0..9; 1, owner of 10..19; 2, a replica of 1. */
const conf = (self: number): string => [
  `${idOf(0)} 10.0.0.1:7000@17000 ${self === 0 ? 'myself,' : ''}master - 0 1 5 connected 0-9`,
  `${idOf(1)} 10.0.0.2:7000@17000 ${self === 1 ? 'myself,' : ''}master - 0 1 6 connected 10-19`,
  `${idOf(2)} 10.0.0.3:7000@17000 ${self === 2 ? 'myself,' : ''}slave ${idOf(1)} 0 1 6 connected`,
  'vars currentEpoch 6 lastVoteEpoch 0', '',
].join('\n')

const machineOf = (self = 0): ClusterMachine =>
  new ClusterMachine({ options: defaultOptions, random: randomOf(1), nowMs: START,
    saved: parseNodesConf(conf(self)) as SavedCluster })

function run(machine: ClusterMachine, line: string, keys = 0): CommandReply {
  const effects = machine.step({ type: 'command', args: line.split(' '), keys: { inSlot: () => keys, total: () =>
    keys } }, START + 1)
  const [reply] = effects.filter((effect) => effect.type === 'reply')
  return reply!.reply
}

const error = (text: string): CommandReply => ({ type: 'error', text: `ERR ${text}` })

describe('refusals', () => {
  it.each<[line: string, text: string, self?: number, keys?: number]>([
    ['FOO', 'unknown subcommand \'FOO\'. Try CLUSTER HELP.'],
    ['ADDSLOTS', 'wrong number of arguments for \'cluster|addslots\' command'],
    ['addslotsrange 1 2 3', 'wrong number of arguments for \'cluster|addslotsrange\' command'],
    ['FORGET a b', 'wrong number of arguments for \'cluster|forget\' command'],
    ['MEET 1.2.3.4', 'wrong number of arguments for \'cluster|meet\' command'],
    ['MEET 1.2.3 7000', 'Invalid node address specified: 1.2.3:7000'],
    ['MEET host 7000', 'Invalid node address specified: host:7000'],
    ['MEET 1.2.3.4 0', 'Invalid node address specified: 1.2.3.4:0'],
    ['MEET 1.2.3.4 60000', 'Invalid node address specified: 1.2.3.4:60000'],
    ['MEET 1.2.3.4 x', 'Invalid TCP base port specified: x'],
    ['MEET 1.2.3.4 7000 x', 'Invalid TCP bus port specified: x'],
    ['FORGET x', 'Unknown node x'],
    [`FORGET ${idOf(0)}`, 'I tried hard but I can\'t forget myself...'],
    [`FORGET ${idOf(1)}`, 'Can\'t forget my master!', 2],
    ['REPLICATE x', 'Unknown node x'],
    [`REPLICATE ${idOf(0)}`, 'Can\'t replicate myself'],
    [`REPLICATE ${idOf(2)}`, 'I can only replicate a master, not a replica.'],
    [`REPLICATE ${idOf(1)}`, 'To set a master the node must be empty and without assigned slots.'],
    ['ADDSLOTS 16384', 'Invalid or out of range slot'],
    ['ADDSLOTS 100 -1', 'Invalid or out of range slot'],
    ['ADDSLOTS 100 x', 'Invalid or out of range slot'],
    ['ADDSLOTS 100 10', 'Slot 10 is already busy'],
    ['ADDSLOTS 100 100', 'Slot 100 specified multiple times'],
    ['DELSLOTS 0 100', 'Slot 100 is already unassigned'],
    ['ADDSLOTSRANGE 5 3', 'start slot number 5 is greater than end slot number 3'],
    ['DELSLOTSRANGE 0 30', 'Slot 20 is already unassigned'],
    ['FLUSHSLOTS', 'DB must be empty to perform CLUSTER FLUSHSLOTS.', 0, 1],
    [`SETSLOT 0 MIGRATING ${idOf(1)}`, 'Please use SETSLOT only with masters.', 2],
    [`SETSLOT 10 MIGRATING ${idOf(1)}`, 'I\'m not the owner of hash slot 10'],
    ['SETSLOT 0 MIGRATING x', 'I don\'t know about node x'],
    [`SETSLOT 0 MIGRATING ${idOf(2)}`, 'Target node is not a master'],
    [`SETSLOT 0 IMPORTING ${idOf(1)}`, 'I\'m already the owner of hash slot 0'],
    ['SETSLOT 0 NODE x', 'Unknown node x'],
    [`SETSLOT 0 NODE ${idOf(2)}`, 'Target node is not a master'],
    [`SETSLOT 0 NODE ${idOf(1)}`, 'Can\'t assign hashslot 0 to a different node while I still hold keys for this hash slot.', 0, 3],
    ['SETSLOT 0 STABLE x', 'Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP'],
    ['SETSLOT 0 FOO', 'Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP'],
    ['SETSLOT 16384 STABLE', 'Invalid or out of range slot'],
    ['FAILOVER', 'You should send CLUSTER FAILOVER to a replica'],
    ['FAILOVER FOO', 'syntax error'],
    ['FAILOVER', 'Master is down or failed, please use CLUSTER FAILOVER FORCE', 2],
    ['RESET FOO', 'syntax error'],
    ['RESET', 'CLUSTER RESET can\'t be called with master nodes containing keys', 0, 1],
    ['SET-CONFIG-EPOCH -1', 'Invalid config epoch specified: -1'],
    ['SET-CONFIG-EPOCH x', 'value is not an integer or out of range'],
    ['SET-CONFIG-EPOCH 9', 'The user can assign a config epoch only when the node does not know any other node.'],
  ])('%s: %s', (line, text, self = 0, keys = 0) => {
    const machine = machineOf(self)
    const before = nodesConf(machine.view)
    expect(run(machine, line, keys)).toEqual(error(text))
    expect(nodesConf(machine.view)).toBe(before)
  })
})

describe('commands', () => {
  const ok: CommandReply = { type: 'status', text: 'OK' }

  it('what changes is persisted before it is answered', () => {
    const machine = machineOf()
    const effects = machine.step({ type: 'command', args: ['ADDSLOTS', '100'], keys: { inSlot: () => 0, total: () =>
      0 } }, START + 1)
    const types = effects.map(({ type }) => type)
    expect(types.indexOf('persist')).toBeGreaterThanOrEqual(0)
    expect(types.at(-1)).toBe('reply')
  })

  it('ADDSLOTS ends an import, DELSLOTS unbinds also what others own', () => {
    const machine = machineOf()
    run(machine, `SETSLOT 100 IMPORTING ${idOf(1)}`)
    expect(run(machine, 'ADDSLOTS 100 101')).toEqual(ok)
    expect([machine.view.importing.size, machine.view.self.slotCount]).toEqual([0, 12])
    expect(run(machine, 'DELSLOTS 10 100')).toEqual(ok)
    expect(machine.view.owners[10]).toBeNull()
  })

  it('a source that gave its last slot away follows the target', () => {
    const machine = machineOf()
    for (let slot = 0; slot < 10; slot++) expect(run(machine, `SETSLOT ${slot} NODE ${idOf(1)}`)).toEqual(ok)
    expect(machine.view.self.primary?.id).toBe(idOf(1))
    expect(run(machine, `SETSLOT 0 NODE ${idOf(1)}`)).toEqual(error('Please use SETSLOT only with masters.'))
  })

  it('SETSLOT NODE on the importer: mark off, new epoch', () => {
    const machine = machineOf()
    run(machine, `SETSLOT 10 IMPORTING ${idOf(1)}`)
    run(machine, `SETSLOT 10 NODE ${idOf(0)}`)
    expect([machine.view.importing.size, machine.view.self.configEpoch]).toEqual([0, 7])
  })

  it('B3: what SETSLOT NODE says is on disk before it is answered', () => {
    const machine = machineOf()
    run(machine, `SETSLOT 10 IMPORTING ${idOf(1)}`)
    const effects = machine.step({ type: 'command', args: ['SETSLOT', '10', 'NODE', idOf(0)], keys: { inSlot: () => 0, total: () => 0 } }, START + 1)
    expect(effects.find(({ type }) => type === 'persist')).toMatchObject({ durable: true })
    expect(effects.findIndex(({ type }) => type === 'persist')).toBeLessThan(effects.findIndex(({ type }) => type === 'send' || type === 'reply'))
    expect(machine.facts().nodesConf).toMatch(/myself,master - 0 \d+ 7 connected 0-10\n/)
  })

  it('a slot that is moved key by key costs the importer one durable write, at the end', () => {
    const machine = machineOf()
    const writes = (line: string): unknown[] => machine.step(
      { type: 'command', args: line.split(' '), keys: { inSlot: () => 0, total: () => 0 } }, START + 1,
    ).flatMap((effect) => effect.type === 'persist' ? [effect.durable] : [])
    for (const slot of [10, 11]) {
      expect(writes(`SETSLOT ${slot} IMPORTING ${idOf(1)}`)).toEqual([false])
      expect(writes(`SETSLOT ${slot} NODE ${idOf(0)}`)).toEqual([true])
    }
    expect(writes(`SETSLOT 5 MIGRATING ${idOf(1)}`)).toEqual([false])
    expect(writes(`SETSLOT 5 NODE ${idOf(1)}`)).toEqual([false]) // who gives does not promise anything
  })

  it('what is so already is said again without a write or a new map; what opens slots may wait', () => {
    const machine = machineOf()
    const effectsOf = (line: string): ClusterEffect[] => machine.step(
      { type: 'command', args: line.split(' '), keys: { inSlot: () => 0, total: () => 0 } }, START + 1)
    expect(effectsOf(`SETSLOT 5 MIGRATING ${idOf(1)}`)).toMatchObject([
      { type: 'persist', durable: false, mayWait: true }, { type: 'slotMapChanged' }, { type: 'reply', reply: ok },
    ])
    for (const line of [`SETSLOT 5 MIGRATING ${idOf(1)}`, `SETSLOT 6 NODE ${idOf(0)}`, 'SETSLOT 7 STABLE']) {
      expect(effectsOf(line)).toEqual([{ type: 'reply', reply: ok }])
    }
    expect(effectsOf('ADDSLOTS 500')[0]).toEqual({ type: 'persist', durable: false, why: 'slots were assigned' })
  })

  it('SAVECONFIG is answered when both files are written', () => {
    const machine = machineOf()
    const effects = machine.step({ type: 'command', args: ['SAVECONFIG'], keys: { inSlot: () => 0, total: () => 0 } }, START + 1)
    expect(effects).toMatchObject([{ type: 'persist', durable: true }, { type: 'persist', durable: false }, { type: 'reply' }])
  })

  it('row 98: a second target takes the place of the first', () => {
    const machine = machineOf()
    const third = idOf(7)
    const node = new ClusterNode(third, NodeFlag.primary, START)
    machine.view.add(node)
    expect([run(machine, `SETSLOT 0 MIGRATING ${idOf(1)}`), run(machine, `SETSLOT 0 MIGRATING ${third}`)]).toEqual([ok, ok])
    expect([...machine.view.migrating]).toEqual([[0, node]])
    expect(run(machine, `SETSLOT 0 NODE ${third}`)).toEqual(ok)
    expect([machine.view.owners[0], machine.view.migrating.size]).toEqual([node, 0])
  })

  it('FORGET blocks an id for a minute', () => {
    const machine = machineOf()
    expect(run(machine, `FORGET ${idOf(2)}`)).toEqual(ok)
    expect(machine.view.blocked.get(idOf(2))).toBe(START + 60_001)
  })

  it('BUMPEPOCH', () => {
    const machine = machineOf()
    expect(run(machine, 'BUMPEPOCH')).toEqual({ type: 'status', text: 'BUMPED 7' })
    expect(run(machine, 'BUMPEPOCH')).toEqual({ type: 'status', text: 'STILL 7' })
  })

  it('RESET keeps id and epochs, HARD does not; a replica is an empty primary then', () => {
    const soft = machineOf(2)
    const effects = soft.step({ type: 'command', args: ['RESET'], keys: { inSlot: () => 5, total: () => 5 } },
      START + 1)
    expect(effects.map(({ type }) => type)).toEqual(expect.arrayContaining(['becomePrimary', 'flushData']))
    expect([soft.view.self.id, soft.view.currentEpoch, soft.view.list.length, soft.view.assignedCount])
      .toEqual([idOf(2), 6, 1, 0])
    const hard = machineOf()
    run(hard, 'RESET hard')
    expect([hard.view.self.id === idOf(0), hard.view.currentEpoch, hard.view.self.configEpoch]).toEqual([false, 0, 0])
    expect(run(hard, 'SET-CONFIG-EPOCH 4')).toEqual(ok)
    expect(run(hard, 'SET-CONFIG-EPOCH 5')).toEqual(error('Node config epoch is already non-zero'))
  })
})
