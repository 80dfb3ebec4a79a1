/**
 * PairLink: what a side reads of the other one. In the other's log it finds stamps; it asks for the versions of those
 * that are later than its own, and hands them to its side. When it meets the other for the first time, after a restart
 * of it, or when the log does not reach back, both sides' stamps are compared whole: what is later there is taken, what
 * is later here is told again, for the other may have lost it with the power.
 * A stamp is always asked for before the value: a value may be newer than its stamp, never older.
 * What the other says is not trusted: stamps are parsed, times must be near (a clock that runs away would take ours
 * along), sizes are the decoder's.
 * Elsewhere: taking a version (pair-side.ts), connections and retries (log/follow-log.ts).
 */
import { ConnectionLostError, DecodeError } from '../errors.js'
import type { LogBatch, LogCommand, LogTransaction } from '../log/log-batch.js'
import { nameOf } from '../log/key-filter.js'
import { RespError, type RespReply } from '../resp/resp-decoder.js'
import {
  bucketKey, BUCKETS, dbOfStamps, nameIn, type PairState, parseState, recordsOf, stateIn, STATE_KEY, stampsKey,
} from './books.js'
import { againCommand, flushCommand, mergeCommand, seenCommand, type Version } from './merge-commands.js'
import type { PairSide } from './pair-side.js'
import { compareStamps, type PairRecord, parseRecord, type Stamp } from './stamp.js'

/** Sends commands to the other side, in one piece; errors are among the replies. */
export type Ask = (commands: readonly (readonly (string | Uint8Array)[])[]) => Promise<readonly RespReply[]>

/** The other side is no pair with this one, and will not be. */
export class OtherPairError extends Error {
  override readonly name = 'OtherPairError'
}

interface News extends Omit<Version, 'payload'> { readonly record: PairRecord }

const FETCH_KEYS = 100
const BUCKETS_EACH = 64
/** What a server has on its disk at the latest, whatever its appendfsync. */
const FSYNC_US = 60_000_000
const AHEAD_US_MAX = 24 * 3_600_000_000

export class PairLink {
  readonly #side: PairSide
  readonly #nowMs: () => number
  #source = ''
  /** Of the other. */
  #life = ''
  #lost = false
  /** What the other had seen of ours when it wrote what was read last. */
  #seenUs = 0

  constructor(side: PairSide, nowMs: () => number) {
    this.#side = side
    this.#nowMs = nowMs
  }

  /** The place in its log is lost: all is compared at the next meeting. */
  lost(): void { this.#lost = true }

  /** @returns whether all has to be compared. @throws {OtherPairError} */
  async meet(ask: Ask, sourceId: string): Promise<boolean> {
    const [text] = await answers(ask, [['GET', STATE_KEY]])
    const state = this.#parse(text)
    if (state.peer !== '' && state.peer !== this.#side.id()) {
      throw new OtherPairError(`the source is one of another pair (with ${state.peer.slice(0, 8)}...): FOLLOWER FORGET it there`)
    }
    this.#side.peerSaw(state)
    this.#source = sourceId
    this.#life = state.life
    this.#seenUs = state.seenUs
    const { peer, peerLife } = this.#side.state
    return this.#lost || peer !== sourceId || peerLife !== state.life
  }

  /** Compares all stamps, takes what is later there. @returns from where to read, and what to write at the end */
  async copy(ask: Ask, signal: AbortSignal): Promise<{ position: string; commands: LogCommand[] }> {
    // What is written behind this place comes again by the log.
    const [status, text] = await answers(ask, [['BINLOG', 'STATUS'], ['GET', STATE_KEY]])
    const position = positionOf(status)
    const state = this.#parse(text)
    this.#expect(state)
    this.#side.apply(this.#flushes(state))
    for (let db = 0; db < this.#side.databaseCount; db++) {
      for (let first = 0; first < BUCKETS; first += BUCKETS_EACH) {
        const buckets = Array.from({ length: BUCKETS_EACH }, (_, i) => first + i)
        const replies = await answers(ask, buckets.map((bucket) => ['HGETALL', bucketKey(db, bucket)]))
        signal.throwIfAborted()
        for (const [i, reply] of replies.entries()) {
          const theirs = recordsOf(reply)
          await this.#compare(ask, this.#later(state, db, theirs, buckets[i]!), signal)
          this.#tellAgain(db, theirs, buckets[i]!)
        }
      }
    }
    this.#lost = false
    return { position, commands: [seenCommand(this.#source, state.life, state.lastUs)] }
  }

  /** What a batch of the other's log comes to here. */
  async resolve(ask: Ask, batch: LogBatch): Promise<LogBatch> {
    const [first] = batch.transactions
    if (first === undefined) return batch
    const news = new Map<string, News>()
    const commands: LogCommand[] = []
    let seenUs = 0
    for (const transaction of batch.transactions) {
      const state = stateIn(transaction.commands)
      if (state !== null) {
        this.#expect(state)
        this.#side.peerSaw(state)
        this.#seenUs = state.seenUs
        commands.push(...this.#flushes(state))
      }
      for (const { db, key, record } of stampsIn(transaction)) {
        this.#check(record)
        if (this.#isTheirs(record)) seenUs = Math.max(seenUs, record.timeUs)
        const name = nameIn(db, key)
        news.delete(name)
        news.set(name, { db, key, record, seenUs: this.#seenUs })
      }
    }
    const all = [...news.values()]
    const areNews = this.#side.weigh(all)
    const versions = await this.#fetch(ask, all.filter((_, i) => areNews[i]!))
    commands.push(...versions.map(mergeCommand))
    if (seenUs > this.#side.state.seenUs) commands.push(seenCommand(this.#source, this.#life, seenUs))
    if (commands.length === 0) return { ...batch, transactions: [] }
    const { seconds } = batch.transactions.at(-1)!
    return { ...batch, transactions: [{ position: first.position, next: batch.next, seconds, commands }] }
  }

  #later(state: PairState, db: number, theirs: Map<string, PairRecord>, bucket: number): News[] {
    const mine = this.#side.bucket(db, bucket)
    const news: News[] = []
    for (const [name, record] of theirs) {
      this.#check(record)
      const here = mine.get(name)
      const order = here === undefined ? 1 : compareStamps(record, here)
      // What came here with this stamp may have been a newer value, which the power has taken there.
      const isOwners = order === 0 && this.#isTheirs(record) && record.origin !== state.life &&
        record.timeUs > state.bornUs - FSYNC_US
      const key = Buffer.from(name, 'latin1')
      if (order > 0 || isOwners) news.push({ db, key, record, seenUs: state.seenUs, isOwners })
    }
    return news
  }

  async #compare(ask: Ask, news: readonly News[], signal: AbortSignal): Promise<void> {
    for (let i = 0; i < news.length; i += FETCH_KEYS) {
      const versions = await this.#fetch(ask, news.slice(i, i + FETCH_KEYS))
      signal.throwIfAborted()
      this.#side.apply(versions.map(mergeCommand))
    }
  }

  /** What is later here, the other may have lost. */
  #tellAgain(db: number, theirs: Map<string, PairRecord>, bucket: number): void {
    const again: LogCommand[] = []
    for (const [name, record] of this.#side.bucket(db, bucket)) {
      const there = theirs.get(name)
      if (there === undefined || compareStamps(there, record) < 0) again.push(againCommand(db, Buffer.from(name, 'latin1')))
    }
    if (again.length > 0) this.#side.apply(again)
  }

  async #fetch(ask: Ask, news: readonly News[]): Promise<Version[]> {
    const versions: Version[] = []
    for (let i = 0; i < news.length; i += FETCH_KEYS) {
      versions.push(...await this.#fetchSome(ask, news.slice(i, i + FETCH_KEYS)))
    }
    return versions
  }

  async #fetchSome(ask: Ask, news: readonly News[]): Promise<Version[]> {
    // What was deleted is in the stamp already.
    const versions: Version[] = news.filter(({ record }) => record.gone).map((found) => ({ ...found, payload: null }))
    const wanted = news.filter(({ record }) => !record.gone).sort((a, b) => a.db - b.db)
    if (wanted.length === 0) return versions
    const commands: (string | Uint8Array)[][] = [['GET', STATE_KEY], ...wanted.map(({ db, key }) => ['HGET', stampsKey(db, key), key])]
    const valuesAt: number[] = []
    let selected = 0
    for (const { db, key } of wanted) {
      if (db !== selected) commands.push(['SELECT', String(selected = db)])
      valuesAt.push(commands.length)
      commands.push(['DUMP', key], ['PEXPIRETIME', key])
    }
    if (selected !== 0) commands.push(['SELECT', '0'])
    const replies = await answers(ask, commands)
    const state = this.#parse(replies[0])
    this.#expect(state)
    for (const [i, found] of wanted.entries()) {
      const stamp = replies[1 + i]
      // Forgotten, or flushed: that is told otherwise.
      if (!Buffer.isBuffer(stamp)) continue
      const record = parseRecord(stamp)
      this.#check(record)
      const seenUs = compareStamps(record, found.record) === 0 ? found.seenUs : state.seenUs
      const [payload, expireAtMs] = [replies[valuesAt[i]!], Number(replies[valuesAt[i]! + 1])]
      if (record.gone || !Buffer.isBuffer(payload)) versions.push({ ...found, record, payload: null, seenUs })
      else versions.push({ ...found, record: { ...record, expireAtMs: Math.max(0, expireAtMs) }, payload, seenUs })
    }
    return versions
  }

  #flushes(state: PairState): LogCommand[] {
    return Object.entries(state.flushed).flatMap(([db, stamp]) => {
      this.#check(stamp)
      return compareStamps(stamp, this.#side.flushedIn(db)) > 0 ? [flushCommand(db, stamp)] : []
    })
  }

  #isTheirs({ origin }: Stamp): boolean { return origin.startsWith(this.#source.slice(0, 8)) }

  #parse(text: RespReply | undefined): PairState {
    if (!Buffer.isBuffer(text)) throw new Error('the source does not follow this server with CONFLICTS last-write yet')
    return parseState(text)
  }

  /** What a server had in an earlier life it may not have any more. */
  #expect({ life }: PairState): void {
    if (life === this.#life) return
    this.#lost = true
    throw new ConnectionLostError('the source has been started again')
  }

  #check({ timeUs }: Stamp): void {
    if (timeUs > this.#nowMs() * 1000 + AHEAD_US_MAX) throw new DecodeError('the clock of the source is more than a day ahead')
  }
}

async function answers(ask: Ask, commands: Parameters<Ask>[0]): Promise<readonly RespReply[]> {
  const replies = await ask(commands)
  for (const reply of replies) if (reply instanceof RespError) throw new Error(reply.message)
  return replies
}

function positionOf(status: RespReply | undefined): string {
  const list = Array.isArray(status) ? status : []
  const field = (name: string): RespReply | undefined => {
    const at = list.findIndex((item, i) => i % 2 === 0 && Buffer.isBuffer(item) && item.toString() === name)
    return at < 0 ? undefined : list[at + 1]
  }
  const [file, position] = [field('file'), field('position')]
  if (!Buffer.isBuffer(file) || typeof position !== 'number') throw new DecodeError('the source does not tell where its log ends')
  return `${file.toString()}:${position}`
}

function* stampsIn({ commands }: LogTransaction): Generator<{ db: number; key: Uint8Array; record: PairRecord }> {
  for (const command of commands) {
    const db = command.words.length < 2 ? null : dbOfStamps(command.words[1]!)
    if (db === null || nameOf(command) !== 'HSET') continue
    const { words } = command
    for (let i = 2; i + 1 < words.length; i += 2) yield { db, key: words[i]!, record: parseRecord(words[i + 1]!) }
  }
}
