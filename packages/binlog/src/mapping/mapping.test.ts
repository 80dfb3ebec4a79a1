import { describe, expect, it } from 'vitest'
import { event, formatDescription, tableMapBody } from '../../test/event-bytes.js'
import { UnsupportedError } from '../errors.js'
import { EventDecoder } from '../events/event-decoder.js'
import { PartialJson } from '../rows/partial-json.js'
import type { Row, Table } from '../rows/table.js'
import type { TableSchema } from '../rows/table-map.js'
import { checkMapping } from './check-mapping.js'
import { KeyTemplate, parseShard, shardOf } from './key-template.js'
import { Mapping, type TableMappingOptions } from './mapping.js'
import { encodeMap } from './msgpack.js'
import { type Command, RowWriter } from './row-writer.js'
import { expandTables } from './table-pattern.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const VARCHAR = 15
const INT = 3

/** A table of the given columns; those that end in `_id` are INT, the others text. */
function tableOf(...names: string[]): Table {
  const types = names.map((name) => name.endsWith('_id') ? INT : VARCHAR)
  const named = names.map((name) => `${name.length.toString(16).padStart(2, '0')}${Buffer.from(name).toString('hex')}`).join('')
  const decoder = new EventDecoder()
  decoder.decode(formatDescription('mysql'))
  const texts = types.filter((type) => type === VARCHAR).length
  const decoded = decoder.decode(event(19, tableMapBody({
    id: 7, schema: 'ds0', table: 't', types, metadata: '6400'.repeat(texts), fields: { 2: '2d', 4: named },
  })))
  return (decoded as { table: Table }).table
}

const mappingOf = (options: Partial<TableMappingOptions> = {}): Mapping =>
  new Mapping({ tables: [{ table: 'ds0.t', key: 'order:{${user_id}}:${order_id}', ...options }] })

function written(options: Partial<TableMappingOptions>, kind: 'insert' | 'update' | 'delete', before: Row | null, after: Row | null): Command[] {
  const out: Command[] = []
  new RowWriter(tableOf('order_id', 'user_id', 'status', 'note'), mappingOf(options).of('ds0', 't')!).write(kind, before, after, out)
  return out
}

describe('table patterns', () => {
  it('name every table that they stand for', () => {
    expect(expandTables('ds${0..1}.t_order_${0..1}')).toEqual(['ds0.t_order_0', 'ds0.t_order_1', 'ds1.t_order_0', 'ds1.t_order_1'])
    expect(expandTables('shop.${a, b}')).toEqual(['shop.a', 'shop.b'])
    expect(expandTables('shop.orders')).toEqual(['shop.orders'])
  })

  it.each(['orders', 'a.b.c', 'ds${1..0}.t', 'ds${}.t', 'ds${0..99999}.t${0..99}', 'd s.t'])('%s is none', (pattern) => {
    expect(() => expandTables(pattern)).toThrow(TypeError)
  })
})

describe('key templates', () => {
  const key = (template: string, values: Record<string, unknown>): string =>
    new KeyTemplate(template).key((name) => values[name] as string)

  it('put columns into keys', () => {
    expect(key('order:{${user_id}}:${order_id}', { user_id: 7, order_id: 12345678901234567890n })).toBe('order:{7}:12345678901234567890')
    expect(key('b:${id}', { id: Buffer.from('00ff', 'hex') })).toBe('b:00ff')
  })

  it('never give two rows one key, nor let a value choose its slot', () => {
    expect(key('${a}:${b}', { a: 'x:y', b: 'z' })).toBe('x%3Ay:z')
    expect(key('${a}:${b}', { a: 'x', b: 'y:z' })).toBe('x:y:z')
    expect(key('k:{${a}}', { a: 'x}{y%' })).toBe('k:{x%7D%7By%25}')
    expect(key('${a}1${b}', { a: 'x1', b: 'y' })).toBe('x%311y')
    expect(key('${a}1${b}', { a: 11, b: 2 })).toBe('%31%3112')
    expect([key('${a}-${b}', { a: -5, b: -6 }), key('k:${a}', { a: -5 })]).toEqual(['%2D5--6', 'k:-5'])
    expect(() => new KeyTemplate('${a}${b}')).toThrow(TypeError)
    expect(() => new KeyTemplate('all')).toThrow(/share one key/)
  })

  it('find their own keys again, and no others', () => {
    const template = new KeyTemplate('o*[x]:{${a}}:${b}')
    const own = template.key((name) => ({ a: 'u}*1', b: 'x:y' })[name])
    expect(template.prefix).toBe('o*[x]:{')
    expect(template.glob).toBe('o\\*\\[x\\]:{*}:*')
    expect([own, 'o*[x]:{1}:2', 'o*[x]:{}:', 'o*[x]:{1}:{2}', 'o*[x]:{1}', 'ox:{1}:2', 'p:o*[x]:{1}:2'].map((key) => template.matches(key)))
      .toEqual([true, true, true, false, false, false, false])
  })

  it('refuse NULL and what is not in the row', () => {
    expect(() => key('k:${a}', { a: null })).toThrow(/NULL/)
    expect(() => key('k:${a}', {})).toThrow(/binlog_row_image/)
  })

  it('take a shard from an integer column', () => {
    expect(parseShard('order_id % 4')).toEqual({ column: 'order_id', count: 4 })
    expect(parseShard('${order_id % 4}')).toEqual({ column: 'order_id', count: 4 })
    expect([shardOf(-1, 'c', 4), shardOf(2n ** 64n - 1n, 'c', 4), shardOf(6, 'c', 4)]).toEqual([3, 3, 2])
    expect(() => shardOf('6', 'c', 4)).toThrow(UnsupportedError)
    expect(() => parseShard('order_id % 0')).toThrow(TypeError)
  })
})

describe('a mapping', () => {
  it('is read from YAML', () => {
    const mapping = Mapping.parse(`
tables:
  - table: ds\${0..1}.t_order_\${0..1}
    key: order:{\${user_id}}:\${order_id}
    type: json
    columns: [order_id, user_id, status]
    rename: { status: state }
    where: { status: [paid, sent] }
    shard: order_id % 4
`)
    expect([...mapping.tables.keys()]).toHaveLength(4)
    expect(mapping.schemas).toEqual(['ds0', 'ds1'])
    expect(mapping.of('ds1', 't_order_0')).toMatchObject({ type: 'json', shard: { column: 'order_id', count: 4 }, onTruncate: 'stop' })
    expect(mapping.of('ds2', 't_order_0')).toBeUndefined()
  })

  it.each([
    ['a word that is none', { tabel: 'x' }], ['a type that is none', { type: 'list' }], ['a shard that is not there', { key: 'k:${shard}' }],
    ['a string of several columns', { type: 'string' }], ['a time to live that is none', { ttlMs: 1.5 }], ['two columns of one name', { rename: { a: 'x', b: 'x' } }],
    ['a policy that is none', { onDrop: 'drop' }], ['a mask that is none', { mask: { a: 'rot13' } }],
  ])('with %s is refused', (_, options) => expect(() => mappingOf(options as never)).toThrow(TypeError))

  it('that names a table twice is refused', () => {
    const item = { table: 'ds0.t', key: 'k:${id}' }
    expect(() => new Mapping({ tables: [item, item] })).toThrow(/mapped already/)
    expect(() => Mapping.parse('tables: []')).toThrow(TypeError)
    expect(() => Mapping.parse('a: &a [1]\ntables: [*a]')).toThrow(TypeError)
  })

  it('that deletes keys must be able to tell them from all others', () => {
    const table = (name: string, key: string, more: Partial<TableMappingOptions> = {}): TableMappingOptions => ({ table: `d.${name}`, key, ...more })
    const deletes = { onTruncate: 'delete' } as const
    expect(() => new Mapping({ tables: [table('a', 'a:${id}', deletes), table('b', 'b:${id}')] })).not.toThrow()
    for (const other of ['a:${id}', 'a:${id}:b', 'a${id}', '${id}:a']) {
      expect(() => new Mapping({ tables: [table('a', 'a:${id}', deletes), table('b', other)] }), other).toThrow(/cannot be told/)
    }
    expect(() => new Mapping({ tables: [table('t${0..1}', 'a:${id}', deletes)] })).toThrow(/cannot be told/)
    expect(() => new Mapping({ tables: [table('a', '${id}', deletes)] })).toThrow(/cannot be told/)
    expect(() => new Mapping({ tables: [table('a', '__binlog:${id}', { onRename: 'delete' })] })).toThrow(/onRename: delete/)
  })

  it('knows which statements may concern it', () => {
    expect(mappingOf().touches('ds0', 'DELETE FROM x')).toBe(true)
    expect(mappingOf().touches('other', 'DELETE FROM ds0.T')).toBe(true)
    expect(mappingOf().touches('o', 'DELEE FROM zzz')).toBe(false)
  })

  it('is held against the schema', () => {
    const column = (name: string): TableSchema['columns'][number] => ({ name, unsigned: false, charset: null, members: null, special: null, digits: 0, dataType: 'int' })
    const schema = (primaryKey: string[]): Map<string, TableSchema> =>
      new Map([['ds0.t', { primaryKey, columns: ['order_id', 'user_id', 'status'].map(column) }]])
    const check = (options: Partial<TableMappingOptions>, primaryKey = ['order_id'], rowImage = 'FULL'): string =>
      checkMapping(mappingOf(options), schema(primaryKey), { rowImage }).join('\n')
    expect(check({})).toBe('')
    expect(checkMapping(mappingOf(), new Map(), { rowImage: 'FULL' })).toEqual(['ds0.t does not exist'])
    expect(check({ columns: ['nope'] })).toMatch(/no column nope/)
    expect(check({}, ['id'])).toMatch(/lacks id of the primary key/)
    expect(check({}, [])).toMatch(/no primary key/)
    expect(check({ unique: true }, [])).toBe('')
    expect(check({}, ['order_id'], 'MINIMAL')).toMatch(/user_id would be missing/)
    expect(check({}, ['order_id', 'user_id'], 'MINIMAL')).toBe('')
    expect(check({ type: 'json' }, ['order_id', 'user_id'], 'MINIMAL')).toMatch(/needs whole rows/)
  })
})

describe('rows as commands', () => {
  const row: Row = [5, 7, 'paid', null]

  it('are written whole, and deleted by their key', () => {
    expect(written({}, 'insert', null, row)).toEqual([['DEL', 'order:{7}:5'], ['HSET', 'order:{7}:5', 'order_id', '5', 'user_id', '7', 'status', 'paid']])
    expect(written({}, 'delete', row, null)).toEqual([['DEL', 'order:{7}:5']])
    expect(written({ nulls: 'empty' }, 'insert', null, row)[1]!.slice(-2)).toEqual(['note', ''])
  })

  it('under another key leave the old one', () => {
    expect(written({ columns: ['status'] }, 'update', row, [5, 8, 'paid', null])).toEqual([
      ['DEL', 'order:{7}:5'], ['DEL', 'order:{8}:5'], ['HSET', 'order:{8}:5', 'status', 'paid']])
  })

  it('as JSON, MessagePack or one value', () => {
    expect(written({ type: 'json', rename: { status: 'state' } }, 'insert', null, row)).toEqual([['SET', 'order:{7}:5', '{"order_id":5,"user_id":7,"state":"paid"}']])
    const [set] = written({ type: 'msgpack', nulls: 'empty', columns: ['order_id', 'note'] }, 'insert', null, row)
    expect(hex(set![2] as Uint8Array)).toBe(`82a8${hex(Buffer.from('order_id'))}05a4${hex(Buffer.from('note'))}c0`)
    expect(written({ type: 'string', columns: ['status'] }, 'insert', null, row)).toEqual([['SET', 'order:{7}:5', 'paid']])
    expect(written({ type: 'string', columns: ['note'] }, 'insert', null, row)).toEqual([['DEL', 'order:{7}:5']])
  })

  it('come and go with the filter', () => {
    const where = { where: { status: 'paid' } }
    expect(written(where, 'insert', null, [5, 7, 'new', null])).toEqual([])
    expect(written(where, 'update', [5, 7, 'new', null], row)).toHaveLength(2)
    expect(written(where, 'update', row, [5, 7, 'new', null])).toEqual([['DEL', 'order:{7}:5']])
    expect(written(where, 'delete', [5, 7, 'new', null], null)).toEqual([])
  })

  it('that come in part are merged into a hash, and refused elsewhere', () => {
    const [before, after]: Row[] = [[5, 7, undefined, undefined], [undefined, undefined, undefined, null]]
    expect(written({}, 'update', before!, after!)).toEqual([['HSET', 'order:{7}:5', 'order_id', '5', 'user_id', '7'], ['HDEL', 'order:{7}:5', 'note']])
    expect(() => written({ type: 'json' }, 'update', before!, after!)).toThrow(/binlog_row_image/)
    expect(() => written({}, 'update', [5, undefined, undefined, undefined], after!)).toThrow(/not in the row/)
    expect(() => written({}, 'update', before!, [undefined, undefined, undefined, new PartialJson([])])).toThrow(/JSON/)
    expect(() => written({}, 'insert', null, [5, 7, undefined, null])).toThrow(/binlog_row_image/)
  })

  it('of which the unchanged columns are only in the image before (FULL_NODUP) are whole', () => {
    expect(written({}, 'update', row, [undefined, undefined, 'sent', undefined])[1]).toEqual(['HSET', 'order:{7}:5', 'order_id', '5', 'user_id', '7', 'status', 'sent'])
  })

  it('live as long as they are told', () => {
    expect(written({ ttlMs: 1000 }, 'insert', null, row).at(-1)).toEqual(['PEXPIRE', 'order:{7}:5', '1000'])
  })

  it('show of a masked column what the mask leaves', () => {
    const field = (mask: 'hide' | 'hash' | 'last4'): unknown => written({ mask: { status: mask }, columns: ['status'] }, 'insert', null, [5, 7, 'DE0012345', null])[1]![3]
    expect(field('hide')).toBe('***')
    expect(field('last4')).toBe('*****2345')
    expect(field('hash')).toHaveLength(64)
  })

  it('of a table that lacks a column are refused, and new columns are as the policy says', () => {
    const writer = (options: Partial<TableMappingOptions>, known: string[] | null): RowWriter =>
      new RowWriter(tableOf('order_id', 'user_id', 'extra'), mappingOf(options).of('ds0', 't')!, known === null ? null : new Set(known))
    expect(() => writer({ columns: ['status'] }, null)).toThrow(/no column status/)
    expect(() => writer({ onNewColumn: 'stop' }, ['order_id', 'user_id'])).toThrow(/new column extra/)
    const out: Command[] = []
    writer({ onNewColumn: 'ignore' }, ['order_id', 'user_id']).write('insert', null, [1, 2, 'x'], out)
    expect(out[1]).toEqual(['HSET', 'order:{2}:1', 'order_id', '1', 'user_id', '2'])
  })
})

describe('MessagePack', () => {
  it.each([
    [0, '00'], [127, '7f'], [128, 'cc80'], [-1, 'ff'], [-32, 'e0'], [-33, 'd2ffffffdf'], [65536, 'ce00010000'], [2 ** 53 - 1, 'cf001fffffffffffff'],
    [2n ** 64n - 1n, 'cfffffffffffffffff'], [-(2n ** 63n), 'd38000000000000000'], [1.5, 'cb3ff8000000000000'], [null, 'c0'],
    ['é', 'a2c3a9'], ['x'.repeat(32), `d920${'78'.repeat(32)}`], [new Uint8Array([1]), 'c40101'],
  ])('%s', (value, expected) => expect(hex(encodeMap([['', value]]))).toBe(`81a0${expected}`))
})
