/**
 * A row event: rows of one table that were inserted, updated or deleted. Rows are read when asked for and one after the
 * other, so an event of gigabytes needs no more memory than its bytes, and one of a table that nobody follows costs
 * its header. The event is a view of the bytes it came in: read it before they are used for something else.
 */
import { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import { EventType } from '../events/event-types.js'
import type { EventHeader } from '../events/header.js'
import { applyJsonDiffs, readJsonDiffs } from '../json/json-diff.js'
import { type JsonNode, jsonText, readJson } from '../json/json-document.js'
import { ColumnType } from './column-types.js'
import { PartialJson } from './partial-json.js'
import type { Present, Row, Table } from './table.js'
import type { Value } from './values.js'

export type RowKind = 'insert' | 'update' | 'delete'

/** One changed row: an insert has no `before`, a delete no `after`. */
export interface RowChange { readonly before: Row | null; readonly after: Row | null }

const RowsFlag = { STATEMENT_END: 0x01 } as const

export class RowsEvent {
  readonly name = 'rows'
  readonly header: EventHeader
  readonly kind: RowKind
  readonly table: Table
  readonly flags: number
  readonly #buf: Buffer
  readonly #start: number
  readonly #end: number
  readonly #first: Present
  readonly #second: Present

  private constructor(
    { header, kind, table, flags }: Pick<RowsEvent, 'header' | 'kind' | 'table' | 'flags'>,
    first: Present, second: Present, buf: Buffer, start: number, end: number,
  ) {
    this.header = header
    this.kind = kind
    this.table = table
    this.flags = flags
    this.#first = first
    this.#second = second
    this.#buf = buf
    this.#start = start
    this.#end = end
  }

  /** The cursor is behind the column count. `expand` is given for compressed events and uncompresses the rows. */
  static read(
    header: EventHeader, kind: RowKind, table: Table, flags: number, cursor: Cursor,
    expand?: (cursor: Cursor) => Buffer,
  ): RowsEvent {
    const first = table.readPresent(cursor)
    const second = kind === 'update' ? table.readPresent(cursor) : 'all'
    const about = { header, kind, table, flags }
    if (expand === undefined) return new RowsEvent(about, first, second, cursor.buf, cursor.pos, cursor.end)
    const rows = expand(cursor)
    return new RowsEvent(about, first, second, rows, 0, rows.length)
  }

  /** An event like this one with other rows: those that were kept elsewhere. */
  over(rows: Buffer): RowsEvent { return new RowsEvent(this, this.#first, this.#second, rows, 0, rows.length) }

  /** The bytes of the rows, uncompressed: a view, as the event is one. */
  get bytes(): Buffer { return this.#buf.subarray(this.#start, this.#end) }

  /** The statement is complete: table ids after it are told anew. */
  get endsStatement(): boolean { return (this.flags & RowsFlag.STATEMENT_END) !== 0 }

  /** Bytes of the rows, uncompressed. */
  get byteLength(): number { return this.#end - this.#start }

  /** Which columns the images have: `before` of updates and deletes, `after` of inserts and updates. */
  get presentBefore(): Present | null { return this.kind === 'insert' ? null : this.#first }
  get presentAfter(): Present | null {
    if (this.kind === 'delete') return null
    return this.kind === 'insert' ? this.#first : this.#second
  }

  /** Calls `visit` with every row, in order. @throws {DecodeError} at the first one that is not sound */
  each(visit: (before: Row | null, after: Row | null) => void): void {
    const cursor = new Cursor(this.#buf, this.#start, this.#end)
    const { table } = this
    const first = this.#first
    const second = this.#second
    const partial = this.header.type === EventType.PARTIAL_UPDATE_ROWS
    while (cursor.pos < this.#end) {
      const at = cursor.pos
      switch (this.kind) {
        case 'insert': visit(null, table.readRow(cursor, first)); break
        case 'delete': visit(table.readRow(cursor, first), null); break
        case 'update':
          if (partial) this.#partial(cursor, visit)
          else visit(table.readRow(cursor, first), table.readRow(cursor, second))
      }
      // An image of no columns has no bytes: a cut event would otherwise never end.
      if (cursor.pos === at) throw new DecodeError('a row without a byte')
    }
  }

  changes(): RowChange[] {
    const changes: RowChange[] = []
    this.each((before, after) => void changes.push({ before, after }))
    return changes
  }

  /** One row of PARTIAL_UPDATE_ROWS: the after image may have changes in place of a document. */
  #partial(cursor: Cursor, visit: (before: Row | null, after: Row | null) => void): void {
    const { table } = this
    const documents = new Map<number, JsonNode>()
    const before = readWithDocuments(table, cursor, this.#first, (column, start, end) => {
      const node = readJson(cursor.buf, start, end)
      documents.set(column, node)
      return jsonText(node)
    })
    const PARTIAL_JSON = 1
    if ((cursor.lenenc() & PARTIAL_JSON) === 0) {
      visit(before, table.readRow(cursor, this.#second))
      return
    }
    const present = this.#second === 'all' ? table.columns.map(({ index }) => index) : this.#second
    const documentsPresent = present.filter((column) => table.columns[column]!.type === ColumnType.JSON)
    const bits = cursor.take(documentsPresent.length + 7 >> 3)
    const { buf } = cursor
    const after = readWithDocuments(table, cursor, this.#second, (column, start, end) => {
      const bit = documentsPresent.indexOf(column)
      if (!(buf[bits + (bit >> 3)]! >> (bit & 7) & 1)) return jsonText(readJson(buf, start, end))
      const diffs = readJsonDiffs(new Cursor(buf, start, end))
      const document = documents.get(column)
      return document === undefined ? new PartialJson(diffs) : jsonText(applyJsonDiffs(document, diffs))
    })
    visit(before, after)
  }
}

/** As `readRow`, with the bytes of each JSON column given to `document`. */
function readWithDocuments(
  table: Table, cursor: Cursor, present: Present, document: (column: number, start: number, end: number) => Value,
): Row {
  const columns = present === 'all' ? table.columns.map(({ index }) => index) : present
  const row = new Array<Value | undefined>(table.columns.length).fill(undefined)
  const nulls = cursor.take(columns.length + 7 >> 3)
  for (const [i, column] of columns.entries()) {
    if (cursor.buf[nulls + (i >> 3)]! >> (i & 7) & 1) row[column] = null
    else if (table.columns[column]!.type === ColumnType.JSON) {
      const bytes = cursor.u32()
      const start = cursor.take(bytes)
      row[column] = document(column, start, start + bytes)
    } else row[column] = table.readers[column]!(cursor)
  }
  return row
}
