/**
 * LogTarget: where a source's changes go: a store that runs commands and a checkpoint as one transaction. A server's
 * own engine is one (packages/node), and so is an embedded Store, by `storeTarget`. Structural: this package depends on
 * neither.
 */
import { UnsupportedError } from '../errors.js'
import type { LogCommand } from './log-batch.js'

export interface LogTarget {
  /** The id of its own binlog; null if it keeps none. */
  id(): string | null
  get(key: string): Uint8Array | null
  /** Indexes of the keys among the words of a command. */
  keysOf(words: readonly Uint8Array[]): readonly number[]
  /**
   * Runs all of it as one transaction.
   * @returns what the commands were refused with that were
   * @throws if nothing has run
   */
  apply(commands: readonly LogCommand[]): readonly string[]
}

/** What is used of a Store of this process: nothing of it waits. */
export interface LogTargetStore {
  /** Runs what `build` collects as one transaction: after a crash all of it is there or nothing. */
  multi(build: (batch: { command(name: string, ...args: (string | Uint8Array)[]): unknown }) => void): unknown
  command(name: string, ...args: (string | Uint8Array)[]): unknown
  commandBytes(name: string, ...args: (string | Uint8Array)[]): unknown
}

/** An embedded Store. It has one database: what a source does in others is refused. */
export function storeTarget(store: LogTargetStore): LogTarget {
  return {
    id() {
      try {
        const status = store.command('BINLOG STATUS')
        const id: unknown = status instanceof Map ? status.get('id') : null
        return typeof id === 'string' ? id : null
      } catch (error) {
        if ((error as Error).message.includes('There is no binlog')) return null
        throw error
      }
    },
    get(key) {
      const found = store.commandBytes('GET', key)
      return found instanceof Uint8Array ? found : null
    },
    keysOf(words) {
      const keys = store.commandBytes('COMMAND GETKEYS', ...words)
      if (!Array.isArray(keys)) return []
      return (keys as Uint8Array[]).map((key) => words.findIndex((word, i) => i > 0 && Buffer.compare(word, key) === 0))
    },
    apply(commands) {
      const other = commands.find(({ db }) => db !== 0)
      if (other !== undefined) throw new UnsupportedError(`the source writes to database ${other.db}, and a store has one: follow with a server`)
      try {
        store.multi((batch) => {
          for (const { words } of commands) batch.command(Buffer.from(words[0]!).toString('latin1'), ...words.slice(1))
        })
        return []
      } catch (error) {
        const { results } = error as { results?: readonly unknown[] }
        if (!Array.isArray(results)) throw error
        return results.filter((result): result is Error => result instanceof Error).map(({ message }) => message)
      }
    },
  }
}
