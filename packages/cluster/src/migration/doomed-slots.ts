/**
 * DoomedSlots: slots whose keys are to be deleted. A set of numbers from 0 to 16383 as one byte each: all of them are
 * entered while writers wait.
 */
import { rangesOf, SLOT_COUNT, type SlotRange } from '@slotwise/gossip'

export class DoomedSlots {
  readonly #marks = new Uint8Array(SLOT_COUNT)
  #size = 0

  get size(): number { return this.#size }
  has(slot: number): boolean { return this.#marks[slot] === 1 }

  add(slots: readonly number[]): void {
    const marks = this.#marks
    for (const slot of slots) {
      this.#size += 1 - marks[slot]!
      marks[slot] = 1
    }
  }

  /** @returns whether it was one */
  delete(slot: number): boolean {
    if (this.#marks[slot] !== 1) return false
    this.#marks[slot] = 0
    this.#size--
    return true
  }

  /** Ascending. */
  get slots(): number[] {
    const slots: number[] = []
    if (this.#size > 0) for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.#marks[slot] === 1) slots.push(slot)
    return slots
  }

  get ranges(): SlotRange[] { return rangesOf(this.slots) }
}
