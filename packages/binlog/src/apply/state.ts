/**
 * FollowState: how far one follower is, kept where its rows are, and the one way to change both. TargetState keeps it
 * in a store that has one atomic batch for everything, ClusterState in one that has one a slot.
 */
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import type { Batch, TransactionPart } from './batch.js'

export interface FollowState {
  /** null: never followed. @throws {DecodeError} if there is something else */
  position(): Promise<SourcePosition | null>
  /** What is there of a large transaction, whose end was not reached; null if there is none. */
  part(): Promise<TransactionPart | null>
  /** Where the first snapshot began that never came to its end; null if there is none. */
  snapshotStart(): Promise<SourcePosition | null>
  beginSnapshot(position: SourcePosition): Promise<void>
  /** The snapshot is whole, or there is none: following begins at `position`. */
  begin(position: SourcePosition): Promise<void>
  /** From the next start on nothing counts that is here: rows are deleted and copied again. */
  beginAnew(): Promise<void>
  /** Was it asked to begin anew, with a snapshot of which there is nothing yet? */
  isAnew(): Promise<boolean>
  /**
   * Before rows are deleted: from now on nothing is written by a follower that began earlier, where such a one can be.
   */
  claim(): Promise<void>
  /** All that it keeps but that it is to begin anew. */
  forgetAll(): Promise<void>
  /** What `xid` would do if it were committed; null if it is not known here. */
  prepared(xid: string): Promise<Command[] | null>
  /** Keeps what it would do. @throws {UnsupportedError} if that cannot be kept here */
  prepare(xid: string, commands: readonly Command[]): Command
  forget(xid: string): Command
  keys(glob: string): AsyncIterable<string>
  /** The batch's commands and how far it reaches, or nothing. */
  apply(batch: Batch): Promise<void>
  /** Commands of a snapshot. */
  run(commands: readonly Command[]): Promise<void>
  /** Resolves when everything before survives a power cut, as far as the store can promise it. */
  synced(): Promise<void>
  /** At the end: writes down how far it is, where that follows behind. May do nothing. */
  settle(): Promise<void>
}
