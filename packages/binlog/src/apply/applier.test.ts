/**
 * Outputs of a stream become batches; what is too large for one is continued where it was, whatever ends the process.
 */
import { describe, expect, it } from 'vitest'
import { event, formatDescription, tableMapBody } from '../../test/event-bytes.js'
import { MemoryTarget } from '../../test/memory-target.js'
import { UnsupportedError } from '../errors.js'
import { EventDecoder } from '../events/event-decoder.js'
import { Mapping, type TableMappingOptions } from '../mapping/mapping.js'
import type { Table } from '../rows/table.js'
import type { SchemaChange, StreamOutput, TableChanges } from '../stream/binlog-stream.js'
import type { SourcePosition } from '../stream/position.js'
import { readStatement } from '../stream/statements.js'
import { Applier } from './applier.js'
import { TargetState } from './target.js'

const INT = 3

/** A table of INT columns with these names. */
function tableOf(table: string, ...names: string[]): Table {
  const decoder = new EventDecoder()
  decoder.decode(formatDescription('mysql'))
  const named = names.map((name) => `${name.length.toString(16).padStart(2, '0')}${Buffer.from(name).toString('hex')}`).join('')
  return (decoder.decode(event(19, tableMapBody({ id: 7, schema: 'w', table, types: names.map(() => INT), fields: { 4: named } }))) as { table: Table }).table
}

const tables = { t: tableOf('t', 'id', 'v'), u: tableOf('u', 'id', 'v') }
const at = (position: number): SourcePosition => ({ flavour: 'mariadb', server: 's', file: 'bin.1', position, gtids: `0-1-${position}` })

const inserts = (table: keyof typeof tables, from: number, to: number, v = 0): TableChanges => ({
  table: tables[table], kind: 'insert', rows: Array.from({ length: to - from + 1 }, (_, i) => ({ before: null, after: [from + i, v] })),
})

const ddl = (sql: string): SchemaChange => ({ sql, schema: 'w', statement: readStatement(sql, 'w') })

const transaction = (position: number, changes: (TableChanges | SchemaChange)[], spilled = false): StreamOutput => ({
  type: 'transaction',
  transaction: { gtid: null, timestamp: 1, changes, spilled, changesSchema: changes.some((change) => 'statement' in change), position: at(position) },
})

const mappingOf = (more: Partial<TableMappingOptions> = {}): Mapping =>
  new Mapping({ tables: [{ table: 'w.t', key: 't:${id}', ...more }, { table: 'w.u', key: 'u:${id}' }] })

/** Applies the outputs as `follow` does, to at most `limit` batches: then the process is gone. */
async function apply(
  target: MemoryTarget, outputs: StreamOutput[], { mapping = mappingOf(), limit = Infinity } = {},
): Promise<number> {
  const state = new TargetState(target, 'x')
  const part = await state.part()
  const applier = new Applier({ mapping, state, part, onWarning: (message) => warnings.push(message) })
  let batches = 0
  for await (const batch of applier.batches(outputs)) {
    if (batches === limit) return batches
    await state.apply(batch)
    batches++
  }
  return batches
}

const warnings: string[] = []
const ids = (target: MemoryTarget, prefix = 't:'): number[] =>
  Object.keys(target.rows()).filter((key) => key.startsWith(prefix) && /\d$/.test(key)).map((key) => Number(key.slice(2)))
    .sort((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describe('small transactions', () => {
  it('share a batch, with the position behind the last', async () => {
    const target = new MemoryTarget()
    expect(await apply(target, [transaction(10, [inserts('t', 1, 2)]), transaction(20, [inserts('u', 1, 1)]), { type: 'position', position: at(30) }])).toBe(1)
    expect(ids(target)).toEqual([1, 2])
    expect(await new TargetState(target, 'x').position()).toEqual(at(30))
    expect(target.transactions).toHaveLength(1)
  })
})

describe('a large transaction', () => {
  const large = [transaction(10, [inserts('t', 1, 1)]), transaction(20, [inserts('t', 2, 1500, 1), inserts('u', 1, 700), inserts('t', 1, 1500, 2)], true), transaction(30, [inserts('t', 5000, 5000)])]

  it('is applied in parts, each of which says how far it reaches; the position passes it at its end', async () => {
    const target = new MemoryTarget()
    const batches = await apply(target, large)
    expect(batches).toBeGreaterThan(6)
    for (const commands of target.transactions) expect(commands.length).toBeLessThan(1010)
    const positions = target.transactions.map((commands) => commands.find(([name, key]) => name === 'SET' && key === '__binlog:{x}:position') !== undefined)
    expect(positions).toEqual([true, ...new Array<boolean>(batches - 3).fill(false), true, true])
    expect(target.keys.has('__binlog:{x}:part')).toBe(false)
    expect(target.rows()['t:7']).toEqual({ id: '7', v: '2' })
  })

  it('goes on at the very row, wherever the process ended, and no row is written twice', async () => {
    const whole = new MemoryTarget()
    const batches = await apply(whole, large)
    for (let limit = 0; limit < batches; limit++) {
      const target = new MemoryTarget()
      await apply(target, large, { limit })
      const done = limit === 0 ? large : limit === batches - 1 ? large.slice(2) : large.slice(1)
      await apply(target, done)
      expect(target.keys, `after ${limit} batches`).toEqual(whole.keys)
      const written = target.transactions.flat().filter(([name]) => name === 'HSET').length
      expect(written, `after ${limit} batches`).toBe(1 + 1499 + 700 + 1500 + 1)
    }
  })

  it('is written from its first row if the mapping is another', async () => {
    const target = new MemoryTarget()
    await apply(target, large, { limit: 3 })
    const mapping = new Mapping({ tables: [{ table: 'w.t', key: 't:${id}', columns: ['id'] }] })
    await apply(target, large.slice(1), { mapping })
    expect(target.rows()['t:7']).toEqual({ id: '7' })
    expect(ids(target)).toEqual([...upTo(1500), 5000])
  })

  it('that is there in part must be what comes next, whatever its size is called', async () => {
    const target = new MemoryTarget()
    await apply(target, large, { limit: 3 })
    await expect(apply(target, large.slice(2))).rejects.toThrow(/applied up to its row 1000 and is not what this source has next/)
    expect(ids(target)).not.toContain(5000)
    const small = transaction(20, [inserts('t', 2, 1500, 1), inserts('u', 1, 700), inserts('t', 1, 1500, 2)])
    await apply(target, [{ type: 'position', position: at(11) }, small])
    expect(target.keys.has('__binlog:{x}:part')).toBe(false)
    expect(ids(target, 'u:')).toEqual(upTo(700))
  })

  it('that nobody wants any more is forgotten where it ends', async () => {
    const target = new MemoryTarget()
    await apply(target, large, { limit: 3 })
    await apply(target, [{ type: 'position', position: at(20) }, transaction(30, [inserts('t', 5000, 5000)])])
    expect(target.keys.has('__binlog:{x}:part')).toBe(false)
    expect(ids(target)).toContain(5000)
  })
})

describe('policies', () => {
  const filled = async (more: Partial<TableMappingOptions>): Promise<MemoryTarget> => {
    const target = new MemoryTarget()
    target.keys.set('t', 'not ours')
    target.keys.set('t:{1}', 'not ours')
    await apply(target, [transaction(10, [inserts('t', 1, 2500), inserts('u', 1, 3)])], { mapping: mappingOf(more) })
    return target
  }

  it.each([
    ['onTruncate', 'TRUNCATE TABLE t'], ['onDrop', 'DROP TABLE IF EXISTS t'], ['onDrop', 'DROP TABLE zzz, t'], ['onDrop', 'CREATE OR REPLACE TABLE t (id INT)'],
    ['onRename', 'RENAME TABLE t TO old'], ['onRename', 'ALTER TABLE t RENAME TO old'],
  ] as const)('%s: delete, stop and ignore do that at %s', async (word, sql) => {
    const deletes = mappingOf({ [word]: 'delete' })
    const target = await filled({ [word]: 'delete' })
    expect(await apply(target, [transaction(20, [ddl(sql)]), transaction(30, [inserts('t', 7, 7)])], { mapping: deletes })).toBe(5)
    expect(ids(target)).toEqual([7])
    expect(target.rows()).toMatchObject({ t: 'not ours', 't:{1}': 'not ours', 'u:3': { id: '3' } })
    expect(await new TargetState(target, 'x').position()).toEqual(at(30))
    const stopped = await filled({})
    await expect(apply(stopped, [transaction(20, [ddl(sql)])])).rejects.toThrow(new RegExp(`${word}: stop`))
    expect(await new TargetState(stopped, 'x').position()).toEqual(at(10))
    const ignored = await filled({ [word]: 'ignore' })
    warnings.length = 0
    await apply(ignored, [transaction(20, [ddl(sql)])], { mapping: mappingOf({ [word]: 'ignore' }) })
    expect(ids(ignored)).toHaveLength(2500)
    expect(warnings).toEqual([expect.stringMatching(/keys stay/)])
  })

  it('what was deleted in part when the process ended is deleted to the end, and nothing of later', async () => {
    const mapping = mappingOf({ onTruncate: 'delete' })
    for (let limit = 0; limit <= 4; limit++) {
      const target = await filled({ onTruncate: 'delete' })
      await apply(target, [transaction(20, [ddl('TRUNCATE t')])], { mapping, limit })
      const isDone = limit === 4
      expect(await new TargetState(target, 'x').position()).toEqual(at(isDone ? 20 : 10))
      await apply(target, [...isDone ? [] : [transaction(20, [ddl('TRUNCATE t')])], transaction(30, [inserts('t', 7, 7)])], { mapping })
      expect(ids(target), `after ${limit} batches`).toEqual([7])
    }
  })

  it('nobody can know which rows a partition had, nor which come with a table', async () => {
    const all = { onTruncate: 'delete', onDrop: 'delete', onRename: 'delete' } as const
    for (const sql of ['ALTER TABLE t TRUNCATE PARTITION p', 'ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x', 'RENAME TABLE x TO t']) {
      const target = await filled(all)
      const applied = apply(target, [transaction(20, [ddl(sql)])], { mapping: mappingOf(all) })
      await expect(applied, sql).rejects.toThrow(UnsupportedError)
      expect(ids(target)).toHaveLength(2500)
    }
  })

  it('an online schema change, which puts another table in place of one, is none of that', async () => {
    const target = await filled({})
    await apply(target, [transaction(20, [ddl('RENAME TABLE t TO _t_old, _t_new TO t')]), transaction(30, [inserts('t', 1, 1, 9)])])
    expect(target.rows()['t:1']).toEqual({ id: '1', v: '9' })
  })
})
