/** Commands of a replica, as payloads. Sequence numbers begin at 0 with each. */
import { Writer } from '../bytes/writer.js'
import type { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'

const Command = {
  QUIT: 0x01, QUERY: 0x03, PING: 0x0e, BINLOG_DUMP: 0x12, REGISTER_SLAVE: 0x15, BINLOG_DUMP_GTID: 0x1e,
} as const
const START = 4
const POSITION_MAX = 2 ** 32 - 1

export const quit = (): Buffer => new Writer().u8(Command.QUIT).finish()
export const ping = (): Buffer => new Writer().u8(Command.PING).finish()
export const query = (sql: string): Buffer => new Writer().u8(Command.QUERY).text(sql).finish()

/** Makes us visible in SHOW REPLICAS. */
export const registerReplica = ({ serverId, host = '', port = 0 }: { serverId: number; host?: string; port?: number }): Buffer =>
  new Writer().u8(Command.REGISTER_SLAVE).u32(serverId).shortText(host).shortText('').shortText('').u16(port).u32(0).u32(0).finish()

export interface DumpOptions {
  serverId: number
  /** End at the end of the log instead of waiting there. @default false */
  nonBlocking?: boolean
}

/** MySQL >= 8.0.26: heartbeats in version 2, whose positions are not cut at 4 GiB. MariaDB: send ANNOTATE_ROWS. */
const FLAVOUR_FLAG = 0x02

/**
 * By file and position; '' is the oldest file. MariaDB starts there also by GTID, which @slave_connect_state then
 * decides.
 */
export function dump(file: string, position: number, options: DumpOptions & { flavourFlag?: boolean }): Buffer {
  if (position > POSITION_MAX) throw new RangeError(`position ${position} is beyond 4 GiB: follow by GTID`)
  return new Writer().u8(Command.BINLOG_DUMP).u32(position).u16(flags(options)).u32(options.serverId).text(file)
    .finish()
}

/** MySQL: everything that is not in `executed`. */
export function dumpGtid(executed: MysqlGtidSet, options: DumpOptions & { flavourFlag?: boolean }): Buffer {
  const set = executed.encode()
  return new Writer().u8(Command.BINLOG_DUMP_GTID).u16(flags(options)).u32(options.serverId).u32(0).u64(START)
    .u32(set.length).bytes(set).finish()
}

const flags = (options: DumpOptions & { flavourFlag?: boolean }): number =>
  (options.nonBlocking === true ? 0x01 : 0) | (options.flavourFlag === true ? FLAVOUR_FLAG : 0)

/** Semi-sync: everything up to the end of the event at `position` is durable here. */
export const semiSyncAck = (file: string, position: number): Buffer =>
  new Writer().u8(0xef).u64(position).text(file).finish()

/** The statements before a dump, in order. */
export interface SetupOptions {
  flavour: 'mysql' | 'mariadb'
  heartbeatMs: number
  /** Of this follower, as a uuid: MySQL tells replicas apart by it. */
  uuid: string
  semiSync: boolean
  /** MariaDB by GTID: `0-1-5,7-1-9`; null by file and position. */
  connectState: string | null
}

/** @throws {RangeError} if something in the options would end a quoted text */
export function setupStatements({ flavour, heartbeatMs, uuid, semiSync, connectState }: SetupOptions): string[] {
  for (const text of [uuid, connectState ?? '']) if (!/^[\w,-]*$/.test(text)) throw new RangeError(`'${text}' in a statement`)
  const periodNs = Math.round(heartbeatMs * 1e6)
  if (flavour === 'mariadb') return [
    `SET @master_heartbeat_period=${periodNs}`,
    'SET @master_binlog_checksum=@@global.binlog_checksum',
    // Without it the server would rewrite GTID events into statements.
    'SET @mariadb_slave_capability=4',
    ...(connectState === null ? [] : [`SET @slave_connect_state='${connectState}'`, 'SET @slave_gtid_strict_mode=1']),
    ...(semiSync ? ['SET @rpl_semi_sync_slave=1'] : []),
  ]
  return [
    `SET @master_heartbeat_period=${periodNs},@source_heartbeat_period=${periodNs}`,
    'SET @master_binlog_checksum=@@global.binlog_checksum,@source_binlog_checksum=@@global.binlog_checksum',
    `SET @slave_uuid='${uuid}',@replica_uuid='${uuid}'`,
    ...(semiSync ? ['SET @rpl_semi_sync_replica=1,@rpl_semi_sync_slave=1'] : []),
  ]
}
