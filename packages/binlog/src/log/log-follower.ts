/**
 * LogFollower: the decisions of one follower: when to connect, from where to read, what of a batch is applied in which
 * transactions, when to try again and when to give up. Sans-IO: effects run in order, and each ends with the event that
 * it asks for.
 * Small transactions of one origin share a transaction here, so each costs the store little; none is ever cut.
 * Whatever comes twice has been passed by the position, which moves with the data; so nothing is applied twice.
 */
import { BinlogError } from '../errors.js'
import { type Checkpoint, isKept, originOf, SNAPSHOT } from './checkpoint.js'
import { filterCommand, flushes, type KeyFilterOptions } from './key-filter.js'
import type { LogBatch, LogCommand, LogTransaction } from './log-batch.js'

export type FollowEvent =
  | { readonly type: 'start' | 'tick' | 'stop' }
  /** The source has told its id. `anew`: what was read of it before is not enough, it has to be copied. */
  | { readonly type: 'connected'; readonly source: string; readonly anew?: boolean }
  /** All data of the source is here as of `stream`, or of `position` if that is ''; `commands` end the copying. */
  | { readonly type: 'copied'; readonly stream: string; readonly position?: string; readonly commands: readonly LogCommand[] }
  | { readonly type: 'batch'; readonly batch: LogBatch }
  /** `errors`: of commands that were refused; the others have run. */
  | { readonly type: 'applied'; readonly errors: readonly string[] }
  /** `final`: trying again would not help. */
  | { readonly type: 'failed'; readonly message: string; readonly final: boolean }

/** One transaction: the commands, and the checkpoint. */
export interface ApplyEffect {
  readonly type: 'apply'
  readonly commands: readonly LogCommand[]
  readonly checkpoint: Checkpoint
  /** What else the store keeps goes with them, and is to be written again. */
  readonly flush: boolean
}

export type FollowEffect =
  | { readonly type: 'connect' | 'disconnect' }
  | { readonly type: 'read'; readonly from: string }
  | { readonly type: 'copy'; readonly source: string }
  | ApplyEffect
  | { readonly type: 'wake'; readonly afterMs: number }

export type FollowerState = 'stopped' | 'connecting' | 'copying' | 'reading' | 'applying' | 'waiting' | 'failed'

export interface FollowerView {
  readonly state: FollowerState
  readonly position: string
  /** The same place as every copy of the source has it, a replication id and an offset; '' if it is not known. */
  readonly stream: string
  readonly sourceEnd: string
  readonly source: string
  readonly behindBytes: number
  /** How old the last that was applied is, as long as more is known to come; null: unknown. */
  readonly behindSeconds: number | null
  readonly transactions: number
  readonly commands: number
  /** Made here, and read again there. */
  readonly ownTransactions: number
  readonly filteredCommands: number
  readonly refusedCommands: number
  readonly connects: number
  readonly lastError: string
}

export interface LogFollowerOptions {
  /** The id of the store's own binlog; null if it has none, so that nobody reads it. */
  readonly id: string | null
  /** What the store remembers, or where to begin; SNAPSHOT: with a copy of the source's data. */
  readonly start: Checkpoint | string
  readonly filter?: KeyFilterOptions
  /** @default 200 */
  readonly delayMs?: number
  /** @default 30_000 */
  readonly delayMsMax?: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

interface Group {
  readonly origin: string
  readonly commands: LogCommand[]
  position: string
  stream: string
  seconds: number
  transactions: number
  flush: boolean
}

const GROUP_COMMANDS = 500
/** What was passed without being applied is remembered when it is that much: else a restart passes it again. */
const PASSED_BYTES = 1 << 20

export class LogFollower {
  readonly #options: Required<Omit<LogFollowerOptions, 'filter'>> & Pick<LogFollowerOptions, 'filter'>
  #state: FollowerState = 'stopped'
  #source = ''
  #position: string
  #stream = ''
  #end = ''
  #behind = 0
  #seconds = 0
  #groups: Group[] = []
  #batchEnd = ''
  #batchStream = ''
  #passed = 0
  /** The store remembers a position: 'now' is to mean the same after a restart. */
  #placed: boolean
  #failures = 0
  #dueMs = 0
  /** A command that cannot be applied: what came before it is applied first. */
  #obstacle = ''
  #sums = { transactions: 0, commands: 0, ownTransactions: 0, filteredCommands: 0, refusedCommands: 0, connects: 0 }
  #lastError = ''

  constructor(options: LogFollowerOptions) {
    this.#options = { delayMs: 200, delayMsMax: 30_000, ...options }
    const { start } = options
    this.#position = typeof start === 'string' ? start : start.position
    if (typeof start !== 'string') {
      this.#source = start.source
      this.#stream = start.stream ?? ''
    }
    this.#placed = typeof start !== 'string'
  }

  get state(): FollowerState { return this.#state }
  get position(): string { return this.#position }
  get source(): string { return this.#source }

  /** `nowMs` is monotonic. */
  step(event: FollowEvent, nowMs: number): FollowEffect[] {
    switch (event.type) {
      case 'start': return this.#state === 'stopped' || this.#state === 'failed' ? this.#connect() : []
      case 'stop': return this.#leave('stopped')
      case 'tick': return this.#state === 'waiting' && nowMs >= this.#dueMs ? this.#connect() : []
      case 'connected': return this.#state === 'connecting' ? this.#connected(event.source, event.anew ?? false) : []
      case 'copied': return this.#state === 'copying' ? this.#copied(event.stream, event.position ?? event.stream, event.commands) : []
      case 'batch': return this.#state === 'reading' ? this.#plan(event.batch) : []
      case 'applied': return this.#state === 'applying' ? this.#applied(event.errors) : []
      case 'failed': return this.#state === 'stopped' ? [] : this.#failed(event.message, event.final, nowMs)
    }
  }

  /** `nowSeconds` is Unix time. */
  view(nowSeconds: number): FollowerView {
    const caughtUp = this.#behind === 0 && this.#groups.length === 0
    return {
      state: this.#state, position: this.#position, stream: this.#stream, sourceEnd: this.#end, source: this.#source,
      behindBytes: this.#behind,
      behindSeconds: caughtUp && this.#state === 'reading' ? 0 : this.#seconds === 0 ? null : Math.max(0, nowSeconds - this.#seconds),
      ...this.#sums, lastError: this.#lastError,
    }
  }

  #connect(): FollowEffect[] {
    this.#state = 'connecting'
    this.#groups = []
    return [{ type: 'connect' }]
  }

  #connected(source: string, anew: boolean): FollowEffect[] {
    if (source === this.#options.id) return this.#giveUp('this server would follow itself')
    if (this.#source !== '' && source !== this.#source) {
      return this.#giveUp(`the source is another one than before (${this.#source.slice(0, 8)}..., now ${source.slice(0, 8)}...): its positions mean something else`)
    }
    this.#source = source
    this.#sums.connects++
    if (this.#position !== SNAPSHOT && !anew) return this.#read()
    this.#state = 'copying'
    return [{ type: 'copy', source }]
  }

  #copied(stream: string, position: string, commands: readonly LogCommand[]): FollowEffect[] {
    this.#failures = 0
    this.#batchEnd = position
    this.#batchStream = stream
    this.#groups.push({ ...emptyGroup(this.#source), commands: [...commands], position, stream })
    return this.#next()
  }

  #read(): FollowEffect[] {
    this.#state = 'reading'
    return [{ type: 'read', from: this.#position }]
  }

  #plan(batch: LogBatch): FollowEffect[] {
    this.#failures = 0
    this.#end = batch.end
    this.#behind = batch.behind
    this.#batchEnd = batch.next
    this.#batchStream = batch.stream
    this.#obstacle = ''
    let group: Group | null = null
    for (const transaction of batch.transactions) {
      const origin = originOf(transaction, this.#source)
      if (origin === this.#options.id) {
        this.#sums.ownTransactions++
        if (group !== null) group.position = transaction.next
        continue
      }
      let commands: LogCommand[]
      try {
        commands = this.#wanted(transaction)
      } catch (error) {
        if (!(error instanceof BinlogError)) throw error
        this.#obstacle = `${transaction.position}: ${error.message}`
        this.#batchEnd = transaction.position
        this.#batchStream = ''
        break
      }
      if (commands.length === 0) {
        if (group !== null) group.position = transaction.next
        continue
      }
      if (group?.origin !== origin || group.commands.length >= GROUP_COMMANDS) {
        group = emptyGroup(origin)
        this.#groups.push(group)
      }
      for (const command of commands) {
        group.commands.push(command)
        if (flushes(command)) group.flush = true
      }
      group.position = transaction.next
      group.seconds = transaction.seconds
      group.transactions++
    }
    if (group === null && this.#obstacle === '') {
      this.#passed += bytesBetween(this.#position, batch.next)
      if (this.#passed >= PASSED_BYTES || !this.#placed) {
        this.#groups.push({ ...emptyGroup(this.#source), position: batch.next })
      }
    }
    const last = this.#groups.at(-1)
    if (last?.position === this.#batchEnd) last.stream = this.#batchStream
    return this.#next()
  }

  #wanted({ commands }: LogTransaction): LogCommand[] {
    const { filter } = this.#options
    const wanted: LogCommand[] = []
    for (const command of commands) {
      if (isKept(command)) continue
      const found = filter === undefined ? command : filterCommand(command, filter)
      if (found === null) this.#sums.filteredCommands++
      else wanted.push(found)
    }
    return wanted
  }

  #next(): FollowEffect[] {
    const [group] = this.#groups
    if (group === undefined) {
      this.#position = this.#batchEnd
      this.#stream = this.#batchStream
      if (this.#obstacle !== '') return this.#giveUp(this.#obstacle)
      return this.#read()
    }
    this.#state = 'applying'
    return [{
      type: 'apply', commands: group.commands, flush: group.flush,
      checkpoint: {
        source: this.#source, position: group.position, origin: group.origin, ...(group.stream === '' ? {} : { stream: group.stream }),
      },
    }]
  }

  #applied(errors: readonly string[]): FollowEffect[] {
    const group = this.#groups.shift()!
    this.#position = group.position
    this.#stream = group.stream
    this.#passed = 0
    this.#placed = true
    if (group.seconds !== 0) this.#seconds = group.seconds
    this.#sums.transactions += group.transactions
    this.#sums.commands += group.commands.length
    this.#sums.refusedCommands += errors.length
    if (errors.length > 0) this.#lastError = `before ${group.position}: ${errors[0]!}`
    return this.#next()
  }

  #failed(message: string, final: boolean, nowMs: number): FollowEffect[] {
    if (final) return this.#giveUp(message)
    this.#lastError = message
    this.#state = 'waiting'
    this.#groups = []
    const { delayMs, delayMsMax, random } = this.#options
    const base = Math.min(delayMsMax, delayMs * 2 ** Math.min(this.#failures++, 30))
    const afterMs = base / 2 + random() * base / 2
    this.#dueMs = nowMs + afterMs
    return [{ type: 'disconnect' }, { type: 'wake', afterMs }]
  }

  #giveUp(message: string): FollowEffect[] {
    this.#lastError = message
    return this.#leave('failed')
  }

  #leave(state: 'stopped' | 'failed'): FollowEffect[] {
    this.#state = state
    this.#groups = []
    return [{ type: 'disconnect' }]
  }
}

function emptyGroup(origin: string): Group {
  return { origin, commands: [], position: '', stream: '', seconds: 0, transactions: 0, flush: false }
}

/** Bytes from one position to a later one; of another file counts as much as any. */
function bytesBetween(from: string, to: string): number {
  const [file, byte] = [from.lastIndexOf(':'), to.lastIndexOf(':')]
  if (from.slice(0, file) !== to.slice(0, byte)) return PASSED_BYTES
  return Number(to.slice(byte + 1)) - Number(from.slice(file + 1))
}
