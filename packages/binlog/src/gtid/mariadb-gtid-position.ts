/**
 * A position in a MariaDB stream: the last GTID applied of each domain. Not a set: it stands for everything before,
 * which is right because sequence numbers grow within a domain.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'

interface Last { serverId: number; sequence: number }

export class MariadbGtidPosition {
  readonly #domains = new Map<number, Last>()

  /** `0-1001-186,7-1001-1`. @throws {DecodeError} */
  static parse(text: string): MariadbGtidPosition {
    const position = new MariadbGtidPosition()
    for (const word of text.split(',').map((item) => item.trim())) {
      if (word === '') continue
      const match = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(word)
      if (match === null) throw new DecodeError(`'${word}' is no MariaDB GTID`)
      position.set(Number(match[1]), Number(match[2]), Number(match[3]))
    }
    return position
  }

  /** Applied. @throws {DecodeError} if the number is beyond 2^53 */
  set(domain: number, serverId: number, sequence: number): void {
    if (!Number.isSafeInteger(sequence)) throw new DecodeError(`the sequence number ${sequence} is beyond 2^53`)
    const last = this.#domains.get(domain)
    if (last === undefined) {
      this.#domains.set(domain, { serverId, sequence })
      return
    }
    last.serverId = serverId
    last.sequence = sequence
  }

  /** Is this GTID at or before the position? */
  has(domain: number, sequence: number): boolean {
    return (this.#domains.get(domain)?.sequence ?? -1) >= sequence
  }

  /** Is everything before `other` before this, too? */
  contains(other: MariadbGtidPosition): boolean {
    for (const [domain, { sequence }] of other.#domains) if (!this.has(domain, sequence)) return false
    return true
  }

  clone(): MariadbGtidPosition {
    const copy = new MariadbGtidPosition()
    for (const [domain, { serverId, sequence }] of this.#domains) copy.set(domain, serverId, sequence)
    return copy
  }

  get isEmpty(): boolean { return this.#domains.size === 0 }

  toString(): string {
    // Asked for behind every transaction, and mostly there is one domain.
    if (this.#domains.size === 1) for (const [domain, last] of this.#domains) return textOf(domain, last)
    return [...this.#domains].sort(([a], [b]) => a - b).map(([domain, last]) => textOf(domain, last)).join(',')
  }
}

const textOf = (domain: number, { serverId, sequence }: Last): string => `${domain}-${serverId}-${sequence}`

export interface GtidList {
  /** In the order of the event; a domain may occur once for each server, the last applied one comes last. */
  readonly gtids: readonly { readonly domain: number; readonly serverId: number; readonly sequence: number }[]
  /** The position that an UNTIL asked for has been reached. */
  readonly untilReached: boolean
}

export function readGtidList(cursor: Cursor): GtidList {
  const head = cursor.u32()
  const count = head & 0x0fffffff
  if (count > cursor.left / 16) throw new DecodeError(`${count} GTIDs in ${cursor.left} bytes`)
  const one = (): GtidList['gtids'][number] => ({ domain: cursor.u32(), serverId: cursor.u32(), sequence: cursor.u64() })
  const gtids = Array.from({ length: count }, one)
  return { gtids, untilReached: (head >>> 28 & 1) !== 0 }
}
