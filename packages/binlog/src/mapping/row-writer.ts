/**
 * RowWriter: the commands that make the store say what a changed row says, for one table under its mapping. A row is
 * always written whole (the old key goes, the new one comes), so a command does not depend on what the store held,
 * and the same rows applied twice give the same store. Only rows that come in part (binlog_row_image MINIMAL) are
 * merged into a hash.
 */
import { createHash } from 'node:crypto'
import { UnsupportedError } from '../errors.js'
import { ColumnType } from '../rows/column-types.js'
import { PartialJson } from '../rows/partial-json.js'
import type { Row, Table } from '../rows/table.js'
import type { RowKind } from '../rows/rows-event.js'
import type { Value } from '../rows/values.js'
import { SHARD, shardOf } from './key-template.js'
import type { Mask, TableMapping } from './mapping.js'
import { encodeMap, type Scalar } from './msgpack.js'

/** A command and its arguments. */
export type Command = readonly (string | Uint8Array)[]

interface Field { readonly index: number; readonly name: string; readonly mask: Mask | null; readonly isJson: boolean }

export class RowWriter {
  readonly #table: Table
  readonly #mapping: TableMapping
  readonly #fields: readonly Field[]
  readonly #where: readonly { readonly index: number; readonly values: ReadonlySet<string> }[]
  readonly #key: (row: Row) => string

  /**
   * @param known  columns at the start; null if that is not asked for
   * @throws {UnsupportedError} if the table lacks what the mapping names, or has a new column and the policy is to stop
   */
  constructor(table: Table, mapping: TableMapping, known: ReadonlySet<string> | null = null) {
    this.#table = table
    this.#mapping = mapping
    const named = table.columns.map((column) => {
      if (column.name === null) throw new UnsupportedError(`${name(table)}: the names of the columns are not known: set binlog_row_metadata=FULL`)
      return { ...column, name: column.name }
    })
    const wanted = (column: string): boolean => {
      if (mapping.columns !== null) return mapping.columns.has(column)
      if (known === null || known.has(column) || mapping.onNewColumn === 'include') return true
      if (mapping.onNewColumn === 'stop') throw new UnsupportedError(`${name(table)} has a new column ${column} (onNewColumn: stop)`)
      return false
    }
    this.#fields = named.filter((column) => wanted(column.name)).map((column) => ({
      index: column.index,
      name: mapping.rename.get(column.name) ?? column.name,
      mask: mapping.mask.get(column.name) ?? null,
      isJson: column.type === ColumnType.JSON && !mapping.mask.has(column.name),
    }))
    for (const column of namesOf(mapping)) this.#index(column)
    this.#where = [...mapping.where].map(([column, values]) => ({ index: this.#index(column), values }))
    const { key, shard } = mapping
    this.#key = key.prepared<Row>((column) => {
      const isShard = column === SHARD && shard !== null
      const index = this.#index(isShard ? shard.column : column)
      return isShard ? (row) => shardOf(row[index], shard.column, shard.count) : (row) => row[index]
    })
  }

  /** Appends the commands for one row. @throws {UnsupportedError} if the row does not say enough */
  write(kind: RowKind, before: Row | null, after: Row | null, out: Command[]): void {
    const oldKey = before !== null && this.#matches(before) ? this.key(before) : null
    if (kind === 'delete') {
      if (oldKey !== null) out.push(['DEL', oldKey])
      return
    }
    // What an update leaves out has not changed.
    const row = before === null ? after! : merged(before, after!)
    const newKey = this.#matches(row) ? this.key(row) : null
    if (oldKey !== null && oldKey !== newKey) out.push(['DEL', oldKey])
    if (newKey === null) return
    if (this.#isWhole(row)) this.#writeWhole(newKey, row, out)
    else if (kind === 'update' && this.#mapping.type === 'hash' && oldKey === newKey) this.#writePart(newKey, row, out)
    else throw new UnsupportedError(`${name(this.#table)}: a row of key ${newKey} comes without all its columns: the source needs binlog_row_image=FULL`)
    if (this.#mapping.ttlMs !== null) out.push(['PEXPIRE', newKey, String(this.#mapping.ttlMs)])
  }

  key(row: Row): string { return this.#key(row) }

  #isWhole(row: Row): boolean {
    for (const { index } of this.#fields) {
      const value = row[index]
      if (value === undefined || value instanceof PartialJson) return false
    }
    return true
  }

  #writeWhole(key: string, row: Row, out: Command[]): void {
    const { type, nulls } = this.#mapping
    if (type === 'hash') return this.#writeHash(key, row, out)
    const fields = this.#fields.flatMap((field): [Field, Scalar][] => {
      const value = masked(row[field.index] as Scalar, field.mask)
      return value === null && nulls === 'drop' ? [] : [[field, value]]
    })
    switch (type) {
      case 'msgpack':
        out.push(['SET', key, encodeMap(fields.map(([field, value]) => [field.name, value]))])
        return
      case 'json':
        out.push(['SET', key, `{${fields.map(([field, value]) => `${JSON.stringify(field.name)}:${jsonValue(value, field.isJson)}`).join(',')}}`])
        return
      case 'string': {
        const [first] = fields
        out.push(first === undefined ? ['DEL', key] : ['SET', key, argument(first[1])])
      }
    }
  }

  /** The usual case, so nothing is made that is not sent. */
  #writeHash(key: string, row: Row, out: Command[]): void {
    const keepsNulls = this.#mapping.nulls === 'empty'
    const command: (string | Uint8Array)[] = ['HSET', key]
    for (const { index, name: field, mask } of this.#fields) {
      const value = masked(row[index] as Scalar, mask)
      if (value !== null || keepsNulls) command.push(field, argument(value))
    }
    out.push(['DEL', key])
    // A row of which nothing is left is no hash, since Redis has no empty ones.
    if (command.length > 2) out.push(command)
  }

  /** The columns that came, into the hash that is there. */
  #writePart(key: string, row: Row, out: Command[]): void {
    const set: (string | Uint8Array)[] = []
    const gone: string[] = []
    for (const { index, name: field, mask } of this.#fields) {
      const value = row[index]
      if (value === undefined) continue
      if (value instanceof PartialJson) throw new UnsupportedError(`${name(this.#table)}: the changes of a JSON column without its document: set binlog_row_image=FULL`)
      const shown = masked(value, mask)
      if (shown === null && this.#mapping.nulls === 'drop') gone.push(field)
      else set.push(field, argument(shown))
    }
    if (set.length > 0) out.push(['HSET', key, ...set])
    if (gone.length > 0) out.push(['HDEL', key, ...gone])
  }

  #matches(row: Row): boolean {
    return this.#where.length === 0 || this.#where.every(({ index, values }) => {
      const value = row[index]
      if (value === undefined) throw new UnsupportedError(`${name(this.#table)}: a column of where is not in the row: the source needs binlog_row_image=FULL`)
      return value !== null && values.has(Buffer.from(argument(value as Scalar)).toString())
    })
  }

  #index(column: string): number {
    const index = this.#table.column(column)
    if (index === undefined) throw new UnsupportedError(`${name(this.#table)} has no column ${column}, which its mapping names`)
    return index
  }
}

/** Columns that a mapping names. */
export function namesOf(mapping: TableMapping): string[] {
  return [...new Set([
    ...mapping.key.names.filter((column) => column !== SHARD || mapping.shard === null),
    ...(mapping.shard === null ? [] : [mapping.shard.column]),
    ...(mapping.columns ?? []), ...mapping.where.keys(), ...mapping.rename.keys(), ...mapping.mask.keys(),
  ])]
}

const name = ({ schema, table }: Table): string => `${schema}.${table}`

function merged(before: Row, after: Row): Row {
  return after.map((value, i) => value === undefined ? before[i] : value)
}

function argument(value: Scalar): string | Uint8Array {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  if (value === null) return ''
  return value instanceof Uint8Array ? value : String(value)
}

function masked(value: Value, mask: Mask | null): Scalar {
  if (value instanceof PartialJson) throw new UnsupportedError('a JSON column without its document')
  if (mask === null || value === null) return value
  const text = Buffer.from(argument(value))
  switch (mask) {
    case 'hide': return '***'
    case 'hash': return createHash('sha256').update(text).digest('hex')
    case 'last4': {
      const shown = text.toString()
      return '*'.repeat(Math.max(0, shown.length - 4)) + shown.slice(-4)
    }
  }
}

/** JSON of a value; bigint keeps its digits, bytes are base64, JSON columns are themselves. */
function jsonValue(value: Scalar, isJson: boolean): string {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'))
  return isJson && typeof value === 'string' ? value : JSON.stringify(value)
}
