/**
 * Who a node is and where it listens: a value that is never changed, so that all who know the same may share one. A
 * process has one view and shares nothing; in a simulated cluster of a thousand nodes a million rows of their tables
 * are a thousand places, which their gossip names by index (placed-gossip.ts).
 * Elsewhere: what a view knows of the node beside that (node-rows.ts, cluster-node.ts).
 */
import type { GossipEntry, NodeId } from './bus-message.js'

export class NodePlace {
  /**
   * @param number  stands for the id among the views that share a table of places; -1: none
   * @param index  of the place in that table; -1: it is in none
   */
  constructor(
    readonly id: NodeId, readonly ip: string, readonly port: number, readonly plainPort: number,
    readonly busPort: number, readonly number = -1, readonly index = -1,
  ) {}

  changed(change: { id?: NodeId; ip?: string; port?: number; plainPort?: number; busPort?: number }): NodePlace {
    const { id = this.id, ip = this.ip, port = this.port, plainPort = this.plainPort, busPort = this.busPort } = change
    return new NodePlace(id, ip, port, plainPort, busPort, id === this.id ? this.number : -1)
  }

  /** What a gossip section says of the node. */
  entry(flags: number, pingSentSeconds: number, pongSeconds: number): GossipEntry {
    const { id, ip, port, busPort, plainPort } = this
    return { id, pingSentSeconds, pongSeconds, ip, port, busPort, flags, plainPort }
  }
}

/** Of so many an index has room beside flags, in 32 bits. */
const PLACES_MAX = 2 ** 16

/** One copy of each place and bitmap of slots, and a number for each id, for views of one process. */
export class NodePlaces {
  readonly list: NodePlace[] = []
  /** By index: the number of the place's id. */
  numbers = new Int32Array(64)
  readonly #places = new Map<string, NodePlace>()
  readonly #numbers = new Map<NodeId, number>()
  readonly #bitmaps = new Map<string, Uint8Array>()

  /** @throws {RangeError} of more than 65,536 places */
  shared(place: NodePlace): NodePlace {
    const { id, ip, port, plainPort, busPort } = place
    const key = `${id} ${ip} ${port} ${plainPort} ${busPort}`
    const kept = this.#places.get(key)
    if (kept !== undefined) return kept
    const index = this.list.length
    if (index === PLACES_MAX) throw new RangeError(`No more than ${PLACES_MAX} places are shared`)
    const number = this.#numbers.get(id) ?? this.#numbers.size
    this.#numbers.set(id, number)
    const made = new NodePlace(id, ip, port, plainPort, busPort, number, index)
    this.#places.set(key, made)
    this.list.push(made)
    if (index === this.numbers.length) {
      const longer = new Int32Array(2 * index)
      longer.set(this.numbers)
      this.numbers = longer
    }
    this.numbers[index] = number
    return made
  }

  /** Whoever compares two that say the same sees one. */
  sharedBitmap(bitmap: Uint8Array): Uint8Array {
    const key = String.fromCharCode(...bitmap)
    const kept = this.#bitmaps.get(key) ?? bitmap
    if (kept === bitmap) this.#bitmaps.set(key, bitmap)
    return kept
  }
}
