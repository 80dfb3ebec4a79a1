/**
 * The events that name a transaction: MySQL's GTID (plain, anonymous, tagged) and MariaDB's. Older servers stop after
 * fewer fields: what is there is read, the event's length tells.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import { type Xid, xidParts } from '../events/control.js'
import { signed, varint } from './tagged-varint.js'

export interface MysqlGtid {
  /** `uuid:gno` or `uuid:tag:gno`; null for an anonymous transaction. */
  readonly gtid: string | null
  readonly uuid: string
  /** '' without one. */
  readonly tag: string
  readonly gno: number
  readonly lastCommitted: number
  readonly sequenceNumber: number
  /** Of the whole group with this event; 0 where the server does not say. */
  readonly transactionLength: number
  /** Commit on the server where it was made, microseconds since 1970; 0 where the server does not say. */
  readonly originalCommitUs: number
}

export class MysqlGtidReader {
  // Transactions of one source follow each other: its uuid is made text once.
  readonly #uuidBytes = Buffer.alloc(16)
  #uuid = uuidText(this.#uuidBytes)

  read(cursor: Cursor, anonymous: boolean): MysqlGtid {
    cursor.take(1) // flags: may contain statement-format changes
    const at = cursor.take(16)
    if (this.#uuidBytes.compare(cursor.buf, at, at + 16) !== 0) {
      cursor.buf.copy(this.#uuidBytes, 0, at, at + 16)
      this.#uuid = uuidText(this.#uuidBytes)
    }
    const gno = cursor.u64()
    let lastCommitted = 0
    let sequenceNumber = 0
    let transactionLength = 0
    let originalCommitUs = 0
    if (cursor.left >= 17 && cursor.u8() === LOGICAL_CLOCK) {
      lastCommitted = cursor.u64()
      sequenceNumber = cursor.u64()
      if (cursor.left >= 7) {
        const low = cursor.u32()
        const high = cursor.u24()
        originalCommitUs = high & 0x800000 ? cursor.u32() + cursor.u24() * 2 ** 32 : low + high * 2 ** 32
        if (cursor.left > 0) transactionLength = cursor.lenenc()
      }
    }
    const uuid = this.#uuid
    return {
      uuid, tag: '', gno, lastCommitted, sequenceNumber, transactionLength, originalCommitUs,
      gtid: anonymous ? null : `${uuid}:${gno}`,
    }
  }

  /** MySQL >= 8.3: fields by number; absent ones are zero, unknown ones end the reading if the event allows that. */
  readTagged(cursor: Cursor): MysqlGtid {
    const start = cursor.pos
    if (varint(cursor) !== 1n) throw new DecodeError('a tagged GTID of an unknown version')
    const size = Number(varint(cursor))
    if (size > cursor.end - start) throw cursor.short(size)
    const lastNeeded = Number(varint(cursor))
    const uuidBytes = Buffer.alloc(16)
    let tag = ''
    let gno = 0
    let lastCommitted = 0
    let sequenceNumber = 0
    let transactionLength = 0
    let immediateUs = 0
    let originalUs = 0
    while (cursor.pos < start + size) {
      const field = Number(varint(cursor))
      switch (field) {
        case 0: case 9: case 10: case 11: varint(cursor); break
        case 1:
          for (let i = 0; i < 16; i++) uuidBytes[i] = byte(varint(cursor))
          break
        case 2: gno = number(signed(cursor)); break
        case 3: tag = tagText(cursor, number(varint(cursor))); break
        case 4: lastCommitted = number(signed(cursor)); break
        case 5: sequenceNumber = number(signed(cursor)); break
        case 6: immediateUs = number(varint(cursor)); break
        case 7: originalUs = number(varint(cursor)); break
        case 8: transactionLength = number(varint(cursor)); break
        default:
          if (field <= lastNeeded) throw new DecodeError(`a tagged GTID with the unknown field ${field}`)
          cursor.pos = start + size
      }
    }
    const uuid = uuidText(uuidBytes)
    return {
      uuid, tag, gno, lastCommitted, sequenceNumber, transactionLength,
      originalCommitUs: originalUs === 0 ? immediateUs : originalUs,
      gtid: tag === '' ? `${uuid}:${gno}` : `${uuid}:${tag}:${gno}`,
    }
  }
}

const LOGICAL_CLOCK = 2
const TAG_BYTES_MAX = 32

export const uuidText = (bytes: Buffer): string => {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A tag of a GTID. @throws {DecodeError} if it is none */
export function tagText(cursor: Cursor, bytes: number): string {
  if (bytes > TAG_BYTES_MAX) throw new DecodeError(`a GTID tag of ${bytes} bytes`)
  const tag = cursor.utf8(bytes)
  if (tag !== '' && !/^[a-z_][a-z0-9_]*$/.test(tag)) throw new DecodeError(`'${tag}' is no GTID tag`)
  return tag
}

function number(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < 0n) throw new DecodeError(`${value} is not between 0 and 2^53`)
  return Number(value)
}

function byte(value: bigint): number {
  if (value > 255n) throw new DecodeError('a uuid byte above 255')
  return Number(value)
}

export interface MariadbGtid {
  /** `domain-server-sequence` */
  readonly gtid: string
  readonly domain: number
  readonly serverId: number
  readonly sequence: number
  /** Exactly one event follows, and no XID or COMMIT. */
  readonly standalone: boolean
  readonly ddl: boolean
  readonly transactional: boolean
  /** The group only prepares this XA transaction, or completes it. */
  readonly prepared: Xid | null
  readonly completed: Xid | null
  /** What the statement is in MariaDB's ALTER in two phases. */
  readonly alter: 'start' | 'commit' | 'rollback' | null
  /** Of the START ALTER that a commit or rollback ends; 0 otherwise. */
  readonly startSequence: number
}

const MariadbFlag = {
  STANDALONE: 0x01, GROUP_COMMIT: 0x02, TRANSACTIONAL: 0x04, DDL: 0x20, PREPARED: 0x40, COMPLETED: 0x80,
} as const
const Extra = { ENGINES: 0x01, START_ALTER: 0x02, COMMIT_ALTER: 0x04, ROLLBACK_ALTER: 0x08, THREAD_ID: 0x10 } as const

export function readMariadbGtid(cursor: Cursor, serverId: number): MariadbGtid {
  const sequence = cursor.u64()
  const domain = cursor.u32()
  const flags = cursor.u8()
  if (flags & MariadbFlag.GROUP_COMMIT) cursor.take(8)
  let xid: Xid | null = null
  if (flags & (MariadbFlag.PREPARED | MariadbFlag.COMPLETED)) {
    const formatId = cursor.u32()
    xid = xidParts(cursor, formatId, cursor.u8(), cursor.u8())
  }
  let alter: MariadbGtid['alter'] = null
  let startSequence = 0
  // What is padding reads as no extra flags.
  if (cursor.left > 0) {
    const extra = cursor.u8()
    if (extra & Extra.ENGINES) cursor.take(1)
    if (extra & Extra.START_ALTER) alter = 'start'
    if (extra & (Extra.COMMIT_ALTER | Extra.ROLLBACK_ALTER)) {
      alter = extra & Extra.COMMIT_ALTER ? 'commit' : 'rollback'
      startSequence = cursor.u64()
    }
  }
  return {
    gtid: `${domain}-${serverId}-${sequence}`, domain, serverId, sequence, alter, startSequence,
    standalone: (flags & MariadbFlag.STANDALONE) !== 0,
    ddl: (flags & MariadbFlag.DDL) !== 0,
    transactional: (flags & MariadbFlag.TRANSACTIONAL) !== 0,
    prepared: flags & MariadbFlag.PREPARED ? xid : null,
    completed: flags & MariadbFlag.COMPLETED ? xid : null,
  }
}
