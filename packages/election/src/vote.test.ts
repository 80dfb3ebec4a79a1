/** A voter's rules, in Redis's order and with its texts; the primary's side of a manual failover; replica migration. */
import { describe, expect, it } from 'vitest'
import {
  bitmapOf, type BusHeader, ClusterNode, ClusterView, defaultOptions, type Effect, NodeFlag, randomOf,
} from '@slotwise/gossip'
import { ManualFailover, migrateIfNeeded, noteOrphans, receiveVoteRequest } from './index.js'

const START = 1_700_000_000_000
const T = 2000
const idOf = (number: number): string => number.toString(16).padStart(40, '0')

/** Me, 0, a voter; 1 owns slot 10 under epoch 1 and has failed; 5 is its replica. */
class Bench {
  readonly view = new ClusterView({ id: idOf(0), options: { ...defaultOptions, nodeTimeoutMs: T },
    random: randomOf(3), nowMs: START })

  constructor() {
    this.view.bind(0, this.view.self)
    this.view.self.configEpoch = 2
    const failed = this.add(1, NodeFlag.primary)
    failed.set(NodeFlag.fail)
    failed.configEpoch = 1
    this.view.bind(10, failed)
    this.replica(5, 1)
    this.view.currentEpoch = 31
  }

  add(number: number, flags: number): ClusterNode {
    const node = new ClusterNode(idOf(number), flags, START)
    Object.assign(node, { ip: `10.0.0.${number}`, port: 7000, busPort: 17_000 })
    this.view.add(node)
    this.view.connect(node).open = true
    return node
  }

  replica(number: number, primary: number): ClusterNode {
    const node = this.add(number, NodeFlag.replica)
    this.view.setPrimaryOf(node, this.node(primary))
    return node
  }

  node(number: number): ClusterNode { return this.view.nodes.get(idOf(number))! }

  at(afterMs: number, run: () => void): Effect[] {
    this.view.begin(START + afterMs)
    run()
    return this.view.end()
  }

  ask(from = 5, over: Partial<BusHeader> = {}, afterMs = 1): Effect[] {
    const header = { currentEpoch: 31, configEpoch: 1, slots: bitmapOf([10]), forceAck: false, sender: idOf(from),
      ...over } as BusHeader
    return this.at(afterMs, () => receiveVoteRequest(this.view, this.node(from),
      { header, body: { type: 'auth-req' } }))
  }
}

const logs = (effects: readonly Effect[]): string[] => effects.flatMap((effect) =>
  effect.type === 'log' ? [effect.text] : [])

describe('a vote', () => {
  it('is on disk before it leaves', () => {
    const bench = new Bench()
    const effects = bench.ask().filter(({ type }) => type === 'persist' || type === 'send')
    expect(effects).toMatchObject([{ type: 'persist', durable: true },
      { type: 'send', message: { body: { type: 'auth-ack' }, header: { currentEpoch: 31 } } }])
    expect([bench.view.lastVoteEpoch, bench.node(1).votedAt]).toEqual([31, START + 1])
  })

  it.each<[string, (bench: Bench) => Effect[], string | undefined]>([
    ['I am no voting primary', (bench) => { bench.view.unbindAll(bench.view.self); return bench.ask() }, undefined],
    ['an older epoch', (bench) => bench.ask(5, { currentEpoch: 5 }), 'reqEpoch (5) < curEpoch(31)'],
    ['voted already', (bench) => { bench.view.lastVoteEpoch = 31; return bench.ask() }, 'already voted for epoch 31'],
    ['a primary asks', (bench) => { bench.add(7, NodeFlag.primary); return bench.ask(7) }, 'it is a master node'],
    ['a replica of nobody', (bench) => { bench.add(7, NodeFlag.replica); return bench.ask(7) }, 'I don\'t know its master'],
    ['its primary is up', (bench) => { bench.node(1).clear(NodeFlag.fail); return bench.ask() }, 'its master is up'],
    [
      'voted about that primary', (bench) => { bench.node(1).votedAt = START; return bench.ask(5, {}, 401) },
      'can\'t vote about this master before 3599 milliseconds',
    ],
    ['a newer owner', (bench) => { bench.node(1).configEpoch = 11; return bench.ask(5, { configEpoch: 10 }) }, 'slot 10 epoch (11) > reqEpoch (10)'],
  ])('is refused: %s', (_name, run, why) => {
    const bench = new Bench()
    const { lastVoteEpoch } = bench.view
    const effects = run(bench)
    expect(effects.filter(({ type }) => type !== 'log')).toEqual([])
    expect(logs(effects)).toEqual(why === undefined ? [] : [expect.stringMatching(/^Failover auth denied to [0-9a-f]{40}: /)])
    if (why !== undefined) expect(logs(effects)[0]).toContain(`: ${why}`)
    expect(bench.node(1).votedAt === START + 1).toBe(false)
    expect(lastVoteEpoch).toBe(0)
  })

  it('row 79: one an epoch, whoever asks', () => {
    const bench = new Bench()
    bench.replica(6, 1)
    bench.ask(5)
    expect(logs(bench.ask(6, {}, 2))[0]).toContain('already voted for epoch 31')
  })

  it('that was lost is sent again to whom it was for, and to nobody in another epoch', () => {
    const bench = new Bench()
    const kinds = (effects: readonly Effect[]): string[] => effects.map(({ type }) => type)
    bench.ask()
    const again = bench.ask(5, {}, 900)
    expect(again).toMatchObject([{ type: 'send', message: { body: { type: 'auth-ack' }, header: { currentEpoch: 31 } } }])
    expect(bench.node(1).votedAt).toBe(START + 1)
    expect(kinds(bench.ask(5, { currentEpoch: 30 }, 901))).toEqual(['log'])
    bench.view.currentEpoch = 32
    expect(kinds(bench.ask(5, { currentEpoch: 32 }, 902))).toEqual(['log'])
  })

  it('about the same primary not before 2 T', () => {
    const bench = new Bench()
    bench.ask()
    bench.view.currentEpoch = 32
    expect(logs(bench.ask(5, { currentEpoch: 32 }, 2 * T))[0]).toContain('before 1 milliseconds')
    expect(logs(bench.ask(5, { currentEpoch: 32 }, 2 * T + 1))[0]).toMatch(/^Failover auth granted/)
  })

  it('FORCEACK gets one although the primary is up', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    expect(logs(bench.ask(5, { forceAck: true }))[0]).toMatch(/^Failover auth granted/)
  })

  it('a manual failover that came to nothing is tried again at once, by the same replica', () => {
    const bench = new Bench()
    bench.replica(6, 1)
    bench.node(1).clear(NodeFlag.fail)
    bench.ask(5, { forceAck: true })
    const again = (from: number, afterMs: number): string => {
      bench.view.currentEpoch++
      return logs(bench.ask(from, { forceAck: true, currentEpoch: bench.view.currentEpoch }, afterMs))[0]!
    }
    expect(again(6, 100)).toContain('can\'t vote about this master before')
    expect(again(5, 100)).toMatch(/^Failover auth granted/)
    bench.node(1).set(NodeFlag.fail)
    expect(again(5, 200)).toContain('can\'t vote about this master before')
  })

  it('slots without owner, or whose owner stopped claiming them, do not block', () => {
    const bench = new Bench()
    bench.node(1).configEpoch = 11
    bench.view.setNotClaiming(10, true)
    expect(logs(bench.ask(5, { slots: bitmapOf([10, 20]) }))[0]).toMatch(/^Failover auth granted/)
  })
})

describe('manual failover of a primary', () => {
  it('stops writes, PINGs the replica with PAUSED when nothing is written any more, ends after five seconds', () => {
    const bench = new Bench()
    const manual = new ManualFailover(bench.view)
    const replica = bench.replica(8, 0)
    const effects = bench.at(0, () => manual.receiveStart(replica))
    expect(effects).toContainEqual({ type: 'pauseWrites', untilMs: START + 10_000 })
    const looked = (afterMs: number, offset: number): unknown[] => bench.at(afterMs, () => {
      bench.view.self.offset = offset
      manual.progressed()
    })
    expect(effects.filter(({ type }) => type === 'send')).toEqual([])
    // A command that was running when the pause began is still writing.
    for (const [afterMs, offset] of [[10, 100], [20, 120], [30, 120]] as const)
      expect(looked(afterMs, offset)).toEqual([])
    expect(looked(40, 120)).toEqual([expect.objectContaining({ type: 'send',
      message: expect.objectContaining({ header: expect.objectContaining({ paused: true, offset: 120 }) }) })])
    expect(looked(50, 120)).toEqual([])
    expect(bench.at(4999, () => manual.tick())).toEqual([])
    expect(bench.at(5000, () => manual.tick())).toContainEqual({ type: 'unpauseWrites' })
    expect(bench.view.pausedFor).toBeNull()
  })

  it('lets writes go on if the replica follows another one before it hears of the pause', () => {
    const bench = new Bench()
    const manual = new ManualFailover(bench.view)
    const replica = bench.replica(8, 0)
    bench.at(0, () => manual.receiveStart(replica))
    bench.view.setPrimaryOf(replica, bench.node(1))
    bench.at(10, () => manual.progressed())
    expect(bench.at(30, () => manual.progressed())).toEqual([{ type: 'unpauseWrites' }])
  })

  it('is not asked for by another\'s replica', () => {
    const bench = new Bench()
    expect(bench.at(0, () => new ManualFailover(bench.view).receiveStart(bench.node(5)))).toEqual([])
  })
})

describe('replica migration', () => {
  /** 2 has replicas 3, me and 4; 1 is an orphan. */
  function bench(): Bench {
    const made = new Bench()
    const { view } = made
    view.state = 'ok'
    view.unbindAll(view.self)
    made.node(1).clear(NodeFlag.fail)
    made.node(1).set(NodeFlag.migrateTo)
    made.node(5).set(NodeFlag.fail)
    const rich = made.add(2, NodeFlag.primary)
    view.bind(20, rich)
    made.replica(3, 2)
    made.replica(4, 2)
    view.self.clear(NodeFlag.primary)
    view.self.set(NodeFlag.replica)
    view.setPrimaryOf(view.self, rich)
    return made
  }

  const after = (made: Bench, ms: number): Effect[] => {
    made.at(0, () => noteOrphans(made.view))
    return made.at(ms, () => {
      noteOrphans(made.view)
      migrateIfNeeded(made.view)
    })
  }

  it('the replica with the smallest id goes to an orphan of more than five seconds', () => {
    const made = bench()
    expect(after(made, 5000)).toEqual([])
    expect(made.at(5001, () => migrateIfNeeded(made.view)).map(({ type }) => type)).toContain('replicateFrom')
    expect(made.view.self.primary?.id).toBe(idOf(1))
  })

  it.each<[string, (made: Bench) => void]>([
    ['migration is switched off', ({ view }) => { view.options.allowReplicaMigration = false }],
    ['the cluster is down', ({ view }) => { view.state = 'fail' }],
    ['my primary would keep too few', ({ view }) => { view.options.migrationBarrier = 3 }],
    ['the orphan never had replicas', (made) => made.node(1).clear(NodeFlag.migrateTo)],
    ['the orphan failed', (made) => made.node(1).set(NodeFlag.fail)],
    ['its replica is well again', (made) => made.node(5).clear(NodeFlag.fail)],
    ['another primary has more replicas', (made) => {
      made.view.bind(30, made.add(10, NodeFlag.primary))
      for (const number of [11, 12, 13, 14]) made.replica(number, 10)
    }],
    ['another replica has a smaller id', (made) => {
      made.view.rename(made.view.self, 'f'.repeat(40))
    }],
  ])('nobody goes if %s', (_name, change) => {
    const made = bench()
    change(made)
    after(made, 6000)
    expect(made.view.self.primary?.id).toBe(idOf(2))
  })
})
