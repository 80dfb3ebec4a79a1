/**
 * Slot migrations of whole machines: the way through, what is refused, and processes that are killed at any moment.
 */
import { NodeFlag } from '@slotwise/gossip'
import { describe, expect, it } from 'vitest'
import { MigrationWorld, WATCHED } from '../../test/migration-world.js'
import type { MigrationRow } from './migration-log.js'

const state = (world: MigrationWorld, index: number): string | undefined =>
  world.nodes[index]!.machine!.migration.rows.at(-1)?.state

/** Nodes 0, 1 and 2 own a third each; the watched slots are node 0's. */
function populated(seed = 1): MigrationWorld {
  const world = new MigrationWorld(seed)
  for (let n = 0; n < 40; n++) world.write(n % WATCHED.length)
  return world
}

describe('a slot migration', () => {
  it('moves slots in one step, under a new epoch, that everybody believes', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    expect(world.migrate(source, target, 0, 2)).toEqual({ type: 'status', text: 'OK' })
    world.until('it is done', () => state(world, 0) === 'success')
    expect(target.machine!.view.self.configEpoch).toBe(4)
    world.run(2000)
    expect(world.settledState()).toBeNull()
    expect(world.owner(0)).toBe(target)
    expect(world.owner(3)).toBe(source)
    expect(source.disk!.migrations).toEqual({ outgoing: null, incoming: null, doomed: [], taken: [] })
    expect(target.disk!.migrations.incoming).toBeNull()
  })

  it('has writers wait for no disk: before they do, both sides have written what they are going to do', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.held.size === 0) world.run(1)
    const { job } = source.durable!.migrations.outgoing!
    expect(target.durable!.migrations.incoming).toEqual({ job, source: source.id, slots: [[0, 2]], epoch: 4 })
    expect([target.durable!.currentEpoch, target.machine!.view.self.configEpoch]).toEqual([4, 2])
    const before = source.durableWrites
    while (source.held.size > 0) world.run(1)
    expect(source.durableWritesAtRelease).toBe(before)
    expect(world.owner(0)).toBe(target)
  })

  it.each([
    [false, ['written', 'slotMapChanged', 'closeImport', 'send', 'send', 'durable', 'reply']],
    [true, ['durable', 'slotMapChanged', 'closeImport', 'send', 'send', 'reply']],
  ])('writes, takes over, tells, and then waits for the disk, in this order (answers that outlive a power cut: %s)', (mustBeDurable, order) => {
    const world = populated()
    world.mustBeDurable = mustBeDurable
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.held.size === 0) world.run(1)
    const machine = target.machine!
    const { job } = source.durable!.migrations.outgoing!
    const effects = machine.step({ type: 'import', args: ['CLAIM', job], mustBeDurable }, machine.view.now)
    const names = effects.flatMap((effect) => {
      if (effect.type === 'persist') return effect.durable ? 'durable' : effect.mayWait === true ? 'later' : 'written'
      return effect.type === 'log' ? [] : effect.type
    })
    expect(names).toEqual(order)
    expect(machine.facts().migrations).toEqual({ outgoing: null, incoming: null, doomed: [], taken: [job] })
    expect(machine.view.self.configEpoch).toBe(4)
  })

  it('takes another epoch, and the disk with it, if a newer one is known than was prepared', () => {
    const world = populated()
    const [source, target, third] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.held.size === 0) world.run(1)
    const machine = target.machine!
    machine.view.nodes.get(third.id)!.configEpoch = 4
    const { job } = source.durable!.migrations.outgoing!
    const [first] = machine.step({ type: 'import', args: ['CLAIM', job], mustBeDurable: false }, machine.view.now)
    expect(first).toMatchObject({ type: 'persist', durable: true })
    expect(machine.view.self.configEpoch).toBe(5)
  })

  it('is cancelled after it was written that the target will be asked, and before it was', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.held.size === 0) world.run(1)
    expect(state(world, 0)).toBe('promised')
    expect(world.command(source, 'MIGRATE', 'CANCEL')).toEqual({ type: 'status', text: 'OK' })
    expect(world.write(0)).toBe(true)
    world.run(2000)
    expect(source.durable!.migrations.outgoing).toBeNull()
    expect([state(world, 0), world.settledState()]).toEqual(['cancelled', null])
  })

  it('has slots that were emptied on disk as such before keys may come there again', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    world.until('it is done', () => state(world, 0) === 'success')
    while (source.doomed.size > 0) world.run(1)
    expect(source.durable!.migrations.doomed).toEqual([[0, 2]]) // nobody waits for that
    world.command(source, 'SETSLOT', '1', 'IMPORTING', target.id)
    expect(source.durable!.migrations.doomed).toEqual([])
  })

  it('is cancelled on either side, and leaves nothing', () => {
    for (const side of [0, 1]) {
      const world = populated()
      world.migrate(world.nodes[0]!, world.nodes[1]!, 0, 2)
      world.until('it streams', () => state(world, 0) === 'streaming' && world.nodes[1]!.keys.size > 0)
      expect(world.command(world.nodes[side]!, 'MIGRATE', 'CANCEL')).toEqual({ type: 'status', text: 'OK' })
      expect(world.command(world.nodes[side]!, 'MIGRATE', 'CANCEL')).toEqual({ type: 'error', text: 'ERR No slots are being migrated' })
      world.run(2000)
      expect(state(world, 0)).toBe(side === 0 ? 'cancelled' : 'failed')
      expect(world.settledState()).toBeNull()
      expect(world.owner(0)).toBe(world.nodes[0])
      // And again, to the end.
      expect(world.migrate(world.nodes[0]!, world.nodes[1]!, 0, 2)).toEqual({ type: 'status', text: 'OK' })
      world.until('it is done', () => state(world, 0) === 'success')
    }
  })

  const row = (world: MigrationWorld, index: number): MigrationRow | undefined =>
    world.nodes[index]!.machine!.migration.rows.at(-1)
  const FULLY_MS = 5000

  it.each(['streaming', 'promised'])('that is cut off while it is %s goes on when it can, under the same name', (when) => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    const { job } = row(world, 0)!
    while (state(world, 0) !== when || target.keys.size === 0) world.run(1)
    world.cut(source, target)
    world.until('it is told', () => row(world, 0)!.resumes! > 0)
    expect([state(world, 0), source.durable!.migrations.outgoing, row(world, 0)!.why])
      .toEqual(['streaming', null, 'the connection to the target broke'])
    world.run(FULLY_MS)
    for (let n = 0; n < 20; n++) world.write(n % 3)
    world.remove(1)
    expect([state(world, 0), state(world, 1), world.owner(0) === source]).toEqual(['streaming', 'importing', true])
    world.heal()
    world.until('it is done', () => state(world, 0) === 'success' && world.settledState() === null)
    expect([row(world, 0)!.job, row(world, 0)!.restarts]).toEqual([job, 0])
    expect([world.owner(0) === target, world.violation]).toEqual([true, null])
  })

  it.each([[false, 'streaming'], [true, 'streaming'], [false, 'promised'], [true, 'promised']])(
    'begins again, under another name, when its target was started anew (it loses power: %s) while it was %s', (losesPower, when) => {
      const world = populated()
      const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
      world.migrate(source, target, 0, 2)
      const { job } = row(world, 0)!
      while (state(world, 0) !== when || target.keys.size === 0) world.run(1)
      target.losesPower = losesPower
      world.crash(target)
      world.run(FULLY_MS)
      world.write(0)
      expect(source.durable!.migrations.outgoing).toBeNull() // so a start of the source serves
      world.start(target)
      world.until('it is done', () => state(world, 0) === 'success' && world.settledState() === null)
      expect([row(world, 0)!.job === job, row(world, 0)!.restarts]).toEqual([false, 1])
      expect([world.owner(0) === target, world.violation]).toEqual([true, null])
    })

  it('waits with what is left while the cluster is down, and says so', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    world.until('it streams', () => state(world, 0) === 'streaming')
    for (let ms = 0; ms < 5000 && row(world, 0)!.why === ''; ms++) {
      source.machine!.view.state = 'fail'
      world.run(1)
    }
    expect(row(world, 0)).toMatchObject({ state: 'streaming', why: 'the cluster is down, or a failover is under way' })
    expect(source.durable!.migrations.outgoing).toBeNull()
    world.until('it is done', () => state(world, 0) === 'success')
    world.run(2000)
    expect([world.owner(0) === target, world.settledState()]).toEqual([true, null])
  })

  it('is given up where its target is away for five minutes, and where it is no primary any more', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    world.until('it streams', () => state(world, 0) === 'streaming')
    const { machine } = source
    const { job } = row(world, 0)!
    world.crash(target)
    world.step(source, { type: 'exported', job, progress: 'again', why: 'the log is gone' })
    expect(world.write(0)).toBe(true)
    world.until('the end', () => state(world, 0) === 'failed', 400_000)
    expect(row(world, 0)).toMatchObject({ why: 'it could not begin anew in time: the log is gone', restarts: 0 })
    const took = row(world, 0)!.endedAt! - row(world, 0)!.startedAt
    expect(took).toBeGreaterThanOrEqual(300_000)
    expect(took).toBeLessThan(310_000)
    world.start(target)
    world.until('all are there', () =>
      world.nodes.every(({ machine }) => machine!.view.state === 'ok') && world.settledState() === null)
    world.migrate(source, target, 0, 2)
    world.until('it streams', () => state(world, 0) === 'streaming')
    world.step(source, { type: 'exported', job: row(world, 0)!.job, progress: 'again', why: 'the log is gone' })
    machine!.view.nodes.get(target.id)!.clear(NodeFlag.primary)
    world.step(source, { type: 'tick' })
    expect(row(world, 0)).toMatchObject({ state: 'failed', why: 'ERR Target node is not a master' })
  })

  it('is given up when it had to begin anew ten times', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    const jobs = new Set<string>()
    for (let n = 0; n <= 10; n++) {
      world.until('it streams', () => state(world, 0) === 'streaming' && !jobs.has(row(world, 0)!.job))
      jobs.add(row(world, 0)!.job)
      world.step(source, { type: 'exported', job: row(world, 0)!.job, progress: 'again', why: 'the log is gone' })
    }
    expect(row(world, 0)).toMatchObject({ state: 'failed', why: 'the log is gone', restarts: 10 })
    world.run(FULLY_MS)
    expect([world.settledState(), world.owner(0) === source]).toEqual([null, true])
  })

  it('is cancelled while its target is away, and the target forgets it when it hears of that', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (target.keys.size === 0) world.run(1)
    world.cut(source, target)
    world.until('it is told', () => row(world, 0)!.resumes! > 0)
    expect(world.command(source, 'MIGRATE', 'CANCEL')).toEqual({ type: 'status', text: 'OK' })
    world.run(20_000)
    expect([state(world, 0), state(world, 1), world.write(0)]).toEqual(['cancelled', 'importing', true])
    world.heal()
    world.until('it is forgotten', () => state(world, 1) === 'failed')
    expect([row(world, 1)!.why, world.owner(0) === source]).toEqual(['the source had given up', true])
    world.run(FULLY_MS)
    expect(world.settledState()).toBeNull()
  })

  it('keeps what it has for a source that is cut off, and for one that is gone a limited time', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (target.keys.size === 0) world.run(1)
    world.cut(source, target)
    world.run(320_000)
    expect(state(world, 1)).toBe('importing')
    world.run(20_000)
    expect(row(world, 1)).toMatchObject({ state: 'failed', why: 'the source sent nothing for too long' })
  })

  it('is refused in words, and then changes nothing', () => {
    const world = populated()
    const [first, second] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    const cases: [words: string[], text: string][] = [
      [['SLOTSRANGE', '0', '1'], 'syntax error'],
      [['SLOTSRANGE', '0', 'NODE', second.id], 'syntax error'],
      [['SLOTRANGE', '0', '1', 'NODE', second.id], 'syntax error'],
      [['SLOTSRANGE', '0', '16384', 'NODE', second.id], 'Invalid or out of range slot'],
      [['SLOTSRANGE', '-1', '1', 'NODE', second.id], 'Invalid or out of range slot'],
      [['SLOTSRANGE', '2', '1', 'NODE', second.id], 'start slot number 2 is greater than end slot number 1'],
      [['SLOTSRANGE', '1', '2', '2', '3', 'NODE', second.id], 'Slot 2 specified multiple times'],
      [['SLOTSRANGE', '1', '2', 'NODE', 'x'], 'Unknown node x'],
      [['SLOTSRANGE', '1', '2', 'NODE', first.id], 'Target node is this node itself'],
      [['SLOTSRANGE', '6000', '6001', 'NODE', second.id], "I'm not the owner of hash slot 6000"],
    ]
    for (const [words, text] of cases) expect(world.command(first, 'MIGRATE', ...words)).toEqual({ type: 'error', text: `ERR ${text}` })
    expect(first.machine!.migration.rows).toEqual([])
    world.command(first, 'SETSLOT', '1', 'MIGRATING', second.id)
    expect(world.migrate(first, second, 0, 2)).toEqual({ type: 'error', text: 'ERR Slot 1 is open: it is being moved key by key, or still emptied' })
    world.command(first, 'SETSLOT', '1', 'STABLE')
    expect(world.migrate(first, second, 0, 2).type).toBe('status')
    expect(world.migrate(first, second, 3, 3)).toEqual({ type: 'error', text: 'ERR Slots are being migrated already, see CLUSTER MIGRATE STATUS' })
  })

  it('a job that was given up is never claimed, and one that was claimed is never given up', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    const job = 'a'.repeat(40)
    const ask = (...args: string[]): string => {
      let text = ''
      world.step(target, { type: 'import', args, mustBeDurable: false }, (reply) => { text = reply.text })
      return text
    }
    expect(ask('CLAIM', job)).toMatch(/^NOIMPORT/)
    expect(ask('PREPARE', job)).toMatch(/^NOIMPORT/)
    expect(ask('BEGIN', job, source.id, '0', '1')).toBe('OK')
    expect(ask('SETTLE', job)).toMatch(/^NOIMPORT/)
    expect(ask('CLAIM', job)).toMatch(/^NOIMPORT/)
    expect(ask('BEGIN', job, source.id, '0', '1')).toBe('OK')
    expect(ask('CLAIM', job)).toBe('OK')
    expect([ask('SETTLE', job), ask('CLAIM', job), ask('ABORT', job), ask('SETTLE', job)]).toEqual(['OK', 'OK', 'OK', 'OK'])
    expect(ask('BEGIN', 'b'.repeat(40), source.id, '0', '1')).toBe(`ERR Slot 0 is not owned by node ${source.id}, as far as the target knows`)
    expect(ask('BEGIN', 'x', source.id, '0', '1')).toBe('ERR Invalid job')
  })

  it('a source that was killed after it asked serves nobody there until it knows', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.disk!.migrations.outgoing === null) world.run(1)
    world.crash(target)
    world.crash(source)
    world.start(source)
    world.run(20_000)
    expect([world.write(0), world.write(3)]).toEqual([false, true])
    world.start(target)
    world.until('it is decided', () => world.settledState() === null)
  })
})

describe('a target that loses power while it claims', () => {
  /** The claim of 0 to 2 reaches the source, and not the disk of the target, which is down then. Gives the job. */
  const heardByTheSourceOnly = (world: MigrationWorld): string => {
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.machine!.migration.rows.at(-1)!.state !== 'handover') world.run(1)
    const { job } = source.durable!.migrations.outgoing!
    const { machine } = target
    const claim = { type: 'import', args: ['CLAIM', job], mustBeDurable: false } as const
    for (const effect of machine!.step(claim, machine!.view.now)) {
      if (effect.type !== 'send') continue
      const { peer, link } = target.links.get(effect.link)!
      if (peer === source) world.step(source, { type: 'message', link, message: effect.message })
    }
    target.losesPower = true
    world.crash(target)
    return job
  }

  /** Until it is down: `effects` after the source has asked, or a while later. */
  const upToTheCut = (effects: number, isPowerCut: boolean): MigrationWorld => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    world.migrate(source, target, 0, 2)
    while (source.machine!.migration.rows.at(-1)!.state !== 'handover') world.run(1)
    target.losesPower = isPowerCut
    target.crashAfterEffects = effects
    while (target.machine !== null) world.run(1)
    return world
  }
  const effectCounts = [0, 1, 2, 3, 4, 5, 6, 9]

  it('takes the slots when it is back, whether it had or not, since the source says that it was asked', () => {
    for (const effects of effectCounts) {
      for (const isPowerCut of [false, true]) {
        const world = upToTheCut(effects, isPowerCut)
        const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
        world.run(3000)
        expect([effects, world.write(0)]).toEqual([effects, false])
        world.start(target)
        world.until(`an end after ${effects} effects`, () => world.settledState() === null && state(world, 0) === 'success')
        expect([effects, world.owner(0) === target, world.violation]).toEqual([effects, true, null])
        expect([source.disk!.migrations.outgoing, target.durable!.migrations.incoming]).toEqual([null, null])
      }
    }
  }, 120_000)

  it('has the slots when it is back if the source heard the claim that its disk did not get', () => {
    const world = populated()
    const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
    const job = heardByTheSourceOnly(world)
    expect([source.held.size, source.machine!.view.ownerOf(0)!.id]).toEqual([0, target.id])
    expect([state(world, 0), source.durable!.migrations.outgoing?.job]).toEqual(['handover', job])
    world.run(3000)
    world.start(target)
    expect(target.machine!.migration.rows.at(-1)!.state).toBe('settling')
    world.until('an end', () => world.settledState() === null && state(world, 0) === 'success')
    expect([world.owner(0) === target, world.violation]).toEqual([true, null])
  })

  it.each([false, true])('has the slots also if it was forgotten meanwhile: it has the only copy (the source is started anew: %s)', (isRestarted) => {
    const world = populated()
    const [source, target, third] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0], typeof world.nodes[0]]
    heardByTheSourceOnly(world)
    expect(source.machine!.view.ownerOf(0)!.id).toBe(target.id)
    world.run(3000)
    for (const node of [source, third]) expect(world.command(node, 'FORGET', target.id).type).toBe('status')
    world.run(1000)
    if (isRestarted) {
      world.crash(source)
      world.run(100)
      world.start(source)
      world.run(3000)
    }
    expect([source.keys.has(0), source.machine!.view.ownerOf(0), world.write(0)]).toEqual([false, null, false])
    world.start(target)
    world.command(source, 'MEET', '127.0.0.1', String(target.port))
    world.until('an end', () => world.settledState() === null && state(world, 0) === 'success')
    expect([world.owner(0) === target, world.violation]).toEqual([true, null])
    expect([source.disk!.migrations.outgoing, target.durable!.migrations.incoming]).toEqual([null, null])
  })

  it('that was forgotten has nothing to say when its slots were given to somebody else', () => {
    const world = populated()
    const [source, target, third] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0], typeof world.nodes[0]]
    heardByTheSourceOnly(world)
    world.run(3000)
    for (const node of [source, third]) expect(world.command(node, 'FORGET', target.id).type).toBe('status')
    expect(world.command(source, 'ADDSLOTSRANGE', '0', '2')).toEqual({ type: 'status', text: 'OK' })
    for (const slot of [0, 1, 2]) world.acknowledged.set(slot, 0) // the operator has given them up
    expect([state(world, 0), world.migrate(source, third, 3, 3).type]).toEqual(['success', 'status'])
    world.start(target)
    world.command(source, 'MEET', '127.0.0.1', String(target.port))
    world.until('an end', () => world.settledState() === null)
    expect([world.owner(0) === source, world.violation]).toEqual([true, null])
  })

  it('and the source is started anew as well: one of them has the slots, and everybody believes it', () => {
    const owners = new Set<number>()
    for (const effects of effectCounts) {
      for (const isPowerCut of [false, true]) {
        const world = upToTheCut(effects, isPowerCut)
        const [source, target] = world.nodes as [typeof world.nodes[0], typeof world.nodes[0]]
        world.crash(source)
        world.run(effects % 2 === 0 ? 5 : 0)
        for (const node of effects % 3 === 0 ? [source, target] : [target, source]) {
          world.start(node)
          world.run(1000)
        }
        world.until(`an end after ${effects} effects`, () => world.settledState() === null)
        world.run(5000)
        expect([effects, world.settledState(), world.violation]).toEqual([effects, null, null])
        for (const { durable } of [source, target])
          expect(durable!.migrations).toMatchObject({ outgoing: null, incoming: null })
        owners.add(world.owner(0)!.port)
      }
    }
    expect(owners.size).toBe(2)
  }, 120_000)
})

describe('processes that are killed at any moment', () => {
  const seeds = Array.from({ length: Number(process.env.SLOTWISE_SEEDS ?? 25) }, (_, index) => index + 1)
  it('leave one owner of each slot, with all that was acknowledged, and nobody else with any of it', () => {
    let moved = 0
    for (const seed of seeds) {
      const world = populated(seed)
      const { random, nodes } = world
      world.answerLoss = 0.1
      for (let round = 0; round < 4; round++) {
        const from = world.owner(0)
        const to = nodes[Math.floor(random() * nodes.length)]!
        if (from !== undefined && from !== to) world.migrate(from, to, 0, Math.floor(random() * 4))
        const victim = nodes[Math.floor(random() * nodes.length)]!
        const kind = random()
        victim.losesPower = random() < 0.5
        if (kind < 0.4) victim.crashAfterEffects = Math.floor(random() * 60)
        else if (kind < 0.5) world.command(victim, 'MIGRATE', 'CANCEL')
        else if (kind < 0.6 && from !== undefined && from !== to) world.cut(from, to)
        for (let n = 0; n < 30; n++) {
          world.run(random() * 60)
          if (random() < 0.1) world.remove(Math.floor(random() * 4))
          world.write(Math.floor(random() * 4))
          if (kind > 0.7 && n === 10) world.crash(victim)
        }
        world.run(random() * 3000)
        world.heal()
        for (const node of nodes) {
          node.crashAfterEffects = null
          node.losesPower = false
          world.start(node)
        }
        world.run(random() < 0.5 ? 8000 : random() * 4000)
      }
      try {
        world.until('everything is settled', () => world.settledState() === null)
      } catch {
        expect.fail(`seed ${seed}: ${world.settledState()}\n${world.story.slice(-60).join('\n')}`)
      }
      expect({ seed, violation: world.violation }).toEqual({ seed, violation: null })
      if (world.owner(0) !== nodes[0]) moved++
    }
    expect(moved).toBeGreaterThan(seeds.length / 3)
  }, 120_000)
})
