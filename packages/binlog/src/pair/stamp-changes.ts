/** StampChanges: what changes in a side's books with one transaction, as few commands. */
import type { LogCommand } from '../log/log-batch.js'
import { commandIn, GONE_KEY, nameIn, stampsKey } from './books.js'
import { type PairRecord, printRecord } from './stamp.js'

const bytesOfName = (db: number, key: Uint8Array): Buffer => Buffer.from(nameIn(db, key), 'latin1')

export class StampChanges {
  readonly #put = new Map<string, (string | Uint8Array)[]>()
  readonly #drop = new Map<string, Uint8Array[]>()
  readonly #remember: (string | Uint8Array)[] = []
  readonly #forget: Uint8Array[] = []

  put(db: number, key: Uint8Array, record: PairRecord): void {
    into(this.#put, stampsKey(db, key)).push(key, printRecord(record))
  }

  drop(db: number, key: Uint8Array): void { into(this.#drop, stampsKey(db, key)).push(key) }

  /** The deletion is kept until the other side has it. */
  remember(db: number, key: Uint8Array, { timeUs }: PairRecord): void {
    this.#remember.push(String(timeUs), bytesOfName(db, key))
  }

  forget(db: number, key: Uint8Array): void { this.#forget.push(bytesOfName(db, key)) }

  commands(): LogCommand[] {
    const commands: LogCommand[] = []
    for (const [hash, words] of this.#put) commands.push(commandIn(0, 'HSET', hash, ...words))
    for (const [hash, words] of this.#drop) commands.push(commandIn(0, 'HDEL', hash, ...words))
    if (this.#forget.length > 0) commands.push(commandIn(0, 'ZREM', GONE_KEY, ...this.#forget))
    if (this.#remember.length > 0) commands.push(commandIn(0, 'ZADD', GONE_KEY, ...this.#remember))
    return commands
  }
}

function into<T>(map: Map<string, T[]>, name: string): T[] {
  let list = map.get(name)
  if (list === undefined) map.set(name, list = [])
  return list
}
