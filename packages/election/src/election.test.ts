/** A replica's election, its rank and delay, data age: Redis 7.0 cluster, "election", and the defects not to copy. */
import { describe, expect, it } from 'vitest'
import {
  bitmapOf, type BusMessage, ClusterNode, ClusterView, defaultOptions, type Effect, NodeFlag, randomOf,
} from '@slotwise/gossip'
import { dataAgeMs, Election, electionDelayMs, ManualFailover, rankOf, type ReplicationState, tooOld } from './index.js'

const START = 1_700_000_000_000
const T = 2000
const idOf = (number: number): string => number.toString(16).padStart(40, '0')

/** Me, 9, a replica of 1; voters 1, 2, 3; node 1 has failed. */
class Bench {
  readonly view: ClusterView
  readonly manual: ManualFailover
  readonly election: Election
  replication: ReplicationState = { offset: 100, connected: false, sinceMs: START, loaded: true }

  constructor(options: object = {}) {
    this.view = new ClusterView({ id: idOf(9), options: { ...defaultOptions, nodeTimeoutMs: T, ...options },
      random: randomOf(3), nowMs: START })
    const { self } = this.view
    for (const number of [1, 2, 3]) {
      const node = this.add(number, NodeFlag.primary)
      node.configEpoch = number
      for (let slot = number * 10; slot < number * 10 + 10; slot++) this.view.bind(slot, node)
    }
    self.clear(NodeFlag.primary)
    self.set(NodeFlag.replica)
    self.offset = 100
    this.view.setPrimaryOf(self, this.node(1))
    this.node(1).set(NodeFlag.fail)
    this.view.currentEpoch = 3
    this.view.begin(START)
    this.view.end()
    this.manual = new ManualFailover(this.view)
    this.election = new Election(this.view, this.manual)
  }

  add(number: number, flags: number): ClusterNode {
    const node = new ClusterNode(idOf(number), flags, START)
    Object.assign(node, { ip: `10.0.0.${number}`, port: 7000, busPort: 17_000 })
    this.view.add(node)
    this.view.connect(node).open = true
    return node
  }

  sibling(number: number, offset: number, known = true): ClusterNode {
    const node = this.add(number, NodeFlag.replica)
    this.view.setPrimaryOf(node, this.node(1))
    Object.assign(node, { offset, offsetKnown: known, dataAt: START })
    return node
  }

  node(number: number): ClusterNode { return this.view.nodes.get(idOf(number))! }

  at(afterMs: number, run: () => void): Effect[] {
    this.view.begin(START + afterMs)
    run()
    return this.view.end()
  }

  advance(afterMs: number): Effect[] { return this.at(afterMs, () => this.election.advance(this.replication)) }

  vote(afterMs: number, from: number, epoch: number): Effect[] {
    const header = { currentEpoch: epoch, sender: idOf(from) } as BusMessage['header']
    return this.at(afterMs, () => this.election.receiveVote(this.node(from), { header, body: { type: 'auth-ack' } },
      this.replication))
  }
}

const sent = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => effect.type === 'send' ? [effect.message.body.type] : effect.type === 'persist' ? ['persist'] : [])

describe('the start of an election', () => {
  it('a lone replica asks at once: the new epoch is on disk first, then the verdict and the request go to all', () => {
    const bench = new Bench()
    expect(sent(bench.advance(10))).toEqual(['persist', 'fail', 'fail', 'fail', 'auth-req', 'auth-req', 'auth-req'])
    expect(bench.view.currentEpoch).toBe(4)
  })

  it('as in Redis, it waits 500 to 999 ms, and tells its siblings its offset', () => {
    const bench = new Bench({ promptElections: false })
    bench.sibling(5, 0)
    expect(sent(bench.advance(10))).toEqual(['pong'])
    expect(sent(bench.advance(509))).toEqual([])
    expect(sent(bench.advance(1010))).toContain('auth-req')
  })

  it.each([
    ['nobody ahead', [[5, 99], [6, 100]], 0],
    ['one ahead', [[5, 101], [6, 100]], 1],
    ['two ahead', [[5, 101], [6, 102]], 2],
  ])('rank: %s', (_name, siblings, rank) => {
    const bench = new Bench()
    for (const [number, offset] of siblings) bench.sibling(number!, offset!)
    expect(rankOf(bench.view)).toBe(rank)
  })

  it('a sibling that may not stand does not count', () => {
    const bench = new Bench()
    bench.sibling(5, 101).set(NodeFlag.noFailover)
    expect([rankOf(bench.view), electionDelayMs(bench.view)]).toEqual([0, 0])
  })

  it.each([
    ['its offset is not known', 50, false, START],
    ['what it said is older than the last word of the primary', 50, true, START - 5],
    ['it is ahead', 101, true, START],
  ])('with a sibling the best may start at once only if it knows so: %s', (_name, offset, known, dataAt) => {
    const bench = new Bench()
    bench.node(1).dataAt = START - 1
    bench.sibling(5, offset, known).dataAt = dataAt
    expect(electionDelayMs(bench.view)).toBeGreaterThanOrEqual(200)
  })

  it('primaries that fail together take turns by id', () => {
    const bench = new Bench()
    bench.node(2).set(NodeFlag.pfail)
    expect(electionDelayMs(bench.view)).toBe(0)
    bench.view.setPrimaryOf(bench.view.self, bench.node(3))
    expect(electionDelayMs(bench.view)).toBe(100)
  })

  it('of equal offsets the smaller id starts at once and the other waits', () => {
    const bench = new Bench()
    bench.sibling(10, 100)
    expect(electionDelayMs(bench.view)).toBe(0)
    bench.sibling(5, 100)
    expect(electionDelayMs(bench.view)).toBeGreaterThan(0)
  })

  it.each([[2000, 400], [500, 100], [15_000, 1000]])('delays scale with T: at %i ms a rank costs %i ms',
    (timeout, cost) => {
      const bench = new Bench({ nodeTimeoutMs: timeout })
      bench.sibling(5, 101)
      bench.sibling(6, 101)
      const delay = electionDelayMs(bench.view)
      expect(delay).toBeGreaterThanOrEqual(2.5 * cost)
      expect(delay).toBeLessThan(3 * cost)
    })

  it('a rank that grows while it waits costs as much more', () => {
    const bench = new Bench({ promptElections: false })
    const sibling = bench.sibling(5, 50)
    bench.advance(0)
    sibling.offset = 200
    bench.advance(100)
    expect(sent(bench.advance(1100))).toEqual([])
    expect(sent(bench.advance(2000))).toContain('auth-req')
  })
})

describe('no election, and why', () => {
  it.each<[string, (bench: Bench) => void, RegExp]>([
    ['my primary is up', (bench) => bench.node(1).clear(NodeFlag.fail), /^$/],
    ['my primary has no slots', (bench) => bench.view.unbindAll(bench.node(1)), /no slots/],
    ['I never had its data', (bench) => { bench.replication.loaded = false }, /never loaded/],
    ['I may not', (bench) => { bench.view.options.replicaNoFailover = true }, /cluster-replica-no-failover/],
    ['my data is too old', (bench) => { bench.replication.sinceMs = START - 60_000 }, /58000 ms old, more than the 30000/],
  ])('%s', (_name, change, why) => {
    const bench = new Bench()
    change(bench)
    expect(sent(bench.advance(10))).toEqual([])
    expect(bench.election.why).toMatch(why)
  })

  it('data age: T of it is free; a validity factor of 0 asks for none', () => {
    const replication = { offset: 0, connected: false, sinceMs: START, loaded: true }
    expect(dataAgeMs(replication, T, START + 1999)).toBe(1000)
    expect(dataAgeMs(replication, T, START + 9000)).toBe(7000)
    expect(tooOld(replication, { ...defaultOptions, replicaValidityFactor: 0 }, START + 10 ** 9)).toBeNull()
  })

  it('says how many votes are missing', () => {
    const bench = new Bench()
    bench.advance(0)
    bench.vote(10, 2, 4)
    expect(bench.election.why).toBe('waiting for votes: 1 of 2')
    bench.advance(4001)
    expect(bench.election.why).toMatch(/not enough votes|no majority/)
  })
})

describe('votes', () => {
  it('a quorum of voters makes me primary: on disk, then a primary, then everybody is told', () => {
    const bench = new Bench()
    bench.advance(0)
    expect(sent(bench.vote(10, 2, 4))).toEqual([])
    const effects = bench.vote(20, 3, 4)
    const order = effects.map(({ type }) => type).filter((type) =>
      ['persist', 'becomePrimary', 'slotMapChanged', 'send'].includes(type))
    expect(order).toEqual(['persist', 'becomePrimary', 'slotMapChanged', 'send', 'send', 'send'])
    const { self } = bench.view
    expect([self.isPrimary, self.configEpoch, self.slotCount, bench.node(1).slotCount]).toEqual([true, 4, 10, 0])
  })

  it('a vote that comes twice is one vote', () => {
    const bench = new Bench()
    bench.advance(0)
    bench.vote(10, 2, 4)
    bench.vote(11, 2, 4)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it.each<[string, number, number]>([['of an older epoch', 3, 3], ['of a primary without slots', 4, 4],
    ['of a replica', 5, 4]])('a vote %s does not count', (_name, from, epoch) => {
    const bench = new Bench()
    bench.add(4, NodeFlag.primary)
    bench.sibling(5, 0)
    bench.advance(0)
    bench.vote(10, 2, 4)
    bench.vote(20, from, epoch)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it('votes that nobody asked for do not count', () => {
    const bench = new Bench()
    bench.vote(0, 2, 9)
    bench.vote(0, 3, 9)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it('asks voters that have not answered again each T / 2: they may not have been reached, or not have known of the verdict', () => {
    const bench = new Bench()
    bench.node(3).link!.open = false
    expect(sent(bench.advance(0)).filter((type) => type === 'auth-req')).toHaveLength(2)
    bench.vote(10, 2, 4)
    bench.node(3).link!.open = true
    expect(sent(bench.advance(999))).toEqual([])
    const again = bench.advance(1000)
    expect(sent(again)).toEqual(['fail', 'auth-req', 'fail', 'auth-req'])
    expect(again.flatMap((effect) => effect.type === 'send' ? [effect.message.header.currentEpoch] : [])).toEqual([4, 4, 4, 4])
    expect(sent(bench.advance(1999))).toEqual([])
    expect(sent(bench.advance(2000))).toContain('auth-req')
    bench.vote(2010, 3, 4)
    expect(bench.view.self.isPrimary).toBe(true)
  })

  it('does not ask again when it has heard of a later epoch: whoever voted in that one has not voted for it', () => {
    const bench = new Bench()
    bench.advance(0)
    bench.view.currentEpoch = 5
    for (let ms = 500; ms <= 4000; ms += 500) expect(sent(bench.advance(ms))).toEqual([])
  })

  it('as in Redis, it asks once', () => {
    const bench = new Bench({ promptElections: false })
    for (let ms = 0; bench.view.currentEpoch === 3; ms += 100) bench.advance(ms)
    for (let ms = 1100; ms < 4000; ms += 100) expect(sent(bench.advance(ms))).toEqual([])
  })

  it('without a majority it asks again, under another epoch', () => {
    const bench = new Bench()
    bench.advance(0)
    expect(sent(bench.advance(4001))).toEqual([])
    expect(sent(bench.advance(4501))).toContain('auth-req')
    expect(bench.view.currentEpoch).toBe(5)
    bench.vote(4510, 2, 4)
    bench.vote(4511, 3, 4)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it('after another replica has asked it waits for as long as if it had asked itself', () => {
    const bench = new Bench()
    const sibling = bench.sibling(5, 0)
    for (let ms = 0; bench.view.currentEpoch === 3; ms += 100) bench.advance(ms)
    const request = { header: { currentEpoch: 5 }, body: { type: 'auth-req' } } as BusMessage
    bench.at(1500, () => bench.election.heardRequest(sibling, request))
    bench.at(2500, () => bench.election.heardRequest(sibling, request)) // who asks again has not asked later
    // 2.25 T, and up to 2 T more, since both wait.
    for (let ms = 1600; ms <= 1500 + 4500; ms += 100) bench.advance(ms)
    expect(bench.view.currentEpoch).toBe(4)
    for (let ms = 6100; ms < 12_000; ms += 100) bench.advance(ms)
    expect(bench.view.currentEpoch).toBeGreaterThan(4)
  })

  it('what was begun in an old role is over: votes that come after it count for nothing', () => {
    const bench = new Bench()
    bench.advance(0)
    bench.vote(10, 2, 4)
    bench.election.reset()
    bench.vote(20, 3, 4)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it('defect 1 of Redis: votes of a won election win no later one', () => {
    const bench = new Bench()
    bench.advance(0)
    bench.vote(10, 2, 4)
    bench.vote(20, 3, 4)
    // Back to a replica of 2, within the retry time, and told to fail over.
    const { view } = bench
    view.unbindAll(view.self)
    view.self.clear(NodeFlag.primary)
    view.self.set(NodeFlag.replica)
    view.setPrimaryOf(view.self, bench.node(2))
    bench.at(30, () => bench.manual.begin(true))
    bench.advance(31)
    expect([view.self.isPrimary, view.currentEpoch]).toEqual([false, 5])
  })

  it('TAKEOVER asks nobody: a new epoch, the slots, and everybody is told', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    const effects = bench.at(0, () => bench.election.takeOverWithoutVotes())
    expect([bench.view.self.isPrimary, bench.view.self.configEpoch, bench.view.self.slotCount]).toEqual([true, 4, 10])
    expect(sent(effects)).toEqual(['persist', 'pong', 'pong', 'pong'])
  })
})

describe('manual failover of a replica', () => {
  const header = (paused: boolean, offset: number): BusMessage => ({
    header: { sender: idOf(1), paused, offset, slots: bitmapOf([]) } as unknown as BusMessage['header'],
    body: { type: 'pong', gossip: [], hostname: '', extensions: [] },
  })

  it('waits for the largest offset of its paused primary and until it has applied it; then asks with FORCEACK', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    expect(sent(bench.at(0, () => bench.manual.begin(false)))).toEqual(['mfstart'])
    bench.at(1, () => bench.manual.notice(bench.node(1), header(false, 90)))
    expect(sent(bench.advance(1))).toEqual([])
    bench.at(2, () => bench.manual.notice(bench.node(1), header(true, 120)))
    bench.at(3, () => bench.manual.notice(bench.node(1), header(true, 125)))
    expect(sent(bench.advance(3))).toEqual([])
    bench.view.self.offset = 120
    bench.at(3, () => bench.manual.notice(bench.node(1), header(true, 120)))
    expect(sent(bench.advance(3))).toEqual([])
    bench.view.self.offset = 125
    const effects = bench.advance(4)
    expect(sent(effects)).toEqual(['persist', 'auth-req', 'auth-req', 'auth-req'])
    expect(effects.flatMap((effect) => effect.type === 'send' ? [effect.message.header.forceAck] : []))
      .toEqual([true, true, true])
  })

  it('that has begun is not given up when the offset grows, and takes the slots when it has applied that, too', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    bench.at(0, () => bench.manual.begin(false))
    bench.at(1, () => bench.manual.notice(bench.node(1), header(true, 100)))
    expect(sent(bench.advance(2))).toContain('auth-req')
    // A PING for replicas was written into the stream.
    bench.at(3, () => bench.manual.notice(bench.node(1), header(true, 114)))
    bench.advance(4)
    for (const voter of [1, 2]) bench.vote(5, voter, 4)
    expect(bench.view.self.isPrimary).toBe(false)
    bench.view.self.offset = 114
    bench.advance(6)
    expect([bench.view.self.isPrimary, bench.view.currentEpoch]).toEqual([true, 4])
  })

  it('whose primary fails before its last writes have come ends with the request, and the votes are there for a failed primary', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    bench.at(0, () => bench.manual.begin(false))
    bench.at(1, () => bench.manual.notice(bench.node(1), header(true, 100)))
    bench.advance(2)
    bench.at(3, () => bench.manual.notice(bench.node(1), header(true, 114)))
    for (const voter of [2, 3]) bench.vote(5, voter, 4)
    expect(bench.election.why).toMatch(/waiting for what the primary wrote last/)
    bench.node(1).set(NodeFlag.fail)
    bench.advance(1000)
    expect(bench.view.self.isPrimary).toBe(false)
    bench.at(5001, () => bench.manual.tick())
    bench.advance(5001)
    expect([bench.view.self.isPrimary, bench.view.currentEpoch]).toEqual([true, 4])
  })

  it('that is over while its votes come takes nothing', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    bench.at(0, () => bench.manual.begin(false))
    bench.at(1, () => bench.manual.notice(bench.node(1), header(true, 100)))
    bench.advance(2)
    bench.at(5000, () => bench.manual.tick())
    for (const voter of [1, 2]) bench.vote(5001, voter, 4)
    expect(bench.view.self.isPrimary).toBe(false)
  })

  it('FORCE asks nobody for an offset, ignores no-failover, and works with a dead primary', () => {
    const bench = new Bench({ replicaNoFailover: true })
    bench.at(0, () => bench.manual.begin(true))
    expect(sent(bench.advance(1))).toContain('auth-req')
  })

  it('ends after five seconds', () => {
    const bench = new Bench()
    bench.node(1).clear(NodeFlag.fail)
    bench.at(0, () => bench.manual.begin(true))
    bench.at(4999, () => bench.manual.tick())
    expect(bench.manual.mayStart).toBe(true)
    const effects = bench.at(5000, () => bench.manual.tick())
    expect(effects).toContainEqual({ type: 'log', level: 'warn', text: 'Manual failover timed out.' })
    expect(bench.manual.mayStart).toBe(false)
  })
})
