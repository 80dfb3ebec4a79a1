/**
 * Positions of slots, against a cluster in a few lines: whatever is lost or interrupted, and whoever else follows,
 * every slot gets every transaction once and in order.
 */
import { describe, expect, it } from 'vitest'
import type { Batch } from '../apply/batch.js'
import { TargetLostError, UnsupportedError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import { ClusterState, compare, type SlotStore } from './cluster-state.js'
import type { RespReply } from '../resp/resp-decoder.js'
import type { SlotWork } from './slot-lane.js'
import { slotOf, tagOf } from './slots.js'

const at = (position: number, more: Partial<SourcePosition> = {}): SourcePosition =>
  ({ flavour: 'mariadb', server: 's', file: 'bin.000001', position, gtids: `0-1-${position}`, ...more })

/** APPEND shows what was applied, and how often. */
class FakeCluster implements SlotStore {
  keys = new Map<string, string>()
  /** Slots' transactions that work until something breaks. */
  budget = Infinity
  lostReplies = false
  isReplicated = true
  /** Nobody else writes, so what a follower takes for known has to be so. */
  isAlone = true

  /** What comes between a slot's decision and its transaction, which is not executed if the slot's keys changed. */
  between: ((keys: readonly string[]) => Promise<void>) | null = null

  async update(works: ReadonlyMap<number, SlotWork>): Promise<void> {
    for (const work of works.values()) {
      const read = (): (string | null)[] => work.keys.map((key) => this.keys.get(key) ?? null)
      if (this.isAlone && work.known !== undefined) expect(read(), work.keys[0]).toEqual(work.known)
      for (let before = read(); ; before = read()) {
        const words = work.commands(before)
        await this.between?.(work.keys)
        if (JSON.stringify(before) !== JSON.stringify(read())) continue
        this.#execute(words as readonly (readonly string[])[])
        break
      }
    }
    if (this.lostReplies) throw new TargetLostError('no reply')
  }

  #execute(commands: readonly (readonly string[])[]): void {
    if (commands.length === 0) return
    if (this.budget-- <= 0) throw new TargetLostError('gone')
    for (const [name, key, value] of commands) {
      if (name === 'APPEND') this.keys.set(key!, (this.keys.get(key!) ?? '') + value!)
      else if (name === 'SET') this.keys.set(key!, value!)
      else this.keys.delete(key!)
    }
  }

  slotOfEach(): number[] { return [slotOf('a'), slotOf('unused')] }

  ask(bySlot: ReadonlyMap<number, Command>): Promise<Map<number, RespReply>> {
    return Promise.resolve(new Map([...bySlot].map(([slot, [, key]]) => {
      const value = this.keys.get(key as string)
      return [slot, value === undefined ? null : Buffer.from(value)]
    })))
  }

  async* scan({ match }: { match: string }): AsyncGenerator<string, void, undefined> {
    for (const key of [...this.keys.keys()]) if (key.startsWith(match.slice(0, -1))) yield await Promise.resolve(key)
  }

  replicated(): Promise<boolean> { return Promise.resolve(this.isReplicated) }
}

const tagOfKey = (key: string): string => tagOf(slotOf(key))
const KEYS = ['a', 'b', 'c', 'd', 'e']
/** Transaction n touches some of the keys. */
const touched = (n: number): string[] => KEYS.filter((_, i) => (n * 7 + i) % 3 !== 0)
const commandsOf = (n: number): Command[] => touched(n).map((key) => ['APPEND', key, `${n},`])

/** Transactions first..last in batches of `size`. */
function batches(first: number, last: number, size: number): Batch[] {
  const all: Batch[] = []
  for (let from = first; from <= last; from += size) {
    const commands: Command[] = []
    const units: { end: number; position: SourcePosition }[] = []
    for (let n = from; n < from + size && n <= last; n++) {
      commands.push(...commandsOf(n))
      units.push({ end: commands.length, position: at(n) })
    }
    all.push({ commands, units, reached: { type: 'position', position: units.at(-1)!.position, endsPart: false }, transactions: units.length, rows: 0 })
  }
  return all
}

const wanted = (last: number): Record<string, string> =>
  Object.fromEntries(KEYS.map((key) => [key, Array.from({ length: last }, (_, i) => i + 1).filter((n) => touched(n).includes(key)).map((n) => `${n},`).join('')]))
const rows = (cluster: FakeCluster): Record<string, string> => Object.fromEntries(KEYS.map((key) => [key, cluster.keys.get(key) ?? '']))

async function begun(cluster: FakeCluster): Promise<ClusterState> {
  const state = new ClusterState(cluster, 'x')
  expect(await state.position()).toBeNull()
  await state.begin(at(0))
  return state
}

/** Goes on where the store says. */
async function resume(cluster: FakeCluster, last: number, size: number): Promise<void> {
  const state = new ClusterState(cluster, 'x')
  const from = (await state.position())!.position + 1
  for (const batch of batches(from, last, size)) await state.apply(batch)
  await state.synced()
}

describe('positions of slots', () => {
  it('every slot gets every transaction once, wherever the follower ends and however it then shares batches', async () => {
    for (let budget = 0; budget < 60; budget++) {
      const cluster = new FakeCluster()
      const state = await begun(cluster)
      cluster.budget = budget
      try {
        for (const batch of batches(1, 20, 3)) await state.apply(batch)
      } catch (error) {
        expect(error).toBeInstanceOf(TargetLostError)
      }
      cluster.budget = Infinity
      await resume(cluster, 30, 1 + budget % 5)
      expect(rows(cluster), `broken after ${budget}`).toEqual(wanted(30))
    }
  })

  it('nor is anything applied twice when only replies were lost', async () => {
    const cluster = new FakeCluster()
    const state = await begun(cluster)
    cluster.lostReplies = true
    await expect(state.apply(batches(1, 5, 5)[0]!)).rejects.toThrow(TargetLostError)
    cluster.lostReplies = false
    await resume(cluster, 9, 2)
    expect(rows(cluster)).toEqual(wanted(9))
  })

  it('slots that a fail-over sets back get again what they lost, and others nothing', async () => {
    const cluster = new FakeCluster()
    const state = await begun(cluster)
    for (const batch of batches(1, 4, 2)) await state.apply(batch)
    await state.synced()
    const replica = new Map(cluster.keys)
    for (const batch of batches(5, 12, 3)) await state.apply(batch)
    // The shard that has `b` comes back as its replica was; what the others have is as it was.
    const isOfShard = (key: string): boolean => key === 'b' || (key.startsWith('__binlog:x:') && key.includes(`{${tagOfKey('b')}}`))
    for (const key of [...cluster.keys.keys()]) {
      if (!isOfShard(key)) continue
      const before = replica.get(key)
      if (before === undefined) cluster.keys.delete(key)
      else cluster.keys.set(key, before)
    }
    expect(rows(cluster)).not.toEqual(wanted(12))
    await resume(cluster, 12, 4)
    expect(rows(cluster)).toEqual(wanted(12))
  })

  it('the beginning does not move before replicas have everything', async () => {
    const cluster = new FakeCluster()
    const state = await begun(cluster)
    cluster.isReplicated = false
    await state.apply(batches(1, 4, 4)[0]!)
    await expect(state.synced()).rejects.toThrow(TargetLostError)
    expect(await new ClusterState(cluster, 'x').position()).toEqual(at(0))
    cluster.isReplicated = true
    await state.synced()
    expect(await new ClusterState(cluster, 'x').position()).toEqual(at(4))
  })

  it('those of an earlier beginning under the same name mean nothing', async () => {
    const cluster = new FakeCluster()
    await begun(cluster)
    await resume(cluster, 9, 3)
    for (const key of ['__binlog:{x}:position', ...KEYS]) cluster.keys.delete(key)
    await begun(cluster)
    await resume(cluster, 5, 2)
    expect(rows(cluster)).toEqual(wanted(5))
  })

  it('parts of a large transaction are there once, and another mapping writes it anew', async () => {
    const part = (rowCount: number, mapping = 'm'): Batch => ({
      commands: [['APPEND', KEYS[rowCount % 5]!, `${rowCount},`]], reached: { type: 'part', part: { position: at(1), rows: rowCount, mapping } }, transactions: 0, rows: 1,
    })
    for (let budget = 0; budget <= 10; budget++) {
      const cluster = new FakeCluster()
      const state = await begun(cluster)
      cluster.budget = budget
      for (let n = 1; n <= 10; n++) await state.apply(part(n)).catch(() => undefined)
      cluster.budget = Infinity
      const again = new ClusterState(cluster, 'x')
      expect(await again.position()).toEqual(at(0))
      const there = (await again.part())?.rows ?? 0
      for (let n = there + 1; n <= 10; n++) await again.apply(part(n))
      expect(rows(cluster), `broken after ${budget}`).toEqual({ a: '5,10,', b: '1,6,', c: '2,7,', d: '3,8,', e: '4,9,' })
      const other = new ClusterState(cluster, 'x')
      await other.position()
      await other.apply(part(5, 'other'))
      expect(cluster.keys.get('a')).toBe('5,10,5,')
    }
  })

  it('keys that are deleted again, since the statement comes again, are not those of later rows', async () => {
    const cluster = new FakeCluster()
    const state = await begun(cluster)
    const truncate: Batch = { commands: [['DEL', 'a'], ['DEL', 'b']], reached: { type: 'nothing', position: at(2) }, transactions: 0, rows: 0 }
    await state.apply(batches(1, 1, 1)[0]!)
    await state.apply(truncate)
    expect([cluster.keys.has('a'), cluster.keys.has('b')]).toEqual([false, false])
    // `b` has no row of a later transaction, but one that was there before nobody has deleted.
    cluster.keys.set('b', 'old')
    await state.apply({ commands: [['APPEND', 'a', 'new']], reached: { type: 'position', position: at(3), endsPart: false }, transactions: 1, rows: 1 })
    const again = new ClusterState(cluster, 'x')
    expect(await again.position()).toEqual(at(0))
    await again.apply(truncate)
    expect([cluster.keys.get('a'), cluster.keys.has('b')]).toEqual(['new', false])
  })

  it('prepared transactions are refused', async () => {
    const state = new ClusterState(new FakeCluster(), 'x')
    expect(() => state.prepare('x')).toThrow(UnsupportedError)
    await expect(state.prepared('x')).rejects.toThrow(UnsupportedError)
  })
})

/** Numbers from a seed, in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
}

function sharedCluster(): FakeCluster {
  const cluster = new FakeCluster()
  cluster.isAlone = false
  return cluster
}

describe('two followers of one name', () => {
  it('give every slot every transaction once and in order, whoever comes first and however long one stands still', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = sharedCluster()
      await begun(cluster)
      const random = randomOf(seed)
      cluster.between = async () => {
        for (let turns = Math.floor(random() * 4); turns > 0; turns--) await new Promise(setImmediate)
      }
      const ends = await Promise.all([1, 2, 5].map((size) => resume(cluster, 25, size).then(() => 'done', (error: unknown) => error)))
      expect(ends, `seed ${seed}`).toEqual(['done', 'done', 'done'])
      expect(rows(cluster), `seed ${seed}`).toEqual(wanted(25))
      expect(await new ClusterState(cluster, 'x').position(), `seed ${seed}`).toEqual(at(25))
    }
  })

  it('of which one begins anew: nothing more is written by the other, also in slots that have nothing yet', async () => {
    const cluster = sharedCluster()
    const old = await begun(cluster)
    await old.apply(batches(1, 2, 1)[0]!)
    const anew = new ClusterState(cluster, 'x')
    await anew.position()
    await anew.beginAnew()
    expect(await old.isAnew()).toBe(true)
    await anew.claim()
    await expect(old.apply(batches(2, 3, 1)[0]!)).rejects.toThrow(TargetLostError)
    const deletion: Batch = { commands: [['DEL', 'never']], reached: { type: 'nothing', position: at(9) }, transactions: 0, rows: 0 }
    await expect(old.apply(deletion)).rejects.toThrow(TargetLostError)
    await anew.forgetAll()
    await expect(old.synced()).rejects.toThrow(TargetLostError)
    // What it had written before goes with the rows.
    for (const key of KEYS) cluster.keys.delete(key)
    expect(await anew.snapshotStart()).toBeNull()
    await anew.beginSnapshot(at(3))
    await anew.run(KEYS.map((key) => ['SET', key, '']))
    await anew.begin(at(3))
    expect(await anew.isAnew()).toBe(false)
    await resume(cluster, 9, 2)
    const later = (text: string): string => text.split(',').filter((n) => Number(n) > 3).map((n) => `${n},`).join('')
    const afterTheCopy = Object.entries(wanted(9)).map(([key, text]) => [key, later(text)])
    expect(rows(cluster)).toEqual(Object.fromEntries(afterTheCopy))
  }, 60_000)

  it('of which both copy rows: the one that began first ends, wherever it is, and what it knew of the beginning stays', async () => {
    const cluster = sharedCluster()
    const first = new ClusterState(cluster, 'x')
    await first.beginSnapshot(at(3))
    await first.run([['SET', 'a', 'first']])
    const second = new ClusterState(cluster, 'x')
    expect(await second.position()).toBeNull()
    expect(await second.snapshotStart()).toEqual(at(3))
    await second.beginSnapshot(at(3))
    await second.run([['SET', 'a', 'second']])
    await expect(first.run([['SET', 'a', 'late']])).rejects.toThrow(TargetLostError)
    await expect(first.begin(at(3))).rejects.toThrow(TargetLostError)
    await second.begin(at(3))
    await expect(first.begin(at(3))).rejects.toThrow(TargetLostError)
    expect(cluster.keys.get('a')).toBe('second')
    expect(await new ClusterState(cluster, 'x').position()).toEqual(at(3))
  }, 60_000)

  it('of which one is stopped inside of its claim: it does not take back what the other has', async () => {
    const cluster = sharedCluster()
    const first = new ClusterState(cluster, 'x')
    const second = new ClusterState(cluster, 'x')
    let updates = 0
    let goOn = (): void => undefined
    const isHeld = new Promise<void>((resolve) => {
      cluster.between = () => {
        if (++updates !== 5000) return Promise.resolve()
        resolve()
        return new Promise((go) => { goOn = go })
      }
    })
    const claiming = first.beginSnapshot(at(1)).catch((error: unknown) => error)
    await isHeld
    await second.beginSnapshot(at(1))
    goOn()
    expect(await claiming).toBeInstanceOf(TargetLostError)
    await second.run(KEYS.map((key) => ['SET', key, '1']))
    await second.begin(at(1))
  }, 60_000)
})

describe('positions of one stream', () => {
  it('are compared by file and position on one server, by GTIDs elsewhere', () => {
    const order = (a: SourcePosition, b: SourcePosition): number => Math.sign(compare(a, b))
    expect(order(at(4), at(5))).toBe(-1)
    expect(order(at(5), at(5))).toBe(0)
    expect(order(at(5, { file: 'bin.000010' }), at(9, { file: 'bin.000009' }))).toBe(1)
    const elsewhere = { server: 't', file: 'log.7' }
    expect([4, 5, 6].map((n) => order(at(5), at(n, elsewhere)))).toEqual([1, 0, -1])
    const domains = (gtids: string): SourcePosition => at(1, { ...elsewhere, gtids })
    expect(order(at(5, { gtids: '0-1-5,1-1-3' }), domains('0-1-5'))).toBe(1)
    expect(order(at(5, { gtids: '0-1-5' }), domains('0-1-5,1-1-3'))).toBe(-1)
    const mysql = (set: string, server: string): SourcePosition => at(1, { flavour: 'mysql', server, gtids: `0cf09f5a-e5e1-11f1-812d-02fc00000001:${set}` })
    expect([order(mysql('1-5', 'a'), mysql('1-4', 'b')), order(mysql('1-4', 'a'), mysql('1-5', 'b'))]).toEqual([1, -1])
    expect(() => compare(at(1, { gtids: '' }), domains(''))).toThrow(UnsupportedError)
  })
})
