/**
 * Two servers that write the same keys, under cuts, kills, power cuts and clocks that disagree: when everything has
 * arrived both hold the same, and nobody writes because somebody else has written. What is real here: both sides, both
 * links, both followers' machines; what is modelled: stores, logs, time and the network.
 * SLOTWISE_SEEDS says how many lives (25); `npm run test:pairs` has 3,000.
 */
import { describe, expect, it } from 'vitest'
import { MemoryPairStore } from '../../test/memory-pair-store.js'
import { ConnectionLostError } from '../errors.js'
import { parseCheckpoint, printCheckpoint, SNAPSHOT } from '../log/checkpoint.js'
import { type FollowEffect, type FollowEvent, LogFollower } from '../log/log-follower.js'
import type { RespReply } from '../resp/resp-decoder.js'
import { commandIn, STATE_KEY } from './books.js'
import { type Ask, PairLink } from './pair-link.js'
import { PairSide } from './pair-side.js'
import { PositionLostError } from './pair-store.js'

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = state + 0x6D2B79F5 >>> 0
    let t = state
    t = Math.imul(t ^ t >>> 15, t | 1)
    t ^= t + Math.imul(t ^ t >>> 7, t | 61)
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
}

const settled = (): Promise<unknown> => new Promise(setImmediate)

interface Request {
  run(source: MemoryPairStore): unknown
  resolve(reply: unknown): void
  reject(error: Error): void
  reply: unknown
  isAnswered: boolean
}

class Node {
  readonly store: MemoryPairStore
  side!: PairSide
  link!: PairLink
  machine!: LogFollower
  requests: Request[] = []
  durable = 0
  lives = 0
  copies = 0
  #generation = 0

  constructor(readonly id: string, readonly nowMs: () => number, readonly random: () => number) {
    this.store = new MemoryPairStore(id, nowMs)
  }

  async start(): Promise<void> {
    this.lives++
    this.#generation++
    this.requests = []
    const life = (0x1000 + this.lives).toString(16)
    this.side = new PairSide({ store: this.store, nowMs: this.nowMs, life, rememberMs: 0 })
    await this.side.begin(() => Promise.resolve())
    this.link = new PairLink(this.side, this.nowMs)
    const kept = this.store.get('__binlog:{p}:log')
    const start = kept === null ? SNAPSHOT : parseCheckpoint(kept)
    this.machine = new LogFollower({ id: this.id, start, random: this.random, delayMs: 1, delayMsMax: 2 })
    this.step({ type: 'start' })
  }

  get isWaiting(): boolean { return this.machine.state === 'waiting' }

  step(event: FollowEvent): void {
    const queue = [event]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const effect of this.machine.step(next, this.nowMs())) {
        const result = this.#perform(effect)
        if (result !== undefined) queue.push(result)
      }
    }
  }

  #perform(effect: FollowEffect): FollowEvent | undefined {
    const ask: Ask = (commands) => this.#request((source) => answer(source, commands)) as Promise<RespReply[]>
    switch (effect.type) {
      case 'connect': return void this.#during(async () => {
        const source = await this.#request((store) => store.id()) as string
        return { type: 'connected', source, anew: await this.link.meet(ask, source) }
      })
      case 'copy': return void this.#during(async () => {
        this.copies++
        return { type: 'copied', stream: '', ...await this.link.copy(ask, new AbortController().signal) }
      })
      case 'read': return void this.#during(async () => {
        const batch = await this.#request((source) => source.readLog(effect.from, 5)) as ReturnType<MemoryPairStore['readLog']>
        return { type: 'batch', batch: await this.link.resolve(ask, batch) }
      })
      case 'apply': {
        const here = commandIn(0, 'SET', '__binlog:{p}:log', printCheckpoint(effect.checkpoint))
        return { type: 'applied', errors: this.side.apply([...effect.commands, here]) }
      }
      case 'disconnect':
        this.#generation++
        this.requests = []
        return undefined
      case 'wake': return undefined
    }
  }

  #request(run: Request['run']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.requests.push({ run, resolve, reject, reply: null, isAnswered: false })
    })
  }

  async #during(work: () => Promise<FollowEvent>): Promise<void> {
    const generation = this.#generation
    let event: FollowEvent
    try {
      event = await work()
    } catch (error) {
      if (error instanceof PositionLostError) this.link.lost()
      event = { type: 'failed', message: (error as Error).message, final: false }
      this.lastError = error as Error
    }
    if (generation === this.#generation) this.step(event)
  }

  lastError: Error | null = null
}

function answer(source: MemoryPairStore, commands: Parameters<Ask>[0]): RespReply[] {
  let db = 0
  return commands.map((words) => {
    const args = words.map((word) => typeof word === 'string' ? Buffer.from(word) : word)
    if (words[0] === 'SELECT') {
      db = Number(words[1])
      return 'OK'
    }
    if (words[0] === 'BINLOG') {
      return [Buffer.from('file'), Buffer.from('f'), Buffer.from('position'), Number(source.logEnd().slice(2))]
    }
    return source.ask([{ db, words: args }])[0]!
  })
}

class Life {
  readonly nodes: [Node, Node]
  readonly random: () => number
  nowMs = 1_700_000_000_000
  #writes = 0
  crashes = 0

  constructor(seed: number, readonly disturbance: number) {
    this.random = randomOf(seed)
    const skews = [Math.floor(this.random() * 2000) - 1000, Math.floor(this.random() * 2000) - 1000]
    this.nodes = ['a', 'b'].map((letter, i) => new Node(letter.repeat(40), () => this.nowMs + skews[i]!, this.random)) as [Node, Node]
  }

  below(count: number): number { return Math.floor(this.random() * count) }

  async start(): Promise<void> {
    for (const node of this.nodes) {
      for (let i = this.below(6); i > 0; i--) this.write(node)
      await this.restart(node, 0)
    }
  }

  async restart(node: Node, lost: number): Promise<void> {
    node.store.disturb = null
    node.store.restart(lost)
    node.durable = node.store.log.length
    await node.start()
    node.store.disturb = () => {
      if (this.disturbance > 0 && this.random() < this.disturbance) this.write(node)
    }
  }

  write({ store, nowMs }: Node): void {
    const db = this.below(6) === 0 ? 1 + this.below(2) : 0
    const [key, other] = [`k${this.below(8)}`, `k${this.below(8)}`]
    const value = `v${++this.#writes}`
    switch (this.below(24)) {
      case 0: case 1: case 2: case 3: case 4: case 5: store.runIn(db, 'DEL', key); break
      case 6: case 7: store.runIn(db, 'SET', key, value, 'PXAT', String(nowMs() + this.below(6) * this.below(1000))); break
      case 8: if (key !== other) store.runIn(db, 'RENAME', key, other); break
      case 9: if (db !== 1) store.runIn(db, 'MOVE', key, '1'); break
      case 10: if (this.below(6) === 0) store.run('FLUSHALL'); break
      case 11: if (this.below(4) === 0) store.runIn(db, 'FLUSHDB'); break
      case 12: if (this.below(4) === 0) store.run('SWAPDB', '1', '2'); break
      default: store.runIn(db, 'SET', key, value)
    }
  }

  async step(): Promise<void> {
    this.nowMs += this.below(10)
    const node = this.nodes[this.below(2)]!
    switch (this.below(20)) {
      case 0: case 1: case 2: this.write(node); break
      case 3: node.store.readable = node.store.log.length; break
      case 4: case 5: node.side.track(); break
      case 6: node.side.collect(); break
      case 7: node.store.expire(); break
      case 8: node.durable = node.store.readable; break
      case 9: if (this.below(8) === 0) this.cut(node); break
      case 10: if (this.below(12) === 0) await this.kill(node); break
      case 11: if (node.isWaiting) node.step({ type: 'tick' }); break
      default: this.deliver(node)
    }
    await settled()
  }

  cut({ requests }: Node): void { for (const request of requests.splice(0)) request.reject(new ConnectionLostError('cut')) }

  /** Without power what is not on the disk may be gone; a kill loses what is not written. */
  async kill(node: Node): Promise<void> {
    this.crashes++
    for (const each of this.nodes) this.cut(each)
    await settled()
    const { log, readable } = node.store
    const from = this.below(2) === 0 ? readable : node.durable + this.below(readable - node.durable + 1)
    // A flush takes what is remembered of the pair: until it is written again, a kill ends it.
    const kept = log.slice(0, from)
    const last = (isIt: (words: readonly Uint8Array[]) => boolean): number =>
      kept.findLastIndex(({ commands }) => commands.some(({ words }) => isIt(words)))
    const flushed = last(([name]) => Buffer.from(name!).toString().startsWith('FLUSH'))
    if (flushed > last(([, key]) => Buffer.from(key ?? []).toString() === STATE_KEY)) return
    await this.restart(node, log.length - from)
  }

  deliver(node: Node): void {
    const [request] = node.requests
    if (request === undefined) return
    if (request.isAnswered) {
      node.requests.shift()
      if (request.reply instanceof Error) request.reject(request.reply)
      else request.resolve(request.reply)
      return
    }
    request.isAnswered = true
    const { store } = node === this.nodes[0] ? this.nodes[1] : this.nodes[0]
    const { disturb } = store
    store.disturb = null
    try {
      request.reply = request.run(store)
    } catch (error) {
      request.reply = error
    }
    store.disturb = disturb
  }

  /** Until nothing moves any more. */
  async settle(): Promise<void> {
    for (const node of this.nodes) node.store.disturb = null
    let quiet = 0
    for (let round = 0; quiet < 12; round++) {
      if (round > 2000) throw new Error(`no end: ${this.nodes.map(({ machine, lastError }) => `${machine.state} ${machine.position} ${lastError?.stack}`).join('; ')}`)
      const before = this.nodes.map(({ store, machine }) => `${store.log.length} ${machine.position} ${machine.state}`).join()
      this.nowMs += 5
      for (const node of this.nodes) {
        node.store.readable = node.store.log.length
        node.store.expire()
        node.side.track()
        if (node.isWaiting) node.step({ type: 'tick' })
        this.deliver(node)
        await settled()
      }
      const reading = this.nodes.every(({ machine }) => machine.state === 'reading')
      const after = this.nodes.map(({ store, machine }) => `${store.log.length} ${machine.position} ${machine.state}`).join()
      quiet = reading && before === after ? quiet + 1 : 0
    }
  }
}

const seeds = Number(process.env.SLOTWISE_SEEDS ?? 25)

describe('a pair', () => {
  it(`has the same data on both sides after ${seeds} lives of kills, power cuts and cuts`, async () => {
    const sums = { copies: 0, crashes: 0, conflicts: 0, lost: 0 }
    for (let seed = 1; seed <= seeds; seed++) {
      const life = new Life(seed, seed % 3 === 0 ? 0.05 : 0)
      await life.start()
      for (let i = 0; i < 500; i++) await life.step()
      await life.settle()
      const [a, b] = life.nodes
      // What ends between both clocks does so at each by its own.
      const atMs = life.nowMs + 1000
      expect({ seed, ...a.store.data(atMs) }).toEqual({ seed, ...b.store.data(atMs) })
      // Every time to live has ended, on both sides.
      life.nowMs += 10_000
      await life.settle()
      expect({ seed, ...a.store.data() }).toEqual({ seed, ...b.store.data() })
      // Quiet is quiet; and deletions are not remembered for ever.
      while (a.side.collect() || b.side.collect());
      await life.settle()
      while (a.side.collect() || b.side.collect());
      expect([seed, a.side.tombstones(), b.side.tombstones()]).toEqual([seed, 0, 0])
      sums.copies += a.copies + b.copies
      sums.crashes += life.crashes
      for (const { side } of life.nodes) {
        sums.conflicts += side.conflicts
        sums.lost += side.state.lost
      }
    }
    // Not blind.
    console.log(JSON.stringify(sums))
    expect(Math.min(sums.copies, sums.crashes, sums.conflicts, sums.lost)).toBeGreaterThan(seeds)
  }, 24 * 3_600_000)
})
