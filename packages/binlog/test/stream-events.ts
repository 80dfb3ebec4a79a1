/** Short ways to write events for tests of the stream: bodies only, headers filled in. */
import { event as sealed, formatDescription, rowsBody, tableMapBody } from './event-bytes.js'
import { EventDecoder, type BinlogEvent } from '../src/index.js'

const header = (logPos: number, flags = 0): BinlogEvent['header'] => ({ timestamp: 1, type: 0, serverId: 1001, length: 0, logPos, flags })

/**
 * Makes events of one flavour; each one ends 100 bytes behind the last, unless `silent` (MariaDB >= 11.4 inside of
 * groups).
 */
export class Script {
  readonly decoder: EventDecoder
  logPos = 0

  constructor(readonly flavour: 'mysql' | 'mariadb') {
    this.decoder = new EventDecoder()
    this.decoder.decode(formatDescription(flavour))
  }

  #next(): number { return this.logPos += 100 }

  mariadbGtid(sequence: number, more: Partial<Extract<BinlogEvent, { name: 'mariadbGtid' }>> = {}): BinlogEvent {
    const gtid = `0-1001-${sequence}`
    return {
      name: 'mariadbGtid', header: header(this.#next()), gtid, domain: 0, serverId: 1001, sequence, standalone: false, ddl: false,
      transactional: true, prepared: null, completed: null, alter: null, startSequence: 0, ...more,
    }
  }

  gtid(gno: number, more: Partial<Extract<BinlogEvent, { name: 'gtid' }>> = {}): BinlogEvent {
    const uuid = '0cf09f5a-e5e1-11f1-812d-02fc00000001'
    return {
      name: 'gtid', header: header(this.#next()), gtid: `${uuid}:${gno}`, uuid, tag: '', gno, lastCommitted: 0, sequenceNumber: gno,
      transactionLength: 0, originalCommitUs: 0, ...more,
    }
  }

  query(sql: string, more: Partial<Extract<BinlogEvent, { name: 'query' }>> = {}): BinlogEvent {
    return { name: 'query', header: header(this.#next()), threadId: 1, errorCode: 0, schema: 'w', sql, charset: 'utf8mb4', alter: null, ...more }
  }

  xid(): BinlogEvent { return { name: 'xid', header: header(this.#next()), xid: 1n } }

  xaPrepare(gtrid: string, onePhase = false): BinlogEvent {
    return { name: 'xaPrepare', header: header(this.#next()), onePhase, formatId: 1, gtrid, bqual: '' }
  }

  rotate(file: string, position = 4): BinlogEvent {
    this.logPos = position
    return { name: 'rotate', header: header(0, 0x20), file, position }
  }

  heartbeat(file: string, position: number): BinlogEvent { return { name: 'heartbeat', header: header(0), file, position } }

  /** A table of INT columns, and its rows. */
  tableMap(table: string, id: number, columns = 2): BinlogEvent {
    const types = new Array<number>(columns).fill(3)
    return this.decoder.decode(sealed(19, tableMapBody({ id, table, types }), { logPos: this.#next() }))
  }

  rows(kind: 'insert' | 'delete' | 'update', id: number, rows: readonly (readonly number[])[], { flags = 1 } = {}): BinlogEvent {
    const columns = rows[0]!.length
    const int = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer)
    const images = Buffer.concat(rows.flatMap((row) => [Buffer.from([0]), ...row.map(int)]))
    const types = { insert: 23, update: 24, delete: 25 }
    const body = rowsBody({ id, columns, images, flags, bitmaps: kind === 'update' ? 2 : 1 })
    return this.decoder.decode(sealed(types[kind], body, { logPos: this.#next() }))
  }
}
