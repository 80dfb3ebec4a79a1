/**
 * Changes: the log as a feed: what happened to which key, in the order in which it happened, with everything that one
 * transaction did next to each other. Read from the files, so it survives the process: whoever keeps `position` goes on
 * from there as long as the files are held (docs/binlog.md).
 * The log holds effects and not intents: INCR is INCR, but SPOP is the SREM that came of it, and what expired is a DEL.
 * A snapshot first: the keys in pages, each read at one moment of the log. Changes up to that moment come before the
 * page and those behind it after, so a page never overwrites what is newer, and nothing has to be remembered.
 */
import { asBytes, asText, CommandKeys, type Engine, globMatcher, type Page } from '@slotwise/engine'
import type { ValueCodec } from './codecs/codec.js'
import { listOf } from './commands/sender.js'
import { decodeHeld, type HeldValue, type OldValue, OldValues } from './past/old-values.js'

export interface ChangesOptions {
  /**
   * The `position` of a change that was handled; '0' for everything there ever was; a Date for what was written since,
   * perhaps a tenth of a second more. @default from now on
   */
  from?: string | Date
  /** Only changes of keys that match one of these glob patterns. @default all keys */
  keys?: string | readonly string[]
  /** The data that is there, first. Not with `from`. @default false */
  snapshot?: boolean
  /**
   * Each change tells what its keys held before it. Costs a second copy of all data in this process until the loop is
   * left, filled from the files before the first change is told (as `open({ dir, at })` is: on this thread), and a read
   * of the whole value a key. @default false
   */
  oldValues?: boolean
  /** Aborting ends the loop with `signal.reason`. */
  signal?: AbortSignal
}

/**
 * `set`: the key has a new value, a string. `update`: `command` changed it. `expire`: only its time to live changed.
 * `delete`: it is gone, for whatever reason. `flush`: a whole database went, or was swapped with another; there is no
 * key. `snapshot`: it was there before the first change.
 */
export type ChangeKind = 'set' | 'update' | 'expire' | 'delete' | 'flush' | 'snapshot'

export interface Change<V = unknown> {
  readonly kind: ChangeKind
  /** As text; '' for `flush`. */
  readonly key: string
  readonly keyBytes: Uint8Array
  /** All keys of the command: RENAME has two. */
  readonly keys: readonly string[]
  /** In upper case; of a snapshot, the type of the value: 'string', 'hash', ... */
  readonly command: string
  /** What follows the command's name, as it is in the log. */
  readonly args: readonly Uint8Array[]
  /**
   * Of `set`, and of `snapshot` if it is a string; else undefined.
   * @throws {CodecError} if another codec wrote it
   */
  readonly value: V | undefined
  /**
   * With `oldValues`, what `key` held before the change; null: nothing. Undefined without, and for `snapshot` and
   * `flush`.
   * @throws {CodecError} if another codec wrote it
   */
  readonly oldValue: OldValue<V> | null | undefined
  /** The same of each of `keys`. */
  readonly oldValues: readonly (OldValue<V> | null)[] | undefined
  readonly db: number
  /** When it was written, to a second or so; null if that is not known. */
  readonly time: Date | null
  /** Behind the whole transaction: keep it when `last` was handled. Of a snapshot's pages: begin anew. */
  readonly position: string
  /** Nothing more of its transaction follows. */
  readonly last: boolean
}

type Unit = [position: Uint8Array, next: Uint8Array, seconds: number, commands: [db: number, words: Uint8Array[]][]]

type Status = ReadonlyMap<string, string | number>

interface Place { readonly file: string; readonly byte: number }

const COUNT = '1000'
const PAGE = '256'
const SETS = new Set(['SET', 'GETSET', 'SETNX', 'SETEX', 'PSETEX'])
const EXPIRES = new Set(['PEXPIREAT', 'EXPIREAT', 'PEXPIRE', 'EXPIRE', 'PERSIST'])
const DELETES = new Set(['DEL', 'UNLINK'])
const FLUSHES = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB'])

/** The feed. What is wrong with `options` is thrown at once, and what is "now" is decided now. */
export function changesOf<V>(
  engine: Engine, codec: ValueCodec<V>, options: ChangesOptions,
): AsyncGenerator<Change<V>, void, undefined> {
  const { from, snapshot = false } = options
  if (snapshot && from !== undefined) throw new TypeError('a feed begins with a snapshot or at a position, not both')
  const feed = new Feed(engine, codec, options)
  if (typeof from === 'string') return feed.run(from, null)
  if (from !== undefined) {
    const seconds = Math.floor(from.getTime() / 1000)
    if (!Number.isSafeInteger(seconds) || seconds < 0) throw new RangeError('expected a date since 1970')
    return feed.run(`@${seconds}`, null)
  }
  const { start, end } = feed.now()
  return snapshot ? feed.runWithSnapshot(start, end) : feed.run(start, end)
}

class Feed<V> {
  readonly #engine: Engine
  readonly #codec: ValueCodec<V>
  readonly #matchers: readonly ((key: Uint8Array) => boolean)[] | null
  readonly #commandKeys: CommandKeys
  readonly #signal: AbortSignal | undefined
  readonly #wantsOld: boolean
  /** Null before the first change. */
  #old: OldValues | null = null

  constructor(engine: Engine, codec: ValueCodec<V>, { keys, signal, oldValues = false }: ChangesOptions) {
    this.#engine = engine
    this.#codec = codec
    this.#matchers = keys === undefined ? null : listOf(keys).map(globMatcher)
    this.#commandKeys = new CommandKeys(engine)
    this.#signal = signal
    this.#wantsOld = oldValues
  }

  /** Where reading begins, and the end of what this process has written, which may not be in the file yet. */
  now(): { start: string; end: Place } {
    return startAndEnd(this.#engine.command(['BINLOG', 'STATUS']) as Status)
  }

  /** `skip`: what ends there or before has been seen. */
  async* run(start: string, skip: Place | null): AsyncGenerator<Change<V>, void, undefined> {
    try {
      for await (const unit of this.#units(start)) {
        if (skip !== null && isWithin(unit, skip)) continue
        yield* await this.#changes(unit)
      }
    } finally {
      await this.#old?.close()
    }
  }

  async* runWithSnapshot(start: string, end: Place): AsyncGenerator<Change<V>, void, undefined> {
    try {
      yield* this.#snapshotAndChanges(start, end)
    } finally {
      await this.#old?.close()
    }
  }

  async* #snapshotAndChanges(start: string, end: Place): AsyncGenerator<Change<V>, void, undefined> {
    const pages = this.#pages()
    let page = pages.next()
    let pageEnd = page.done === true ? null : page.value.end
    const units = this.#units(start, () => pageEnd !== null)
    for await (const unit of units) {
      // A page comes when everything up to its moment has been told. The next one is of a later moment, so what is
      // known by now comes before it.
      while (page.done !== true && (unit === null || !isWithin(unit, pageEnd!))) {
        yield* page.value.rows
        page = pages.next()
        pageEnd = page.done === true ? null : page.value.end
        if (unit === null) break
      }
      if (unit !== null && !isWithin(unit, end)) yield* await this.#changes(unit)
    }
  }

  /**
   * Whole transactions, waiting for more. With `hurry`, null instead of waiting: everything up to what this process had
   * written when it was last asked has been told.
   */
  #units(start: string): AsyncGenerator<Unit, void, undefined>
  #units(start: string, hurry: () => boolean): AsyncGenerator<Unit | null, void, undefined>
  async* #units(start: string, hurry: () => boolean = () => false): AsyncGenerator<Unit | null, void, undefined> {
    let synced = false
    for (let from = start; ;) {
      this.#signal?.throwIfAborted()
      const quick = hurry()
      const words = ['BINLOG', 'READ', 'FROM', from, 'COUNT', COUNT]
      const reply = await this.#engine.wait<Uint8Array>(
        quick ? words : [...words, 'BLOCK', '0'], this.#signal === undefined ? {} : { signal: this.#signal }, asBytes,
      ) as Map<Uint8Array, unknown> | null
      if (reply === null) continue
      const [next, , , units] = [...reply.values()] as [Uint8Array, Uint8Array, number, Unit[]]
      yield* units
      from = text(next)
      if (!quick || units.length > 0) {
        synced = false // another page may have been read since
        continue
      }
      // What was written is in the file then: what is read next is all of it.
      if (!synced) await this.#engine.sync()
      else yield null
      synced = !synced
    }
  }

  /** Of one transaction, in order; each command is applied to the old values when its own have been read. */
  async #changes([position, next, seconds, commands]: Unit): Promise<LogChange<V>[]> {
    if (this.#wantsOld) this.#old ??= await OldValues.at(this.#engine, text(position))
    const found: LogChange<V>[] = []
    const time = seconds === 0 ? null : new Date(seconds * 1000)
    for (const [db, words] of commands) {
      for (const { kind, keyWords, args } of this.#split(words)) {
        if (this.#matchers === null || kind === 'flush' || keyWords.some((key) => this.#wants(key))) {
          const old = this.#old === null || kind === 'flush' ? undefined : keyWords.map((key) => this.#old!.read(db, key))
          found.push(new LogChange(this.#codec, kind, keyWords, name(words), args, db, time, text(next), old))
        }
        this.#old?.apply(db, [words[0]!, ...args])
      }
    }
    const last = found.at(-1)
    if (last !== undefined) last.last = true
    return found
  }

  #wants(key: Uint8Array): boolean { return this.#matchers!.some((matches) => matches(key)) }

  /** A command of several keys that are independent of each other is as many changes. */
  #split(words: Uint8Array[]): { kind: ChangeKind; keyWords: Uint8Array[]; args: Uint8Array[] }[] {
    const command = name(words)
    const args = words.slice(1)
    if (FLUSHES.has(command)) return [{ kind: 'flush', keyWords: [], args }]
    if (DELETES.has(command)) return args.map((key) => ({ kind: 'delete', keyWords: [key], args: [key] }))
    if (command === 'MSET') {
      return Array.from({ length: args.length / 2 }, (_, i) => ({ kind: 'set', keyWords: [args[2 * i]!], args: args.slice(2 * i, 2 * i + 2) }))
    }
    const keyWords = this.#commandKeys.indexesOf(words).map((i) => words[i]!)
    if (keyWords.length === 0) return []
    return [{ kind: SETS.has(command) ? 'set' : EXPIRES.has(command) ? 'expire' : 'update', keyWords, args }]
  }

  /** The keys in pages, each as it is at one moment of the log: nobody changes them while they are read. */
  * #pages(): Generator<{ rows: LogChange<V>[]; end: Place }, void, undefined> {
    let cursor = '0'
    do {
      const [next, keys] = this.#engine.command<Uint8Array>(['SCAN', cursor, 'COUNT', PAGE], asBytes) as [Uint8Array, Uint8Array[]]
      cursor = text(next)
      const wanted = this.#matchers === null ? keys : keys.filter((key) => this.#wants(key))
      if (wanted.length === 0) continue
      const replies = this.#engine.transaction([
        ...wanted.map((key) => ({ args: ['TYPE', key], bulk: asText })),
        ...wanted.map((key) => ({ args: ['GET', key], bulk: asBytes })),
        { args: ['BINLOG', 'STATUS'], bulk: asText },
      ]) ?? []
      const { start, end } = startAndEnd(replies[2 * wanted.length] as Status)
      const rows: LogChange<V>[] = []
      for (const [i, key] of wanted.entries()) {
        const type = replies[i] as string
        const bytes = replies[wanted.length + i]
        if (type === 'none') continue
        const args = bytes instanceof Uint8Array ? [key, bytes] : [key]
        const row = new LogChange(this.#codec, 'snapshot', [key], type, args, 0, null, start)
        row.last = true
        rows.push(row)
      }
      yield { rows, end }
    } while (cursor !== '0')
  }
}

class LogChange<V> implements Change<V> {
  readonly #codec: ValueCodec<V>
  readonly #keyWords: readonly Uint8Array[]
  readonly #old: readonly (HeldValue | null)[] | undefined
  last = false

  constructor(
    codec: ValueCodec<V>, readonly kind: ChangeKind, keyWords: readonly Uint8Array[], readonly command: string,
    readonly args: readonly Uint8Array[], readonly db: number, readonly time: Date | null, readonly position: string,
    old?: readonly (HeldValue | null)[],
  ) {
    this.#codec = codec
    this.#keyWords = keyWords
    this.#old = old
  }

  get key(): string { return this.#keyWords.length === 0 ? '' : text(this.#keyWords[0]!) }
  get keyBytes(): Uint8Array { return this.#keyWords[0] ?? new Uint8Array() }
  get keys(): readonly string[] { return this.#keyWords.map(text) }

  get value(): V | undefined {
    const at = this.kind === 'set' ? this.command === 'SETEX' || this.command === 'PSETEX' ? 2 : 1 : this.kind === 'snapshot' ? 1 : -1
    const bytes = this.args[at]
    if (bytes === undefined) return undefined
    const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as Page
    return this.#codec.read(page, 0, bytes.length, false)
  }

  get oldValue(): OldValue<V> | null | undefined {
    return this.#old === undefined ? undefined : this.#decode(this.#old[0]!)
  }

  get oldValues(): readonly (OldValue<V> | null)[] | undefined { return this.#old?.map((held) => this.#decode(held)) }

  #decode(held: HeldValue | null): OldValue<V> | null { return held === null ? null : decodeHeld(this.#codec, held) }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
const name = (words: readonly Uint8Array[]): string => text(words[0]!).toUpperCase()

function startAndEnd(status: Status): { start: string; end: Place } {
  const [file, position, offset, tail] = ['file', 'position', 'offset', 'tail'].map((field) => status.get(field)) as [string, number, number, number]
  return { start: `${file}:${position}`, end: { file, byte: position + tail - offset } }
}

function placeOf(position: Uint8Array): Place {
  const all = text(position)
  const colon = all.lastIndexOf(':')
  return { file: all.slice(0, colon), byte: Number(all.slice(colon + 1)) }
}

/** It ends at `end` or before. Of another file, it does if that has a lower number. */
function isWithin([, next]: Unit, end: Place): boolean {
  const { file, byte } = placeOf(next)
  const number = (path: string): number => Number(/\.(\d+)\.incr\.aof$/.exec(path)?.[1])
  return file === end.file ? byte <= end.byte : number(file) < number(end.file)
}
