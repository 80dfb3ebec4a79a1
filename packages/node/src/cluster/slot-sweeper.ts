/**
 * SlotSweeper: deletes the keys of slots that went to another node, a little at a time: a node that has a gigabyte to
 * delete goes on answering the bus. A slot that comes back is emptied before it is served.
 * Elsewhere: which slots (deleteKeysInSlots effects), remembering them over a crash (packages/cluster, migration).
 */

/** How long it keeps the control thread at once, between slots. */
const TURN_MS = 2

export interface SweeperOptions {
  /** Deletes what is in the slot. */
  readonly clear: (slot: number) => void
  /** False: this node is a replica, whose keys are its primary's business. */
  readonly mayClear: () => boolean
  readonly onCleared: (slots: readonly number[]) => void
}

export class SlotSweeper {
  readonly #options: SweeperOptions
  readonly #left = new Set<number>()
  #done: number[] = []
  #turn: NodeJS.Immediate | undefined

  constructor(options: SweeperOptions) { this.#options = options }

  add(slots: Iterable<number>): void {
    for (const slot of slots) this.#left.add(slot)
    this.#turn ??= setImmediate(this.#run)
  }

  /** Those of them that are still to be emptied are, before it returns. */
  clearNow(isDue: (slot: number) => boolean): void {
    for (const slot of this.#left) {
      if (!isDue(slot)) continue
      this.#options.clear(slot)
      this.#left.delete(slot)
      this.#done.push(slot)
    }
  }

  stop(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    this.#left.clear()
  }

  readonly #run = (): void => {
    this.#turn = undefined
    const until = performance.now() + TURN_MS
    for (const slot of this.#left) {
      if (this.#options.mayClear()) this.#options.clear(slot)
      this.#left.delete(slot)
      this.#done.push(slot)
      if (performance.now() >= until) break
    }
    if (this.#left.size > 0) this.#turn = setImmediate(this.#run)
    else this.#options.onCleared(this.#done.splice(0))
  }
}
