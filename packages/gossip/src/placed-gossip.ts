/**
 * The gossip of a message between views of one process that share places: two numbers an entry, which name its place,
 * and no objects. Of a thousand simulated nodes each of their messages, a hundred thousand a second, tells of a
 * hundred; as objects, even shared ones, these are what most of the time is waited for, since no cache holds them.
 * Whoever wants the entries, as the codec does, gets them. Elsewhere: drawing them (headers.ts), what they mean
 * (gossip-receive.ts).
 */
import type { BusExtension, GossipBody, GossipEntry } from './bus-message.js'
import type { NodePlaces } from './node-place.js'

/** Numbers an entry. */
export const TOLD = 2
/** The first: the index of the place times this, plus the flags, in signed 32 bits; the second: seconds of the PONG. */
const INDEX_SHIFT = 16
const FLAGS = 2 ** INDEX_SHIFT - 1

export const told = (placeIndex: number, flags: number): number => (placeIndex << INDEX_SHIFT) | flags
export const toldIndex = (word: number): number => word >>> INDEX_SHIFT
export const toldFlags = (word: number): number => word & FLAGS

export class PlacedGossip implements GossipBody {
  #entries: GossipEntry[] | null = null

  /** @param asked  of each entry for which a PING is pending: which it is, and the seconds of that */
  constructor(
    readonly type: GossipBody['type'], readonly hostname: string, readonly extensions: readonly BusExtension[],
    readonly places: NodePlaces, readonly words: readonly number[], readonly asked: readonly number[],
  ) {}

  get gossip(): readonly GossipEntry[] {
    if (this.#entries !== null) return this.#entries
    const { places, words, asked } = this
    const entries: GossipEntry[] = []
    let next = 0
    for (let at = 0; at < words.length; at += TOLD) {
      const isAsked = asked[next] === entries.length
      const pingSentSeconds = isAsked ? asked[next + 1]! : 0
      if (isAsked) next += 2
      const place = places.list[toldIndex(words[at]!)]!
      entries.push(place.entry(toldFlags(words[at]!), pingSentSeconds, words[at + 1]! >>> 0))
    }
    return this.#entries = entries
  }
}
