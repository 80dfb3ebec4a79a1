/**
 * BinlogStream: from events to transactions. It knows which group an event belongs to, when the group is whole, and the
 * position behind it; it hands out whole transactions only, and a position only between two of them. So a follower
 * that keeps what it applied and the position together can be killed anywhere.
 * XA: what is prepared is handed out as `prepare` and must be kept until `commitPrepared` or `rollbackPrepared` names
 * it. What cannot be known is refused, never guessed: changes logged as statements, child rows that a foreign key
 * changed and the source did not log, rows behind a rolled-back savepoint, events that the source lost.
 * Sans-IO: events in, outputs out. Source: MySQL and MariaDB documentation; decision 0020.
 */
import { TooLargeError, UnsupportedError } from '../errors.js'
import { xidText } from '../events/control.js'
import type { BinlogEvent } from '../events/event.js'
import { EventFlag } from '../events/event-types.js'
import type { Row, Table } from '../rows/table.js'
import type { RowKind, RowsEvent } from '../rows/rows-event.js'
import { type SourcePosition, StreamPosition } from './position.js'
import { readStatement, type Statement } from './statements.js'

/** Rows of one table that changed alike, in the order of the source. */
export interface TableChanges {
  readonly table: Table
  readonly kind: RowKind
  /** An insert has no `before`, a delete no `after`. */
  readonly rows: { readonly before: Row | null; readonly after: Row | null }[]
}

/** A DDL statement, between the rows where it happened. */
export interface SchemaChange { readonly statement: Statement; readonly sql: string; readonly schema: string }

export interface Transaction {
  /** null without GTIDs. */
  readonly gtid: string | null
  /** Seconds since 1970, of the event that ended it. */
  readonly timestamp: number
  /** In order; of a transaction that was too large for memory some come from a file, and only until the next output. */
  readonly changes: Iterable<TableChanges | SchemaChange>
  /** Are DDL statements among them? They come first. */
  readonly changesSchema: boolean
  /** Too large for memory. */
  readonly spilled: boolean
  /** Behind it. */
  readonly position: SourcePosition
}

export type StreamOutput =
  | { readonly type: 'transaction'; readonly transaction: Transaction }
  | { readonly type: 'prepare'; readonly xid: string; readonly transaction: Transaction }
  | { readonly type: 'commitPrepared' | 'rollbackPrepared'; readonly xid: string; readonly transaction: Transaction }
  /** Nothing happened up to here: transactions that were skipped, or a quiet source. */
  | { readonly type: 'position'; readonly position: SourcePosition }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'warning'; readonly message: string }

/**
 * Rows of an open transaction that is too large for memory: to be kept, in order and behind its `changes`, until an
 * output says how it ended: as `spilled`, or as nothing. The event is a view of what was received.
 */
export interface SpilledRows { readonly type: 'spill'; readonly event: RowsEvent }

export interface BinlogStreamOptions {
  /** Rows of tables that nobody wants are not read. @default all */
  wants?: (schema: string, table: string) => boolean
  /** May this statement, which changes rows without row events, concern us? @default yes */
  touches?: (schema: string, sql: string) => boolean
  /** A table that a foreign key may have changed without its rows being logged. @default 'stop' */
  missingCascades?: 'stop' | 'warn'
  /** Most that is kept in memory of one transaction; a row counts as its bytes and 96 more. @default 8_388_608 */
  maxTransactionBytes?: number
  /** What is larger is handed out as it comes, as SpilledRows, or refused. @default 'stop' */
  largeTransactions?: 'spill' | 'stop'
  /** Most that is handed out of one transaction, in bytes of row events. @default 68_719_476_736 */
  maxSpillBytes?: number
  /** Transactions of this server id are ours: not applied. */
  ownServerId?: number
}

interface Group {
  gtid: string | null
  /** MariaDB: one event follows and no commit. MySQL: not known before it comes. */
  standalone: boolean
  begun: boolean
  /** Content is passed over: marked so by the source, or ours. */
  skipped: boolean
  prepared: string | null
  completed: string | null
  changes: (TableChanges | SchemaChange)[]
  changesSchema: boolean
  /** In memory, or all of it. */
  bytes: number
  spilled: boolean
  /** Called at the end, to take the GTID into the position. */
  applied: () => void
}

const TWO_32 = 2 ** 32
/** What a row costs as an object, at the least. */
const ROW_BYTES = 96

export class BinlogStream {
  readonly #position: StreamPosition
  readonly #wants: (schema: string, table: string) => boolean
  readonly #touches: (schema: string, sql: string) => boolean
  readonly #cascades: 'stop' | 'warn'
  readonly #maxBytes: number
  readonly #spills: boolean
  readonly #maxSpillBytes: number
  readonly #ownServerId: number | null
  #group: Group | null = null
  /** Tables named in the statement under way, of which no row has come. */
  readonly #rowless = new Set<Table>()
  #outputs: (StreamOutput | SpilledRows)[] = []

  constructor(start: SourcePosition, options: BinlogStreamOptions = {}) {
    this.#position = new StreamPosition(start)
    this.#wants = options.wants ?? (() => true)
    this.#touches = options.touches ?? (() => true)
    this.#cascades = options.missingCascades ?? 'stop'
    this.#maxBytes = options.maxTransactionBytes ?? 2 ** 23
    this.#spills = options.largeTransactions === 'spill'
    this.#maxSpillBytes = options.maxSpillBytes ?? 2 ** 36
    this.#ownServerId = options.ownServerId ?? null
  }

  /** Behind the last whole transaction. */
  get position(): SourcePosition { return this.#position.snapshot() }

  /** In the middle of a group? */
  get inTransaction(): boolean { return this.#group !== null }

  /** A new connection: what was open comes again from its beginning. */
  reconnected(): void {
    this.#group = null
    this.#forgetRowless()
  }

  /**
   * Takes the next event.
   * @throws {UnsupportedError} {TooLargeError}; the position stays before the group, and the stream is at its end
   */
  receive(event: BinlogEvent): (StreamOutput | SpilledRows)[] {
    this.#outputs = []
    this.#take(event, event.header.logPos)
    return this.#outputs
  }

  /** @param logPos  of the outermost event: inside of a payload there is none */
  #take(event: BinlogEvent, logPos: number): void {
    switch (event.name) {
      case 'rows': return this.#rows(event)
      case 'tableMap':
        if (this.#wants(event.table.schema, event.table.table)) this.#rowless.add(event.table)
        return
      case 'gtid': return this.#begin({
        gtid: event.gtid, skipped: this.#isSkipped(event),
        applied: () => {
          if (event.gtid !== null && this.#position.gtidsKnown) this.#position.mysql.add(event.gtid)
        },
      })
      case 'mariadbGtid': {
        this.#begin({
          gtid: event.gtid, skipped: this.#isSkipped(event),
          applied: () => {
            const { gtidsKnown, mariadb } = this.#position
            if (gtidsKnown) mariadb.set(event.domain, event.serverId, event.sequence)
          },
        })
        const group = this.#group!
        group.standalone = event.standalone
        group.begun = !event.standalone
        group.prepared = event.prepared === null ? null : xidText(event.prepared)
        group.completed = event.completed === null ? null : xidText(event.completed)
        return
      }
      case 'query': return this.#query(event, logPos)
      case 'xid': return this.#close(event.header.timestamp, logPos, 'transaction')
      case 'xaPrepare': return this.#xaPrepare(event, logPos)
      case 'transactionPayload':
        for (const inner of event.events()) this.#take(inner, logPos)
        return
      case 'rotate': return this.#rotate(event)
      case 'formatDescription':
        if (event.format.created !== 0) this.reconnected()
        return
      case 'previousGtids':
        // At the head of a file: what was before is what the file says.
        if (this.#position.gtidsKnown) return
        this.#position.mysql.addAll(event.gtids)
        this.#position.gtidsKnown = true
        return
      case 'gtidList': {
        // The same; the artificial one of a start by GTID repeats what we have.
        if (this.#position.gtidsKnown) return
        for (const { domain, serverId, sequence } of event.gtids) this.#position.mariadb.set(domain, serverId, sequence)
        this.#position.gtidsKnown = true
        return
      }
      case 'heartbeat': return this.#heartbeat(event.file, event.position ?? logPos)
      case 'incident': throw new UnsupportedError(`the source lost events (INCIDENT ${event.kind}: ${event.message}): take a new snapshot`)
      case 'loadData': throw new UnsupportedError('LOAD DATA was logged as a statement: set binlog_format=ROW and take a new snapshot')
      // A QUERY follows these, and says what they mean.
      case 'intVar': case 'rand': case 'userVar': case 'rowsQuery':
      case 'binlogCheckpoint': case 'startEncryption': case 'stop': case 'ignored':
        return
    }
  }

  #isSkipped({ header }: BinlogEvent): boolean {
    return (header.flags & EventFlag.SKIP_REPLICATION) !== 0 || header.serverId === this.#ownServerId
  }

  /** Named field by field: a spread there made it the dearest line of a transaction. */
  #begin({ gtid, skipped, applied }: Pick<Group, 'gtid' | 'skipped' | 'applied'>): void {
    if (this.#group !== null && this.#group.begun) throw new UnsupportedError('a transaction begins inside of another')
    this.#forgetRowless()
    this.#group = {
      gtid, standalone: false, begun: false, skipped, prepared: null, completed: null, changes: [],
      changesSchema: false, bytes: 0, spilled: false, applied,
    }
  }

  /** Mostly there is none, and clearing makes a new table of an empty one, too. */
  #forgetRowless(): void {
    if (this.#rowless.size > 0) this.#rowless.clear()
  }

  /** The open group; a stream without GTIDs begins one at BEGIN or at the statement itself. */
  #open(): Group {
    if (this.#group === null) this.#begin({ gtid: null, skipped: false, applied: () => undefined })
    return this.#group!
  }

  #rows(event: Extract<BinlogEvent, { name: 'rows' }>): void {
    const { table, kind } = event
    this.#rowless.delete(table)
    const group = this.#open()
    group.begun = true
    const skipped = group.skipped || (event.header.flags & EventFlag.SKIP_REPLICATION) !== 0
    if (!skipped && this.#wants(table.schema, table.table)) {
      group.bytes += event.byteLength
      if (group.spilled || group.bytes > this.#maxBytes) this.#spill(group, event)
      else {
        const last = group.changes.at(-1)
        const same = last !== undefined && 'table' in last && last.table === table && last.kind === kind ? last : null
        const changes = same ?? { table, kind, rows: [] }
        if (same === null) group.changes.push(changes)
        const rows = changes.rows.length
        event.each((before, after) => void changes.rows.push({ before, after }))
        group.bytes += ROW_BYTES * (changes.rows.length - rows)
      }
    }
    if (event.endsStatement) this.#endStatement()
  }

  #spill(group: Group, event: RowsEvent): void {
    if (!this.#spills) throw new TooLargeError(`a transaction of more than ${this.#maxBytes} bytes (maxTransactionBytes)`)
    if (group.bytes > this.#maxSpillBytes) throw new TooLargeError(`a transaction of more than ${this.#maxSpillBytes} bytes (maxSpillBytes)`)
    group.spilled = true
    this.#outputs.push({ type: 'spill', event })
  }

  /** Tables that were named and got no row: what a cascade of a foreign key leaves behind. */
  #endStatement(): void {
    for (const table of this.#rowless) {
      const message = `${table.schema}.${table.table} took part in a statement and no row of it was logged: ` +
        'a foreign key may have changed it (ON DELETE or UPDATE CASCADE), which this source does not log'
      if (this.#cascades === 'stop') throw new UnsupportedError(message)
      this.#outputs.push({ type: 'warning', message })
    }
    this.#forgetRowless()
  }

  #query(event: Extract<BinlogEvent, { name: 'query' }>, logPos: number): void {
    const { timestamp } = event.header
    const statement = readStatement(event.sql, event.schema)
    switch (statement.kind) {
      case 'begin':
        this.#open().begun = true
        return
      case 'commit': return this.#close(timestamp, logPos, 'transaction')
      case 'rollback':
        Object.assign(this.#open(), { changes: [], changesSchema: false, spilled: false })
        return this.#close(timestamp, logPos, 'transaction')
      case 'savepoint': return
      case 'rollbackTo':
        if (this.#group?.changes.length) throw new UnsupportedError('ROLLBACK TO a savepoint with rows before it: which of them stay cannot be told')
        return
      case 'xa': return this.#xa(statement, timestamp, logPos)
      case 'dml': {
        const group = this.#open()
        if (!group.skipped && this.#touches(event.schema, event.sql)) {
          throw new UnsupportedError(`${statement.verb} was logged as a statement in ${event.schema === '' ? 'no database' : event.schema}: ` +
            'its rows cannot be known; set binlog_format=ROW and take a new snapshot')
        }
        break
      }
      case 'truncate': case 'dropTable': case 'createTable': case 'replaceTable': case 'alterTable': case 'changePartition':
      case 'dropSchema': case 'renameTable': {
        const group = this.#open()
        // MariaDB's ALTER in two phases happens at its commit.
        const happens = event.alter === null || event.alter.phase === 'commit'
        if (happens && !group.skipped) {
          if (group.changes.some((change) => 'table' in change)) throw new UnsupportedError('a DDL statement behind rows of its own transaction')
          group.changes.push({ statement, sql: event.sql, schema: event.schema })
          group.changesSchema = true
        }
        break
      }
      case 'other': this.#open()
    }
    // A statement by itself is its whole group, unless BEGIN or rows came before, or its commit is told to follow.
    if (!this.#group!.begun) this.#close(timestamp, logPos, 'transaction')
  }

  #xa(statement: Extract<Statement, { kind: 'xa' }>, timestamp: number, logPos: number): void {
    const group = this.#open()
    switch (statement.verb) {
      case 'start':
        group.begun = true
        group.prepared = statement.xid
        return
      case 'end': case 'prepare': return
      case 'commit': case 'rollback':
        group.completed = statement.xid
        return this.#close(timestamp, logPos, statement.verb === 'commit' ? 'commitPrepared' : 'rollbackPrepared')
    }
  }

  #xaPrepare(event: Extract<BinlogEvent, { name: 'xaPrepare' }>, logPos: number): void {
    this.#open().prepared = xidText(event)
    this.#close(event.header.timestamp, logPos, event.onePhase ? 'transaction' : 'prepare')
  }

  #close(timestamp: number, logPos: number, type: 'transaction' | 'prepare' | 'commitPrepared' | 'rollbackPrepared'): void {
    const group = this.#open()
    this.#endStatement()
    if (type === 'prepare' && group.spilled) {
      throw new TooLargeError(`a prepared XA transaction of more than ${this.#maxBytes} bytes, which would have to be kept in memory (maxTransactionBytes)`)
    }
    group.applied()
    this.#advance(logPos)
    this.#group = null
    const { gtid, changes, changesSchema, spilled } = group
    const position = this.#position.snapshot()
    const transaction: Transaction = { gtid, timestamp, changes, changesSchema, spilled, position }
    if (type === 'transaction') {
      this.#outputs.push(changes.length > 0 || spilled ? { type, transaction } : { type: 'position', position: transaction.position })
    } else this.#outputs.push({ type, xid: (type === 'prepare' ? group.prepared : group.completed)!, transaction })
  }

  /** To the end of an event; the header's 32 bits begin anew every 4 GiB. */
  #advance(logPos: number): void {
    if (logPos === 0) return
    const { position } = this.#position
    const high = Math.floor(position / TWO_32)
    const candidate = high * TWO_32 + logPos
    this.#position.position = candidate < position ? candidate + TWO_32 : candidate
  }

  #rotate({ file, position }: { file: string; position: number }): void {
    // A group never spans files: what is open belongs to a source that ended in the middle of it.
    this.reconnected()
    if (file === this.#position.file && position <= this.#position.position) return
    this.#position.file = file
    this.#position.position = position
    this.#outputs.push({ type: 'position', position: this.#position.snapshot() })
  }

  #heartbeat(file: string, position: number): void {
    this.#outputs.push({ type: 'heartbeat' })
    const isAhead = file === this.#position.file && position > this.#position.position
    if (this.#group !== null || !isAhead) return
    this.#position.position = position
    this.#outputs.push({ type: 'position', position: this.#position.snapshot() })
  }
}
