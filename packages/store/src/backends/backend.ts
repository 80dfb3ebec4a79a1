/**
 * Backend: where the data of an AsyncStore is. It runs commands, whose arguments and readers the command families made,
 * and knows no methods: the engine of this process, a server, a cluster, a ring of servers, a member of a cluster.
 * A refused command is a ReplyError everywhere, a server that cannot be reached a ConnectionError.
 */
import type { EngineCommand, StoreError, WaitOptions } from '@slotwise/engine'
import type { NearCacheStats } from './near-cache.js'

export interface Backend {
  readonly closed: boolean

  /** @throws {StoreError} if it was refused, or nobody can be asked */
  run(command: EngineCommand): Promise<unknown>

  /** In order as far as each key is concerned, in as few round trips as may be. Errors are among the replies. */
  runAll(commands: readonly EngineCommand[]): Promise<unknown[]>

  /**
   * At one moment, all or nothing. Errors of single commands are among the replies.
   * @throws {ReplyError} EXECABORT if a command was malformed, CROSSSLOT if the keys are in several places: nothing ran
   */
  transaction(commands: readonly EngineCommand[]): Promise<unknown[]>

  /**
   * One that waits until a key has something for it; without a connection of its own nobody else would be served.
   * @returns null when the time is up
   */
  wait(command: EngineCommand, options: WaitOptions): Promise<unknown>

  /** What a scan of everything walks, one after the other: each has its own part of the keys and its own cursors. */
  parts(): Promise<readonly Backend[]>

  /** Of what is read far away and kept here; null without such a cache. */
  nearCache(): NearCacheStats | null

  /** Refuses new commands, waits for those under way. Idempotent. */
  close(): Promise<void>

  /** At once: what waits rejects with `reason`. */
  destroy(reason: StoreError): void
}
