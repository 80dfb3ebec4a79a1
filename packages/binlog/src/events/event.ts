/** Every event as it is decoded, told apart by `name`. Names follow the types; forms of one thing have one name. */
import type { GtidList } from '../gtid/mariadb-gtid-position.js'
import type { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import type { MariadbGtid, MysqlGtid } from '../gtid/gtid-events.js'
import type { RowsEvent } from '../rows/rows-event.js'
import type { Table } from '../rows/table.js'
import type { Heartbeat, Incident, IntVar, Rand, Rotate, UserVar, XaPrepare } from './control.js'
import type { FormatDescription } from './format-description.js'
import type { EventHeader } from './header.js'
import type { Query } from './query.js'

interface Named<N extends string> { readonly name: N; readonly header: EventHeader }

export type BinlogEvent =
  | Named<'formatDescription'> & { readonly format: FormatDescription }
  | Named<'rotate'> & Rotate
  | Named<'stop'>
  | Named<'query'> & Query
  | Named<'xid'> & { readonly xid: bigint }
  | Named<'gtid'> & MysqlGtid
  | Named<'mariadbGtid'> & MariadbGtid
  | Named<'previousGtids'> & { readonly gtids: MysqlGtidSet }
  | Named<'gtidList'> & GtidList
  | Named<'tableMap'> & { readonly table: Table }
  | RowsEvent
  /** `events` decodes what is inside, in order; its log_pos is this event's. */
  | Named<'transactionPayload'> & { readonly byteLength: number; readonly events: () => Generator<BinlogEvent, void, undefined> }
  /** The text of the statement whose rows follow (ROWS_QUERY, ANNOTATE_ROWS). */
  | Named<'rowsQuery'> & { readonly sql: string }
  | Named<'heartbeat'> & Heartbeat
  | Named<'xaPrepare'> & XaPrepare
  | Named<'intVar'> & IntVar
  | Named<'rand'> & Rand
  | Named<'userVar'> & UserVar
  | Named<'loadData'>
  | Named<'incident'> & Incident
  | Named<'binlogCheckpoint'> & { readonly file: string }
  | Named<'startEncryption'>
  /** Nothing for a follower: marked ignorable by the source, or of group replication. */
  | Named<'ignored'>
