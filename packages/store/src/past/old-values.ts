/**
 * OldValues: what keys held before each change of a feed. The log has effects and no old values, so a private engine is
 * filled with the data of the moment before the feed's first change, and each command is applied to it after its keys
 * have been read. The engine replays, as one that loads does: nothing expires by the clock of today, and a key whose
 * time came goes with the DEL that the log has of it.
 * Invariant: between two changes it has exactly the data of that position, whatever keys the feed tells of.
 * It costs what open({ at }) costs, and the data once more in memory. Elsewhere: the feed (../changes.ts).
 */
import { asBytes, type Bytes, Engine, type Page } from '@slotwise/engine'
import type { ValueCodec } from '../codecs/codec.js'
import type { FieldValues } from '../commands/index.js'
import { engineOptions } from '../open-options.js'
import { openPast, type Past } from './open-past.js'

/** A string as `get` gives it, a hash as `hGetAll`, a list as `lRange`, a set as `sMembers`, a sorted set by score. */
export type OldValue<V> = V | FieldValues<V> | V[] | Set<string> | Map<string, number>

/** What a key held, as it was read: nothing is decoded before somebody asks. */
export interface HeldValue { readonly type: string; readonly reply: unknown }

const READS: Readonly<Record<string, readonly [name: string, ...arguments: string[]]>> = {
  string: ['GET'], hash: ['HGETALL'], list: ['LRANGE', '0', '-1'], set: ['SMEMBERS'], zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
}
/** What decides where the files of a store are, and which databases they are about. */
const PLACE = ['appenddirname', 'appendfilename', 'aof-archive-dir', 'databases']

export class OldValues {
  readonly #engine: Engine
  readonly #past: Past
  #db = 0

  private constructor(engine: Engine, past: Past) {
    this.#engine = engine
    this.#past = past
  }

  /**
   * The data of `of` as it was at `position`.
   * @throws {PurgedError} if the files that make it up are not held any more; {OpenError} if they are damaged
   */
  static async at(of: Engine, position: string): Promise<OldValues> {
    const setting = (name: string): string => (of.command(['CONFIG', 'GET', name]) as Map<string, string>).get(name)!
    const directives = Object.fromEntries(PLACE.map((name) => [name, setting(name)]))
    const past = openPast({ dir: setting('dir'), at: position, directives })
    try {
      return new OldValues(await Engine.open({ ...engineOptions(past.options), names: [], replays: true }), past)
    } catch (error) {
      past.remove()
      throw error
    }
  }

  /** O(size of the value). Null: no such key. */
  read(db: number, key: Bytes): HeldValue | null {
    this.#select(db)
    const type = this.#engine.command(['TYPE', key]) as string
    const read = READS[type]
    if (read === undefined) return null
    const [name, ...rest] = read
    return { type, reply: this.#engine.command<Uint8Array>([name, key, ...rest], asBytes) }
  }

  /** @throws {ReplyError} if the log has what cannot be applied */
  apply(db: number, words: readonly Bytes[]): void {
    this.#select(db)
    this.#engine.command(words)
  }

  async close(): Promise<void> {
    await this.#engine.close()
    this.#past.remove()
  }

  #select(db: number): void {
    if (db !== this.#db) this.#engine.select(db)
    this.#db = db
  }
}

/** @throws {CodecError} if another codec wrote it */
export function decodeHeld<V>(codec: ValueCodec<V>, { type, reply }: HeldValue): OldValue<V> {
  const value = (bytes: Uint8Array): V => codec.read(pageOf(bytes), 0, bytes.length, false)
  switch (type) {
    case 'string': return value(reply as Uint8Array)
    case 'list': return (reply as Uint8Array[]).map(value)
    case 'set': return new Set([...reply as Iterable<Uint8Array>].map(textOf))
    case 'zset': return new Map((reply as [Uint8Array, number][]).map(([member, score]) => [textOf(member), score]))
    default: {
      const fields = Object.create(null) as FieldValues<V>
      for (const [field, bytes] of reply as Map<Uint8Array, Uint8Array>) fields[textOf(field)] = value(bytes)
      return fields
    }
  }
}

const pageOf = (bytes: Uint8Array): Page => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as Page
const textOf = (bytes: Uint8Array): string => pageOf(bytes).toString()
