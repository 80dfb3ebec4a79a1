/** What a side and its link decide, case by case; how they end together is pair-simulation.test.ts. */
import { describe, expect, it } from 'vitest'
import { MemoryPairStore } from '../../test/memory-pair-store.js'
import { bucketOf, commandIn, parseState, printState, STATE_KEY, stampsKey } from './books.js'
import { againCommand, mergeCommand } from './merge-commands.js'
import { PairLink } from './pair-link.js'
import { PairSide } from './pair-side.js'
import { compareStamps, HybridClock, NEVER, type PairRecord, parseRecord, printRecord } from './stamp.js'

const NOW_MS = 1_700_000_000_000
const me = 'a'.repeat(40)
const other = 'b'.repeat(40)
const theirs = (timeUs: number, more: Partial<PairRecord> = {}): PairRecord => ({ timeUs, origin: 'bbbbbbbb0001', gone: false, expireAtMs: 0, ...more })
const bytes = (text: string): Buffer => Buffer.from(text)

interface Found { readonly store: MemoryPairStore; readonly side: PairSide }

async function sideOf(write: (store: MemoryPairStore) => void = () => undefined): Promise<Found> {
  const store = new MemoryPairStore(me, () => NOW_MS)
  write(store)
  store.readable = store.log.length
  const side = new PairSide({ store, nowMs: () => NOW_MS, life: '0001', rememberMs: 0 })
  await side.begin(() => Promise.resolve())
  return { store, side }
}
const stampOf = (store: MemoryPairStore, key: string): string | null => {
  const [reply] = store.ask([commandIn(0, 'HGET', stampsKey(0, bytes(key)), key)])
  return Buffer.isBuffer(reply) ? reply.toString() : null
}
const track = ({ store, side }: Found): void => {
  store.readable = store.log.length
  while (side.track()) store.readable = store.log.length
}

describe('a stamp', () => {
  it('is later by its time, then by its origin', () => {
    expect(compareStamps(theirs(2), theirs(1))).toBeGreaterThan(0)
    expect(compareStamps({ timeUs: 1, origin: 'b' }, { timeUs: 1, origin: 'a' })).toBeGreaterThan(0)
    expect(compareStamps(theirs(1), NEVER)).toBeGreaterThan(0)
    expect(compareStamps(theirs(1), theirs(1))).toBe(0)
  })

  it('is read to the letter or not at all', () => {
    for (const record of [theirs(17), theirs(17, { gone: true }), theirs(17, { expireAtMs: NOW_MS })]) {
      expect(parseRecord(bytes(printRecord(record)))).toEqual(record)
    }
    for (const text of ['', '17', '17 bbbbbbbb', '17 bbbbbbbb0001 ', '-1 bbbbbbbb0001', '9999999999999999 bbbbbbbb0001', '17 bbbbbbbb0001 went', `${'1'.repeat(17)} bbbbbbbb0001`]) {
      expect(() => parseRecord(bytes(text)), text).toThrow(/no stamp of a pair/)
    }
  })

  it('follows what was seen, wherever the wall clock stands', () => {
    const clock = new HybridClock(100)
    expect([clock.next(50), clock.next(500)]).toEqual([101, 500])
    clock.saw(theirs(900))
    expect(clock.next(600)).toBe(901)
  })
})

describe('a state', () => {
  it('is read to the letter or not at all', async () => {
    const { side } = await sideOf()
    const state = { ...side.state, flushed: { '*': { timeUs: 5, origin: 'bbbbbbbb0001' } } }
    const text = printState(state)
    expect(parseState(bytes(text))).toEqual(state)
    for (const bad of ['', '{}', 'null', '[]', text.slice(1), text.replace('"seenUs":0', '"seenUs":-1'), text.replace('"*"', '"**"'), text.replace('5 bbbb', '5 xbbb')]) {
      expect(() => parseState(bytes(bad)), bad).toThrow(/no sta(te|mp) of a pair/)
    }
  })

  it('spreads keys over its buckets', () => {
    expect(new Set(Array.from({ length: 5000 }, (_, i) => bucketOf(bytes(`key:${i}`)))).size).toBe(256)
  })
})

describe('a side', () => {
  it('stamps what was there as older than any, and then what is written', async () => {
    const found = await sideOf((store) => store.run('SET', 'old', 'v'))
    const { store } = found
    expect(stampOf(store, 'old')).toBe('1 aaaaaaaa0001')
    store.run('SET', 'new', 'v')
    store.run('DEL', 'old')
    track(found)
    expect([stampOf(store, 'new'), stampOf(store, 'old')]).toEqual([`${NOW_MS}000 aaaaaaaa0001`, `${NOW_MS}001 aaaaaaaa0001 gone`])
    expect(found.side.tombstones()).toBe(1)
  })

  it('takes what is later, leaves what is earlier, and counts what did not know of each other', async () => {
    const found = await sideOf()
    const { store, side } = found
    for (const key of ['k1', 'k2', 'k3']) store.run('SET', key, 'mine')
    track(found)
    const version = (key: string, timeUs: number, seenUs: number): Parameters<typeof mergeCommand>[0] => ({ db: 0, key: bytes(key), record: theirs(timeUs), seenUs, payload: bytes('theirs') })
    const late = NOW_MS * 1000 + 500
    side.apply([version('k1', late, 0), version('k2', 5, 0), version('k3', late, late), version('k4', late, 0)].map(mergeCommand))
    expect(store.data()).toEqual({ '0:k1': 'theirs 0', '0:k2': 'mine 0', '0:k3': 'theirs 0', '0:k4': 'theirs 0' })
    expect([side.conflicts, side.state.lost]).toEqual([2, 1])
    // A clock that is behind loses nothing that follows.
    store.run('SET', 'k1', 'again')
    track(found)
    expect(stampOf(store, 'k1')).toBe(`${late + 1} aaaaaaaa0001`)
    // Nor is anything of the other side stamped again.
    expect(stampOf(store, 'k4')).toBe(`${late} bbbbbbbb0001`)
    const { length } = store.log
    track(found)
    expect(store.log.length).toBe(length)
  })

  it('takes many at once, the position with the last of them', async () => {
    const { store, side } = await sideOf()
    const before = store.log.length
    side.apply([
      ...Array.from({ length: 2500 }, (_, i) =>
        mergeCommand({ db: 0, key: bytes(`k${i}`), record: theirs(i + 1), seenUs: 0, payload: bytes('v') })),
      commandIn(0, 'SET', '__binlog:{p}:log', 'here'),
    ])
    expect(Object.keys(store.data())).toHaveLength(2500)
    const added = store.log.slice(before)
    expect(added.length).toBeGreaterThan(2)
    expect(added.map(({ commands }) => commands.some(({ words }) => Buffer.from(words[1]!).toString() === '__binlog:{p}:log')))
      .toEqual(added.map((_, i) => i === added.length - 1))
  })

  it('decides anew if a key is written meanwhile', async () => {
    const found = await sideOf()
    const { store, side } = found
    let writes = 0
    store.disturb = () => {
      if (++writes === 2) {
        store.run('SET', 'k', 'now')
        store.readable = store.log.length
      }
    }
    side.apply([mergeCommand({ db: 0, key: bytes('k'), record: theirs(NOW_MS * 1000 - 5), seenUs: 0, payload: bytes('earlier') })])
    expect(store.data()).toEqual({ '0:k': 'now 0' })
  })

  it('stamps again what is written between its look at a key and its stamp', async () => {
    const found = await sideOf()
    const { store } = found
    store.run('DEL', 'k')
    let answers = 0
    store.disturb = () => {
      // The log, the stamp, and that the key is not there.
      if (++answers === 3) store.run('SET', 'k', 'v')
    }
    track(found)
    expect(answers).toBeGreaterThan(3)
    expect(stampOf(store, 'k')).not.toMatch(/gone/)
  })

  it('stamps what is written while an older stamp of the key is told again', async () => {
    const found = await sideOf((store) => store.run('SET', 'k', 'v'))
    const { store, side } = found
    store.run('SET', 'k', 'w')
    side.apply([againCommand(0, bytes('k'))])
    expect(stampOf(store, 'k')).toBe('1 aaaaaaaa0001')
    track(found)
    expect(stampOf(store, 'k')).not.toBe('1 aaaaaaaa0001')
  })

  it('takes the end of a time to live for no deletion', async () => {
    let nowMs = NOW_MS
    const store = new MemoryPairStore(me, () => nowMs)
    const side = new PairSide({ store, nowMs: () => nowMs, life: '0001' })
    await side.begin(() => Promise.resolve())
    store.run('SET', 'k', 'v', 'PXAT', String(NOW_MS + 10))
    track({ store, side })
    const stamp = stampOf(store, 'k')
    nowMs += 20
    store.expire()
    track({ store, side })
    expect(store.data()).toEqual({})
    expect(stampOf(store, 'k')).toBe(stamp)
    // Unless it was written meanwhile: the other side may have asked for it then.
    store.run('SET', 'k', 'v', 'PXAT', String(nowMs + 10))
    track({ store, side })
    nowMs += 20
    store.run('SET', 'k', 'w')
    store.run('DEL', 'k')
    track({ store, side })
    expect(stampOf(store, 'k')).toMatch(/gone/)
  })

  it('remembers a deletion until the other side has it', async () => {
    const found = await sideOf((store) => store.run('SET', 'k', 'v'))
    const { store, side } = found
    store.run('DEL', 'k')
    track(found)
    expect([side.collect(), side.tombstones()]).toEqual([false, 1])
    const timeUs = side.state.lastUs
    side.peerSaw({ ...side.state, peerLife: side.state.life, seenUs: timeUs - 1 })
    side.collect()
    // What was told to an earlier life says nothing.
    side.peerSaw({ ...side.state, peerLife: 'aaaaaaaa0000', seenUs: timeUs })
    side.collect()
    expect(side.tombstones()).toBe(1)
    side.peerSaw({ ...side.state, peerLife: side.state.life, seenUs: timeUs })
    side.collect()
    expect([side.tombstones(), stampOf(store, 'k')]).toEqual([0, null])
  })

  it('stamps all of it anew if it has lost its place', async () => {
    const found = await sideOf()
    const { store, side } = found
    store.run('SET', 'k', 'v')
    store.run('SET', 'gone', 'v')
    track(found)
    store.restart(0)
    const readLog = store.readLog.bind(store)
    store.readLog = (from, count) => {
      store.readLog = readLog
      return readLog(`f:${from.length * 1000}`, count)
    }
    track(found)
    expect(Number(stampOf(store, 'k')!.split(' ')[0])).toBeGreaterThan(NOW_MS * 1000 + 1)
    expect(side.position).toBe(`f:${store.log.length}`)
  })
})

describe('a link', () => {
  const answering = (state: Partial<PairSide['state']> | null, side: PairSide): Parameters<PairLink['meet']>[0] => (commands) =>
    Promise.resolve(commands.map(([name, key]) => name === 'GET' && key === STATE_KEY && state !== null ? bytes(printState({ ...side.state, ...state })) : null))

  it('is made with one that is a pair with this one', async () => {
    const { side } = await sideOf()
    const link = new PairLink(side, () => NOW_MS)
    await expect(link.meet(answering(null, side), other)).rejects.toThrow(/does not follow this server/)
    await expect(link.meet(answering({ peer: 'c'.repeat(40) }, side), other)).rejects.toThrow(/another pair \(with cccccccc/)
    expect(await link.meet(answering({ peer: me }, side), other)).toBe(true)
  })

  it('trusts no stamp that lies more than a day ahead, nor a server that was started again', async () => {
    const { side } = await sideOf()
    const link = new PairLink(side, () => NOW_MS)
    const life = 'bbbbbbbb0001'
    await link.meet(answering({ peer: me, life }, side), other)
    const batch = (timeUs: number, inLife: string): Parameters<PairLink['resolve']>[1] => ({
      next: 'f:1', stream: '', end: 'f:1', behind: 0,
      transactions: [{
        position: 'f:0', next: 'f:1', seconds: 0,
        commands: [commandIn(0, 'HSET', stampsKey(0, bytes('k')), 'k', `${timeUs} ${life} gone`), commandIn(0, 'SET', STATE_KEY, printState({ ...side.state, life: inLife }))],
      }],
    })
    const nobody = answering(null, side)
    const day = 24 * 3_600_000_000
    await expect(link.resolve(nobody, batch(NOW_MS * 1000 + day + 1, life))).rejects.toThrow(/more than a day ahead/)
    expect((await link.resolve(nobody, batch(NOW_MS * 1000 + day, life))).transactions).toHaveLength(1)
    await expect(link.resolve(nobody, batch(NOW_MS * 1000, 'bbbbbbbb0002'))).rejects.toThrow(/started again/)
    expect(await link.meet(answering({ peer: me, life }, side), other)).toBe(true)
  })
})
