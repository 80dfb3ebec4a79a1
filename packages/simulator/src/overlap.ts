/**
 * How long two primaries took writes for one slot at the same time: what asynchronous clusters lose writes by. No
 * invariant, since a forced failover asks for it, and Redis has it in every partition; but with leases it should be
 * rare.
 */
import type { SimulatedNode, World } from './simulated-node.js'

const SAMPLE_MS = 50

export class Overlap {
  sampledMs = 0
  readonly #disjoint = new WeakMap<Uint8Array, Uint8Array>()

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
    for (const [index, node] of serving.entries()) {
      const other = serving.slice(index + 1).find((candidate) => this.#share(slotsOf(node), slotsOf(candidate)))
      if (other === undefined) continue
      log?.(`${(queue.now / 1000).toFixed(3).padStart(9)}  ${node.name} and ${other.name} both take writes for a slot`)
      return true
    }
    return false
  }

  /** Bitmaps are values: two that were compared once need not be again. */
  #share(left: Uint8Array, right: Uint8Array): boolean {
    if (this.#disjoint.get(left) === right) return false
    for (let index = 0; index < left.length; index++) if ((left[index]! & right[index]!) !== 0) return true
    this.#disjoint.set(left, right)
    return false
  }
}

const slotsOf = ({ machine }: SimulatedNode): Uint8Array => machine!.view.bitmap(machine!.view.self)
