/** EnginePairStore: this node's own engine as one side of a pair sees it: with its log, and with keys to watch. */
import { type BulkReader, copyBytes, type Engine, ReplyError } from '@slotwise/engine'
import { type LogBatch, type LogCommand, type LogTarget, parseLogBatch } from '@slotwise/binlog/log'
import { type KeyIn, type PairStore, PositionLostError } from '@slotwise/binlog/pair'
import { transactionIn } from './engine-target.js'

type PairReply = ReturnType<PairStore['ask']>[number]

const asBuffer: BulkReader<Buffer> = (page, start, end) => Buffer.from(copyBytes(page, start, end).buffer)
const PAGE_KEYS = '500'
const LOST = /^There is no (position|file) |is no position between commands|is not held any more/

export class EnginePairStore implements PairStore {
  readonly databaseCount: number
  readonly #engine: Engine
  readonly #target: LogTarget

  constructor(engine: Engine, target: LogTarget) {
    this.#engine = engine
    this.#target = target
    this.databaseCount = Number((engine.command(['CONFIG', 'GET', 'databases']) as Map<string, string>).get('databases'))
  }

  id(): string | null { return this.#target.id() }
  get(key: string): Uint8Array | null { return this.#target.get(key) }
  keysOf(words: readonly Uint8Array[]): readonly number[] { return this.#target.keysOf(words) }
  apply(commands: readonly LogCommand[]): readonly string[] { return this.#target.apply(commands) }

  ask(commands: readonly LogCommand[]): readonly PairReply[] {
    const run: { args: (string | Uint8Array)[]; bulk: BulkReader<Buffer> }[] = []
    const asked: number[] = []
    let selected = 0
    for (const { db, words } of commands) {
      if (db !== selected) run.push({ args: ['SELECT', String(selected = db)], bulk: asBuffer })
      asked.push(run.length)
      run.push({ args: [...words], bulk: asBuffer })
    }
    if (selected !== 0) run.push({ args: ['SELECT', '0'], bulk: asBuffer })
    const replies = this.#engine.commands(run)
    const error = replies.find((reply): reply is ReplyError => reply instanceof ReplyError)
    if (error !== undefined) throw error
    return asked.map((i) => flat(replies[i]))
  }

  readLog(from: string, count: number): LogBatch {
    try {
      return parseLogBatch(flat(this.#engine.command<Buffer>(['BINLOG', 'READ', 'FROM', from, 'COUNT', String(count)], asBuffer)))
    } catch (error) {
      if (error instanceof ReplyError && (error.code === 'PURGED' || LOST.test(error.message))) throw new PositionLostError(error.message, { cause: error })
      throw error
    }
  }

  logEnd(): string {
    const status = this.#engine.command(['BINLOG', 'STATUS']) as Map<string, string | number>
    return `${status.get('file')!}:${status.get('position')!}`
  }

  * keysIn(db: number): Generator<readonly Uint8Array[]> {
    let cursor: Uint8Array = Buffer.from('0')
    do {
      const [reply] = this.ask([{ db, words: [Buffer.from('SCAN'), cursor, Buffer.from('COUNT'), Buffer.from(PAGE_KEYS)] }])
      const [next, keys] = reply as [Buffer, Buffer[]]
      cursor = next
      if (keys.length > 0) yield keys
    } while (Buffer.from(cursor).toString() !== '0')
  }

  watch(keys: readonly KeyIn[]): void {
    this.ask(keys.map(({ db, key }) => ({ db, words: [Buffer.from('WATCH'), key] })))
  }

  applyUnlessChanged(commands: readonly LogCommand[]): readonly string[] | null {
    try {
      return transactionIn(this.#engine, commands)
    } catch (error) {
      this.#engine.command(['UNWATCH'])
      throw error
    }
  }
}

/** A map as RESP2 has it. */
function flat(reply: unknown): PairReply {
  if (reply instanceof Map) return [...reply as Map<PairReply, unknown>].flatMap(([name, value]) => [name, flat(value)])
  return reply as PairReply
}
