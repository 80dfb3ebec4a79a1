/**
 * How long two primaries took writes for one slot at the same time: what asynchronous clusters lose writes by. No
 * invariant, since a forced failover asks for it, and Redis has it in every partition; but with leases it should be
 * rare.
 */
import { SLOT_BYTES } from '@slotwise/gossip'
import type { SimulatedNode, World } from './simulated-node.js'

const SAMPLE_MS = 50

export class Overlap {
  sampledMs = 0
  /** Of the last look, at which there was no overlap: bitmaps are values. */
  #disjoint: readonly Uint8Array[] = []

  constructor(readonly world: World) { this.#later() }

  #later(): void {
    this.world.queue.after(SAMPLE_MS, () => {
      if (this.#isOverlapping()) this.sampledMs += SAMPLE_MS
      this.#later()
    })
  }

  #isOverlapping(): boolean {
    const { nodes, queue, log } = this.world
    const serving = nodes.filter((node) => node.isServing)
    const bitmaps = serving.map(slotsOf)
    const isAsBefore = bitmaps.length === this.#disjoint.length &&
      bitmaps.every((bitmap, index) => bitmap === this.#disjoint[index])
    if (isAsBefore) return false
    const taken = new Uint8Array(SLOT_BYTES)
    for (const [index, bitmap] of bitmaps.entries()) {
      if (share(taken, bitmap)) {
        const other = serving[bitmaps.findIndex((former) => share(former, bitmap))]!
        log?.(`${(queue.now / 1000).toFixed(3).padStart(9)}  ${other.name} and ${serving[index]!.name} both take writes for a slot`)
        return true
      }
      for (let byte = 0; byte < SLOT_BYTES; byte++) taken[byte]! |= bitmap[byte]!
    }
    this.#disjoint = bitmaps
    return false
  }
}

function share(left: Uint8Array, right: Uint8Array): boolean {
  for (let index = 0; index < SLOT_BYTES; index++) if ((left[index]! & right[index]!) !== 0) return true
  return false
}

const slotsOf = ({ machine }: SimulatedNode): Uint8Array => machine!.view.bitmap(machine!.view.self)
