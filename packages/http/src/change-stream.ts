/**
 * The change feed as events: `/changes`, one event for each transaction, whose id is the position behind it. A browser
 * that comes back sends the last id it has seen, so it misses nothing and hears nothing twice, as long as the log is
 * held. Read from the files, so a client that is slow keeps its place and nothing else; it is waited for.
 * Told are effects, in the words of the log, of the keys that the token may see: of a command that has others too, its
 * name and the keys that are its own. Elsewhere: positions and retention (docs/binlog.md), the same for programs
 * (`store.changes()`).
 */
import { asBytes, CommandKeys, type Engine, type Reply, ReplyError } from '@slotwise/engine'
import type { StreamAnswer, StreamSink } from './answer.js'
import { event, streamAnswer, type StreamLife } from './event-stream.js'

export interface ChangeStreamOptions extends StreamLife {
  /** A position that the engine knows (`startOf`). */
  readonly from: string
  /** Only keys that begin with one of these. Empty: all. */
  readonly prefixes: readonly string[]
  /** Of keys that do not begin with it nothing is told; null: of all. */
  readonly keyPrefix: string | null
  readonly db: number
  /** Keys and arguments in base64. */
  readonly base64: boolean
  /** A transaction of more bytes is told without arguments. */
  readonly bytesMax: number
}

type Unit = [position: Uint8Array, next: Uint8Array, seconds: number, commands: [db: number, words: Uint8Array[]][]]
interface Change { keys: string[]; command: string[] }

const COUNT = '200'
/** Beyond so much the client is waited for. */
const UNREAD_MAX = 256 * 1024
const LISTS = new Set(['DEL', 'UNLINK'])
/** Of a database as a whole: they have no keys, and take everybody's. */
const WHOLE = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB'])

/**
 * Where a feed begins that is asked for at `from`; `$` is the end as it is now.
 * @throws {ReplyError} if there is no binlog, no such position, or it is not held any more
 */
export function startOf(engine: Engine, from: string): string {
  const [position] = valuesOf(engine.command<Uint8Array>(['BINLOG', 'READ', 'FROM', from, 'COUNT', '1'], asBytes)) as [Uint8Array]
  return from === '$' ? textOf(position) : from
}

export function changeStream(engine: Engine, options: ChangeStreamOptions): StreamAnswer {
  return streamAnswer(options, (sink) => {
    const control = new AbortController()
    new ChangeFeed(engine, options, sink).run(control.signal).catch((error: unknown) => {
      if (control.signal.aborted) return
      // What the log does not hold any more cannot be told; anything else is the end of the gateway's session.
      if (error instanceof ReplyError) sink.write(`event: error\n${event(`${error.code} ${error.message}`)}`)
      sink.end()
    })
    return () => control.abort()
  })
}

class ChangeFeed {
  readonly #commandKeys: CommandKeys
  readonly #prefixes: readonly Buffer[]
  readonly #own: Buffer | null

  constructor(
    private readonly engine: Engine, private readonly options: ChangeStreamOptions, private readonly sink: StreamSink,
  ) {
    this.#commandKeys = new CommandKeys(engine)
    this.#prefixes = options.prefixes.map((prefix) => Buffer.from(prefix))
    this.#own = options.keyPrefix === null ? null : Buffer.from(options.keyPrefix)
  }

  /** Until `signal`, or an error. */
  async run(signal: AbortSignal): Promise<void> {
    let { from } = this.options
    // Whoever has to come back before anything was told begins where this one did.
    this.sink.write(`id: ${from}\n\n`)
    for (;;) {
      const words = ['BINLOG', 'READ', 'FROM', from, 'COUNT', COUNT, 'BLOCK', '0']
      const reply = await this.engine.wait<Uint8Array>(words, { signal }, asBytes)
      if (reply === null) continue
      const [next, , , units] = valuesOf(reply) as [Uint8Array, unknown, unknown, Unit[]]
      from = textOf(next)
      let told = true
      for (const unit of units) {
        told = await this.#tell(unit)
        signal.throwIfAborted()
      }
      if (!told) this.sink.write(`id: ${from}\n\n`)
    }
  }

  /** @returns whether there was anything to tell */
  async #tell([, next, seconds, commands]: Unit): Promise<boolean> {
    const size = commands.reduce((sum, [, words]) => words.reduce((total, word) => total + word.length, sum), 0)
    const changes = commands.flatMap(([db, words]) => this.#changes(db, words, size <= this.options.bytesMax))
    if (changes.length === 0) return false
    const data = JSON.stringify({ time: seconds === 0 ? null : seconds, changes })
    const unread = this.sink.write(`id: ${textOf(next)}\ndata: ${data}\n\n`)
    if (unread > UNREAD_MAX) await this.sink.drained()
    return true
  }

  #changes(db: number, words: Uint8Array[], withArguments: boolean): Change[] {
    const name = textOf(words[0]!).toUpperCase()
    if (WHOLE.has(name)) {
      const isOurs = name !== 'FLUSHDB' || db === this.options.db
      return isOurs ? [{ keys: [], command: [name] }] : []
    }
    if (db !== this.options.db) return []
    return split(name, words).flatMap((one) => this.#change(name, one, withArguments))
  }

  #change(name: string, words: Uint8Array[], withArguments: boolean): Change[] {
    const keys = this.#commandKeys.indexesOf(words).map((i) => words[i]!)
    const own = keys.filter((key) => this.#own === null || beginsWith(key, this.#own))
    const isWanted = this.#prefixes.length === 0
      ? own.length > 0
      : own.some((key) => this.#prefixes.some((prefix) => beginsWith(key, prefix)))
    if (!isWanted) return []
    const shown = (word: Uint8Array): string => this.options.base64 ? bufferOf(word).toString('base64') : textOf(word)
    const isWhole = withArguments && own.length === keys.length
    return [{ keys: own.map(shown), command: isWhole ? [name, ...words.slice(1).map(shown)] : [name] }]
  }
}

/** A command of several keys that have nothing to do with each other is as many. */
function split(name: string, words: Uint8Array[]): Uint8Array[][] {
  const [first, ...args] = words as [Uint8Array, ...Uint8Array[]]
  if (LISTS.has(name)) return args.map((key) => [first, key])
  if (name !== 'MSET') return [words]
  return Array.from({ length: Math.floor(args.length / 2) }, (_, i) => [first, ...args.slice(2 * i, 2 * i + 2)])
}

/** Of a map, which RESP2 has as a list of names and values in turn. */
const valuesOf = (reply: Reply | Uint8Array): unknown[] =>
  reply instanceof Map ? [...reply.values()] : (reply as unknown[]).filter((_, i) => i % 2 === 1)

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const textOf = (bytes: Uint8Array): string => bufferOf(bytes).toString()
const beginsWith = (bytes: Uint8Array, prefix: Buffer): boolean =>
  bytes.length >= prefix.length && prefix.equals(bytes.subarray(0, prefix.length))
