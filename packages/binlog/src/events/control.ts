/** Events about the stream itself and about statements: everything that is neither a GTID, a QUERY nor rows. */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'

export interface Rotate { readonly file: string; readonly position: number }

export const readRotate = (cursor: Cursor): Rotate => {
  const position = cursor.u64()
  return { position, file: fileName(cursor, cursor.left) }
}

/** Where the source is. `position` is null for version 1, whose header has it. */
export interface Heartbeat { readonly file: string; readonly position: number | null }

export const readHeartbeat = (cursor: Cursor): Heartbeat => ({ file: fileName(cursor, cursor.left), position: null })

/** Version 2: fields of type, length, value; it can say positions beyond 4 GiB. */
export function readHeartbeatV2(cursor: Cursor): Heartbeat {
  let file: string | null = null
  let position: number | null = null
  while (cursor.left > 0) {
    const type = cursor.u8()
    if (type === 0) break
    const end = cursor.take(cursor.u8())
    const after = cursor.pos
    cursor.pos = end
    if (type === 1) file = fileName(cursor, after - end)
    else if (type === 2) position = cursor.lenenc()
    if (cursor.pos > after) throw new DecodeError('a heartbeat field runs beyond its length')
    cursor.pos = after
  }
  if (file === null) throw new DecodeError('a heartbeat without a file name')
  return { file, position }
}

export interface Incident { readonly kind: number; readonly message: string }

export const readIncident = (cursor: Cursor): Incident => {
  const kind = cursor.u16()
  return { kind, message: cursor.utf8(cursor.u8()) }
}

export interface IntVar { readonly variable: 'lastInsertId' | 'insertId'; readonly value: bigint }

export function readIntVar(cursor: Cursor): IntVar {
  const kind = cursor.u8()
  if (kind !== 1 && kind !== 2) throw new DecodeError(`INTVAR of kind ${kind}`)
  return { variable: kind === 1 ? 'lastInsertId' : 'insertId', value: cursor.u64Big() }
}

export interface Rand { readonly seed1: bigint; readonly seed2: bigint }

export const readRand = (cursor: Cursor): Rand => ({ seed1: cursor.u64Big(), seed2: cursor.u64Big() })

export interface UserVar {
  readonly variable: string
  /** null is NULL; else the bytes as the server keeps them. */
  readonly value: Buffer | null
  readonly valueType: number
  readonly collation: number
}

export function readUserVar(cursor: Cursor): UserVar {
  const variable = cursor.utf8(cursor.u32())
  if (cursor.u8() !== 0) return { variable, value: null, valueType: 0, collation: 0 }
  const valueType = cursor.u8()
  const collation = cursor.u32()
  return { variable, valueType, collation, value: cursor.copy(cursor.u32()) }
}

/** The name of an XA transaction, as its parts and as the servers print it in statements. */
export interface Xid { readonly formatId: number; readonly gtrid: string; readonly bqual: string }

export interface XaPrepare extends Xid { readonly onePhase: boolean }

const XID_PART_MAX = 64

export function readXaPrepare(cursor: Cursor): XaPrepare {
  const onePhase = cursor.u8() !== 0
  const formatId = cursor.u32()
  return { onePhase, ...xidParts(cursor, formatId, cursor.u32(), cursor.u32()) }
}

/** The two byte strings of an xid, as hexadecimal digits: they are arbitrary bytes. */
export function xidParts(cursor: Cursor, formatId: number, gtridBytes: number, bqualBytes: number): Xid {
  if (gtridBytes > XID_PART_MAX || bqualBytes > XID_PART_MAX) throw new DecodeError('an xid part of more than 64 bytes')
  return { formatId, gtrid: cursor.view(gtridBytes).toString('hex'), bqual: cursor.view(bqualBytes).toString('hex') }
}

/** `X'6162',X'63',1`: how both servers write an xid in XA statements of the binlog. */
export const xidText = (xid: Xid): string => `X'${xid.gtrid}',X'${xid.bqual}',${xid.formatId}`

/** MariaDB: the last BINLOG_CHECKPOINT names the file from which a recovery would begin. Informational. */
export const readCheckpoint = (cursor: Cursor): string => fileName(cursor, cursor.u32())

function fileName(cursor: Cursor, bytes: number): string {
  if (bytes === 0 || bytes > 512) throw new DecodeError(`a binlog file name of ${bytes} bytes`)
  const name = cursor.utf8(bytes)
  if (name.includes('\0')) throw new DecodeError('a binlog file name with a NUL in it')
  return name
}
