/**
 * Slots that change hands as a whole: this node as a source, as a target, and the keys it has left of slots that went.
 * One export and one import at a time.
 * Source: docs/decisions/0025. Elsewhere: the two ends (outgoing.ts, incoming.ts).
 */
import type { ClusterView, NodeQuestion } from '@slotwise/gossip'
import type { CommandReply } from '../command-reply.js'
import { DoomedSlots } from './doomed-slots.js'
import { IncomingMigration } from './incoming.js'
import { type MigrationFacts, noMigrations, slotsIn } from './migration-facts.js'
import { type EndedMigration, MigrationLog, type MigrationRow } from './migration-log.js'
import { type ExportProgress, OutgoingMigration } from './outgoing.js'

/** So long it may be on disk that slots are to be emptied which are, while nothing else is written. */
const EMPTIED_MS = 1000

export type MigrationEvent =
  /** What the target of an export, or the source of an import, answered; null: nothing, or the connection broke. */
  | { type: 'nodeAnswered'; job: string; question: NodeQuestion; answer: string | null }
  /** `why` it failed. */
  | { type: 'exported'; job: string; progress: ExportProgress; why: string }
  /** For so long nothing has come for an import. */
  | { type: 'importIdle'; job: string; idleMs: number }
  /** `deleteKeysInSlots` is done for these. */
  | { type: 'slotsCleared'; slots: readonly number[] }

export class Migration {
  readonly #log: MigrationLog
  readonly #outgoing: OutgoingMigration
  readonly #incoming: IncomingMigration
  readonly #doomed = new DoomedSlots()
  /** Those that are empty now, of which the disk says still that they are to be emptied. */
  readonly #emptied = new Set<number>()
  #emptiedAt = 0
  #slotsSeen = 0

  constructor(readonly view: ClusterView, saved: MigrationFacts = noMigrations) {
    this.#log = new MigrationLog(view)
    this.#outgoing = new OutgoingMigration(view, this.#log, saved)
    this.#incoming = new IncomingMigration(view, this.#log, saved)
    this.#doomed.add(slotsIn(saved.doomed))
  }

  get facts(): MigrationFacts {
    return { outgoing: this.#outgoing.facts, ...this.#incoming.facts, doomed: this.#doomed.ranges }
  }

  /** Before anything is served. */
  start(): void {
    const { view } = this
    const { self } = view
    for (const slot of this.#doomed.slots) if (!self.isPrimary || view.ownerOf(slot) === self) this.#doomed.delete(slot)
    if (this.#doomed.size > 0) view.emit({ type: 'deleteKeysInSlots', slots: this.#doomed.slots })
    this.#incoming.start()
    this.#outgoing.start()
  }

  /** CLUSTER MIGRATE: what follows. STATUS is a reading of `rows`. */
  command(words: readonly string[]): CommandReply {
    if (words.length === 1 && words[0]!.toLowerCase() === 'cancel')
      return this.#outgoing.cancel() ?? this.#incoming.cancel() ?? { type: 'error', text: 'ERR No slots are being migrated' }
    return this.#outgoing.begin(words, (slot) => this.#doomed.has(slot))
  }

  /**
   * SLOTWISE.IMPORT: what follows.
   * @param mustBeDurable  what clients are answered outlives a power cut: nothing may rest on a claim that does not
   */
  asked(words: readonly string[], mustBeDurable: boolean): CommandReply {
    if (words[0]?.toLowerCase() === 'outcome') return this.#outgoing.outcome(words[1] ?? '')
    // A start deletes what it finds in doomed slots.
    return this.#incoming.asked(words, (slots) => !mustBeDurable && !slots.some((slot) => this.#doomed.has(slot)))
  }

  happened(event: MigrationEvent): void {
    switch (event.type) {
      case 'nodeAnswered':
        if (event.question === 'outcome') return this.#incoming.answered(event.job, event.answer)
        return this.#outgoing.answered(event.job, event.question, event.answer)
      case 'exported': return this.#outgoing.exported(event.job, event.progress, event.why)
      case 'importIdle': return this.#incoming.idle(event.job, event.idleMs)
      case 'slotsCleared':
        if (this.#emptied.size === 0) this.#emptiedAt = this.view.now
        for (const slot of event.slots) if (this.#doomed.delete(slot)) this.#emptied.add(slot)
    }
  }

  tick(): void {
    this.#outgoing.tick()
    this.#incoming.tick()
    if (this.#emptied.size > 0 && this.view.now >= this.#emptiedAt + EMPTIED_MS) this.#forgetEmptied()
  }

  settle(): void {
    const { view } = this
    this.#outgoing.settle()
    this.#incoming.settle()
    // Before keys may come there again, which a start must not take for those that were to be deleted.
    const { importing, slotsVersion } = view
    const mayComeBack = this.#emptied.size > 0 && (importing.size > 0 || slotsVersion !== this.#slotsSeen) &&
      [...this.#emptied].some((slot) => importing.has(slot) || view.ownerOf(slot) === view.self)
    this.#slotsSeen = slotsVersion
    if (mayComeBack) this.#forgetEmptied()
    else if (view.isDurable) this.#emptied.clear()
  }

  #forgetEmptied(): void {
    this.view.persist(true, 'slots that went elsewhere are empty')
    this.#emptied.clear()
  }

  /** Their keys are about to be deleted, in the background. The step that says so persists. */
  doom(slots: readonly number[]): void { this.#doomed.add(slots) }

  /** There may be keys of a slot that is another node's: they are to be deleted, or came from there. */
  mayHaveKeys(slot: number): boolean { return this.#doomed.has(slot) || this.#incoming.mayHaveKeys(slot) }

  get isImporting(): boolean { return this.#incoming.row !== null }
  imports(job: string): boolean { return this.#incoming.imports(job) }

  /** Those that are over first, in their order. */
  get rows(): MigrationRow[] {
    const over = (entry: EndedMigration): MigrationRow => ({ ...entry, state: entry.how })
    const open = [
      { direction: 'export', row: this.#outgoing.row } as const, { direction: 'import', row: this.#incoming.row } as const,
    ]
    return [...this.#log.entries.map(over), ...open.flatMap(({ direction, row }) =>
      row === null ? [] : [{ ...row, direction, endedAt: null }])]
  }
}
