/** The 132 captured columns: every value reads as the server prints it. */
import { describe, expect, it } from 'vitest'
import { columnVectors, event, formatDescription, rowsBody, tableMapBody, type ColumnVector } from '../../test/event-bytes.js'
import { EventDecoder } from '../events/event-decoder.js'
import type { RowsEvent } from './rows-event.js'
import { ColumnType } from './column-types.js'
import type { Column, TableSchema } from './table-map.js'
import type { Value } from './values.js'

const vectors = columnVectors()
const ID = 7

/** What only INFORMATION_SCHEMA says: types that are BINARY(n) in the event, digits of old temporals. */
function schemaOf({ sql, src }: ColumnVector): TableSchema | null {
  const special = /^(UUID|INET4|INET6)$/.exec(sql)?.[1]?.toLowerCase() as Column['special'] | undefined
  const digits = src.endsWith('oldtemporal') ? Number(/\((\d)\)/.exec(sql)?.[1] ?? 0) : 0
  if (special === undefined && digits === 0) return null
  return { primaryKey: [], columns: [{ name: 'c', unsigned: false, charset: null, members: null, special: special ?? null, digits, dataType: '' }] }
}

function read(vector: ColumnVector, image: string): { value: Value | undefined; column: Column } {
  const flavour = vector.src.startsWith('mysql') ? 'mysql' : 'mariadb'
  const decoder = new EventDecoder({ schema: () => schemaOf(vector) })
  decoder.decode(formatDescription(flavour))
  decoder.decode(event(19, tableMapBody({ id: ID, types: [vector.t], metadata: vector.m, fields: vector.opt ?? {} })))
  const rows = decoder.decode(event(23, rowsBody({ id: ID, columns: 1, images: Buffer.from(image, 'hex') }))) as RowsEvent
  const changes = rows.changes()
  expect(changes).toHaveLength(1)
  return { value: changes[0]!.after![0], column: rows.table.columns[0]! }
}

/** The value in the words of the vectors. */
function words(value: Value | undefined, column: Column, wanted: string): string {
  if (value === null) return 'NULL'
  if (column.type === ColumnType.BIT) return `x:${(value as number).toString(16)}`
  const isList = column.type === ColumnType.ENUM || column.type === ColumnType.SET
  if (isList) return membersAndNumber(value as string | number, column, wanted)
  if (value instanceof Uint8Array) return `x:${Buffer.from(value).toString('hex').toUpperCase()}`
  const text = (value as string | number | bigint).toString()
  if (wanted.startsWith('x:')) return `x:${Buffer.from(text).toString('hex').toUpperCase()}`
  // The server prints a FLOAT with six digits; ours has as many as it takes.
  if (column.type === ColumnType.FLOAT && !wanted.includes('.0001')) return String(Number((value as number).toPrecision(6))).replace('e+', 'e')
  return text.replace('e+', 'e')
}

/** ENUM and SET are `text#number` there: one of the two is what was read, the other follows from the members. */
function membersAndNumber(value: string | number | bigint, column: Column, wanted: string): string {
  const [text = '', number = ''] = wanted.split('#')
  if (typeof value !== 'string') return `${text}#${column.type === ColumnType.SET ? BigInt.asIntN(64, BigInt(value)) : value}`
  const members = column.members!
  const position = (name: string): number => members.indexOf(name)
  if (column.type === ColumnType.ENUM) return `${value}#${position(value) + 1}`
  expect(number).not.toBe('')
  return `${value}#${value === '' ? 0 : value.split(',').reduce((sum, name) => sum + 2 ** position(name), 0)}`
}

describe('captured columns', () => {
  it('are 132', () => expect(vectors).toHaveLength(132))

  it.each(vectors.map((vector) => [vector.src, vector.n, vector] as const))('%s %s', (_src, _name, vector) => {
    for (const [image, text] of vector.rows) {
      const { value, column } = read(vector, image)
      expect(words(value, column, text), image).toBe(text)
    }
  })
})

describe('values that JavaScript numbers would bend', () => {
  const bigint = vectors.find(({ n }) => n === 'bigint_u')!

  it('are bigint beyond 2^53 and numbers up to there', () => {
    expect(read(bigint, 'fe0100000000002000').value).toBe(9007199254740993n)
    expect(read(bigint, 'feffffffffffff1f00').value).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('NULL is null', () => expect(read(bigint, 'ff').value).toBeNull())
})
