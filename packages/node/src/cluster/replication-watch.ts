/**
 * What the machine wants to know of replication, from INFO replication: offset, link, and since when.
 * INFO is looked at from time to time, and a primary may die just after its replica has the data: a link that was up
 * between two looks is known by the history that the replica has since then, which it takes over with the data.
 */
import type { ReplicationState } from '@slotwise/cluster'

export class ReplicationWatch {
  #connected = false
  #sinceMs: number
  #loaded = false
  /** The history as last seen, and as it was when the node began to follow another. */
  #history: string | undefined
  #historyBefore: string | undefined

  constructor(nowMs: number) { this.#sinceMs = nowMs }

  /** The node follows another from now on: what it has is of nobody until the first synchronisation is done. */
  restart(nowMs: number): void {
    this.#connected = false
    this.#sinceMs = nowMs
    this.#loaded = false
    this.#historyBefore = this.#history
  }

  read(info: string, nowMs: number): ReplicationState {
    const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
    const isReplica = field('role') === 'slave'
    const connected = isReplica && field('master_link_status') === 'up'
    if (connected) this.#sinceMs = nowMs - Math.max(0, Number(field('master_last_io_seconds_ago'))) * 1000
    else if (this.#connected) this.#sinceMs = nowMs
    this.#connected = connected
    this.#history = field('master_replid')
    this.#historyBefore ??= this.#history
    const isWhole = isReplica && field('master_sync_in_progress') === '0'
    if (isWhole && (connected || this.#history !== this.#historyBefore)) this.#loaded = true
    const offset = Number(field(isReplica ? 'slave_repl_offset' : 'master_repl_offset') ?? 0)
    return {
      offset: Math.max(0, offset), connected, sinceMs: this.#sinceMs, loaded: this.#loaded,
      durableOffset: Math.max(0, Number(field('master_fsynced_offset') ?? 0)), history: field('master_replid') ?? '',
    }
  }
}
