/**
 * SlotCopies: which nodes have a slot, for reads that a copy may answer. A table of CLUSTER NODES, asked for anew once
 * it is a second old and somebody reads; it may be late, which costs a question that is refused: whoever was refused
 * asks the primary by the way that is never late (member-backend.ts). Replicas that are absent are left out.
 */
import type { NodeRow } from './nodes-table.js'

const MAX_AGE_MS = 1000
const SLOT_COUNT = 16_384

export class SlotCopies {
  readonly #rows: () => Promise<readonly NodeRow[]>
  #bySlot: readonly (readonly string[])[] | null = null
  #askedAtMs = -Infinity
  #asking: Promise<void> | null = null

  /** @param rows  the table as the own node has it now */
  constructor(rows: () => Promise<readonly NodeRow[]>) { this.#rows = rows }

  /** Addresses: the primary's, then those of its replicas without this node; none while nobody is known to have it. */
  async of(slot: number): Promise<readonly string[]> {
    if (performance.now() - this.#askedAtMs > MAX_AGE_MS) {
      this.#askedAtMs = performance.now()
      // A table that cannot be had is no reason to refuse a read.
      this.#asking = this.#rows().then((rows) => { this.#bySlot = copiesBySlot(rows) }, () => undefined)
    }
    if (this.#bySlot === null) await this.#asking
    return this.#bySlot?.[slot] ?? []
  }
}

/** Pure: by slot. */
export function copiesBySlot(rows: readonly NodeRow[]): (readonly string[])[] {
  const bySlot: (readonly string[])[] = Array.from({ length: SLOT_COUNT }, () => [])
  for (const primary of rows) {
    if (primary.isReplica || primary.slots.length === 0) continue
    const replicas = rows.filter((row) => row.primary === primary.id && !row.isMyself && !row.isAbsent)
    const addresses = [primary, ...replicas].map(({ host, port }) => `${host}:${port}`)
    for (const [first, last] of primary.slots) bySlot.fill(addresses, first, last + 1)
  }
  return bySlot
}
