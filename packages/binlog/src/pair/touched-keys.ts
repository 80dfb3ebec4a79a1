/**
 * TouchedKeys: which keys a server's own log says were written here, so that they need a new stamp: those of the
 * commands of its clients, and of others that it follows. What the pair itself has written brings its stamp along.
 * Pure: where keys stand among the words is passed in.
 */
import type { LogCommand, LogTransaction } from '../log/log-batch.js'
import { nameOf } from '../log/key-filter.js'
import { ALL_DATABASES, dbOfStamps, isBook, nameIn, STATE_KEY } from './books.js'
import { compareStamps, parseRecord, type Stamp } from './stamp.js'

/** These write the key that stands first and read the others. */
const INTO_FIRST = new Set([
  'SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE', 'ZINTERSTORE', 'ZUNIONSTORE', 'ZDIFFSTORE', 'ZRANGESTORE', 'GEOSEARCHSTORE', 'PFMERGE', 'BITOP',
])
/** And these the one that stands last. */
const INTO_LAST = new Set(['COPY', 'SORT', 'GEORADIUS', 'GEORADIUSBYMEMBER'])

const textAt = ({ words }: LogCommand, i: number): string => Buffer.from(words[i] ?? []).toString('latin1')

export interface Touch {
  /** Unix time of the last write; 0: unknown. */
  readonly seconds: number
  /** Nothing else was done to it: its time may have come. */
  readonly isOnlyDeleted: boolean
}

export interface Flush { readonly db: string; readonly seconds: number }

export class TouchedKeys {
  /** By `<db>:<key>`, in order of the last write. */
  readonly keys = new Map<string, Touch>()
  /** In order. */
  readonly flushes: Flush[] = []
  /** Databases all of whose keys are as new as the flush. */
  readonly renewed = new Map<number, number>()
  /** Written here and at once replaced by a version of the other side, which could not be known to be older. */
  overwritten = 0
  readonly #keysOf: (words: readonly Uint8Array[]) => readonly number[]
  readonly #flushedIn: (db: number) => Stamp

  /** @param flushedIn  what is older has been flushed before */
  constructor(keysOf: (words: readonly Uint8Array[]) => readonly number[], flushedIn: (db: number) => Stamp) {
    this.#keysOf = keysOf
    this.#flushedIn = flushedIn
  }

  get isEmpty(): boolean { return this.keys.size === 0 && this.flushes.length === 0 }

  add({ commands, seconds }: LogTransaction): void {
    const isOfThePair = commands.some((command) => textAt(command, 1) === STATE_KEY && nameOf(command) === 'SET')
    if (isOfThePair) return this.#stamped(commands, seconds)
    for (const command of commands) this.#command(command, seconds)
  }

  #command(command: LogCommand, seconds: number): void {
    const { db, words } = command
    const name = nameOf(command)
    switch (name) {
      case 'FLUSHALL': return this.#flush(ALL_DATABASES, seconds)
      case 'FLUSHDB': return db === 0 ? this.#lostBooks(seconds) : this.#flush(String(db), seconds)
      case 'SWAPDB':
        for (const i of [1, 2]) {
          const swapped = Number(textAt(command, i))
          if (swapped === 0) return this.#lostBooks(seconds)
          this.#flush(String(swapped), seconds)
          this.renewed.set(swapped, seconds)
        }
        return
      case 'MOVE':
        this.#touch(Number(textAt(command, 2)), words[1]!, seconds)
        return this.#touch(db, words[1]!, seconds)
      case 'XGROUP': // its subcommands have the key
        if (words.length > 2) this.#touch(db, words[2]!, seconds)
        return
    }
    const indexes = this.#keysOf(words)
    if (indexes.length === 0) return
    const written = INTO_FIRST.has(name) ? [Math.min(...indexes)]
      : INTO_LAST.has(name) ? [Math.max(...indexes)] : indexes
    let into = db
    if (name === 'COPY') {
      const option = words.findIndex((_, i) => i > 2 && textAt(command, i).toUpperCase() === 'DB')
      if (option > 0) into = Number(textAt(command, option + 1))
    }
    const isDeletion = name === 'DEL' || name === 'UNLINK'
    for (const i of written) this.#touch(into, words[i]!, seconds, isDeletion)
  }

  /** Database 0 has the stamps of all. What is there now counts as written now, and what is not, as deleted. */
  #lostBooks(seconds: number): void {
    this.#flush(ALL_DATABASES, seconds)
    this.renewed.set(-1, seconds)
  }

  #touch(db: number, key: Uint8Array, seconds: number, isDeletion = false): void {
    if (isBook(key)) return
    const name = nameIn(db, key)
    const isOnlyDeleted = isDeletion && this.keys.get(name)?.isOnlyDeleted !== false
    this.keys.delete(name) // so that it comes last
    this.keys.set(name, { seconds, isOnlyDeleted })
  }

  #flush(db: string, seconds: number): void {
    for (const name of [...this.keys.keys()]) if (db === ALL_DATABASES || name.startsWith(`${db}:`)) this.keys.delete(name)
    this.flushes.push({ db, seconds })
  }

  #isFlushed(db: number, stamp: Stamp): boolean {
    return this.flushes.some((flush) => flush.db === ALL_DATABASES || flush.db === String(db)) ||
      compareStamps(stamp, this.#flushedIn(db)) < 0
  }

  #stamped(commands: readonly LogCommand[], seconds: number): void {
    for (const command of commands) {
      const { db, words } = command
      // RESTORE of one key, UNLINK of some. A stamp alone is no reason to forget a key: it was looked at before.
      if (!isBook(words[1])) {
        const count = nameOf(command) === 'RESTORE' ? 2 : words.length
        for (let i = 1; i < count; i++) if (this.keys.delete(nameIn(db, words[i]!))) this.overwritten++
        continue
      }
      const dbOfKeys = dbOfStamps(words[1]!)
      if (dbOfKeys === null || nameOf(command) !== 'HSET') continue
      for (let i = 2; i + 1 < words.length; i += 2) {
        // It came when this side had flushed already, which the decision did not know: it is here, so it is new.
        if (this.#isFlushed(dbOfKeys, parseRecord(words[i + 1]!))) this.#touch(dbOfKeys, words[i]!, seconds)
      }
    }
  }
}
