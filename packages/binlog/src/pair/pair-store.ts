/** PairStore: the store of one side: what can be asked of it at once. A server's engine is one (packages/node). */
import { BinlogError } from '../errors.js'
import type { LogBatch, LogCommand } from '../log/log-batch.js'
import type { LogTarget } from '../log/log-target.js'
import type { RespReply } from '../resp/resp-decoder.js'

/** A place in the log that is not held any more, or is none. */
export class PositionLostError extends BinlogError {
  override readonly name = 'PositionLostError'
  readonly code = 'POSITIONLOST'
}

export interface KeyIn { readonly db: number; readonly key: Uint8Array }

export interface PairStore extends LogTarget {
  /** Replies as RESP2 has them, bulk strings as bytes. @throws if one is an error */
  ask(commands: readonly LogCommand[]): readonly RespReply[]
  /** Of its own log. @throws {PositionLostError} */
  readLog(from: string, count: number): LogBatch
  /** What can be read of it ends there. */
  logEnd(): string
  readonly databaseCount: number
  /** In pages; keys that are there all the time are among them. */
  keysIn(db: number): Iterable<readonly Uint8Array[]>
  /** Until `applyUnlessChanged`. */
  watch(keys: readonly KeyIn[]): void
  /** As `apply`. @returns null if a watched key has changed: nothing has run */
  applyUnlessChanged(commands: readonly LogCommand[]): readonly string[] | null
}
