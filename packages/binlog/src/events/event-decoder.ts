/**
 * EventDecoder: from the bytes of an event to what it says, for one stream or file. It holds what events mean together:
 * the last FORMAT_DESCRIPTION (checksums, layouts, flavour) and the tables of the statement under way.
 * Checksums are always verified. A TABLE_MAP is good until its statement ends; Tables are kept beyond that only to be
 * recognised by their bytes, since sources send the same one before every statement.
 * An unknown event without the ignorable flag stops everything: a position never passes what was not understood.
 */
import { Cursor } from '../bytes/cursor.js'
import { crc32 } from '../bytes/crc32.js'
import { ChecksumError, DecodeError, UnsupportedError } from '../errors.js'
import { type MariadbGtid, type MysqlGtid, MysqlGtidReader, readMariadbGtid } from '../gtid/gtid-events.js'
import { readGtidList } from '../gtid/mariadb-gtid-position.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import { expandEvent } from '../rows/compression.js'
import { type RowKind, RowsEvent } from '../rows/rows-event.js'
import { readTableMap, type SchemaLookup } from '../rows/table-map.js'
import { Table } from '../rows/table.js'
import {
  readCheckpoint, readHeartbeat, readHeartbeatV2, readIncident, readIntVar, readRand, readRotate, readUserVar,
  readXaPrepare,
} from './control.js'
import type { BinlogEvent } from './event.js'
import { EventFlag, EventType, type Flavour } from './event-types.js'
import { type FormatDescription, readFormatDescription } from './format-description.js'
import { type EventHeader, HEADER_BYTES, readHeader } from './header.js'
import { type Query, readQuery } from './query.js'
import { readTransactionPayload } from './transaction-payload.js'

export interface EventDecoderOptions {
  /** Assumed until a FORMAT_DESCRIPTION tells. @default 'mysql' */
  flavour?: Flavour
  /** Are there checksums before a FORMAT_DESCRIPTION tells? @default false */
  checksums?: boolean
  /** Most that a compressed event, transaction or column may become. @default 268_435_456 */
  maxUncompressedBytes?: number
  /** For sources whose TABLE_MAP does not say everything (binlog_row_metadata other than FULL). */
  schema?: SchemaLookup
}

const CHECKSUM_BYTES = 4
/** Tables to recognise by their bytes; beyond that all are forgotten and parsed again. */
const KNOWN_TABLES_MAX = 2048
const OLD_ROWS_POST_HEADER = 6
/** Of the low byte of the header's flags. */
const FLAGS_AT = 17

interface KnownTable { readonly table: Table; readonly body: Buffer }

export class EventDecoder {
  readonly #cursor = new Cursor(Buffer.alloc(0))
  readonly #gtids = new MysqlGtidReader()
  readonly #maxBytes: number
  readonly #schema: SchemaLookup | null
  #flavour: Flavour
  #checksums: boolean
  #tableIdBytes: 4 | 6 = 6
  /** Of the statement under way, by id. */
  readonly #tables = new Map<number, Table>()
  readonly #known = new Map<number, KnownTable>()

  constructor(options: EventDecoderOptions = {}) {
    this.#flavour = options.flavour ?? 'mysql'
    this.#checksums = options.checksums ?? false
    this.#maxBytes = options.maxUncompressedBytes ?? 2 ** 28
    this.#schema = options.schema ?? null
  }

  get flavour(): Flavour { return this.#flavour }

  /** Tables are asked for anew: the schema has changed. */
  forgetTables(): void {
    this.#known.clear()
    this.#tables.clear()
  }

  /**
   * The event that is exactly bytes[start..end). Rows in it are a view of `bytes`.
   * @throws {ChecksumError}
   * @throws {DecodeError} if it is damaged
   * @throws {UnsupportedError} if it is of a type that may not be passed over
   */
  decode(bytes: Buffer, start = 0, end = bytes.length): BinlogEvent {
    const header = readHeader(bytes, start, end)
    const bodyEnd = header.type === EventType.FORMAT_DESCRIPTION ? end : this.#verified(bytes, start, end, header)
    return this.#body(header, bytes, start, bodyEnd)
  }

  /** Where the event's body ends: in front of its checksum, which is right, or at its end. */
  #verified(bytes: Buffer, start: number, end: number, header: EventHeader): number {
    const covered = end - CHECKSUM_BYTES
    // Artificial events have one or not, whatever was agreed: what fits is one.
    if (header.flags & EventFlag.ARTIFICIAL) {
      const hasRoom = covered >= start + HEADER_BYTES
      return hasRoom && crc32(bytes, start, covered) === bytes.readUInt32LE(covered) ? covered : end
    }
    if (!this.#checksums) return end
    if (covered < start + HEADER_BYTES) throw new DecodeError('an event without room for its checksum')
    const wanted = bytes.readUInt32LE(covered)
    const found = crc32(bytes, start, covered)
    if (wanted !== found) {
      throw new ChecksumError(`event of type ${header.type} that ends at ${header.logPos}: checksum ${hex(found)} instead of ${hex(wanted)}`)
    }
    return covered
  }

  #body(header: EventHeader, bytes: Buffer, start: number, end: number): BinlogEvent {
    const cursor = this.#cursor.reset(bytes, start + HEADER_BYTES, end)
    switch (header.type) {
      case EventType.WRITE_ROWS: case EventType.WRITE_ROWS_V1: return this.#rows(header, 'insert', cursor)
      case EventType.UPDATE_ROWS: case EventType.UPDATE_ROWS_V1: case EventType.PARTIAL_UPDATE_ROWS:
        return this.#rows(header, 'update', cursor)
      case EventType.DELETE_ROWS: case EventType.DELETE_ROWS_V1: return this.#rows(header, 'delete', cursor)
      case EventType.WRITE_ROWS_COMPRESSED: case EventType.WRITE_ROWS_COMPRESSED_V1:
        return this.#rows(header, 'insert', cursor, this.#expand)
      case EventType.UPDATE_ROWS_COMPRESSED: case EventType.UPDATE_ROWS_COMPRESSED_V1:
        return this.#rows(header, 'update', cursor, this.#expand)
      case EventType.DELETE_ROWS_COMPRESSED: case EventType.DELETE_ROWS_COMPRESSED_V1:
        return this.#rows(header, 'delete', cursor, this.#expand)
      case EventType.TABLE_MAP: return this.#tableMap(header, cursor)
      case EventType.XID: return { name: 'xid', header, xid: cursor.u64Big() }
      case EventType.GTID: case EventType.ANONYMOUS_GTID:
        return gtidEvent(header, this.#gtids.read(cursor, header.type === EventType.ANONYMOUS_GTID))
      case EventType.GTID_TAGGED: return gtidEvent(header, this.#gtids.readTagged(cursor))
      case EventType.MARIADB_GTID: return mariadbGtidEvent(header, readMariadbGtid(cursor, header.serverId))
      case EventType.QUERY: return queryEvent(header, readQuery(cursor))
      case EventType.QUERY_COMPRESSED: return queryEvent(header, readQuery(cursor, this.#expand))
      case EventType.FORMAT_DESCRIPTION: return { name: 'formatDescription', header, format: this.#format(bytes, start, cursor) }
      case EventType.TRANSACTION_PAYLOAD: return this.#payload(header, cursor)
      case EventType.ROTATE:
        this.#tables.clear()
        return { name: 'rotate', header, ...readRotate(cursor) }
      case EventType.HEARTBEAT: return { name: 'heartbeat', header, ...readHeartbeat(cursor) }
      case EventType.HEARTBEAT_V2: return { name: 'heartbeat', header, ...readHeartbeatV2(cursor) }
      case EventType.PREVIOUS_GTIDS: return { name: 'previousGtids', header, gtids: MysqlGtidSet.read(cursor) }
      case EventType.GTID_LIST: return { name: 'gtidList', header, ...readGtidList(cursor) }
      case EventType.ROWS_QUERY:
        cursor.take(1) // a length that is none
        return { name: 'rowsQuery', header, sql: cursor.utf8(cursor.left) }
      case EventType.ANNOTATE_ROWS: return { name: 'rowsQuery', header, sql: cursor.utf8(cursor.left) }
      case EventType.XA_PREPARE: return { name: 'xaPrepare', header, ...readXaPrepare(cursor) }
      case EventType.INTVAR: return { name: 'intVar', header, ...readIntVar(cursor) }
      case EventType.RAND: return { name: 'rand', header, ...readRand(cursor) }
      case EventType.USER_VAR: return { name: 'userVar', header, ...readUserVar(cursor) }
      case EventType.APPEND_BLOCK: case EventType.DELETE_FILE: case EventType.BEGIN_LOAD_QUERY:
      case EventType.EXECUTE_LOAD_QUERY:
        return { name: 'loadData', header }
      case EventType.INCIDENT: return { name: 'incident', header, ...readIncident(cursor) }
      case EventType.BINLOG_CHECKPOINT: return { name: 'binlogCheckpoint', header, file: readCheckpoint(cursor) }
      case EventType.START_ENCRYPTION: return { name: 'startEncryption', header }
      case EventType.STOP: return { name: 'stop', header }
      case EventType.IGNORABLE: case EventType.TRANSACTION_CONTEXT: case EventType.VIEW_CHANGE:
        return { name: 'ignored', header }
      default:
        if (header.flags & EventFlag.IGNORABLE) return { name: 'ignored', header }
        throw new UnsupportedError(`event type ${header.type} is unknown and not marked as ignorable`)
    }
  }

  #format(bytes: Buffer, start: number, cursor: Cursor): FormatDescription {
    const format = readFormatDescription(cursor)
    if (format.checksum === 'crc32') verifyFormat(bytes, start, cursor.pos)
    this.#flavour = format.flavour
    this.#checksums = format.checksum === 'crc32'
    this.#tableIdBytes = format.postHeaderLengths[EventType.TABLE_MAP - 1] === OLD_ROWS_POST_HEADER ? 4 : 6
    this.#tables.clear()
    this.#known.clear()
    return format
  }

  #tableId(cursor: Cursor): number { return this.#tableIdBytes === 6 ? cursor.u48() : cursor.u32() }

  #tableMap(header: EventHeader, cursor: Cursor): BinlogEvent {
    const { buf, pos, end } = cursor
    const id = this.#tableId(cursor)
    const known = this.#known.get(id)
    let table: Table
    if (known !== undefined && sameBytes(known.body, buf, pos, end)) {
      table = known.table
    } else {
      table = new Table(readTableMap(cursor, id, this.#flavour, this.#schema), this.#maxBytes)
      if (this.#known.size >= KNOWN_TABLES_MAX) this.#known.clear()
      this.#known.set(id, { table, body: Buffer.from(buf.subarray(pos, end)) })
    }
    this.#tables.set(id, table)
    return { name: 'tableMap', header, table }
  }

  #rows(header: EventHeader, kind: RowKind, cursor: Cursor, expand?: (cursor: Cursor) => Buffer): BinlogEvent {
    const id = this.#tableId(cursor)
    const flags = cursor.u16()
    if (hasExtraData(header.type)) {
      const extra = cursor.u16()
      if (extra < 2) throw new DecodeError(`row event with ${extra} bytes of extra data, its own length included`)
      cursor.take(extra - 2)
    }
    const table = this.#tables.get(id)
    if (table === undefined) throw new DecodeError(`rows of table id ${id}, which no TABLE_MAP of this statement names`)
    table.expectColumns(cursor.lenenc())
    const event = RowsEvent.read(header, kind, table, flags, cursor, expand)
    if (event.endsStatement) this.#tables.clear()
    return event
  }

  readonly #expand = (cursor: Cursor): Buffer => expandEvent(cursor, this.#maxBytes)

  #payload(header: EventHeader, cursor: Cursor): BinlogEvent {
    const bytes = readTransactionPayload(cursor, this.#maxBytes)
    return { name: 'transactionPayload', header, byteLength: bytes.length, events: () => this.#inner(bytes) }
  }

  * #inner(bytes: Buffer): Generator<BinlogEvent, void, undefined> {
    for (let at = 0; at < bytes.length;) {
      if (at + HEADER_BYTES > bytes.length) throw new DecodeError('a payload that ends inside an event')
      const end = at + bytes.readUInt32LE(at + 9)
      if (end > bytes.length) throw new DecodeError('a payload whose last event is cut')
      const header = readHeader(bytes, at, end)
      switch (header.type) {
        case EventType.TRANSACTION_PAYLOAD: case EventType.FORMAT_DESCRIPTION: case EventType.ROTATE:
          throw new DecodeError(`event type ${header.type} inside a payload`)
        default: yield this.#body(header, bytes, at, end)
      }
      at = end
    }
  }
}

// Every transaction has these: field by field they cost a fraction of a spread.

function gtidEvent(header: EventHeader, gtid: MysqlGtid): BinlogEvent {
  const { uuid, tag, gno, lastCommitted, sequenceNumber, transactionLength, originalCommitUs } = gtid
  return {
    name: 'gtid', header, gtid: gtid.gtid, uuid, tag, gno, lastCommitted, sequenceNumber, transactionLength,
    originalCommitUs,
  }
}

function mariadbGtidEvent(header: EventHeader, gtid: MariadbGtid): BinlogEvent {
  const { domain, serverId, sequence, standalone, ddl, transactional, prepared, completed, alter, startSequence } = gtid
  return {
    name: 'mariadbGtid', header, gtid: gtid.gtid, domain, serverId, sequence, standalone, ddl, transactional, prepared,
    completed, alter, startSequence,
  }
}

function queryEvent(header: EventHeader, query: Query): BinlogEvent {
  const { threadId, errorCode, schema, sql, charset, alter } = query
  return { name: 'query', header, threadId, errorCode, schema, sql, charset, alter }
}

const hasExtraData = (type: number): boolean =>
  (type >= EventType.WRITE_ROWS && type <= EventType.DELETE_ROWS) || type === EventType.PARTIAL_UPDATE_ROWS ||
  (type >= EventType.WRITE_ROWS_COMPRESSED && type <= EventType.DELETE_ROWS_COMPRESSED)

/** The CRC of a FORMAT_DESCRIPTION is made without the flag that says that its file is open. */
function verifyFormat(bytes: Buffer, start: number, end: number): void {
  const copy = Buffer.from(bytes.subarray(start, end))
  copy[FLAGS_AT] = copy[FLAGS_AT]! & ~EventFlag.IN_USE
  const wanted = bytes.readUInt32LE(end)
  const found = crc32(copy, 0, copy.length)
  if (wanted !== found) throw new ChecksumError(`FORMAT_DESCRIPTION: checksum ${hex(found)} instead of ${hex(wanted)}`)
}

const hex = (value: number): string => value.toString(16).padStart(8, '0')

/** Is buf[start..end) the same as `body`? */
function sameBytes(body: Buffer, buf: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (body.length !== length) return false
  for (let i = 0; i < length; i++) if (body[i] !== buf[start + i]) return false
  return true
}
