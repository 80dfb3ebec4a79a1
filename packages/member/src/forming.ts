/**
 * Forming: who gets what when the first members make a cluster, and what one takes that comes later, or gives away when
 * it goes. Pure: from the table of nodes to lists of what is to be done, so that every case is a row in
 * forming.test.ts. Elsewhere: doing it (assembly.ts, departure.ts).
 */
import { type NodeRow, slotCountOf, slotsOf } from './nodes-table.js'
import { RANGE_SLOTS, type SlotRange } from './slot-moves.js'

const SLOT_COUNT = 16_384
/** With fewer nobody is elected when one fails. */
const LEAST_PRIMARIES = 3

type Runs = readonly (readonly [first: number, last: number])[]

export interface FormingPlan {
  /** To be told first, so that nobody finds all slots assigned while it has no role. */
  readonly replicas: readonly { readonly node: NodeRow; readonly primary: NodeRow }[]
  readonly slots: readonly { readonly node: NodeRow; readonly runs: Runs }[]
}

/**
 * As many primaries as give each `replicas` copies, but three where there are more than three members: of two nobody
 * takes over from either, however many copies there are. Those that have slots already, then by address. The slots that
 * nobody has go to the primaries with the fewest, in runs.
 */
export function formingPlan(rows: readonly NodeRow[], replicas: number): FormingPlan {
  const byAddress = rows.toSorted((a, b) => a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port)
  const masters = byAddress.filter(({ isReplica }) => !isReplica)
  const least = rows.length > LEAST_PRIMARIES ? LEAST_PRIMARIES : 1
  const count = Math.max(least, Math.floor(rows.length / (1 + replicas)))
  const owners = masters.filter((row) => row.slots.length > 0)
  const others = masters.filter((row) => row.slots.length === 0)
  const primaries = [...owners, ...others.slice(0, Math.max(0, count - owners.length))]
  return {
    replicas: replicasFor(others.filter((row) => !primaries.includes(row)), primaries, byAddress),
    slots: sharesOf(primaries, unowned(rows)),
  }
}

function replicasFor(nodes: readonly NodeRow[], primaries: readonly NodeRow[], rows: readonly NodeRow[]): FormingPlan['replicas'] {
  const counts = new Map(primaries.map(({ id }) => [id, rows.filter(({ primary }) => primary === id).length]))
  return nodes.map((node) => {
    const primary = fewest(primaries, ({ id }) => counts.get(id)!)
    counts.set(primary.id, counts.get(primary.id)! + 1)
    return { node, primary }
  })
}

function sharesOf(primaries: readonly NodeRow[], free: readonly number[]): FormingPlan['slots'] {
  let left = [...free]
  let total = left.length + primaries.reduce((sum, row) => sum + slotCountOf(row), 0)
  const shares = []
  // Who has most is asked first: what it has beyond its share makes those of the others smaller.
  for (const [index, node] of primaries.toSorted((a, b) => slotCountOf(b) - slotCountOf(a)).entries()) {
    const share = Math.ceil(total / (primaries.length - index))
    const wanted = Math.max(0, share - slotCountOf(node))
    const runs = runsOf(left.slice(0, wanted))
    left = left.slice(wanted)
    total -= Math.max(share, slotCountOf(node))
    if (runs.length > 0) shares.push({ node, runs })
  }
  return shares
}

function unowned(rows: readonly NodeRow[]): number[] {
  const owned = new Uint8Array(SLOT_COUNT)
  for (const { slots } of rows) for (const [first, last] of slots) owned.fill(1, first, last + 1)
  return Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => owned[slot] === 0)
}

export function runsOf(slots: readonly number[]): (readonly [first: number, last: number])[] {
  const runs: [number, number][] = []
  for (const slot of slots) {
    const run = runs.at(-1)
    if (run?.[1] === slot - 1) run[1] = slot
    else runs.push([slot, slot])
  }
  return runs
}

export interface SlotMove extends SlotRange { readonly from: NodeRow; readonly to: NodeRow }

/**
 * The next range that the own node takes until it has `wanted` slots: of whoever has most, from its end, which keeps
 * `leave` at least; null when it has enough, or nobody can give more.
 * @param donors  ids of those that can give
 */
export function nextTaken(
  rows: readonly NodeRow[], { wanted, leave }: { wanted: number; leave: number }, donors: ReadonlySet<string>,
): SlotMove | null {
  const to = rows.find(({ isMyself }) => isMyself)
  if (to?.isReplica !== false || slotCountOf(to) >= wanted) return null
  const able = rows.filter((row) => row !== to && !row.isReplica && !row.isAbsent && donors.has(row.id))
    .filter((row) => slotCountOf(row) > leave)
  if (able.length === 0) return null
  const from = fewest(able, (row) => -slotCountOf(row))
  const most = Math.min(wanted - slotCountOf(to), slotCountOf(from) - leave, RANGE_SLOTS)
  return { from, to, ...lastRange(from, most) }
}

/** The next range that the own node gives to the primary with the fewest slots; null if it has none, or nobody can. */
export function nextGiven(rows: readonly NodeRow[]): SlotMove | null {
  const from = rows.find(({ isMyself }) => isMyself)
  const able = rows.filter((row) => row !== from && !row.isReplica && !row.isAbsent)
  if (from === undefined || from.isReplica || from.slots.length === 0 || able.length === 0) return null
  // Whoever has slots votes; one without any would be a new primary.
  const owners = able.filter((row) => row.slots.length > 0)
  return { from, to: fewest(owners.length > 0 ? owners : able, slotCountOf), ...lastRange(from, RANGE_SLOTS) }
}

/** The last run of a node's slots, at most so many of it. */
function lastRange(row: NodeRow, most: number): SlotRange {
  const [first, last] = runsOf(slotsOf(row)).at(-1)!
  return { first: Math.max(first, last - most + 1), last }
}

/** A fair share for one primary more. */
export const fairShare = (rows: readonly NodeRow[]): number =>
  Math.floor(SLOT_COUNT / (rows.filter((row) => !row.isReplica && row.slots.length > 0).length + 1))

/** The primary that has fewer copies than wished, the one with the fewest first; undefined if all have enough. */
export function primaryInNeed(rows: readonly NodeRow[], replicas: number): NodeRow | undefined {
  const primaries = rows.filter((row) => !row.isReplica && row.slots.length > 0)
  const copies = (row: NodeRow): number => rows.filter(({ primary }) => primary === row.id).length
  const inNeed = primaries.filter((row) => copies(row) < replicas)
  return inNeed.length === 0 ? undefined : fewest(inNeed, copies)
}

const fewest = <T>(items: readonly T[], count: (item: T) => number): T =>
  items.reduce((least, item) => count(item) < count(least) ? item : least)
