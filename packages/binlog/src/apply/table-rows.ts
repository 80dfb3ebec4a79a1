/**
 * Rows of a table by SELECT, in the form in which the binlog would have them: for snapshots and dry runs. The time zone
 * of the connection must be UTC.
 */
import { ColumnType } from '../rows/column-types.js'
import { shortestFloat } from '../rows/float.js'
import { type Row, Table } from '../rows/table.js'
import type { SchemaColumn, TableSchema } from '../rows/table-map.js'
import type { Value } from '../rows/values.js'
import type { SourceConnection } from '../source/connection.js'
import type { SourceFacts } from '../source/source-facts.js'

/** A table as its TABLE_MAP would tell it. @param name  `schema.table` */
export function tableOf(name: string, { columns, primaryKey }: TableSchema, facts: SourceFacts): Table {
  const [schema, table] = partsOf(name)
  const typeOf = ({ dataType }: SchemaColumn): number =>
    dataType === 'json' && facts.flavour === 'mysql' ? ColumnType.JSON : ColumnType.NULL
  return new Table({
    id: 0, schema, table, flags: 0,
    primaryKey: primaryKey.map((column) => columns.findIndex(({ name: found }) => found === column)),
    columns: columns.map((column, index) => {
      const { name: columnName, unsigned, charset, members, special } = column
      const size = { type: typeOf(column), size: 0, precision: 0, scale: 0 }
      return { ...size, index, nullable: true, name: columnName, unsigned, charset, members, special, oldDigits: 0 }
    }),
  }, 0)
}

/** The rows, as they come. @param name  `schema.table` */
export async function* selectRows(
  connection: SourceConnection, name: string, { columns }: TableSchema, limit?: number,
): AsyncGenerator<Row[], void, undefined> {
  const [schema, table] = partsOf(name)
  const sql = `SELECT ${columns.map(selectExpression).join(', ')} FROM ${quoted(schema)}.${quoted(table)}${limit === undefined ? '' : ` LIMIT ${limit}`}`
  for await (const part of connection.queryRows(sql)) {
    yield part.rows.map((row) => row.map((bytes, i) => valueOf(bytes, columns[i]!)))
  }
}

function partsOf(name: string): [schema: string, table: string] {
  const dot = name.indexOf('.')
  return [name.slice(0, dot), name.slice(dot + 1)]
}

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``

/** A column such that its text has everything: FLOAT prints six digits only, BIT bytes. */
function selectExpression({ name, dataType }: SchemaColumn): string {
  if (dataType === 'float') return `CAST(${quoted(name)} AS DOUBLE)`
  return dataType === 'bit' ? `CAST(${quoted(name)} AS UNSIGNED)` : quoted(name)
}

const INTEGERS = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'bit'])

/** As the binlog would have it. */
export function valueOf(bytes: Buffer | null, { dataType, charset }: SchemaColumn): Value {
  if (bytes === null) return null
  if (charset === 'binary') return bytes
  const text = bytes.toString()
  if (INTEGERS.has(dataType)) {
    const value = Number(text)
    return Number.isSafeInteger(value) ? value : BigInt(text)
  }
  if (dataType === 'float') return shortestFloat(Number(text))
  return dataType === 'double' ? Number(text) : text
}
