/**
 * Table: a TABLE_MAP made ready to read rows. Its readers are made at the first row, so tables that nobody reads cost a
 * parse; sources send the same TABLE_MAP before every statement, so the decoder keeps Tables and compares bytes.
 * A row is an array with a place for every column of the table, in its order: undefined where the image has none, null
 * for NULL. Objects by name would cost a third more time; `column(name)` gives the index to use.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import type { Column, TableDefinition } from './table-map.js'
import { type ColumnReader, columnReader, type Value } from './values.js'

export type Row = readonly (Value | undefined)[]

/** Which columns an image has, in order; 'all' is the usual case and the fast one. */
export type Present = 'all' | readonly number[]

export class Table implements TableDefinition {
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly Column[]
  readonly primaryKey: readonly number[] | null
  readonly flags: number
  readonly #maxBytes: number
  #readers: readonly ColumnReader[] | null = null
  #byName: Map<string, number> | null = null

  constructor(definition: TableDefinition, maxBytes: number) {
    this.id = definition.id
    this.schema = definition.schema
    this.table = definition.table
    this.columns = definition.columns
    this.primaryKey = definition.primaryKey
    this.flags = definition.flags
    this.#maxBytes = maxBytes
  }

  /** Index of a column; undefined if there is none of that name, or names are not known. */
  column(name: string): number | undefined {
    this.#byName ??= new Map(this.columns.flatMap(({ name, index }) => name === null ? [] : [[name, index]]))
    return this.#byName.get(name)
  }

  get readers(): readonly ColumnReader[] {
    return this.#readers ??= this.columns.map((column) => columnReader(column, this.#maxBytes))
  }

  /** The present-bitmap at the cursor. */
  readPresent(cursor: Cursor): Present {
    const count = this.columns.length
    const at = cursor.take(count + 7 >> 3)
    const { buf } = cursor
    let all = true
    for (let i = 0; all && i < count; i++) all = (buf[at + (i >> 3)]! >> (i & 7) & 1) === 1
    if (all) return 'all'
    const present: number[] = []
    for (let i = 0; i < count; i++) if (buf[at + (i >> 3)]! >> (i & 7) & 1) present.push(i)
    return present
  }

  /** The image at the cursor: null bits of the columns that are present, then their values. */
  readRow(cursor: Cursor, present: Present): Row {
    const readers = this.readers
    const columns = readers.length
    const row = new Array<Value | undefined>(columns)
    if (present === 'all') {
      const nulls = cursor.take(columns + 7 >> 3)
      const { buf } = cursor
      for (let i = 0; i < columns; i++) {
        row[i] = buf[nulls + (i >> 3)]! >> (i & 7) & 1 ? null : readers[i]!(cursor)
      }
      return row
    }
    row.fill(undefined)
    const count = present.length
    const nulls = cursor.take(count + 7 >> 3)
    const { buf } = cursor
    for (let i = 0; i < count; i++) {
      const column = present[i]!
      row[column] = buf[nulls + (i >> 3)]! >> (i & 7) & 1 ? null : readers[column]!(cursor)
    }
    return row
  }

  /** @throws {DecodeError} if a row event tells another number of columns */
  expectColumns(count: number): void {
    if (count !== this.columns.length) throw new DecodeError(`${this.schema}.${this.table} has ${this.columns.length} columns, its rows ${count}`)
  }
}
