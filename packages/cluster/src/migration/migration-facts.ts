/**
 * What both ends of a slot migration must remember over a crash. It is written with the other facts of the node, so
 * that who owns a slot and what is under way with it are one write.
 * Elsewhere: what follows from it at a start (outgoing.ts, incoming.ts).
 */
import { type NodeId, rangesOf, SLOT_COUNT } from '@slotwise/gossip'

export type Ranges = readonly (readonly [first: number, last: number])[]

export interface MigrationFacts {
  /** The target was asked, or is about to be, to take these slots: whether it has is not known. */
  outgoing: { job: string; target: NodeId; slots: Ranges } | null
  /** Keys of these slots may be here, although they are another node's. */
  incoming: {
    job: string
    source: NodeId
    slots: Ranges
    /** The claim may come under this one at any moment, and be acted upon before it is here. */
    epoch?: number
  } | null
  /** Keys of slots that went elsewhere, to be deleted. */
  doomed: Ranges
  /** The last jobs whose slots this node took. */
  taken: readonly string[]
}

export const slotsIn = (ranges: Ranges): number[] =>
  ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index))

export const noMigrations: MigrationFacts = { outgoing: null, incoming: null, doomed: [], taken: [] }

/** As arguments of commands: `0 5 7 7`. */
export const rangeWords = (slots: readonly number[]): string[] =>
  rangesOf(ascending(slots)).flatMap(([first, last]) => [String(first), String(last)])

/** Most are already: sorting all slots takes milliseconds, and writers may wait. */
function ascending(slots: readonly number[]): readonly number[] {
  for (let index = 1; index < slots.length; index++)
    if (slots[index - 1]! > slots[index]!) return [...slots].sort((left, right) => left - right)
  return slots
}

/** @returns the slots, or what is wrong, in Redis's words */
export function readRanges(words: readonly string[]): number[] | { error: string } {
  if (words.length === 0 || words.length % 2 !== 0) return { error: 'ERR syntax error' }
  const slots = new Set<number>()
  for (let index = 0; index < words.length; index += 2) {
    const [first, last] = [readSlot(words[index]!), readSlot(words[index + 1]!)]
    if (first === null || last === null) return { error: 'ERR Invalid or out of range slot' }
    if (first > last) return { error: `ERR start slot number ${first} is greater than end slot number ${last}` }
    for (let slot = first; slot <= last; slot++) {
      if (slots.has(slot)) return { error: `ERR Slot ${slot} specified multiple times` }
      slots.add(slot)
    }
  }
  return [...slots]
}

function readSlot(text: string): number | null {
  const slot = /^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : SLOT_COUNT
  return slot < SLOT_COUNT ? slot : null
}
