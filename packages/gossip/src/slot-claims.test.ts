/** Slot ownership, UPDATE and epochs: Redis 7.0 cluster, "slot ownership and UPDATE" and "epochs". */
import { describe, expect, it } from 'vitest'
import { Bench, claim, idOf, kinds, pingBody, range, sentTo, T } from '../test/helpers.js'
import { bumpWithoutConsensus, type ClusterNode, type Effect, NodeFlag, slotsOf } from './index.js'

/** I own 0..9 with epoch 5, node 1 owns 10..19 with epoch 6, node 2 nothing. */
function three(): Bench {
  const bench = new Bench()
  bench.own(range(0, 9), 5)
  bench.add(1, { slots: range(10, 19), epoch: 6 })
  bench.add(2, { epoch: 4 })
  bench.view.currentEpoch = 10
  return bench
}

const nodeOf = (bench: Bench, number: number): ClusterNode => bench.view.nodes.get(idOf(number))!
const ownerOf = (bench: Bench, slot: number): string | undefined => bench.view.owners[slot]?.id

const claims = (bench: Bench, number: number, slots: readonly number[], configEpoch: number,
  over: object = {}): Effect[] =>
  bench.inbound(10, number, pingBody(), { slots: claim(slots), configEpoch, ...over })

describe('a claim', () => {
  it.each([
    ['of a free slot is granted, whatever the epoch', 30, 4, 2],
    ['with a higher epoch wins', 10, 7, 2],
    ['with an equal epoch does not', 10, 6, 1],
    ['with a lower epoch does not', 10, 4, 1],
  ])('%s', (_name, slot, epoch, owner) => {
    const bench = three()
    const effects = claims(bench, 2, [slot], epoch)
    expect(ownerOf(bench, slot)).toBe(idOf(owner))
    if (owner === 2) expect(kinds(effects)).toEqual(expect.arrayContaining(['persist durable', 'slotMapChanged']))
  })

  it('on a slot that I am importing is never granted', () => {
    const bench = three()
    bench.view.importing.set(10, nodeOf(bench, 1))
    claims(bench, 2, [10], 9)
    expect(ownerOf(bench, 10)).toBe(idOf(1))
  })

  it('a slot that its owner stopped claiming stays bound, and anybody may take it', () => {
    const bench = three()
    claims(bench, 1, range(10, 18), 6)
    expect(ownerOf(bench, 19)).toBe(idOf(1))
    claims(bench, 2, [19], 4)
    expect(ownerOf(bench, 19)).toBe(idOf(2))
  })

  it('a slot that its owner claims again is its own as before', () => {
    const bench = three()
    claims(bench, 1, range(10, 18), 6)
    claims(bench, 1, range(10, 19), 6)
    claims(bench, 2, [19], 4)
    expect(ownerOf(bench, 19)).toBe(idOf(1))
  })

  it('of a replica binds nothing: its bitmap is its primary\'s', () => {
    const bench = three()
    bench.addReplica(3, 2)
    claims(bench, 3, [10], 9, { replicaOf: idOf(2) })
    expect(ownerOf(bench, 10)).toBe(idOf(1))
  })

  it('on slots of mine that hold keys: they are deleted here', () => {
    const bench = three()
    expect(claims(bench, 2, [3, 4], 7)).toContainEqual({ type: 'deleteKeysInSlots', slots: [3, 4] })
    expect([bench.view.self.slotCount, bench.view.self.isPrimary]).toEqual([8, true])
  })

  it('on my last slot makes me a replica of the taker', () => {
    const bench = three()
    const effects = claims(bench, 2, range(0, 9), 7)
    expect([bench.view.self.isReplica, bench.view.self.primary?.id]).toEqual([true, idOf(2)])
    expect(kinds(effects)).toContain('replicateFrom')
    expect(effects.findIndex(({ type }) => type === 'persist'))
      .toBeLessThan(effects.findIndex(({ type }) => type === 'replicateFrom'))
  })

  it('on my last slot by a node with others leaves me a primary if replicas do not migrate', () => {
    const bench = new Bench(0, { allowReplicaMigration: false })
    bench.own([0], 5)
    bench.add(1, { slots: [10], epoch: 6 })
    claims(bench, 1, [0, 10], 7)
    expect(bench.view.self.isPrimary).toBe(true)
  })

  it('on the last slot of my primary takes me along', () => {
    const bench = three()
    bench.view.unbindAll(bench.view.self)
    bench.follow(nodeOf(bench, 1))
    claims(bench, 2, range(10, 19), 7)
    expect(bench.view.self.primary?.id).toBe(idOf(2))
  })

  it('my primary becomes a replica: I follow its primary', () => {
    const bench = three()
    bench.view.unbindAll(bench.view.self)
    bench.follow(nodeOf(bench, 1))
    bench.inbound(10, 1, pingBody(), { replicaOf: idOf(2), slots: claim([]) })
    expect(bench.view.self.primary?.id).toBe(idOf(2))
  })

  describe('and then an older header of the taker, which comes by its other link', () => {
    /** Node 1 was replica of node 2, as I was, and was elected. */
    function elected(): Bench {
      const bench = new Bench()
      bench.add(2, { slots: range(0, 9), epoch: 5 })
      bench.addReplica(1, 2)
      bench.follow(nodeOf(bench, 2))
      claims(bench, 1, range(0, 9), 6, { replicaOf: null })
      return bench
    }
    const older = { replicaOf: idOf(2), slots: claim(range(0, 9)), configEpoch: 5 }
    const state = ({ view }: Bench): unknown => [view.self.primary?.id, view.ownerOf(9)?.id]

    it('changes nothing: I do not follow whom it followed', () => {
      const bench = elected()
      expect(state(bench)).toEqual([idOf(1), idOf(1)])
      bench.inbound(20, 1, pingBody(), older)
      expect(state(bench)).toEqual([idOf(1), idOf(1)])
      claims(bench, 1, range(0, 9), 6)
      bench.inbound(20 + T, 1, pingBody(), older)
      expect(state(bench)).toEqual([idOf(1), idOf(1)])
    })

    it('is true if nothing else has come for T', () => {
      const bench = elected()
      bench.inbound(20, 1, pingBody(), older)
      bench.inbound(20 + T, 1, pingBody(), older)
      expect(state(bench)).toEqual([idOf(2), undefined])
    })
  })
})

describe('UPDATE', () => {
  it('goes to whoever claims slots of a newer owner, one for each owner, on our own link; also from replicas', () => {
    const bench = three()
    const effects = claims(bench, 2, range(5, 14), 4)
    expect(sentTo(bench, effects, 'update')).toEqual([idOf(2), idOf(2)])
    const updates = effects.flatMap((effect) =>
      effect.type === 'send' && effect.message.body.type === 'update' ? [effect.message.body] : [])
    expect(updates.map(({ subject, configEpoch, slots }) => [subject, configEpoch, slotsOf(slots).length]))
      .toEqual([[idOf(0), 5, 10], [idOf(1), 6, 10]])
  })

  it('leaves out what its subject does not claim', () => {
    const bench = three()
    claims(bench, 1, range(10, 18), 6)
    const [update] = claims(bench, 2, [10], 4).flatMap((effect) =>
      effect.type === 'send' && effect.message.body.type === 'update' ? [effect.message.body] : [])
    expect(slotsOf(update!.slots)).toEqual(range(10, 18))
  })

  it('goes to a replica that missed its primary\'s last epoch, or it would be refused votes for ever', () => {
    const bench = three()
    bench.addReplica(3, 1)
    const effects = bench.inbound(10, 3, pingBody(), { configEpoch: 2 })
    expect(sentTo(bench, effects, 'update')).toEqual([idOf(3)])
    expect(sentTo(bench, bench.inbound(20, 3, pingBody()), 'update')).toEqual([])
  })

  it('is applied as a claim of its subject, which is a primary then', () => {
    const bench = three()
    bench.addReplica(3, 1)
    const effects = bench.inbound(10, 2, { type: 'update', subject: idOf(3), configEpoch: 9,
      slots: claim(range(10, 19)) })
    const node = nodeOf(bench, 3)
    expect([node.isPrimary, node.configEpoch, ownerOf(bench, 10)]).toEqual([true, 9, idOf(3)])
    expect(kinds(effects)).toContain('persist durable')
  })

  it.each([
    ['about an unknown node', 99, 9],
    ['about me', 0, 9],
    ['with an epoch that is not newer', 1, 6],
  ])('row 80: %s changes nothing', (_name, subject, configEpoch) => {
    const bench = three()
    expect(kinds(bench.inbound(10, 2, { type: 'update', subject: idOf(subject), configEpoch,
      slots: claim(range(0, 40)) })))
      .toEqual([])
    expect(bench.view.assignedCount).toBe(20)
  })
})

describe('epochs', () => {
  it('currentEpoch is learned from every known sender, and never lowered', () => {
    const bench = three()
    bench.inbound(10, 1, { type: 'auth-req' }, { currentEpoch: 12 })
    expect(bench.view.currentEpoch).toBe(12)
    bench.inbound(20, 1, pingBody(), { currentEpoch: 3 })
    expect(bench.view.currentEpoch).toBe(12)
  })

  it('a config epoch that rises is on disk before anything that follows', () => {
    const bench = three()
    const effects = bench.inbound(10, 1, pingBody(), { configEpoch: 8 })
    expect([nodeOf(bench, 1).configEpoch, kinds(effects)[0]]).toEqual([8, 'persist durable'])
    bench.inbound(20, 1, pingBody(), { configEpoch: 7 })
    expect(nodeOf(bench, 1).configEpoch).toBe(8)
  })

  it('of two primaries with one config epoch the smaller id takes a new one', () => {
    const smaller = three()
    const effects = smaller.inbound(10, 1, pingBody(), { configEpoch: 5 })
    smaller.view.nodes.get(idOf(1))!.configEpoch = 5
    expect(kinds(effects)).toContain('persist durable')
    expect([smaller.view.self.configEpoch, smaller.view.currentEpoch]).toEqual([11, 11])

    const larger = new Bench(9)
    larger.own([0], 5)
    larger.add(1, { epoch: 5 })
    larger.inbound(10, 1, pingBody(), { configEpoch: 5 })
    expect(larger.view.self.configEpoch).toBe(5)
  })

  it('a replica takes part in no collision', () => {
    const bench = three()
    bench.addReplica(3, 1)
    bench.inbound(10, 3, pingBody(), { configEpoch: 5, replicaOf: idOf(1) })
    expect(bench.view.self.configEpoch).toBe(5)
  })

  it.each([
    ['0', 0, 3, true],
    ['not the largest', 5, 6, true],
    ['smaller than currentEpoch', 5, 5, true],
    ['the largest of all', 10, 5, false],
  ])('a bump without consensus: my epoch is %s', (_name, own, other, expected) => {
    const bench = new Bench()
    bench.add(1, { epoch: other })
    bench.view.self.configEpoch = own
    bench.view.currentEpoch = 10
    bench.at(1, () => expect(bumpWithoutConsensus(bench.view)).toBe(expected))
    expect(bench.view.self.configEpoch).toBe(expected ? 11 : own)
  })

  it('a replica sends its primary\'s slots and epoch', () => {
    const bench = three()
    bench.view.unbindAll(bench.view.self)
    bench.follow(nodeOf(bench, 1))
    const [effect] = bench.inbound(10, 2, pingBody())
    expect(effect)
      .toMatchObject({ message: { header: { configEpoch: 6, replicaOf: idOf(1),
        flags: NodeFlag.replica | NodeFlag.myself } } })
    expect(effect?.type === 'send' ? slotsOf(effect.message.header.slots) : []).toEqual(range(10, 19))
  })
})
