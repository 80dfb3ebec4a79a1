/**
 * PairSide: one side of a pair of servers that write the same keys: it stamps what was written here, and takes the
 * other side's versions of keys, whole, if their stamps are later.
 * Stamping comes after the write: the side reads its own log, and writes a stamp for each key that was touched. That is
 * what the other side reads; a value is asked for when its stamp is heard of. A stamp may so be told with a value that
 * is newer than it: then a later stamp follows. Nothing else is needed for both to end with the same: stamps only grow,
 * and whatever is written gets one.
 * A version is taken over only after everything that was written here before has its stamp, and if the key has not
 * changed in between. A key that is written all the time would never be quiet: after a few attempts the version is
 * taken, so a write of that very moment may be replaced by one that is older by as much.
 * Synchronous, as a store of the process is; clock, log and store are passed in. Source: decision 0022.
 * Elsewhere: the words of the books (books.ts), the other side (pair-link.ts), what of a log was written here
 * (touched-keys.ts).
 */
import type { LogCommand } from '../log/log-batch.js'
import type { LogTarget } from '../log/log-target.js'
import {
  ALL_DATABASES, bucketKeys, BUCKETS, commandIn, flushedIn, fromName, GONE_KEY, isBook, nameIn, type PairState,
  parseState, printState, STATE_KEY,
} from './books.js'
import { ABSENT, type Held, HeldKeys } from './held-keys.js'
import { latestOf, type MergeCommand, readMergeCommand, type Version } from './merge-commands.js'
import { type KeyIn, type PairStore, PositionLostError } from './pair-store.js'
import { compareStamps, HybridClock, NEVER, type PairRecord, type Stamp } from './stamp.js'
import { StampChanges } from './stamp-changes.js'
import { TouchedKeys } from './touched-keys.js'

export interface PairSideOptions {
  readonly store: PairStore
  /** Unix time. */
  readonly nowMs: () => number
  /** Four hexadecimal digits of chance, anew for each run of the server. */
  readonly life: string
  /** What else is kept in the store, to be written again when a client has flushed it. @default nothing */
  readonly kept?: () => readonly LogCommand[]
  /** How long a deletion is remembered at least, so that the other side has it on its disk. @default 60_000 */
  readonly rememberMs?: number
}

const READ_COUNT = 1000
const DRAIN_BATCHES_MAX = 200
const WATCHED_ATTEMPTS = 3
/** In one transaction: a session watches 1,000 keys at most, and clients wait meanwhile. */
const MERGE_KEYS = 250
const FORGET_COUNT = 1000

export class PairSide implements LogTarget {
  readonly #store: PairStore
  readonly #held: HeldKeys
  readonly #options: PairSideOptions
  readonly #origin: string
  #clock = new HybridClock(0)
  #state: PairState | null = null
  /** Everything before is stamped; the state says so with the next that is written. */
  #position = ''
  #peerSawUs = 0
  /** Conflicts that the next state counts. */
  #won = 0
  #ended = false

  /** @throws {TypeError} if the store has no binlog */
  constructor(options: PairSideOptions) {
    this.#options = options
    this.#store = options.store
    this.#held = new HeldKeys(options.store)
    const id = this.#store.id()
    if (id === null) throw new TypeError('a pair needs an append-only file on both sides (appendonly yes)')
    this.#origin = id.slice(0, 8) + options.life
  }

  get ready(): boolean { return this.#state !== null }
  get state(): PairState { return this.#state! }
  /** In its own log: everything before is stamped. */
  get position(): string { return this.#position }
  /** Deletions that the other side may not have heard of. */
  tombstones(): number { return Number(this.#store.ask([commandIn(0, 'ZCARD', GONE_KEY)])[0]) }

  id(): string | null { return this.#store.id() }
  get(key: string): Uint8Array | null { return this.#store.get(key) }
  keysOf(words: readonly Uint8Array[]): readonly number[] { return this.#store.keysOf(words) }

  /** Goes on with the books that are there, or begins: what is here then is older than whatever is written later. */
  async begin(pause: () => Promise<unknown>): Promise<void> {
    const found = this.#store.get(STATE_KEY)
    if (found !== null) {
      const state = parseState(found)
      this.#clock = new HybridClock(state.lastUs)
      this.#position = state.position
      this.#state = state
      this.#write([], { life: this.#origin, bornUs: state.lastUs })
      return
    }
    const position = this.#store.logEnd()
    for (let db = 0; db < this.#store.databaseCount; db++) {
      for (const page of this.#store.keysIn(db)) {
        const keys = page.filter((key) => !isBook(key)).map((key) => ({ db, key }))
        const changes = new StampChanges()
        for (const [i, { expireAtMs }] of this.#held.look(keys).entries()) {
          const record = { timeUs: 1, origin: this.#origin, gone: false, expireAtMs: Math.max(0, expireAtMs) }
          if (expireAtMs !== ABSENT) changes.put(db, keys[i]!.key, record)
        }
        if (keys.length > 0) this.#store.apply(changes.commands())
        await pause()
        if (this.#ended) return
      }
    }
    this.#position = position
    this.#clock = new HybridClock(1)
    this.#state = { life: this.#origin, bornUs: 1, lastUs: 1, position, flushed: {}, peer: '', peerLife: '', seenUs: 0, conflicts: 0, lost: 0 }
    this.#write([], {})
  }

  /** Stamps what its log says was written since. @returns false: that was all */
  track(): boolean {
    if (this.#state === null) return false
    let batch
    try {
      batch = this.#store.readLog(this.#position, READ_COUNT)
    } catch (error) {
      if (!(error instanceof PositionLostError)) throw error
      this.#stampAll()
      return true
    }
    const state = this.#state
    const touched = new TouchedKeys((words) => this.#store.keysOf(words), (db) => flushedIn(state, db))
    for (const transaction of batch.transactions) touched.add(transaction)
    const before = this.#position
    this.#position = batch.next
    try {
      if (!touched.isEmpty) this.#publish(touched)
      else if (touched.overwritten > 0 || fileOf(batch.next) !== fileOf(state.position)) {
        // A file that is left may be removed.
        this.#write([], this.#overwritten(touched))
      }
    } catch (error) {
      this.#position = before // no memory, a full disk: it has its stamp later
      throw error
    }
    return batch.transactions.length > 0
  }

  /** As LogTarget, and what a link says (merge-commands.ts). */
  apply(commands: readonly LogCommand[]): readonly string[] {
    const merges = commands.map(readMergeCommand)
    for (const merge of merges) if (merge.type === 'flush') this.#flushOlder(merge.db, merge.stamp)
    const versions = latestOf(merges).map((version): MergeCommand => ({ type: 'merge', version }))
    const others = merges.filter(({ type }) => type !== 'merge')
    const errors: string[] = []
    // What was taken is known if the rest, with the position, comes again.
    do {
      const some = versions.splice(0, MERGE_KEYS)
      errors.push(...this.#mergeSoon(versions.length === 0 ? [...some, ...others] : some))
    } while (versions.length > 0)
    return errors
  }

  #mergeSoon(merges: readonly MergeCommand[]): readonly string[] {
    for (let attempt = 0; ; attempt++) {
      for (let i = 0; i < DRAIN_BATCHES_MAX && this.track(); i++);
      const errors = this.#merge(merges, attempt < WATCHED_ATTEMPTS)
      if (errors !== null) return errors
    }
  }

  /** The other side has read our stamps up to here. */
  peerSaw({ peerLife, seenUs }: PairState): void { this.#peerSawUs = peerLife === this.#state?.life ? seenUs : 0 }

  /** Which versions are later than those that are here; others that did not know of them are conflicts. */
  weigh(versions: readonly (KeyIn & { record: Stamp; seenUs: number })[]): boolean[] {
    const own = this.#held.records(versions)
    return versions.map(({ db, record, seenUs }, i) => {
      const here = own[i] ?? null
      const order = compareStamps(record, this.#stampOf(db, here))
      if (order < 0 && here !== null && this.#isOwn(here) && here.timeUs > seenUs) this.#won++
      return order > 0
    })
  }

  /** Versions that were written on both sides without knowing of each other, since there is a pair. */
  get conflicts(): number { return this.state.conflicts + this.#won }

  /** What is older than this was flushed. */
  flushedIn(db: string): Stamp {
    return db === ALL_DATABASES ? this.state.flushed[ALL_DATABASES] ?? NEVER : flushedIn(this.state, Number(db))
  }

  get databaseCount(): number { return this.#store.databaseCount }

  /** What is remembered in one bucket, by key. */
  bucket(db: number, bucket: number): Map<string, PairRecord> { return this.#held.bucket(db, bucket) }

  /** Forgets deletions that the other side has heard of. @returns false: there were no more */
  collect(): boolean {
    if (this.#state === null) return false
    const untilUs = Math.min(this.#peerSawUs, (this.#options.nowMs() - (this.#options.rememberMs ?? 60_000)) * 1000)
    if (untilUs <= 0) return false
    const [reply] = this.#store.ask([commandIn(0, 'ZRANGEBYSCORE', GONE_KEY, '0', String(untilUs), 'LIMIT', '0', String(FORGET_COUNT))])
    const names = Array.isArray(reply) ? reply.map((name) => (name as Buffer).toString('latin1')) : []
    if (names.length === 0) return false
    const keys = names.map(fromName)
    const held = this.#held.look(keys)
    const changes = new StampChanges()
    for (const [i, { db, key }] of keys.entries()) {
      const { record, expireAtMs } = held[i]!
      if (record !== null && record.timeUs <= untilUs && expireAtMs === ABSENT) changes.drop(db, key)
      changes.forget(db, key)
    }
    this.#store.apply(changes.commands())
    return names.length === FORGET_COUNT
  }

  /** To be written again if a client has flushed it. */
  stateCommand(): LogCommand | null {
    return this.#state === null ? null : commandIn(0, 'SET', STATE_KEY, printState({ ...this.#state, position: this.#position, lastUs: this.#clock.lastUs }))
  }

  /** It does nothing more. */
  end(): void {
    this.#ended = true
    this.#state = null
  }

  /** Ends, and removes everything of it from the store. The data stays. */
  forget(): void {
    this.end()
    this.#held.removeBooks()
  }

  // --- stamping -----------------------------------------------------------------------------------------------------

  #publish(touched: TouchedKeys): void {
    const state = this.#state!
    const commands: LogCommand[] = []
    const changes = new StampChanges()
    let flushed = state.flushed
    for (const { db, seconds } of touched.flushes) {
      const stamp = this.#stamp(seconds)
      flushed = db === ALL_DATABASES ? { [db]: stamp } : { ...flushed, [db]: stamp }
      // All of them are older.
      if (db !== ALL_DATABASES) commands.push(commandIn(0, 'UNLINK', ...bucketKeys(Number(db))))
    }
    for (const { db, key, seconds } of this.#renewed(touched)) {
      touched.keys.set(nameIn(db, key), { seconds, isOnlyDeleted: false })
    }
    const names = [...touched.keys]
    const keys = names.map(([name]) => fromName(name))
    const held = this.#held.look(keys)
    for (const [i, { db, key }] of keys.entries()) {
      const { seconds, isOnlyDeleted } = names[i]![1]
      const { record } = held[i]!
      if (isOnlyDeleted && record !== null && this.#hasEnded(held[i]!)) {
        // Its time came, there too: nobody has written it.
        if (this.#isOwn(record)) changes.remember(db, key, record)
        else changes.drop(db, key)
      } else {
        this.#stampKey(db, key, held[i]!, this.#stamp(seconds), changes)
      }
    }
    commands.push(...changes.commands())
    if (touched.flushes.length > 0) commands.push(...this.#options.kept?.() ?? [])
    this.#write(commands, { flushed, ...this.#overwritten(touched) })
  }

  #overwritten({ overwritten }: TouchedKeys): Pick<PairState, 'conflicts' | 'lost'> {
    const { conflicts, lost } = this.#state!
    return { conflicts: conflicts + overwritten, lost: lost + overwritten }
  }

  /** The version that is stamped is over by itself. */
  #hasEnded({ record, expireAtMs }: Held): boolean {
    return expireAtMs === ABSENT && record !== null && !record.gone &&
      record.expireAtMs > 0 && record.expireAtMs <= this.#options.nowMs()
  }

  #stampKey(db: number, key: Uint8Array, { record, expireAtMs }: Held, stamp: Stamp, changes: StampChanges): void {
    if (expireAtMs !== ABSENT) {
      changes.put(db, key, { ...stamp, gone: false, expireAtMs: Math.max(0, expireAtMs) })
      if (record?.gone === true || (record?.expireAtMs ?? 0) > 0) changes.forget(db, key)
      return
    }
    const tombstone = { ...stamp, gone: true, expireAtMs: 0 }
    changes.put(db, key, tombstone)
    changes.remember(db, key, tombstone)
  }

  /** `seconds`: when the log says that it was written, if this side comes late to it. */
  #stamp(seconds: number): Stamp {
    const nowUs = Math.floor(this.#options.nowMs()) * 1000
    const wallUs = seconds === 0 ? nowUs : Math.min(nowUs, (seconds + 1) * 1e6)
    return { timeUs: this.#clock.next(wallUs), origin: this.#origin }
  }

  * #renewed({ renewed }: TouchedKeys): Generator<KeyIn & { seconds: number }> {
    for (let db = 0; db < this.#store.databaseCount; db++) {
      const seconds = renewed.get(db) ?? renewed.get(-1)
      if (seconds === undefined) continue
      for (const page of this.#store.keysIn(db)) for (const key of page) if (!isBook(key)) yield { db, key, seconds }
    }
  }

  /** What was written since is unknown: all counts as written now, and what is stamped and not there as deleted. */
  #stampAll(): void {
    const position = this.#store.logEnd()
    for (let db = 0; db < this.#store.databaseCount; db++) {
      const names = new Set<string>()
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        for (const [key, { gone }] of this.bucket(db, bucket)) if (!gone) names.add(key)
      }
      for (const page of this.#store.keysIn(db)) for (const key of page) if (!isBook(key)) names.add(Buffer.from(key).toString('latin1'))
      const keys = [...names].map((name) => ({ db, key: Buffer.from(name, 'latin1') }))
      for (let i = 0; i < keys.length; i += READ_COUNT) {
        const some = keys.slice(i, i + READ_COUNT)
        const changes = new StampChanges()
        for (const [j, held] of this.#held.look(some).entries()) {
          this.#stampKey(db, some[j]!.key, held, this.#stamp(0), changes)
        }
        this.#write(changes.commands(), {})
      }
    }
    this.#position = position
    this.#write([], {})
  }

  // --- merging ------------------------------------------------------------------------------------------------------

  #merge(merges: readonly MergeCommand[], watches: boolean): readonly string[] | null {
    const state = this.#state!
    const versions = latestOf(merges)
    if (watches && versions.length > 0) this.#store.watch(versions)
    const held = this.#held.look(versions)
    const changes = new StampChanges()
    const commands: LogCommand[] = []
    const written: Version[] = []
    const again: KeyIn[] = []
    const { conflicts, lost, peer, peerLife } = state
    const next = { conflicts, lost, peer, peerLife, seenUs: state.seenUs }
    for (const [i, version] of versions.entries()) {
      const { db, key, record, payload, seenUs, isOwners = false } = version
      const { record: here, expireAtMs } = held[i]!
      const order = compareStamps(record, this.#stampOf(db, here))
      if (order !== 0 && here !== null && this.#isOwn(here) && here.timeUs > seenUs) {
        next.conflicts++
        if (order > 0) next.lost++
      }
      if (order < 0 || (order === 0 && !isOwners)) continue
      this.#clock.saw(record)
      if (payload === null) {
        // The other side remembers it until this one has it.
        if (expireAtMs !== ABSENT) commands.push(commandIn(db, 'UNLINK', key))
        if (here !== null) changes.drop(db, key)
      } else {
        commands.push(commandIn(db, 'RESTORE', key, String(record.expireAtMs), payload, 'REPLACE', 'ABSTTL'))
        changes.put(db, key, { ...record, gone: false })
        written.push(version)
      }
      if (here?.gone === true || (here?.expireAtMs ?? 0) > 0) changes.forget(db, key)
    }
    for (const merge of merges) {
      switch (merge.type) {
        case 'other': commands.push(merge.command); break
        case 'again': again.push(merge); break
        case 'seen':
          Object.assign(next, { peer: merge.peer, peerLife: merge.life, seenUs: merge.us })
          break
        case 'flush':
        case 'merge':
      }
    }
    const errors = this.#write([...commands, ...changes.commands()], next, true)
    if (errors !== null && again.length > 0) this.#tellAgain(again)
    if (errors !== null && errors.length > 0 && written.length > 0) {
      // Something is not here that its stamp says is: so it has none.
      const drops = new StampChanges()
      for (const { db, key } of written) drops.drop(db, key)
      this.#store.apply(drops.commands())
    }
    return errors
  }

  /** Without a state: to this side's own eye in the log nothing has got a stamp. */
  #tellAgain(keys: readonly KeyIn[]): void {
    const changes = new StampChanges()
    for (const [i, record] of this.#held.records(keys).entries()) {
      if (record !== null) changes.put(keys[i]!.db, keys[i]!.key, record)
    }
    this.#store.apply(changes.commands())
  }

  /** Deletes what is older here. */
  #flushOlder(db: string, stamp: Stamp): void {
    if (compareStamps(stamp, this.flushedIn(db)) <= 0) return
    for (let i = 0; i < DRAIN_BATCHES_MAX && this.track(); i++);
    this.#clock.saw(stamp)
    const all = Array.from({ length: this.#store.databaseCount }, (_, i) => i)
    const databases = db === ALL_DATABASES ? all : [Number(db)]
    for (const each of databases) {
      for (const page of this.#store.keysIn(each)) {
        const keys = page.filter((key) => !isBook(key)).map((key) => ({ db: each, key }))
        const records = this.#held.records(keys)
        const older = keys.filter((_, i) => compareStamps(this.#stampOf(each, records[i]!), stamp) < 0)
        if (older.length > 0) this.#write([commandIn(each, 'UNLINK', ...older.map(({ key }) => key))], {})
      }
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const older = [...this.bucket(each, bucket)].filter(([, record]) => compareStamps(record, stamp) < 0)
        if (older.length === 0) continue
        const changes = new StampChanges()
        for (const [name] of older) {
          changes.drop(each, Buffer.from(name, 'latin1'))
          changes.forget(each, Buffer.from(name, 'latin1'))
        }
        this.#write(changes.commands(), {})
      }
    }
    this.#write([], { flushed: { ...this.state.flushed, [db]: stamp } })
  }

  // --- the store ----------------------------------------------------------------------------------------------------

  #isOwn({ origin }: Stamp): boolean { return origin.startsWith(this.#origin.slice(0, 8)) }

  #stampOf(db: number, record: PairRecord | null): Stamp {
    const flushed = flushedIn(this.#state!, db)
    return record === null || compareStamps(record, flushed) < 0 ? flushed : record
  }

  #write(commands: readonly LogCommand[], changes: Partial<PairState>, unlessChanged?: false): readonly string[]
  #write(commands: readonly LogCommand[], changes: Partial<PairState>, unlessChanged: true): readonly string[] | null
  #write(
    commands: readonly LogCommand[], changes: Partial<PairState>, unlessChanged = false,
  ): readonly string[] | null {
    const state = { ...this.#state!, ...changes, position: this.#position, lastUs: this.#clock.lastUs }
    state.conflicts += this.#won
    const all = [...commands, commandIn(0, 'SET', STATE_KEY, printState(state))]
    const errors = unlessChanged ? this.#store.applyUnlessChanged(all) : this.#store.apply(all)
    if (errors === null) return null
    this.#state = state
    this.#won = 0
    return errors
  }
}

const fileOf = (position: string): string => position.slice(0, position.lastIndexOf(':'))
