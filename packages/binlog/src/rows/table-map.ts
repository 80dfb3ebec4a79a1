/**
 * TABLE_MAP: the columns of a table as the row events after it have them. With the source's binlog_row_metadata=FULL
 * it says everything; with less, names, signs, character sets and members come from the schema (TableSchema), which
 * the caller asks the source for. What neither says is null here, and who needs it refuses.
 * Which columns count as "character columns" differs between the flavours; getting it wrong shifts every later one.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError, UnsupportedError } from '../errors.js'
import type { Flavour } from '../events/event-types.js'
import { charsetOfCollation, textDecoderOf } from './charsets.js'
import { ColumnType, isNumeric, readTypeMetadata, type TypeAndSize } from './column-types.js'

export interface Column extends TypeAndSize {
  readonly index: number
  readonly nullable: boolean
  /** null: neither the event nor a schema says. So for those below. */
  readonly name: string | null
  readonly unsigned: boolean | null
  /** 'binary' for bytes; null for what is no text, too. */
  readonly charset: string | null
  /** Of ENUM and SET. */
  readonly members: readonly string[] | null
  /** What the event cannot tell: UUID, INET4 and INET6 are BINARY(n) there. */
  readonly special: 'uuid' | 'inet4' | 'inet6' | null
  /** Fractional digits of old temporal types. */
  readonly oldDigits: number
}

/** What INFORMATION_SCHEMA says of a column, in ordinal order. */
export interface SchemaColumn {
  readonly name: string
  readonly unsigned: boolean
  readonly charset: string | null
  readonly members: readonly string[] | null
  readonly special: Column['special']
  readonly digits: number
  /** As INFORMATION_SCHEMA names it: 'int', 'varchar', … */
  readonly dataType: string
}

export interface TableSchema { readonly columns: readonly SchemaColumn[]; readonly primaryKey: readonly string[] }

/** The schema of a table, for what its TABLE_MAP leaves out; null if it is not known. */
export type SchemaLookup = (schema: string, table: string) => TableSchema | null

export interface TableDefinition {
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly Column[]
  /** Indexes of the primary key's columns; null: not told. A prefix of a column counts as the column. */
  readonly primaryKey: readonly number[] | null
  /** Told of a table that is named for what foreign keys reference. */
  readonly flags: number
}

const COLUMNS_MAX = 4096

/** Reads the body behind the table id. */
export function readTableMap(
  cursor: Cursor, id: number, flavour: Flavour, lookup: SchemaLookup | null,
): TableDefinition {
  const flags = cursor.u16()
  const schema = nameAndNul(cursor)
  const table = nameAndNul(cursor)
  const count = cursor.lenenc()
  if (count > COLUMNS_MAX || count > cursor.left) throw new DecodeError(`a table of ${count} columns`)
  const types = cursor.view(count)
  const metadataEnd = cursor.lenenc() + cursor.pos
  if (metadataEnd > cursor.end) throw cursor.short(metadataEnd - cursor.pos)
  const outer = cursor.end
  cursor.end = metadataEnd
  const sizes = Array.from(types, (type) => readTypeMetadata(cursor, type))
  if (cursor.left > 0) throw new DecodeError(`${cursor.left} bytes of column metadata are left over`)
  cursor.end = outer
  const nullable = cursor.view(count + 7 >> 3)
  const told = readOptional(cursor, types, sizes, flavour)
  const known = lookup?.(schema, table) ?? null
  // Names in the event are of its time; the schema's order is of now, so it counts only where there are none.
  if (known !== null && told.names === null && known.columns.length !== count) {
    throw new UnsupportedError(`${schema}.${table} has ${known.columns.length} columns, the event ${count}: the schema is of another time`)
  }
  const byName = told.names === null ? null : new Map(known?.columns.map((column) => [column.name, column]))
  const columns = sizes.map((size, index): Column => {
    const own = byName === null ? known?.columns[index] : byName.get(told.names![index]!)
    return {
      ...size, index,
      nullable: (nullable[index >> 3]! >> (index & 7) & 1) === 1,
      name: told.names?.[index] ?? own?.name ?? null,
      unsigned: told.unsigned?.[index] ?? (isNumeric(size.type) ? own?.unsigned ?? null : null),
      charset: told.charsets[index] ?? own?.charset ?? null,
      members: told.members[index] ?? own?.members ?? null,
      special: own?.special ?? null,
      oldDigits: own?.digits ?? 0,
    }
  })
  const primaryKey = told.primaryKey ?? primaryKeyOf(known, columns)
  return { id, schema, table, columns, primaryKey, flags }
}

function primaryKeyOf(known: TableSchema | null, columns: readonly Column[]): number[] | null {
  if (known === null) return null
  return known.primaryKey.map((name) => {
    const at = columns.findIndex((column) => column.name === name)
    if (at < 0) throw new UnsupportedError(`the primary key column ${name} is not in the event: the schema is of another time`)
    return at
  })
}

function nameAndNul(cursor: Cursor): string {
  const name = cursor.utf8(cursor.lenenc())
  if (cursor.u8() !== 0) throw new DecodeError('a table name that is not closed by NUL')
  return name
}

interface Optional {
  unsigned: boolean[] | null
  names: string[] | null
  primaryKey: number[] | null
  /** By column index. */
  readonly charsets: (string | undefined)[]
  readonly members: (readonly string[] | undefined)[]
}

const Field = {
  SIGNEDNESS: 1, DEFAULT_CHARSET: 2, COLUMN_CHARSET: 3, COLUMN_NAME: 4, SET_MEMBERS: 5, ENUM_MEMBERS: 6,
  SIMPLE_PRIMARY_KEY: 8, PREFIX_PRIMARY_KEY: 9, ENUM_SET_DEFAULT_CHARSET: 10, ENUM_SET_COLUMN_CHARSET: 11,
} as const

function readOptional(cursor: Cursor, types: Buffer, sizes: readonly TypeAndSize[], flavour: Flavour): Optional {
  const told: Optional = { unsigned: null, names: null, primaryKey: null, charsets: [], members: [] }
  const where = (wanted: (size: TypeAndSize, wire: number) => boolean): number[] =>
    sizes.flatMap((size, index) => wanted(size, types[index]!) ? [index] : [])
  const ofType = (type: number): number[] => where((size) => size.type === type)
  const characters = (): number[] => where((size) => isCharacter(size.type, flavour))
  const enumsAndSets = (): number[] => where((size) => size.type === ColumnType.ENUM || size.type === ColumnType.SET)
  const members: { columns: number[]; lists: Buffer[][] }[] = []
  const outer = cursor.end
  while (cursor.pos < outer) {
    cursor.end = outer
    const field = cursor.u8()
    const end = cursor.lenenc() + cursor.pos
    if (end > outer) throw cursor.short(end - cursor.pos)
    cursor.end = end
    switch (field) {
      case Field.SIGNEDNESS: told.unsigned = readSignedness(cursor, sizes); break
      case Field.DEFAULT_CHARSET: readDefaultCharset(cursor, characters(), told); break
      case Field.COLUMN_CHARSET: readCharsets(cursor, characters(), told); break
      case Field.ENUM_SET_DEFAULT_CHARSET: readDefaultCharset(cursor, enumsAndSets(), told); break
      case Field.ENUM_SET_COLUMN_CHARSET: readCharsets(cursor, enumsAndSets(), told); break
      case Field.COLUMN_NAME: told.names = sizes.map(() => cursor.lenencText()); break
      case Field.SET_MEMBERS: members.push(readMembers(cursor, ofType(ColumnType.SET))); break
      case Field.ENUM_MEMBERS: members.push(readMembers(cursor, ofType(ColumnType.ENUM))); break
      case Field.SIMPLE_PRIMARY_KEY:
        told.primaryKey = []
        while (cursor.left > 0) told.primaryKey.push(columnIndex(cursor, sizes))
        break
      case Field.PREFIX_PRIMARY_KEY:
        told.primaryKey = []
        while (cursor.left > 0) {
          told.primaryKey.push(columnIndex(cursor, sizes))
          cursor.lenenc()
        }
        break
      default: // visibility, geometry types, dimensions, and what later servers add
    }
    cursor.pos = end
  }
  cursor.end = outer
  // Members are in the column's character set, which may be told after them.
  for (const { columns, lists } of members) {
    for (const [i, list] of lists.entries()) {
      const decode = textDecoderOf(told.charsets[columns[i]!] ?? 'utf8mb4')
      told.members[columns[i]!] = list.map((bytes) => decode === null ? bytes.toString('latin1') : decode(bytes, 0, bytes.length))
    }
  }
  return told
}

function isCharacter(type: number, flavour: Flavour): boolean {
  switch (type) {
    case ColumnType.STRING: case ColumnType.VARCHAR: case ColumnType.VAR_STRING: case ColumnType.BLOB:
    case ColumnType.TINY_BLOB: case ColumnType.MEDIUM_BLOB: case ColumnType.LONG_BLOB:
      return true
    case ColumnType.VECTOR: return flavour === 'mysql'
    case ColumnType.GEOMETRY: case ColumnType.BLOB_COMPRESSED: case ColumnType.VARCHAR_COMPRESSED: return flavour === 'mariadb'
    default: return false
  }
}

/** One bit a numeric column, the most significant first. */
function readSignedness(cursor: Cursor, sizes: readonly TypeAndSize[]): boolean[] {
  const count = sizes.filter(({ type }) => isNumeric(type)).length
  const bits = cursor.view(count + 7 >> 3)
  let at = 0
  return sizes.map(({ type }) => {
    if (!isNumeric(type)) return false
    const bit = bits[at >> 3]! >> (7 - (at & 7)) & 1
    at++
    return bit === 1
  })
}

const charset = (cursor: Cursor): string | undefined => charsetOfCollation(cursor.lenenc()) ?? undefined

function readCharsets(cursor: Cursor, columns: readonly number[], told: Optional): void {
  for (const index of columns) told.charsets[index] = charset(cursor)
}

function readDefaultCharset(cursor: Cursor, columns: readonly number[], told: Optional): void {
  const common = charset(cursor)
  for (const index of columns) told.charsets[index] = common
  while (cursor.left > 0) {
    const index = columns[cursor.lenenc()]
    if (index === undefined) throw new DecodeError('a character set for a column that is not there')
    told.charsets[index] = charset(cursor)
  }
}

function readMembers(cursor: Cursor, columns: number[]): { columns: number[]; lists: Buffer[][] } {
  const lists = columns.map(() => {
    const count = cursor.lenenc()
    if (count > cursor.left) throw new DecodeError(`${count} members in ${cursor.left} bytes`)
    return Array.from({ length: count }, () => cursor.copy(cursor.lenenc()))
  })
  return { columns, lists }
}

function columnIndex(cursor: Cursor, sizes: readonly TypeAndSize[]): number {
  const index = cursor.lenenc()
  if (index >= sizes.length) throw new DecodeError(`column ${index} of ${sizes.length} in the primary key`)
  return index
}
