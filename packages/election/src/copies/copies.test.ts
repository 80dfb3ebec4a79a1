/** Copies among themselves, without a cluster around them: sets that meet, messages, promises, leases, lost data. */
import { describe, expect, it } from 'vitest'
import { ClusterNode, ClusterView, defaultOptions, type Effect, NodeFlag, randomOf } from '@slotwise/gossip'
import { blankMessage, encodeCopyMessage } from './copy-message.js'
import {
  canElect, type CopyKey, copyKey, type CopySet, electionCount, isBlocking, replicasNeeded, writesNeeded,
} from './copy-set.js'
import {
  COPY_EXTENSION, type CopyFacts, type CopyMessage, findCopyMessage, NO_BALLOT, type SavedCopy, ShardCopies,
} from '../index.js'

const idOf = (number: number): string => number.toString(16).padStart(40, '0')
const keyOf = (number: number): CopyKey => copyKey(idOf(number), 7)
const START = 1_700_000_000_000
const T = 1000
const ballotOf = (term: number, node: number): { term: number; node: string } => ({ term, node: idOf(node) })

const setOf = (received: number, ...members: number[][]): CopySet => ({
  shard: ballotOf(1, 1), ballot: ballotOf(3, 1), number: 2, received, members: members.map((list) => list.map(keyOf)),
})

/** Every subset of the numbers below `count`. */
const subsets = (count: number): Set<CopyKey>[] => Array.from({ length: 2 ** count }, (_, bits) =>
  new Set(Array.from({ length: count }, (_, index) => index).filter((index) => (bits >> index & 1) === 1).map(keyOf)))

describe('sets of copies', () => {
  it.each([[2, 0], [3, 0], [4, 0], [5, 0], [3, 1], [5, 1], [5, 2], [4, 3]])('of %i, received %i: who elects meets everybody who acknowledged', (count, received) => {
    const list = Array.from({ length: count }, (_, index) => index)
    const set = setOf(received, list)
    const needed = writesNeeded(set, set.members[0]!)
    for (const electing of subsets(count)) {
      if (!canElect(set, electing)) continue
      for (const acknowledging of subsets(count))
        if (acknowledging.size >= needed) expect([...electing].some((key) => acknowledging.has(key))).toBe(true)
      for (const blocking of subsets(count))
        if (isBlocking(set, blocking)) expect([...electing].some((key) => blocking.has(key))).toBe(true)
    }
  })

  it.each<[set: CopySet, needed: number | null, electing: number[]]>([
    [setOf(0, [1]), null, [1]],
    [setOf(0, [1, 2]), 1, [1]],
    [setOf(0, [1, 2, 3]), 1, [2]],
    [setOf(0, [1, 2, 3, 4, 5]), 2, [3]],
    [setOf(1, [1, 2, 3]), 1, [2]],
    [setOf(2, [1, 2]), null, [1]],
    [setOf(0, [1, 2], [1, 2, 3]), 1, [1, 2]],
  ])('%# needs replicas for a write and promises for an election', (set, needed, electing) => {
    expect(replicasNeeded(set)).toBe(needed)
    expect(set.members.map((list) => electionCount(set, list))).toEqual(electing)
  })
})

describe('messages of copies', () => {
  const message: CopyMessage = {
    kind: 'promise', ballot: ballotOf(9, 2), stamp: START, incarnation: 2 ** 47 + 1, log: ballotOf(8, 1), offset: 2 ** 40,
    history: 'ab'.repeat(20), set: setOf(0, [1, 2], [1, 2, 3]), released: true,
  }

  it('come back as they were, also longer', () => {
    const { type, data } = encodeCopyMessage(message)
    expect(data.length % 8).toBe(0)
    expect(findCopyMessage([{ type: 9, data: new Uint8Array(8) }, { type, data }])).toEqual(message)
    const longer = new Uint8Array(data.length + 16)
    longer.set(data)
    expect(findCopyMessage([{ type, data: longer }])).toEqual(message)
    const short: CopyMessage = { kind: 'unfit', ...blankMessage, ballot: ballotOf(1, 1) }
    expect(findCopyMessage([encodeCopyMessage(short)])).toEqual(short)
  })

  it('that are cut, of version 0, of an unknown kind, with numbers beyond 2^53 or a set that cannot be are none', () => {
    const { data } = encodeCopyMessage(message)
    const changed = (at: number, ...bytes: number[]): Uint8Array => {
      const copy = data.slice()
      copy.set(bytes, at)
      return copy
    }
    const wrong = [changed(0, 0), changed(1, 99), changed(3, 3), changed(4, 255, 255), data.slice(0, 8),
      data.slice(0, data.length - 24), new Uint8Array(0),
      changed(104 + 28 + 28 + 8, 255, 255), changed(104 + 28 + 28 + 8, 0, 0),
      // The same copy twice.
      changed(104 + 28 + 28 + 8 + 2 + 28, ...data.slice(104 + 28 + 28 + 8 + 2, 104 + 28 + 28 + 8 + 2 + 28))]
    for (const bytes of wrong) expect(findCopyMessage([{ type: COPY_EXTENSION, data: bytes }])).toBeNull()
    for (let length = 0; length < 104; length++)
      expect(findCopyMessage([{ type: COPY_EXTENSION, data: data.slice(0, length) }])).toBeNull()
  })
})

/** Me, 2, a replica of 1; 3 is another. */
class Bench {
  readonly view = new ClusterView({
    id: idOf(2), options: { ...defaultOptions, nodeTimeoutMs: T, ackReplicas: 0 }, random: randomOf(1), nowMs: START,
  })

  readonly copies: ShardCopies
  now = START
  offset = 0

  constructor(saved: SavedCopy = { intact: true, remembers: true, facts: factsOf() }) {
    const primary = this.#add(1, NodeFlag.primary)
    this.view.bind(10, primary)
    this.view.setPrimaryOf(this.#add(3, NodeFlag.replica), primary)
    this.view.self.clear(NodeFlag.primary)
    this.view.self.set(NodeFlag.replica)
    this.view.setPrimaryOf(this.view.self, primary)
    this.copies = new ShardCopies(this.view, saved)
  }

  #add(number: number, flags: number): ClusterNode {
    const node = new ClusterNode(idOf(number), flags, START)
    Object.assign(node, { ip: `10.0.0.${number}`, port: 7000, busPort: 17_000 })
    this.view.add(node)
    this.view.connect(node).open = true
    return node
  }

  node(number: number): ClusterNode { return this.view.nodes.get(idOf(number))! }

  /** What a driver does: fences at once. @returns what was sent and kept, in its order. */
  at(afterMs: number, run: () => void): (CopyMessage | 'persist')[] {
    this.now = START + afterMs
    const seen: (CopyMessage | 'persist')[] = []
    let fences = this.#step(run, seen)
    while (fences.length > 0) {
      const offsets = { offset: this.offset, durableOffset: this.offset }
      fences = fences.flatMap(({ ballot }) => this.#step(() => this.copies.fenced(ballot, offsets), seen))
    }
    return seen
  }

  #step(run: () => void, seen: (CopyMessage | 'persist')[]): Extract<Effect, { type: 'fence' }>[] {
    this.view.begin(this.now)
    run()
    const effects = this.view.end()
    for (const effect of effects) {
      if (effect.type === 'persist') seen.push('persist')
      else if (effect.type === 'send' && 'extensions' in effect.message.body) {
        const message = findCopyMessage(effect.message.body.extensions)
        if (message !== null) seen.push(message)
      }
    }
    return effects.filter((effect) => effect.type === 'fence')
  }

  receive(afterMs: number, from: number, message: Partial<CopyMessage> & Pick<CopyMessage, 'kind'>): (CopyMessage | 'persist')[] {
    return this.at(afterMs, () => this.copies.receive(this.node(from), { ...blankMessage, incarnation: 7, ...message }))
  }

  prepare(afterMs: number, term: number, over: Partial<CopyMessage> = {}): (CopyMessage | 'persist')[] {
    return this.receive(afterMs, 3, { kind: 'prepare', ballot: ballotOf(term, 3), set: three, ...over })
  }

  lease(afterMs: number, ballot = ballotOf(3, 1), over: Partial<CopyMessage> = {}): (CopyMessage | 'persist')[] {
    return this.receive(afterMs, 1, { kind: 'lease', ballot, stamp: 55, offset: 100, history: 'ab'.repeat(20), set: { ...three, ballot }, ...over })
  }

  progress(offset: number, history = 'ab'.repeat(20)): void {
    this.offset = offset
    this.at(this.now - START, () => this.copies.progressed({ offset, durableOffset: offset, history, connected: true }))
  }
}

const three = setOf(0, [1, 2, 3])
const factsOf = (over: Partial<CopyFacts> = {}): CopyFacts =>
  ({ incarnation: 7, promised: ballotOf(3, 1), log: ballotOf(3, 1), set: three, isLost: false, ...over })

/** As long as any lease could run. */
const AFTER = 601

describe('a copy', () => {
  it('promises a newer ballot: acknowledgements stop, it is kept, then it is told how far the log goes', () => {
    const bench = new Bench()
    bench.lease(0)
    bench.progress(130)
    expect(bench.copies.duty.tag).toBe(`3-${idOf(1)}-2`)
    bench.offset = 140
    const seen = bench.prepare(AFTER, 4)
    expect(seen).toMatchObject(['persist', { kind: 'promise', ballot: ballotOf(4, 3), log: ballotOf(3, 1), offset: 140 }])
    expect(bench.copies.duty.tag).toBeNull()
    expect(bench.copies.facts()!.promised).toEqual(ballotOf(4, 3))
  })

  it('promises nobody else while a lease runs that it granted, or could have granted before it started', () => {
    const bench = new Bench()
    expect(bench.prepare(599, 4)).toEqual([])
    expect(bench.lease(599)).toMatchObject([{ kind: 'granted', stamp: 55 }])
    expect(bench.prepare(599 + 599, 4)).toEqual([])
    expect(bench.prepare(599 + 600, 4)).toMatchObject(['persist', { kind: 'promise' }])
  })

  it('promises at once if the former leader has promised too and so has stopped', () => {
    const bench = new Bench()
    bench.lease(0)
    expect(bench.prepare(10, 4, { released: true })).toMatchObject(['persist', { kind: 'promise' }])
  })

  it.each<[string, Partial<CopyMessage>, unknown[]]>([
    ['an older ballot', { ballot: ballotOf(2, 3) }, [{ kind: 'refusal', ballot: ballotOf(3, 1) }]],
    ['in another\'s name', { ballot: ballotOf(4, 1) }, []],
    ['of another shard', { set: { ...three, shard: ballotOf(9, 9) } }, []],
    ['of no shard', { set: null }, []],
    ['a term that jumps', { ballot: ballotOf(3 + 2 ** 20 + 1, 3) }, []],
  ])('does not promise: %s', (_, over, answer) => {
    const bench = new Bench()
    expect(bench.prepare(AFTER, 4, over)).toMatchObject(answer)
    expect(bench.copies.facts()!.promised).toEqual(ballotOf(3, 1))
  })

  it('acknowledges under a new leader only when it has what that had at its beginning, of the same history', () => {
    const bench = new Bench()
    bench.prepare(AFTER, 4)
    const leads = ballotOf(5, 1)
    bench.lease(AFTER + 1, leads)
    bench.progress(120, 'cd'.repeat(20))
    expect(bench.copies.duty.tag).toBeNull()
    bench.progress(99)
    expect(bench.copies.duty.tag).toBeNull()
    bench.progress(100)
    expect(bench.copies.duty.tag).toBe(`5-${idOf(1)}-2`)
    expect(bench.copies.facts()).toMatchObject({ log: leads, promised: leads })
  })

  it('tells a leader whose ballot is too old', () => {
    const bench = new Bench()
    bench.prepare(AFTER, 4)
    expect(bench.lease(AFTER + 1)).toMatchObject([{ kind: 'refusal', ballot: ballotOf(4, 3) }])
  })

  it('that lost data is another one: it asks for nothing, and its promises are none of a member', () => {
    const bench = new Bench({ intact: false, remembers: true, facts: factsOf() })
    expect(bench.copies.facts()!.incarnation).not.toBe(7)
    let why: string | null = null
    bench.at(AFTER, () => { why = bench.copies.prepare() })
    expect(why).toMatch(/has lost data/)
    bench.lease(AFTER)
    bench.progress(200)
    expect(bench.copies.facts()!.log).toEqual(ballotOf(3, 1))
    expect(bench.copies.duty.tag).toBeNull()
  })

  it('is taken in by another shard only if its primary was no copy of this one', () => {
    const bench = new Bench()
    const other = { ...three, shard: ballotOf(1, 5), members: [[keyOf(1)]] }
    expect(bench.lease(0, ballotOf(1, 1), { set: other })).toMatchObject([{ kind: 'refusal', set: three }])
    const elsewhere = new Bench({ intact: true, remembers: true, facts: factsOf({ set: setOf(0, [2, 3, 4]) }) })
    elsewhere.lease(0, ballotOf(1, 1), { set: other })
    expect(elsewhere.copies.facts()).toMatchObject({ promised: ballotOf(1, 1) })
    expect(elsewhere.copies.facts()!.incarnation).not.toBe(7)
  })

  it('copies from nobody who has not shown a ballot', () => {
    const bench = new Bench()
    expect(bench.copies.mayFollow(idOf(1))).toBe(false)
    bench.lease(0, ballotOf(2, 1))
    expect(bench.copies.mayFollow(idOf(1))).toBe(false)
    bench.lease(0)
    expect(bench.copies.mayFollow(idOf(1))).toBe(true)
    expect(bench.copies.mayFollow(idOf(3))).toBe(false)
  })
})

describe('a copy that would lead', () => {
  /** Asked twice: the first time begins it. */
  const asked = (bench: Bench, afterMs: number): string | null => {
    let why: string | null = null
    for (let time = 0; time < 2; time++) bench.at(afterMs, () => { why = bench.copies.prepare() })
    return why
  }

  const promise = (bench: Bench, from: number, offset: number, over: Partial<CopyMessage> = {}): void => {
    bench.receive(AFTER, from, { kind: 'promise', ballot: ballotOf(4, 2), log: ballotOf(3, 1), offset, set: three, ...over })
  }

  it('waits for the lease that it granted', () => {
    const bench = new Bench()
    expect(asked(bench, 100)).toMatch(/lease of the former primary/)
  })

  it('by request asks the former primary to stop, whatever lease that has, and waits until it has', () => {
    for (const set of [setOf(0, [1, 2]), three]) {
      const bench = new Bench({ intact: true, remembers: true, facts: factsOf({ set }) })
      bench.progress(100)
      let why: string | null = null
      const prepare = (): (CopyMessage | 'persist')[] => bench.at(100, () => { why = bench.copies.prepare(true) })
      prepare()
      expect(prepare()).toContainEqual(expect.objectContaining({ kind: 'prepare', ballot: ballotOf(4, 2), released: false }))
      expect(why).toBe('waiting for the former primary to stop')
      const answer = { kind: 'promise', ballot: ballotOf(4, 2), log: ballotOf(3, 1), offset: 100, set } as const
      bench.receive(100, 1, { ...answer, released: false })
      prepare()
      expect(why).toBe('waiting for the former primary to stop')
      bench.receive(100, 1, { ...answer, released: true })
      prepare()
      expect(why).toBeNull()
    }
  })

  it.each<[string, (bench: Bench) => void, RegExp | null]>([
    ['nobody has promised', () => undefined, /1 of 2/],
    ['one has, who has less', (bench) => promise(bench, 3, 90), null],
    ['one has, who has as much', (bench) => promise(bench, 3, 100), null],
    ['one has, who has more', (bench) => promise(bench, 3, 101), /more of the log/],
    ['one has, of a newer leader', (bench) => promise(bench, 3, 5, { log: ballotOf(3, 2) }), /more of the log/],
    ['one has, of another ballot', (bench) => promise(bench, 3, 5, { ballot: ballotOf(3, 2) }), /1 of 2/],
    ['one has, that lost its data', (bench) => promise(bench, 3, 0, { incarnation: 8 }), /1 of 2/],
    ['one that lost its data has more, and one has less', (bench) => {
      promise(bench, 3, 500, { incarnation: 8 })
      promise(bench, 1, 100)
    }, null],
    ['one has promised somebody else', (bench) => {
      bench.receive(AFTER, 3, { kind: 'refusal', ballot: ballotOf(6, 3) })
    }, /waiting/],
  ])('needs promises: %s', (_, happens, expected) => {
    const bench = new Bench()
    bench.progress(100)
    asked(bench, AFTER)
    happens(bench)
    const why = asked(bench, AFTER)
    if (expected === null) expect(why).toBeNull()
    else expect(why).toMatch(expected)
  })

  it('who was never a copy asks nobody', () => {
    expect(asked(new Bench({ intact: true, remembers: true }), AFTER)).toMatch(/never been one of the copies/)
  })
})

describe('a primary', () => {
  /** Me, 2, a primary with slots and the copies 1 and 3. */
  function leading(saved?: SavedCopy): Bench {
    const bench = new Bench(saved)
    const { view } = bench
    view.setPrimaryOf(view.self, null)
    view.self.clear(NodeFlag.replica)
    view.self.set(NodeFlag.primary)
    view.unbindAll(bench.node(1))
    view.bind(10, view.self)
    for (const number of [1, 3]) {
      bench.node(number).clear(NodeFlag.primary)
      bench.node(number).set(NodeFlag.replica)
      view.setPrimaryOf(bench.node(number), view.self)
    }
    return bench
  }

  const tick = (bench: Bench, afterMs: number): (CopyMessage | 'persist')[] => bench.at(afterMs, () => bench.copies.tick())

  function granted(bench: Bench, afterMs: number, from: number, over: Partial<CopyMessage> = {}): void {
    const { set } = bench.copies.facts()!
    bench.receive(afterMs, from, { kind: 'granted', ballot: set!.ballot, stamp: START + afterMs, log: set!.ballot, offset: 100, set, ...over })
  }

  function restarted(): Bench {
    const bench = leading()
    bench.progress(100)
    tick(bench, AFTER)
    tick(bench, AFTER)
    bench.receive(AFTER, 3, { kind: 'promise', ballot: ballotOf(4, 2), log: ballotOf(3, 1), offset: 100, set: three })
    tick(bench, AFTER + 1)
    return bench
  }

  it('asks for a ballot after a restart, and serves when copies have its log and grant a lease, until that ends', () => {
    const bench = restarted()
    expect(bench.copies.facts()!.log).toEqual(ballotOf(4, 2))
    expect(bench.copies.duty).toMatchObject({ servesUntilMs: 0, tag: `4-${idOf(2)}-1`, needed: 1, feeds: true })
    bench.progress(100)
    expect(tick(bench, AFTER + 100)).toMatchObject([{ kind: 'lease', ballot: ballotOf(4, 2) }, { kind: 'lease' }])
    granted(bench, AFTER + 100, 3, { offset: 99 })
    expect(bench.copies.duty.servesUntilMs).toBe(0)
    granted(bench, AFTER + 110, 3, { stamp: START + AFTER + 105 })
    expect(bench.copies.duty.servesUntilMs).toBe(START + AFTER + 105 + T / 2)
  })

  it('counts no lease from before it was asked for', () => {
    const bench = restarted()
    bench.progress(100)
    granted(bench, AFTER + 100, 3, { stamp: START + AFTER + 5000 })
    expect(bench.copies.duty.servesUntilMs).toBeLessThanOrEqual(START + AFTER + 100 + T / 2)
  })

  it('stops when a copy has promised a newer ballot', () => {
    const bench = restarted()
    bench.progress(100)
    granted(bench, AFTER + 100, 3)
    bench.receive(AFTER + 101, 1, { kind: 'refusal', ballot: ballotOf(9, 3) })
    expect(bench.copies.duty).toMatchObject({ servesUntilMs: 0, tag: null, feeds: false })
  })

  it('that came back with less leads nobody, feeds nobody, and says so to its replicas', () => {
    const bench = leading({ intact: false, remembers: true, facts: factsOf() })
    expect(tick(bench, AFTER)).toMatchObject([{ kind: 'unfit' }, { kind: 'unfit' }])
    expect(bench.copies.duty).toMatchObject({ servesUntilMs: 0, feeds: false })
    expect(bench.copies.duty.why).toMatch(/less than it may have acknowledged/)
  })

  it('that has lost what it promised does not begin anew', () => {
    const bench = leading({ intact: true, remembers: false })
    expect(tick(bench, AFTER)).toMatchObject([{ kind: 'unfit' }, { kind: 'unfit' }])
    expect(bench.copies.facts()).toMatchObject({ set: null, isLost: true })
    const again = leading({ intact: true, remembers: true, facts: bench.copies.facts()! })
    expect(tick(again, AFTER)).toMatchObject([{ kind: 'unfit' }, { kind: 'unfit' }])
  })

  it('that begins anew and is told by a replica that it was a copy before gives up', () => {
    const bench = leading({ intact: true, remembers: true })
    tick(bench, 0)
    expect(bench.copies.facts()!.set).not.toBeNull()
    bench.receive(1, 3, { kind: 'refusal', ballot: ballotOf(3, 1), set: three })
    expect(bench.copies.facts()).toMatchObject({ set: null, isLost: true })
    expect(bench.copies.duty).toMatchObject({ servesUntilMs: 0, feeds: false })
  })

  it('begins alone and takes copies in, through both lists, once they have its log', () => {
    const bench = leading({ intact: true, remembers: true })
    tick(bench, 0)
    bench.progress(100)
    expect(bench.copies.duty.servesUntilMs).toBe(0)
    expect(bench.copies.duty.why).toMatch(/1 copies of this shard are known/)
    granted(bench, 100, 3, { log: NO_BALLOT })
    expect(bench.copies.facts()!.set!.members).toHaveLength(1)
    granted(bench, 110, 3)
    expect(bench.copies.facts()!.set!.members.map((list) => list.length)).toEqual([1, 2])
    bench.progress(120)
    granted(bench, 120, 3, { offset: 119 })
    expect(bench.copies.facts()!.set!.members).toHaveLength(2)
    granted(bench, 130, 3, { offset: 120 })
    expect(bench.copies.facts()!.set!.members.map((list) => list.length)).toEqual([2])
  })

  it('of two copies serves what it has when the other was reset, and acknowledges once that is a copy again', () => {
    const two = setOf(0, [2, 3])
    const bench = leading({ intact: true, remembers: true, facts: factsOf({ set: two }) })
    bench.progress(100)
    tick(bench, AFTER)
    tick(bench, AFTER)
    bench.progress(100)
    expect(bench.copies.duty.servesUntilMs).toBe(0)
    granted(bench, AFTER + 10, 3, { incarnation: 8, log: NO_BALLOT, offset: 0, set: null })
    expect(bench.copies.duty.servesUntilMs).toBe(START + AFTER + 10 + T / 2)
    const members = (): string[][] => bench.copies.facts()!.set!.members.map((list) => [...list])
    expect(members()).toEqual([[...two.members[0]!]]) // its acknowledgements do not count yet
    expect(bench.copies.duty.needed).toBe(1)
    granted(bench, AFTER + 20, 3, { incarnation: 8 })
    expect(members()).toEqual([[...two.members[0]!], [copyKey(idOf(2), 7), copyKey(idOf(3), 8)]])
    bench.progress(120)
    granted(bench, AFTER + 30, 3, { incarnation: 8, offset: 120 })
    expect(members()).toEqual([[copyKey(idOf(2), 7), copyKey(idOf(3), 8)]])
  })

  it('of three copies serves nothing by one that was reset: what that had promised may make another a leader', () => {
    const bench = restarted()
    bench.progress(100)
    granted(bench, AFTER + 100, 3, { incarnation: 8, log: NO_BALLOT, offset: 0, set: null })
    expect(bench.copies.duty.servesUntilMs).toBe(0)
  })

  it('serves nothing while a replica tells nothing of what it has on disk', () => {
    const bench = restarted()
    const stranger = new ClusterNode(idOf(9), NodeFlag.replica, START)
    bench.view.add(stranger)
    bench.view.connect(stranger).open = true
    bench.view.setPrimaryOf(stranger, bench.view.self)
    bench.progress(100)
    for (const at of [100, 2000, 2200]) {
      tick(bench, AFTER + at)
      granted(bench, AFTER + at, 3)
    }
    expect(bench.copies.duty.servesUntilMs).toBe(0)
    expect(bench.copies.duty.why).toMatch(/^replica 0+9 tells nothing of what it has on disk/)
  })
})
