/** Column types as they are on the wire, and what the metadata of TABLE_MAP says of each. */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, UnsupportedError } from '../errors.js'

export const ColumnType = {
  TINY: 1, SHORT: 2, LONG: 3, FLOAT: 4, DOUBLE: 5, NULL: 6, TIMESTAMP: 7, LONGLONG: 8, INT24: 9, DATE: 10, TIME: 11,
  DATETIME: 12, YEAR: 13, NEWDATE: 14, VARCHAR: 15, BIT: 16, TIMESTAMP2: 17, DATETIME2: 18, TIME2: 19,
  TYPED_ARRAY: 20, BLOB_COMPRESSED: 140, VARCHAR_COMPRESSED: 141, VECTOR: 242, JSON: 245, NEWDECIMAL: 246, ENUM: 247,
  SET: 248, TINY_BLOB: 249, MEDIUM_BLOB: 250, LONG_BLOB: 251, BLOB: 252, VAR_STRING: 253, STRING: 254, GEOMETRY: 255,
} as const

/** A type with its metadata, ENUM and SET told from the STRING that they are sent as. */
export interface TypeAndSize {
  readonly type: number
  /**
   * VARCHAR, STRING: maximum bytes. BIT: bits. Temporals: fractional digits. ENUM, SET: bytes of a value. BLOB and its
   * kin: bytes of the length in front. 0 for the others.
   */
  readonly size: number
  /** NEWDECIMAL only. */
  readonly precision: number
  readonly scale: number
}

/** Reads the metadata of one column. */
export function readTypeMetadata(cursor: Cursor, type: number): TypeAndSize {
  const made = (size: number, real = type): TypeAndSize => ({ type: real, size, precision: 0, scale: 0 })
  switch (type) {
    case ColumnType.FLOAT: case ColumnType.DOUBLE: return made(cursor.u8())
    case ColumnType.VARCHAR: case ColumnType.VARCHAR_COMPRESSED: case ColumnType.VAR_STRING: return made(cursor.u16())
    case ColumnType.BIT: {
      const bits = cursor.u8()
      const size = bits + 8 * cursor.u8()
      if (bits > 7 || size < 1 || size > 64) throw new DecodeError(`there is no BIT(${size})`)
      return made(size)
    }
    case ColumnType.TIMESTAMP2: case ColumnType.DATETIME2: case ColumnType.TIME2: {
      const digits = cursor.u8()
      if (digits > 6) throw new DecodeError(`a time with ${digits} fractional digits`)
      return made(digits)
    }
    case ColumnType.NEWDECIMAL: return { type, size: 0, precision: cursor.u8(), scale: cursor.u8() }
    case ColumnType.BLOB: case ColumnType.BLOB_COMPRESSED: case ColumnType.JSON: case ColumnType.GEOMETRY:
    case ColumnType.VECTOR: case ColumnType.TINY_BLOB: case ColumnType.MEDIUM_BLOB: case ColumnType.LONG_BLOB: {
      const size = cursor.u8()
      if (size < 1 || size > 4) throw new DecodeError(`a BLOB whose length has ${size} bytes`)
      return made(size)
    }
    case ColumnType.STRING: return readString(cursor, made)
    case ColumnType.TINY: case ColumnType.SHORT: case ColumnType.LONG: case ColumnType.NULL:
    case ColumnType.TIMESTAMP: case ColumnType.LONGLONG: case ColumnType.INT24: case ColumnType.DATE:
    case ColumnType.NEWDATE: case ColumnType.TIME: case ColumnType.DATETIME: case ColumnType.YEAR:
      return made(0)
    default: throw new UnsupportedError(`column type ${type} is unknown`)
  }
}

/** CHAR, BINARY, ENUM and SET; a length above 255 has its upper bits, inverted, in those of the type. */
function readString(cursor: Cursor, made: (size: number, real?: number) => TypeAndSize): TypeAndSize {
  const first = cursor.u8()
  const second = cursor.u8()
  const wide = (first & 0x30) !== 0x30
  const real = wide ? first | 0x30 : first
  const size = wide ? second | ((first & 0x30) ^ 0x30) << 4 : second
  if (real === ColumnType.ENUM && (size === 1 || size === 2)) return made(size, real)
  if (real === ColumnType.SET && (size >= 1 && size <= 8)) return made(size, real)
  if (real === ColumnType.STRING) return made(size, real)
  throw new DecodeError(`a STRING column of real type ${real} and size ${size}`)
}

/** One bit of SIGNEDNESS each. */
export const isNumeric = (type: number): boolean =>
  type === ColumnType.TINY || type === ColumnType.SHORT || type === ColumnType.INT24 || type === ColumnType.LONG ||
  type === ColumnType.LONGLONG || type === ColumnType.FLOAT || type === ColumnType.DOUBLE ||
  type === ColumnType.NEWDECIMAL || type === ColumnType.YEAR
