/**
 * One side's store in a few lines, for tests of pairs: strings that expire, what the books need, and a log whose end
 * may be unreadable yet, or be lost. Everything that is here is what the log says: a start runs it again.
 */
import type { LogBatch, LogCommand, LogTransaction } from '../src/log/log-batch.js'
import { isBook, nameIn } from '../src/pair/books.js'
import { type KeyIn, type PairStore, PositionLostError } from '../src/pair/pair-store.js'
import type { RespReply } from '../src/resp/resp-decoder.js'

interface Text { value: string; expireAtMs: number }
type Held = Text | Map<string, string>

const text = (word: Uint8Array | undefined): string => Buffer.from(word ?? []).toString('latin1')
const bytes = (value: string): Buffer => Buffer.from(value, 'latin1')
export const isText = (held: Held | undefined): held is Text => held !== undefined && !(held instanceof Map)
const READS = new Set(['GET', 'HGET', 'HGETALL', 'DUMP', 'PEXPIRETIME', 'EXISTS', 'ZCARD', 'ZRANGEBYSCORE'])

export class MemoryPairStore implements PairStore {
  readonly databaseCount = 3
  log: LogTransaction[] = []
  /** Transactions of the log that can be read. */
  readable = 0
  /** Others run commands whenever this one has answered. */
  disturb: (() => void) | null = null
  #databases: Map<string, Held>[] = []
  #versions = new Map<string, number>()
  #watched = new Map<string, number>()

  constructor(readonly storeId: string, readonly nowMs: () => number) { this.restart(0) }

  /** As after a kill: `lost` transactions of the log have never been written. */
  restart(lost: number): void {
    this.log = this.log.slice(0, this.log.length - lost)
    this.readable = this.log.length
    this.#databases = Array.from({ length: this.databaseCount }, () => new Map())
    for (const { commands } of this.log) for (const command of commands) this.#write(command)
  }

  id(): string { return this.storeId }
  get(key: string): Uint8Array | null { return this.#answer({ db: 0, words: [bytes('GET'), bytes(key)] }) as Buffer | null }

  keysOf(words: readonly Uint8Array[]): readonly number[] {
    return ['DEL', 'UNLINK', 'RENAME'].includes(text(words[0])) ? words.map((_, i) => i).slice(1) : words.length > 1 ? [1] : []
  }

  ask(commands: readonly LogCommand[]): readonly RespReply[] {
    const replies = commands.map((command) => this.#answer(command))
    this.disturb?.()
    return replies
  }

  apply(commands: readonly LogCommand[]): readonly string[] {
    for (const command of commands) this.#write(command)
    if (commands.length > 0) {
      const at = this.log.length
      this.log.push({ position: `f:${at}`, next: `f:${at + 1}`, seconds: Math.floor(this.nowMs() / 1000), commands })
    }
    return []
  }

  run(...words: string[]): void { this.runIn(0, ...words) }
  runIn(db: number, ...words: string[]): void { this.apply([{ db, words: words.map(bytes) }]) }

  watch(keys: readonly KeyIn[]): void {
    for (const { db, key } of keys) this.#watched.set(nameIn(db, key), this.#versions.get(nameIn(db, key)) ?? 0)
    if (this.#watched.size > 1000) throw new Error('too many watched keys') // as the engine
  }

  applyUnlessChanged(commands: readonly LogCommand[]): readonly string[] | null {
    const isChanged = [...this.#watched].some(([name, version]) => (this.#versions.get(name) ?? 0) !== version)
    this.#watched.clear()
    return isChanged ? null : this.apply(commands)
  }

  readLog(from: string, count: number): LogBatch {
    const at = Number(from.slice(2))
    if (at > this.readable) throw new PositionLostError(`There is no position ${from}`)
    const transactions = this.log.slice(at, Math.min(this.readable, at + count))
    const next = at + transactions.length
    this.disturb?.()
    return { next: `f:${next}`, stream: '', end: `f:${this.readable}`, behind: this.readable - next, transactions }
  }

  logEnd(): string { return `f:${this.readable}` }

  * keysIn(db: number): Generator<readonly Uint8Array[]> {
    const keys = [...this.#databases[db]!.keys()].map(bytes)
    for (let i = 0; i < keys.length; i += 3) yield keys.slice(i, i + 3)
  }

  /** Deletes what has expired, and says so in the log. */
  expire(): void {
    for (const [db, keys] of this.#databases.entries()) {
      for (const [key, held] of keys) if (isText(held) && this.#isOver(held)) this.runIn(db, 'DEL', key)
    }
  }

  /** The data, without the books, as it is to be at both sides. */
  data(atMs = this.nowMs()): Record<string, string> {
    const found: Record<string, string> = {}
    for (const [db, keys] of this.#databases.entries()) {
      for (const [key, held] of [...keys].sort(([a], [b]) => a < b ? -1 : 1)) {
        if (!isBook(bytes(key)) && isText(held) && !this.#isOver(held, atMs)) found[`${db}:${key}`] = `${held.value} ${held.expireAtMs}`
      }
    }
    return found
  }

  #isOver({ expireAtMs }: Text, atMs = this.nowMs()): boolean { return expireAtMs > 0 && expireAtMs <= atMs }

  #answer({ db, words: [name, first, second, third] }: LogCommand): RespReply {
    const held = this.#databases[db]!.get(text(first))
    const alive = isText(held) && !this.#isOver(held) ? held : null
    switch (text(name)) {
      case 'GET':
      case 'DUMP': return alive === null ? null : bytes(alive.value)
      case 'PEXPIRETIME': return alive === null ? -2 : alive.expireAtMs === 0 ? -1 : alive.expireAtMs
      case 'EXISTS': return held === undefined ? 0 : 1
      case 'HGET': {
        const found = held instanceof Map ? held.get(text(second)) : undefined
        return found === undefined ? null : bytes(found)
      }
      case 'HGETALL': return held instanceof Map ? [...held].flat().map(bytes) : []
      case 'ZCARD': return held instanceof Map ? held.size : 0
      case 'ZRANGEBYSCORE': return held instanceof Map ? [...held].filter(([, score]) => Number(score) <= Number(text(third))).map(([member]) => bytes(member)) : []
      default: throw new Error(`${text(name)} is unknown here`)
    }
  }

  #write({ db, words }: LogCommand): void {
    const [name = '', ...args] = words.map(text)
    if (READS.has(name)) throw new Error(`${name} does not belong into a log`)
    const keys = this.#databases[db]!
    const [key = '', second = '', third = ''] = args
    const change = (changed: string): void => {
      const full = nameIn(db, bytes(changed))
      this.#versions.set(full, (this.#versions.get(full) ?? 0) + 1)
    }
    switch (name) {
      case 'SET': keys.set(key, { value: second, expireAtMs: args[2] === 'PXAT' ? Number(args[3]) : 0 }); break
      case 'RESTORE': keys.set(key, { value: third, expireAtMs: Number(second) }); break
      case 'DEL':
      case 'UNLINK':
        for (const each of args) {
          if (keys.delete(each)) change(each)
        }
        return
      case 'RENAME': {
        const held = keys.get(key)
        if (held !== undefined) {
          keys.delete(key)
          keys.set(second, held)
          change(second)
        }
        break
      }
      case 'MOVE': {
        const held = keys.get(key)
        const to = this.#databases[Number(second)]!
        if (held !== undefined && !to.has(key)) {
          keys.delete(key)
          to.set(key, held)
        }
        break
      }
      case 'SWAPDB': {
        const [a, b] = [Number(key), Number(second)]
        ;[this.#databases[a], this.#databases[b]] = [this.#databases[b]!, this.#databases[a]!]
        for (const each of [a, b]) {
          for (const held of this.#databases[each]!.keys()) this.#versions.set(nameIn(each, bytes(held)), -1)
        }
        return
      }
      case 'FLUSHALL': for (const each of this.#databases) each.clear(); return
      case 'FLUSHDB': keys.clear(); return
      case 'HSET':
      case 'ZADD': {
        const held = keys.get(key)
        const map = held instanceof Map ? held : new Map<string, string>()
        const [field, value] = name === 'HSET' ? [0, 1] : [1, 0]
        for (let i = 1; i + 1 < args.length; i += 2) map.set(args[i + field]!, args[i + value]!)
        keys.set(key, map)
        break
      }
      case 'HDEL':
      case 'ZREM': {
        const held = keys.get(key)
        if (!(held instanceof Map)) return
        for (const field of args.slice(1)) held.delete(field)
        if (held.size === 0) keys.delete(key)
        break
      }
      default: throw new Error(`${name} is unknown here`)
    }
    change(key)
  }
}
