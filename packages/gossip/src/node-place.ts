/**
 * Who a node is and where it listens, and what gossip says of it at one moment: values that are never changed, so that
 * all who say or keep the same may share one. A process has one view and shares little; in a simulated cluster of a
 * thousand nodes a million rows of their tables are a thousand places, and the entries of its messages some thousands
 * of objects instead of hundreds of millions.
 * Elsewhere: what a view knows of the node beside that (node-rows.ts, cluster-node.ts).
 */
import type { GossipEntry, NodeId } from './bus-message.js'

/** Entries of the last seconds that a place keeps; a power of two. */
const KEPT = 32

export class NodePlace {
  #recent: GossipEntry[] | null = null

  /** @param number  stands for the id among the views that share a table of places; -1: none */
  constructor(
    readonly id: NodeId, readonly ip: string, readonly port: number, readonly plainPort: number,
    readonly busPort: number, readonly number = -1,
  ) {}

  changed(change: { id?: NodeId; ip?: string; port?: number; plainPort?: number; busPort?: number }): NodePlace {
    const { id = this.id, ip = this.ip, port = this.port, plainPort = this.plainPort, busPort = this.busPort } = change
    return new NodePlace(id, ip, port, plainPort, busPort, id === this.id ? this.number : -1)
  }

  /** What a gossip section says of the node. */
  entry(flags: number, pingSentSeconds: number, pongSeconds: number): GossipEntry {
    const recent = this.#recent ??= []
    const slot = (pongSeconds + pingSentSeconds + (flags & 15) * 5) & (KEPT - 1)
    const kept = recent[slot]
    const isIt = kept?.pongSeconds === pongSeconds && kept.pingSentSeconds === pingSentSeconds && kept.flags === flags
    if (isIt) return kept
    return recent[slot] = new PlacedEntry(this, flags, pingSentSeconds, pongSeconds)
  }
}

class PlacedEntry implements GossipEntry {
  readonly id: NodeId
  readonly pingSentSeconds: number
  readonly pongSeconds: number
  readonly ip: string
  readonly port: number
  readonly busPort: number
  readonly flags: number
  readonly plainPort: number
  readonly #number: number

  constructor(place: NodePlace, flags: number, pingSentSeconds: number, pongSeconds: number) {
    this.id = place.id
    this.pingSentSeconds = pingSentSeconds
    this.pongSeconds = pongSeconds
    this.ip = place.ip
    this.port = place.port
    this.busPort = place.busPort
    this.flags = flags
    this.plainPort = place.plainPort
    this.#number = place.number
  }

  /** No field: an entry that was read from bytes is equal to the one that was written. */
  get number(): number { return this.#number }
}

/** One copy of each place, and a number for each id, for views of one process. */
export class NodePlaces {
  readonly #places = new Map<string, NodePlace>()
  readonly #numbers = new Map<NodeId, number>()

  shared(place: NodePlace): NodePlace {
    const { id, ip, port, plainPort, busPort } = place
    const key = `${id} ${ip} ${port} ${plainPort} ${busPort}`
    const kept = this.#places.get(key)
    if (kept !== undefined) return kept
    const number = this.#numbers.get(id) ?? this.#numbers.size
    this.#numbers.set(id, number)
    const made = new NodePlace(id, ip, port, plainPort, busPort, number)
    this.#places.set(key, made)
    return made
  }
}
