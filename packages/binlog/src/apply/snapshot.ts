/**
 * The rows that are there before following begins: read in one consistent transaction of the source, without locks
 * where it can tell its position inside of it (MariaDB) or has GTIDs (MySQL), and written as following would write
 * them. A snapshot that is interrupted begins again, but then following begins where the first attempt did: rows that
 * it wrote and that were deleted meanwhile are deleted by the replay, since every change after the first position
 * comes again, whole.
 * Source: MariaDB documentation, binlog_snapshot_file; MySQL documentation, consistent reads.
 */
import { UnsupportedError } from '../errors.js'
import type { Mapping } from '../mapping/mapping.js'
import { type Command, RowWriter } from '../mapping/row-writer.js'
import { ColumnType } from '../rows/column-types.js'
import { shortestFloat } from '../rows/float.js'
import { Table } from '../rows/table.js'
import type { SchemaColumn, TableSchema } from '../rows/table-map.js'
import type { Value } from '../rows/values.js'
import { type ConnectionOptions, SourceConnection } from '../source/connection.js'
import { askFacts, askPosition, askSchemas, type SourceFacts } from '../source/source-facts.js'
import type { SourcePosition } from '../stream/position.js'
import type { TargetState } from './target.js'

export interface SnapshotOptions {
  sources: readonly ConnectionOptions[]
  mapping: Mapping
  state: TargetState
  signal?: AbortSignal
  onRows?: (count: number) => void
}

const ROWS_EACH = 500

/** @returns where following begins, which the store knows, too */
export async function takeSnapshot(options: SnapshotOptions): Promise<SourcePosition> {
  const { sources, mapping, state, signal, onRows } = options
  const [address] = sources
  if (address === undefined) throw new TypeError('at least one source is needed')
  await using connection = await SourceConnection.connect({ ...address, ...(signal === undefined ? {} : { signal }) })
  const facts = await askFacts(connection)
  await connection.query('SET time_zone=\'+00:00\'')
  const schemas = await askSchemas(connection, mapping.schemas)
  const here = await openSnapshot(connection, facts)
  await refusePrepared(connection)
  const earlier = state.snapshotStart()
  const start = earlier ?? here
  if (earlier === null) state.beginSnapshot(here)
  for (const [name, table] of mapping.tables) {
    const [schemaName = '', tableName = ''] = name.split('.')
    const schema = schemas.get(name)
    if (schema === undefined) throw new UnsupportedError(`${name} does not exist`)
    const shape = tableOf(schemaName, tableName, schema, facts)
    const writer = new RowWriter(shape, table)
    const selected = schema.columns.map(selectExpression).join(', ')
    const commands: Command[] = []
    let rows = 0
    for await (const part of connection.queryRows(`SELECT ${selected} FROM ${quoted(schemaName)}.${quoted(tableName)}`)) {
      signal?.throwIfAborted()
      for (const row of part.rows) {
        writer.write('insert', null, row.map((bytes, i) => valueOf(bytes, schema.columns[i]!)), commands)
        if (++rows % ROWS_EACH === 0) state.run(commands.splice(0))
      }
    }
    state.run(commands)
    onRows?.(rows)
  }
  state.endSnapshot(start)
  return start
}

/** Opens the transaction in which everything is read. @returns a position at or before it */
async function openSnapshot(connection: SourceConnection, facts: SourceFacts): Promise<SourcePosition> {
  const begin = async (): Promise<void> => {
    await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT')
  }
  if (facts.flavour === 'mariadb') {
    await begin()
    const { rows } = await connection.query('SHOW STATUS LIKE \'binlog_snapshot_%\'')
    const status = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]))
    const file = status.get('binlog_snapshot_file') ?? ''
    const position = Number(status.get('binlog_snapshot_position'))
    if (file === '' || !Number.isSafeInteger(position)) throw new UnsupportedError('the source does not tell the position of a snapshot')
    const row = await connection.queryOne(`SELECT BINLOG_GTID_POS('${file.replaceAll('\'', '')}', ${position}) AS gtids`)
    return { flavour: 'mariadb', server: facts.server, file, position, gtids: row?.gtids ?? '' }
  }
  if (facts.hasGtids) {
    // Before the snapshot: what commits in between is in both, and applied twice, which whole rows do not mind.
    const position = await askPosition(connection, facts)
    await begin()
    return position
  }
  await connection.query('FLUSH TABLES WITH READ LOCK')
  try {
    await begin()
    return await askPosition(connection, facts)
  } finally {
    await connection.query('UNLOCK TABLES')
  }
}

/** Rows that are prepared and not decided are neither in the snapshot nor in what comes after it. */
async function refusePrepared(connection: SourceConnection): Promise<void> {
  const { rows } = await connection.query('XA RECOVER')
  if (rows.length > 0) throw new UnsupportedError(`${rows.length} prepared XA transactions have to be decided before a snapshot`)
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

function tableOf(schema: string, table: string, { columns, primaryKey }: TableSchema, facts: SourceFacts): Table {
  const typeOf = ({ dataType }: SchemaColumn): number =>
    dataType === 'json' && facts.flavour === 'mysql' ? ColumnType.JSON : ColumnType.NULL
  return new Table({
    id: 0, schema, table, flags: 0,
    primaryKey: primaryKey.map((name) => columns.findIndex((column) => column.name === name)),
    columns: columns.map((column, index) => {
      const { name, unsigned, charset, members, special } = column
      const size = { type: typeOf(column), size: 0, precision: 0, scale: 0 }
      return { ...size, index, nullable: true, name, unsigned, charset, members, special, oldDigits: 0 }
    }),
  }, 0)
}
