/**
 * State: a few small facts by name, in LMDB: written whole, and on disk when `put` returns. Synchronous: whoever writes
 * a vote down has nothing else to do before that is done.
 * Elsewhere: the data of clients (the engine's log).
 */
import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { open, type RootDatabase } from 'lmdb'

export class State {
  readonly #facts: RootDatabase<string, string>

  private constructor(facts: RootDatabase<string, string>) { this.#facts = facts }

  /**
   * @param path  of the file, made if it is not there; its lock file lies beside it
   * @throws {Error} if the directory is not there or cannot be written
   */
  static open(path: string): State {
    accessSync(dirname(path), constants.W_OK) // lmdb would try to make it, for ever where that is not possible
    // An overlapping sync would answer before the disk has it.
    return new State(open<string, string>({ path, noSubdir: true, encoding: 'string', overlappingSync: false }))
  }

  /** What was put last, or undefined. */
  get(name: string): unknown {
    const text = this.#facts.get(name)
    return text === undefined ? undefined : JSON.parse(text) as unknown
  }

  /**
   * Costs an fsync.
   * @param value  whatever JSON can say
   * @throws {Error} if it cannot be written; what was there before stays
   */
  put(name: string, value: unknown): void {
    this.#facts.transactionSync(() => this.#facts.putSync(name, JSON.stringify(value)))
  }

  close(): Promise<void> { return this.#facts.close() }
}
