/** What became of the last migrations, for CLUSTER MIGRATE STATUS and the log. In memory only. */
import type { ClusterView, NodeId } from '@slotwise/gossip'

export interface EndedMigration {
  readonly job: string
  readonly direction: 'export' | 'import'
  readonly peer: NodeId
  readonly slots: readonly number[]
  readonly startedAt: number
  readonly endedAt: number
  readonly how: 'success' | 'failed' | 'cancelled'
  /** Of a failure, in words. */
  readonly why: string
  /** How often an export went on over another connection, and how often it began from the first key again. */
  readonly resumes?: number
  readonly restarts?: number
}

/** A migration that is over, or is not. */
export interface MigrationRow extends Omit<EndedMigration, 'how' | 'endedAt'> {
  readonly state: string
  readonly endedAt: number | null
}

const KEPT = 16

export class MigrationLog {
  readonly entries: EndedMigration[] = []

  constructor(readonly view: ClusterView) {}

  add(entry: Omit<EndedMigration, 'endedAt'>): void {
    const { view } = this
    const { job, direction, peer, slots, startedAt, how, why, resumes = 0, restarts = 0 } = entry
    this.entries.push({ job, direction, peer, slots, startedAt, how, why, resumes, restarts, endedAt: view.now })
    if (this.entries.length > KEPT) this.entries.shift()
    const what = direction === 'export' ? `Migration of ${slots.length} slots to ${peer}` : `Import of ${slots.length} slots from ${peer}`
    if (how === 'success') view.log('info', `${what} done`)
    else view.log('warn', `${what} ${how}: ${why}`)
  }
}
