/** Replies of a server that every command may get, and the results of text queries, packet by packet. */
import { Cursor } from '../bytes/cursor.js'
import { DecodeError, ServerError } from '../errors.js'

export const OK = 0x00
export const ERR = 0xff
export const EOF = 0xfe

export const isEof = (payload: Buffer): boolean => payload[0] === EOF && payload.length < 9

/** The error that an ERR packet tells. Before a connection is made it comes without SQLSTATE. */
export function readError(payload: Buffer): ServerError {
  const cursor = new Cursor(payload, 1)
  const errno = cursor.u16()
  let sqlState = ''
  if (payload[cursor.pos] === 0x23) {
    cursor.take(1)
    sqlState = cursor.utf8(5)
  }
  return new ServerError(errno, sqlState, cursor.utf8(cursor.left))
}

export interface ResultColumn { readonly name: string; readonly type: number; readonly collation: number }
/** Of a text query: bytes as the server wrote them, null for NULL. */
export interface QueryResult { readonly columns: readonly ResultColumn[]; readonly rows: readonly (Buffer | null)[][] }

const COLUMNS_MAX = 4096

/**
 * ResultReader: takes the packets of one reply to COM_QUERY, without CLIENT_DEPRECATE_EOF.
 * Rows can be taken away while they come (`takeRows`), so that a table need not fit in memory.
 */
export class ResultReader {
  readonly columns: ResultColumn[] = []
  #rows: (Buffer | null)[][] = []
  #state: 'head' | 'columns' | 'columnsEnd' | 'rows' | 'done' = 'head'
  #expected = 0

  /** @returns true when the reply is complete @throws {ServerError} {DecodeError} */
  receive(payload: Buffer): boolean {
    if (payload.length === 0) throw new DecodeError('an empty packet as a reply')
    if (payload[0] === ERR) throw readError(payload)
    switch (this.#state) {
      case 'head': return this.#head(payload)
      case 'columns':
        this.columns.push(readColumn(payload))
        if (this.columns.length === this.#expected) this.#state = 'columnsEnd'
        return false
      case 'columnsEnd':
        if (!isEof(payload)) throw new DecodeError('columns of a result without their end')
        this.#state = 'rows'
        return false
      case 'rows': return this.#row(payload)
      case 'done': throw new DecodeError('a packet after the end of a result')
    }
  }

  /** The rows since the last call. */
  takeRows(): (Buffer | null)[][] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  #head(payload: Buffer): boolean {
    if (payload[0] === OK) {
      this.#state = 'done'
      return true
    }
    // 0xfb: LOAD DATA LOCAL INFILE, a server that asks for our files.
    if (payload[0] === 0xfb) throw new DecodeError('a server that asks for a local file')
    this.#expected = new Cursor(payload).lenenc()
    if (this.#expected > COLUMNS_MAX) throw new DecodeError(`a result of ${this.#expected} columns`)
    this.#state = 'columns'
    return false
  }

  #row(payload: Buffer): boolean {
    if (isEof(payload)) {
      this.#state = 'done'
      return true
    }
    const cursor = new Cursor(payload)
    this.#rows.push(this.columns.map(() => {
      if (cursor.left > 0 && payload[cursor.pos] === 0xfb) {
        cursor.take(1)
        return null
      }
      return cursor.copy(cursor.lenenc())
    }))
    return false
  }
}

function readColumn(payload: Buffer): ResultColumn {
  const cursor = new Cursor(payload)
  for (let i = 0; i < 4; i++) cursor.take(cursor.lenenc()) // catalog, schema, table, original table
  const name = cursor.lenencText()
  cursor.take(cursor.lenenc()) // original name
  cursor.lenenc() // size of what follows; MariaDB's extended metadata is not negotiated
  const collation = cursor.u16()
  cursor.take(4)
  return { name, collation, type: cursor.u8() }
}
