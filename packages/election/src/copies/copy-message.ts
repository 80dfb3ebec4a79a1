/**
 * What the copies of a shard say to each other, as an extension of bus messages: Redis skips the type, and only nodes
 * that are copies of ours are sent it. One record for all kinds; what a kind does not use is zero.
 * Layout, big endian; only ever append, readers take longer ones: u8 version, u8 kind, u8 flags, u8 lists, ballot,
 * u64 stamp, u64 incarnation, ballot of the log, u64 offset, 20 bytes history, then, if lists is not 0, the set:
 * ballot of the shard, ballot, u32 number, u32 received, and for each list u16 count and that many copies (20 bytes id,
 * u64 incarnation). A ballot is u64 term and 20 bytes id.
 * Elsewhere: what follows from them (shard-copies.ts).
 */
import type { BusExtension, NodeId } from '@slotwise/gossip'
import { type Ballot, NO_BALLOT } from './ballot.js'
import { type CopyKey, copyKey, type CopySet, nodeOf } from './copy-set.js'

export const COPY_EXTENSION = 0x5358

/** Append only: places are the numbers on the wire. */
const kinds = ['lease', 'granted', 'prepare', 'promise', 'refusal', 'unfit'] as const

export interface CopyMessage {
  kind: (typeof kinds)[number]
  ballot: Ballot
  /** The sender's clock when a lease was asked for, and back. */
  stamp: number
  /** The sender's. */
  incarnation: number
  /** How far the sender's log goes; of a lease, `offset` is where the ballot begins. */
  log: Ballot
  offset: number
  /** The replication id of the leader's stream, or 40 zeros. */
  history: string
  set: CopySet | null
  /** Prepare and promise: the former leader has given up its lease. Refusal: because of a lease. */
  released: boolean
}

const VERSION = 1
const FIXED_BYTES = 4 + 28 + 8 + 8 + 28 + 8 + 20
const RELEASED = 1
/** As many copies as a shard may have. */
const COPIES_MAX = 64
const BLANK = NO_BALLOT.node

export const blankMessage: Omit<CopyMessage, 'kind'> = {
  ballot: NO_BALLOT, stamp: 0, incarnation: 0, log: NO_BALLOT, offset: 0, history: BLANK, set: null, released: false,
}

export function encodeCopyMessage(message: CopyMessage): BusExtension {
  const { set } = message
  const copies = set?.members.reduce((sum, list) => sum + 2 + 28 * list.length, 0) ?? 0
  const writer = new Writer(FIXED_BYTES + (set === null ? 0 : 28 + 28 + 8 + copies))
  writer.bytes([VERSION, kinds.indexOf(message.kind), message.released ? RELEASED : 0, set?.members.length ?? 0])
  writer.ballot(message.ballot)
  writer.number(message.stamp)
  writer.number(message.incarnation)
  writer.ballot(message.log)
  writer.number(message.offset)
  writer.id(message.history)
  if (set !== null) {
    writer.ballot(set.shard)
    writer.ballot(set.ballot)
    writer.u32(set.number)
    writer.u32(set.received)
    for (const list of set.members) {
      writer.u16(list.length)
      for (const key of list) writer.copy(key)
    }
  }
  // Extensions end on a multiple of 8.
  const data = new Uint8Array(Math.ceil(writer.data.length / 8) * 8)
  data.set(writer.data)
  return { type: COPY_EXTENSION, data }
}

/** The copy's message among `extensions`, or null if there is none that can be read. */
export function findCopyMessage(extensions: readonly BusExtension[]): CopyMessage | null {
  const data = extensions.find(({ type }) => type === COPY_EXTENSION)?.data
  if (data === undefined || data.length < FIXED_BYTES) return null
  const reader = new Reader(data)
  const version = reader.u8()
  const kind = kinds[reader.u8()]
  const flags = reader.u8()
  const lists = reader.u8()
  if (version === 0 || kind === undefined || lists > 2) return null
  const message: CopyMessage = {
    kind, ballot: reader.ballot(), stamp: reader.number(), incarnation: reader.number(), log: reader.ballot(),
    offset: reader.number(), history: reader.id(), set: null, released: (flags & RELEASED) !== 0,
  }
  if (lists > 0) message.set = reader.set(lists)
  return reader.failed ? null : message
}

class Writer {
  readonly data: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(length: number) {
    this.data = new Uint8Array(length)
    this.#view = new DataView(this.data.buffer)
  }

  bytes(values: readonly number[]): void {
    this.data.set(values, this.#at)
    this.#at += values.length
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value)
    this.#at += 2
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value)
    this.#at += 4
  }

  number(value: number): void {
    this.#view.setBigUint64(this.#at, BigInt(Math.max(0, Math.floor(value))))
    this.#at += 8
  }

  id(id: NodeId): void {
    for (let index = 0; index < 20; index++)
      this.data[this.#at++] = Number.parseInt(id.slice(2 * index, 2 * index + 2), 16)
  }

  ballot({ term, node }: Ballot): void {
    this.number(term)
    this.id(node)
  }

  copy(key: CopyKey): void {
    this.id(nodeOf(key))
    this.number(Number(key.slice(41)))
  }
}

/** Reads zeros past the end or from what cannot be, and remembers that it did. */
class Reader {
  failed = false
  readonly #view: DataView
  #at = 0

  constructor(readonly data: Uint8Array) {
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  }

  u8(): number { return this.#take(1) ? this.data[this.#at - 1]! : 0 }
  u16(): number { return this.#take(2) ? this.#view.getUint16(this.#at - 2) : 0 }
  u32(): number { return this.#take(4) ? this.#view.getUint32(this.#at - 4) : 0 }

  number(): number {
    if (!this.#take(8)) return 0
    const value = Number(this.#view.getBigUint64(this.#at - 8))
    if (!Number.isSafeInteger(value)) this.failed = true
    return value
  }

  id(): NodeId {
    if (!this.#take(20)) return BLANK
    let id = ''
    for (const byte of this.data.subarray(this.#at - 20, this.#at)) id += byte.toString(16).padStart(2, '0')
    return id
  }

  ballot(): Ballot { return { term: this.number(), node: this.id() } }

  set(lists: number): CopySet {
    const shard = this.ballot()
    const ballot = this.ballot()
    const number = this.u32()
    const received = this.u32()
    const members: CopyKey[][] = []
    for (let list = 0; list < lists && !this.failed; list++) {
      const count = this.u16()
      if (count === 0 || count > COPIES_MAX) this.failed = true
      const keys: CopyKey[] = []
      while (keys.length < count && !this.failed) keys.push(copyKey(this.id(), this.number()))
      if (new Set(keys).size !== keys.length) this.failed = true
      members.push(keys)
    }
    return { shard, ballot, number, received, members }
  }

  #take(count: number): boolean {
    if (this.#at + count > this.data.length) this.failed = true
    else this.#at += count
    return !this.failed
  }
}
