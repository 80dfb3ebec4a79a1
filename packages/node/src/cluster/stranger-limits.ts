/**
 * StrangerLimits: what may be held for those of whom nobody knows who they are, counted by the address they come from:
 * so many connections, and so many bytes of messages that are not whole yet. Members do not count.
 * Elsewhere: sockets, and who is a member (bus-sockets.ts).
 */

export interface Limits {
  /** Connections of one address. A thousand nodes on one host introduce themselves one after another. */
  readonly linksMax: number
  /** Bytes of unfinished messages of one address, over all its connections. */
  readonly bytesMax: number
}

export class StrangerLimits {
  readonly #limits: Limits
  readonly #held = new Map<string, { links: number; bytes: number }>()

  constructor(limits: Limits) { this.#limits = limits }

  /** One more connection. @returns false if it is one too many: then it is not counted. */
  admit(source: string): boolean {
    const held = this.#held.get(source) ?? { links: 0, bytes: 0 }
    if (held.links >= this.#limits.linksMax) return false
    held.links++
    this.#held.set(source, held)
    return true
  }

  /** What a connection holds changes by `bytes`. @returns false if it is more than may be held. */
  hold(source: string, bytes: number): boolean {
    const held = this.#held.get(source)
    if (held === undefined) return true
    held.bytes += bytes
    return held.bytes <= this.#limits.bytesMax
  }

  /** A connection ended, or turned out to be a member's; it held `bytes`. */
  release(source: string, bytes: number): void {
    const held = this.#held.get(source)
    if (held === undefined) return
    held.bytes -= bytes
    if (--held.links === 0) this.#held.delete(source)
  }

  /** Addresses that hold something. */
  get sourceCount(): number { return this.#held.size }
}
