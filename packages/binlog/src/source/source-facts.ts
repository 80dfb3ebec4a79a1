/**
 * What a follower asks a source before it follows: who it is, what it logs, where it is, and what its tables look
 * like.
 */
import { UnsupportedError } from '../errors.js'
import type { SchemaColumn, TableSchema } from '../rows/table-map.js'
import type { SourcePosition } from '../stream/position.js'
import type { SourceConnection } from './connection.js'

export interface SourceFacts {
  readonly version: string
  readonly flavour: 'mysql' | 'mariadb'
  readonly serverId: number
  /** What tells this server from others; see SourcePosition. */
  readonly server: string
  readonly binlogFormat: string
  readonly rowImage: string
  /** FULL: TABLE_MAP says everything. */
  readonly rowMetadata: string
  /** Can transactions be found by GTID? MariaDB always, MySQL with gtid_mode=ON. */
  readonly hasGtids: boolean
}

/** @throws {UnsupportedError} if there is nothing to follow */
export async function askFacts(connection: SourceConnection): Promise<SourceFacts> {
  const { flavour, version } = connection.server
  const common = await connection.queryOne('SELECT @@server_id AS id, @@log_bin AS log_bin, @@binlog_format AS format, @@binlog_row_image AS image')
  if (common?.log_bin !== '1') throw new UnsupportedError('the source writes no binlog: set log_bin')
  const metadata = await variable(connection, 'binlog_row_metadata')
  const serverId = Number(common.id)
  let server = `id:${serverId}`
  let hasGtids = true
  if (flavour === 'mysql') {
    server = await variable(connection, 'server_uuid') ?? server
    hasGtids = (await variable(connection, 'gtid_mode')) === 'ON'
  }
  return {
    version, flavour, serverId, server, hasGtids,
    binlogFormat: common.format ?? '', rowImage: common.image ?? '', rowMetadata: metadata ?? '',
  }
}

async function variable(connection: SourceConnection, name: string): Promise<string | null> {
  return (await connection.queryOne(`SHOW GLOBAL VARIABLES LIKE '${name}'`))?.Value ?? null
}

/** Where the source is now. */
export async function askPosition(connection: SourceConnection, facts: SourceFacts): Promise<SourcePosition> {
  const status = await binlogStatus(connection)
  const file = status?.File ?? ''
  const position = Number(status?.Position ?? 4)
  let gtids: string
  if (facts.flavour === 'mariadb') {
    const row = await connection.queryOne(`SELECT BINLOG_GTID_POS('${file.replaceAll('\'', '')}', ${position}) AS gtids`)
    gtids = row?.gtids ?? ''
  } else gtids = (status?.Executed_Gtid_Set ?? '').replace(/\s+/g, '')
  return { flavour: facts.flavour, server: facts.server, file, position, gtids: facts.hasGtids ? gtids : '' }
}

/** MySQL 8.4 dropped the old form, MySQL before 8.2 and MariaDB before 11 have no other. */
async function binlogStatus(connection: SourceConnection): Promise<Readonly<Record<string, string | null>> | null> {
  const { flavour, version } = connection.server
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNew = flavour === 'mysql' && (major > 8 || (major === 8 && minor >= 2))
  return connection.queryOne(isNew ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS')
}

/** The tables of these databases, by `schema.table`. */
export async function askSchemas(
  connection: SourceConnection, schemas: readonly string[],
): Promise<Map<string, TableSchema>> {
  const tables = new Map<string, { columns: SchemaColumn[]; primaryKey: string[] }>()
  if (schemas.length === 0) return tables
  const names = schemas.map((name) => `X'${Buffer.from(name).toString('hex')}'`).join(',')
  await connection.query('SET NAMES utf8mb4')
  const { rows } = await connection.query('SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, DATA_TYPE, ' +
    `COLUMN_KEY, DATETIME_PRECISION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN (${names}) ` +
    'ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION')
  for (const row of rows) {
    const [schema, table, name, type, charset, dataType, key, digits] = row.map((value) => value?.toString() ?? null)
    const id = `${schema}.${table}`
    const known = tables.get(id) ?? { columns: [], primaryKey: [] }
    tables.set(id, known)
    known.columns.push(readColumn(name ?? '', (type ?? '').trim(), charset ?? null, (dataType ?? '').toLowerCase(), digits ?? null))
    if (key === 'PRI') known.primaryKey.push(name ?? '')
  }
  return tables
}

const BINARY_TYPES = new Set(['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob', 'geometry', 'vector'])

function readColumn(
  name: string, type: string, charset: string | null, dataType: string, digits: string | null,
): SchemaColumn {
  const isList = dataType === 'enum' || dataType === 'set'
  return {
    name, unsigned: /\bunsigned\b/i.test(type) || dataType === 'year',
    charset: charset ?? (BINARY_TYPES.has(dataType) ? 'binary' : null),
    members: isList ? listMembers(type) : null,
    special: dataType === 'uuid' || dataType === 'inet4' || dataType === 'inet6' ? dataType : null,
    digits: Number(digits ?? 0), dataType,
  }
}

/** `enum('a','it''s')` as its members. */
export function listMembers(type: string): string[] {
  return [...type.matchAll(/'((?:[^']|'')*)'/g)].map(([, text]) => text!.replaceAll('\'\'', '\''))
}
