/**
 * QUERY: a statement: BEGIN, COMMIT, DDL, or a change that was logged as a statement. Of the status variables only
 * those are kept that a follower needs; an unknown code makes the rest of the block unreadable, so reading stops
 * there: the block's length still leads to database and text.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import { charsetOfCollation, textDecoderOf } from '../rows/charsets.js'

export interface Query {
  readonly threadId: number
  readonly errorCode: number
  /** The current database; '' if there was none. */
  readonly schema: string
  readonly sql: string
  /** Character set of the text as the client sent it; null if the event does not say. */
  readonly charset: string | null
  /** MariaDB's ALTER in two phases: what this statement is, and the sequence number of its start. */
  readonly alter: TwoPhaseAlter | null
}

export type TwoPhaseAlter =
  | { readonly phase: 'start' }
  | { readonly phase: 'commit' | 'rollback'; readonly startSequence: number }

const POST_HEADER_BYTES = 13

/** Reads the body. `inflate` is given for QUERY_COMPRESSED and makes the text of what is left. */
export function readQuery(cursor: Cursor, inflate?: (cursor: Cursor) => Buffer): Query {
  if (cursor.left < POST_HEADER_BYTES) throw cursor.short(POST_HEADER_BYTES)
  const threadId = cursor.u32()
  cursor.take(4) // seconds taken
  const schemaBytes = cursor.u8()
  const errorCode = cursor.u16()
  const statusBytes = cursor.u16()
  const statusStart = cursor.take(statusBytes)
  const status = statusBytes === 0 ? NO_STATUS : readStatus(cursor, statusStart, cursor.pos)
  const schema = cursor.utf8(schemaBytes)
  if (cursor.u8() !== 0) throw new DecodeError('a QUERY whose database name is not closed by NUL')
  const bytes = inflate === undefined ? cursor.rest() : inflate(cursor)
  const charset = status.collation === null ? null : charsetOfCollation(status.collation)
  return { threadId, errorCode, schema, charset, alter: status.alter, sql: statementText(bytes, charset) }
}

/**
 * A statement in a character set that is unknown here is read as UTF-8: its keywords are ASCII in every client's set.
 */
function statementText(bytes: Buffer, charset: string | null): string {
  const decode = charset === null ? null : textDecoderOf(charset)
  return decode === null ? bytes.toString() : decode(bytes, 0, bytes.length)
}

interface Status { readonly collation: number | null; readonly alter: TwoPhaseAlter | null }
const NO_STATUS: Status = { collation: null, alter: null }

function readStatus(cursor: Cursor, start: number, end: number): Status {
  const outer = cursor.end
  cursor.pos = start
  cursor.end = end
  let collation: number | null = null
  let alter: TwoPhaseAlter | null = null
  reading: while (cursor.left > 0) {
    const code = cursor.u8()
    switch (code) {
      case 4:
        collation = cursor.u16()
        cursor.take(4)
        break
      case 130: alter = readAlter(cursor); break
      case 2:
        cursor.take(cursor.u8() + 1)
        break
      case 5: case 6: cursor.take(cursor.u8()); break
      case 11:
        cursor.take(cursor.u8())
        cursor.take(cursor.u8())
        break
      case 12: {
        const count = cursor.u8()
        for (let i = 0; count !== MANY_DATABASES && i < count; i++) cursor.nulText()
        break
      }
      default: {
        const size = FIXED[code]
        if (size === undefined) break reading
        cursor.take(size)
      }
    }
  }
  cursor.pos = end
  cursor.end = outer
  return { collation, alter }
}

const MANY_DATABASES = 254
/** Codes whose payload has one size. */
const FIXED: Readonly<Record<number, number>> = {
  0: 4, 1: 8, 3: 4, 7: 2, 8: 2, 9: 8, 10: 4, 13: 3, 16: 1, 17: 8, 18: 2, 19: 1, 20: 1, 128: 3, 129: 8,
}

function readAlter(cursor: Cursor): TwoPhaseAlter | null {
  const flags = cursor.u8()
  if (flags & 0x0c) return { phase: flags & 0x04 ? 'commit' : 'rollback', startSequence: cursor.u64() }
  return flags & 0x02 ? { phase: 'start' } : null
}
