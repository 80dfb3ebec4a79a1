/**
 * What went wrong in clusters of others, as stories of whole nodes. The numbers are those of docs/bad-input.md, "bugs
 * of others".
 */
import { describe, expect, it } from 'vitest'
import { Formation, type Member } from '../test/formation.js'

const SLOTS = 16_384
const T = 1000

/** `shards` primaries from port 7001 on, then one replica of each, in the same order. */
function created(shards: number): { formation: Formation; primaries: number[]; replicas: number[] } {
  const primaries = Array.from({ length: shards }, (_, index) => 7001 + index)
  const replicas = primaries.map((port) => port + shards)
  const formation = new Formation([...primaries, ...replicas], { nodeTimeoutMs: T })
  const first = (index: number): number => Math.ceil(index * SLOTS / shards)
  primaries.forEach((port, index) =>
    formation.command(port, 'ADDSLOTSRANGE', String(first(index)), String(first(index + 1) - 1)))
  formation.members.forEach(({ port }, index) => formation.command(port, 'SET-CONFIG-EPOCH', String(index + 1)))
  for (const { port } of formation.members.slice(1)) formation.command(port, 'MEET', '127.0.0.1', '7001')
  formation.until('everybody knows everybody', () => formation.members.every(({ machine }) =>
    machine.view.list.length === 2 * shards && machine.view.list.every((node) => !node.inHandshake)))
  primaries.forEach((port, index) => formation.command(replicas[index]!, 'REPLICATE', formation.member(port).id))
  formation.until('the state is ok', () => formation.members.every(({ machine }) => machine.view.state === 'ok'))
  formation.run(2000)
  return { formation, primaries, replicas }
}

const ownerAt = ({ machine }: Member, slot: number): string | undefined => machine.view.owners[slot]?.id

function untilAgreed(formation: Formation, slot: number): string {
  const up = formation.members.filter(({ isUp }) => isUp)
  formation.until(`all agree about slot ${slot}`, () =>
    new Set(up.map((member) => ownerAt(member, slot))).size === 1 &&
    up.filter(({ machine, id }) => machine.view.self.slotCount > 0 && ownerAt(up[0]!, slot) === id).length === 1)
  return ownerAt(up[0]!, slot)!
}

describe('bugs of others', () => {
  it('B1: a replica that has not heard of a migration does not take the slot back when its primary dies', () => {
    const { formation } = created(3)
    const [source, target, replica] = [7001, 7002, 7004].map((port) =>
      formation.member(port)) as [Member, Member, Member]
    formation.cut(replica.port, [source.port, target.port])
    formation.command(target.port, 'SETSLOT', '0', 'IMPORTING', source.id)
    formation.command(source.port, 'SETSLOT', '0', 'MIGRATING', target.id)
    formation.command(target.port, 'SETSLOT', '0', 'NODE', target.id)
    formation.command(source.port, 'SETSLOT', '0', 'NODE', target.id)
    formation.kill(source.port)
    expect(ownerAt(replica, 0)).toBe(source.id)
    formation.heal()
    formation.until('the replica took over', () => replica.machine.view.self.slotCount > 5000)
    expect(untilAgreed(formation, 0)).toBe(target.id)
    expect(untilAgreed(formation, 1)).toBe(replica.id)
  })

  it.each([0, 1, 2])('B2, B20: a primary that comes back loses to the elected one, whichever id is smaller (shard %i), and serves nothing meanwhile', (shard) => {
    const { formation, primaries, replicas } = created(3)
    const [old, elected] = [formation.member(primaries[shard]!), formation.member(replicas[shard]!)]
    const slot = Math.ceil(shard * SLOTS / 3)
    formation.cut(old.port)
    formation.until('another was elected', () => elected.machine.view.self.slotCount > 0)
    expect(old.machine.view.state).toBe('fail') // its lease ended before
    const before = old.effects.length
    formation.heal()
    expect(untilAgreed(formation, slot)).toBe(elected.id)
    formation.until('the old one follows', () => old.machine.view.self.primary?.id === elected.id)
    const demoted = old.effects.findIndex((effect, index) => index >= before && effect.type === 'replicateFrom')
    expect(old.effects.slice(before, demoted).filter((effect) => effect.type === 'stateChanged' && effect.state === 'ok')).toEqual([])
  })

  it('B4: two primaries of the same slots with the same epoch do not stay so', () => {
    const { formation } = created(3)
    const [primary, replica] = [formation.member(7001), formation.member(7004)]
    formation.cut(primary.port)
    formation.cut(replica.port)
    formation.command(primary.port, 'BUMPEPOCH')
    formation.command(replica.port, 'FAILOVER', 'TAKEOVER')
    const epochs = [primary, replica].map(({ machine }) => machine.view.self.configEpoch)
    expect(epochs).toEqual([7, 7])
    expect([primary, replica].map(({ machine }) => machine.view.self.slotCount)).toEqual([5462, 5462])
    formation.heal()
    const owner = untilAgreed(formation, 0)
    formation.until('the other one follows', () => [primary, replica].some(({ machine }) => machine.view.self.primary?.id === owner))
  })

  it('B6: two of five primaries die at once, and both are replaced', () => {
    const { formation, primaries, replicas } = created(5)
    for (const port of primaries.slice(0, 2)) formation.kill(port)
    for (const [index, slot] of [0, Math.ceil(SLOTS / 5)].entries())
      expect(untilAgreed(formation, slot)).toBe(formation.member(replicas[index]!).id)
    formation.until('the state is ok', () => formation.members.every(({ machine, isUp }) => !isUp || machine.view.state === 'ok'))
  })

  it('B6: two of three die at once: nobody is promoted without a majority, and it is said why', () => {
    const { formation, primaries, replicas } = created(3)
    for (const port of primaries.slice(0, 2)) formation.kill(port)
    formation.run(10 * T)
    for (const port of replicas.slice(0, 2)) {
      const { view, failoverWhy } = formation.member(port).machine
      expect(view.self.isReplica).toBe(true)
      expect(failoverWhy).toBe('my primary does not answer, and too few primaries call it failing: 1 of 2')
    }
    expect(formation.member(7003).machine.view.stateWhy).toBe('1 of 3 primaries are reachable, 2 are needed')
  })
})
