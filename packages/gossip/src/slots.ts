/**
 * Slots as the bus carries them: 16384 bits, slot n in byte n / 8, counted from the least significant bit.
 * Bitmaps are treated as values: whoever holds one never changes it, so messages of one process may share them.
 * Source: Redis Cluster bus, header field `slots`. Elsewhere: who owns a slot (cluster-view.ts).
 */
export const SLOT_COUNT = 16384
export const SLOT_BYTES = SLOT_COUNT / 8

/** A bitmap without slots; shared, never changed. */
export const NO_SLOTS: Uint8Array = new Uint8Array(SLOT_BYTES)

export const hasSlot = (bitmap: Uint8Array, slot: number): boolean => (bitmap[slot >> 3]! & (1 << (slot & 7))) !== 0

export function bitmapOf(slots: Iterable<number>): Uint8Array {
  const bitmap = new Uint8Array(SLOT_BYTES)
  for (const slot of slots) bitmap[slot >> 3]! |= 1 << (slot & 7)
  return bitmap
}

/** Whether every slot of `slots` is in `bitmap`. */
export function hasAllSlots(bitmap: Uint8Array, slots: Uint8Array): boolean {
  for (let index = 0; index < SLOT_BYTES; index++) if ((slots[index]! & ~bitmap[index]!) !== 0) return false
  return true
}

export function setSlot(bitmap: Uint8Array, slot: number, value: boolean): void {
  if (value) bitmap[slot >> 3]! |= 1 << (slot & 7)
  else bitmap[slot >> 3]! &= ~(1 << (slot & 7))
}

/** As setSlot of each from `first` up to `end`, which is not one of them. */
export function setSlots(bitmap: Uint8Array, first: number, end: number, value: boolean): void {
  const firstWhole = Math.min((first + 7) & ~7, end)
  const endWhole = Math.max(end & ~7, firstWhole)
  for (let slot = first; slot < firstWhole; slot++) setSlot(bitmap, slot, value)
  bitmap.fill(value ? 0xff : 0, firstWhole >> 3, endWhole >> 3)
  for (let slot = endWhole; slot < end; slot++) setSlot(bitmap, slot, value)
}

/** The slots of a bitmap, ascending. Bytes without a bit cost one comparison. */
export function slotsOf(bitmap: Uint8Array): number[] {
  const slots: number[] = []
  for (let index = 0; index < SLOT_BYTES; index++) {
    const byte = bitmap[index]!
    if (byte === 0) continue
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) slots.push(index * 8 + bit)
  }
  return slots
}

export function sameBitmap(left: Uint8Array, right: Uint8Array): boolean {
  if (left === right) return true
  for (let index = 0; index < SLOT_BYTES; index++) if (left[index] !== right[index]) return false
  return true
}

export type SlotRange = readonly [first: number, last: number]

/** Ascending slots as closed ranges, as CLUSTER NODES prints them. */
export function rangesOf(slots: readonly number[]): SlotRange[] {
  const ranges: [number, number][] = []
  for (let from = 0, to = 1; to <= slots.length; to++) {
    if (slots[to] === slots[to - 1]! + 1) continue
    ranges.push([slots[from]!, slots[to - 1]!])
    from = to
  }
  return ranges
}

/** The slots of a bitmap as closed ranges. */
export function rangesIn(bitmap: Uint8Array): SlotRange[] {
  const ranges: SlotRange[] = []
  let first = -1
  const at = (slot: number, isSet: boolean): void => {
    if (isSet === (first >= 0)) return
    if (isSet) first = slot
    else {
      ranges.push([first, slot - 1])
      first = -1
    }
  }
  for (let index = 0; index < SLOT_BYTES; index++) {
    const byte = bitmap[index]!
    if (byte === 0 || byte === 0xff) at(index * 8, byte !== 0) // eight of a kind
    else for (let bit = 0; bit < 8; bit++) at(index * 8 + bit, (byte & (1 << bit)) !== 0)
  }
  at(SLOT_COUNT, false)
  return ranges
}

export const rangeText = ([first, last]: SlotRange): string => first === last ? `${first}` : `${first}-${last}`
