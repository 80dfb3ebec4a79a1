/**
 * Slots that change hands as a whole: this node as a source, as a target, and the keys it has left of slots that went.
 * One export and one import at a time.
 * Source: docs/decisions/0025. Elsewhere: the two ends (outgoing.ts, incoming.ts).
 */
import { type ClusterView, type NodeQuestion, rangesOf } from '@slotwise/gossip'
import type { CommandReply } from '../command-reply.js'
import { IncomingMigration } from './incoming.js'
import { type MigrationFacts, noMigrations, slotsIn } from './migration-facts.js'
import { type EndedMigration, MigrationLog } from './migration-log.js'
import { OutgoingMigration } from './outgoing.js'

export type MigrationEvent =
  /** What the target of this node's export answered; null: nothing, or the connection broke. */
  | { type: 'nodeAnswered'; job: string; question: NodeQuestion; answer: string | null }
  /** All is sent and writers are held back, or it failed. */
  | { type: 'exported'; job: string; ready: boolean; why: string }
  /** For so long nothing has come for an import. */
  | { type: 'importIdle'; job: string; idleMs: number }
  /** `deleteKeysInSlots` is done for these. */
  | { type: 'slotsCleared'; slots: readonly number[] }

export interface MigrationRow {
  job: string
  direction: 'export' | 'import'
  peer: string
  slots: readonly number[]
  state: string
  startedAt: number
  endedAt: number | null
  why: string
}

export class Migration {
  readonly #log: MigrationLog
  readonly #outgoing: OutgoingMigration
  readonly #incoming: IncomingMigration
  readonly #doomed: Set<number>

  constructor(readonly view: ClusterView, saved: MigrationFacts = noMigrations) {
    this.#log = new MigrationLog(view)
    this.#outgoing = new OutgoingMigration(view, this.#log, saved)
    this.#incoming = new IncomingMigration(view, this.#log, saved)
    this.#doomed = new Set(slotsIn(saved.doomed))
  }

  get facts(): MigrationFacts {
    const doomed = rangesOf([...this.#doomed].sort((left, right) => left - right))
    return { outgoing: this.#outgoing.facts, ...this.#incoming.facts, doomed }
  }

  /** Before anything is served. */
  start(): void {
    const { view } = this
    const { self } = view
    for (const slot of this.#doomed) if (!self.isPrimary || view.ownerOf(slot) === self) this.#doomed.delete(slot)
    if (this.#doomed.size > 0) view.emit({ type: 'deleteKeysInSlots', slots: [...this.#doomed] })
    this.#incoming.start()
    this.#outgoing.start()
  }

  /** CLUSTER MIGRATE: what follows. STATUS is a reading of `rows`. */
  command(words: readonly string[]): CommandReply {
    if (words.length === 1 && words[0]!.toLowerCase() === 'cancel')
      return this.#outgoing.cancel() ?? this.#incoming.cancel() ?? { type: 'error', text: 'ERR No slots are being migrated' }
    return this.#outgoing.begin(words, (slot) => this.#doomed.has(slot))
  }

  /** SLOTWISE.IMPORT: what follows. */
  asked(words: readonly string[]): CommandReply { return this.#incoming.asked(words) }

  happened(event: MigrationEvent): void {
    switch (event.type) {
      case 'nodeAnswered': return this.#outgoing.answered(event.job, event.question, event.answer)
      case 'exported': return this.#outgoing.exported(event.job, event.ready, event.why)
      case 'importIdle': return this.#incoming.idle(event.job, event.idleMs)
      case 'slotsCleared': {
        const before = this.#doomed.size
        for (const slot of event.slots) this.#doomed.delete(slot)
        // At once: a later import may put keys there, which a start must not take for these.
        if (this.#doomed.size < before) this.view.persist(true, 'slots that went elsewhere are empty')
      }
    }
  }

  tick(): void { this.#outgoing.tick() }

  settle(): void {
    this.#outgoing.settle()
    this.#incoming.settle()
  }

  /** Their keys are about to be deleted, in the background. The step that says so persists. */
  doom(slots: readonly number[]): void { for (const slot of slots) this.#doomed.add(slot) }

  isDoomed(slot: number): boolean { return this.#doomed.has(slot) }

  get isImporting(): boolean { return this.#incoming.row !== null }

  /** Those that are over first, in their order. */
  get rows(): MigrationRow[] {
    const over = (entry: EndedMigration): MigrationRow => ({ ...entry, state: entry.how })
    const open = [
      { direction: 'export', row: this.#outgoing.row } as const, { direction: 'import', row: this.#incoming.row } as const,
    ]
    return [...this.#log.entries.map(over), ...open.flatMap(({ direction, row }) =>
      row === null ? [] : [{ ...row, direction, endedAt: null, why: '' }])]
  }
}
