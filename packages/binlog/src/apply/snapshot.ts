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
import { type ConnectionOptions, SourceConnection } from '../source/connection.js'
import { askFacts, askPosition, askSchemas, type SourceFacts } from '../source/source-facts.js'
import type { SourcePosition } from '../stream/position.js'
import type { FollowState } from './state.js'
import { selectRows, tableOf } from './table-rows.js'

export interface SnapshotOptions {
  sources: readonly ConnectionOptions[]
  mapping: Mapping
  state: FollowState
  signal?: AbortSignal
  /** Rows of a table so far. */
  onRows?: (table: string, rows: number, done: boolean) => void
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
  const start = await state.snapshotStart() ?? here
  await state.beginSnapshot(start)
  for (const [name, table] of mapping.tables) {
    const schema = schemas.get(name)
    if (schema === undefined) throw new UnsupportedError(`${name} does not exist`)
    const writer = new RowWriter(tableOf(name, schema, facts), table)
    const commands: Command[] = []
    let rows = 0
    for await (const part of selectRows(connection, name, schema)) {
      signal?.throwIfAborted()
      for (const row of part) {
        writer.write('insert', null, row, commands)
        if (++rows % ROWS_EACH !== 0) continue
        await state.run(commands.splice(0))
        onRows?.(name, rows, false)
      }
    }
    if (commands.length > 0) await state.run(commands)
    onRows?.(name, rows, true)
  }
  await state.begin(start)
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
