/**
 * The 90 captured events say what the servers meant by them, checksums verified; and none of them can do harm when
 * damaged.
 */
import { describe, expect, it } from 'vitest'
import { event, eventVectors, formatDescription, resealed, tableMapBody, type EventVector } from '../../test/event-bytes.js'
import { BinlogError, ChecksumError, DecodeError } from '../errors.js'
import { PartialJson } from '../rows/partial-json.js'
import type { RowsEvent } from '../rows/rows-event.js'
import type { Table } from '../rows/table.js'
import type { BinlogEvent } from './event.js'
import { EventDecoder } from './event-decoder.js'

const vectors = eventVectors()
const INT = 3
const TABLE_MAP = 19

/** Tables of row events whose TABLE_MAP is not among the vectors. */
const missingTables: Record<string, Buffer> = {
  'mysql-9.7 205': tableMapBody({ id: 0xcd, table: 'p', types: [INT, INT] }),
  'mysql-9.7 268': tableMapBody({ id: 0x10c, table: 'child', types: [INT, INT] }),
  'mysql-9.7 267': tableMapBody({ id: 0x10b, table: 'parent', types: [INT] }),
  'mariadb-11.8 138': tableMapBody({ id: 0x8a, table: 'nd', types: [INT, INT, INT] }),
}

const isRows = (type: number): boolean =>
  (type >= 23 && type <= 25) || (type >= 30 && type <= 32) || type === 39 || (type >= 166 && type <= 171)

/** A decoder that knows the flavour, and the table if the vector has rows of one. */
function decoderFor({ src, ev, hex }: EventVector): EventDecoder {
  const decoder = new EventDecoder()
  decoder.decode(formatDescription(src.startsWith('mysql') ? 'mysql' : 'mariadb'))
  if (isRows(ev)) decoder.decode(tableMapOf(src, Buffer.from(hex, 'hex').readUIntLE(19, 6)))
  return decoder
}

function tableMapOf(src: string, id: number): Buffer {
  const known = vectors.find((vector) => vector.src === src && vector.ev === TABLE_MAP && Buffer.from(vector.hex, 'hex').readUIntLE(19, 6) === id)
  if (known !== undefined) return Buffer.from(known.hex, 'hex')
  const body = missingTables[`${src} ${id}`]
  if (body === undefined) throw new Error(`no TABLE_MAP for table id ${id} of ${src}`)
  return event(TABLE_MAP, body)
}

/** What an event says, without its header; rows as pairs, tables as their columns. */
function told(decoded: BinlogEvent): unknown {
  if (decoded.name === 'rows') return { name: 'rows', kind: decoded.kind, rows: decoded.changes().map(({ before, after }) => [before, after]) }
  if (decoded.name === 'transactionPayload') return { name: decoded.name, events: [...decoded.events()].map(told) }
  if (decoded.name === 'tableMap') return { name: decoded.name, ...tableTold(decoded.table) }
  if (decoded.name === 'previousGtids') return { name: decoded.name, gtids: decoded.gtids.toString() }
  return decoded
}

const tableTold = (table: Table): object => ({
  table: `${table.schema}.${table.table}`, columns: table.columns.map(({ name }) => name), primaryKey: table.primaryKey,
  charsets: table.columns.map(({ charset }) => charset), unsigned: table.columns.map(({ unsigned }) => unsigned),
})

const doc = (a: number, rest = ''): string => `{"a": ${a}, "b": "hello world", "c": [1, 2, 3]${rest}}`
const uuid = '0cf09f5a-e5e1-11f1-812d-02fc00000001'
const wm = { table: 'w.m', columns: ['id', 'a', 'b', 't', 'j'], primaryKey: [0], unsigned: [false, false, false, false, false] }
const u = undefined
const xs = 'x'.repeat(500)
const ys = 'y'.repeat(300)
const x1 = { formatId: 1, gtrid: '7831', bqual: '' }
const rows = (kind: string, ...changes: unknown[][]): unknown => ({ name: 'rows', kind, rows: changes })
const query = (sql: string, more = {}): unknown => ({ name: 'query', schema: 'w', sql, errorCode: 0, charset: 'utf8mb4', alter: null, ...more })

/** By line of events.jsonl. */
const expected: unknown[] = [
  { name: 'formatDescription', format: { serverVersion: '10.11.19-MariaDB-0+deb12u1-log', flavour: 'mariadb', created: 0, checksum: 'crc32' } },
  { name: 'gtidList', gtids: [{ domain: 0, serverId: 1001, sequence: 183 }], untilReached: false },
  { name: 'binlogCheckpoint', file: 'mdb-bin.000089' },
  { name: 'mariadbGtid', gtid: '0-1001-184', standalone: true, ddl: true, transactional: false, prepared: null, completed: null, alter: null },
  query('CREATE DATABASE IF NOT EXISTS w'),
  { name: 'mariadbGtid', gtid: '0-1001-186', standalone: false, ddl: false, transactional: true },
  { name: 'rowsQuery', sql: 'INSERT INTO m VALUES(1,\'one\',10,\'txt\',\'{"a":1}\')' },
  { name: 'tableMap', ...wm, charsets: [null, 'utf8mb4', null, 'utf8mb4', 'utf8mb4'] },
  rows('insert', [null, [1, 'one', 10, 'txt', '{"a":1}']]),
  { name: 'xid', xid: 1725n, header: { logPos: 984 } },
  rows('update', [[1, u, u, u, u], [u, u, 11, u, u]]),
  rows('update', [[1, 'one', 11, u, u], [1, 'one', 12, u, u]]),
  rows('insert', [null, [2, 'two', u, u, u]]),
  rows('delete', [[2, u, u, u, u], null]),
  rows('update', [[1, 'one', 12, 'txt', '{"a":1}'], [1, 'one', 14, 'txt', '{"a":1}']]),
  rows('insert', [null, [3, 'three', null, xs, null]]),
  rows('update', [[3, 'three', null, xs, null], [3, 'three', null, ys, null]]),
  rows('delete', [[3, 'three', null, ys, null], null]),
  query(`CREATE TABLE cq(${'a'.repeat(40)} INT, ${'b'.repeat(43)} INT)`),
  { name: 'mariadbGtid', gtid: '0-1001-194', prepared: x1, completed: null, standalone: false, transactional: true },
  query('XA END X\'7831\',X\'\',1'),
  { name: 'xaPrepare', onePhase: false, ...x1 },
  { name: 'mariadbGtid', gtid: '0-1001-195', prepared: null, completed: x1, standalone: true },
  query('XA COMMIT X\'7831\',X\'\',1'),
  query('SAVEPOINT `s1`'),
  { name: 'mariadbGtid', gtid: '7-1001-1', domain: 7, sequence: 1 },
  { name: 'mariadbGtid', alter: 'start', startSequence: 0, sequence: 203 },
  query('ALTER TABLE m2 ADD COLUMN e2 INT', { alter: { phase: 'start' } }),
  { name: 'mariadbGtid', alter: 'commit', startSequence: 203, sequence: 204 },
  query('ALTER TABLE m2 ADD COLUMN e2 INT', { alter: { phase: 'commit', startSequence: 203 } }),
  { name: 'mariadbGtid', ddl: true, standalone: false },
  { name: 'tableMap', table: 'w.sv', columns: ['id', 'v', 'row_start', 'row_end'], primaryKey: [0, 3] },
  rows('insert', [null, [1, 1, '2026-11-21 19:32:29.417780', '2038-01-19 03:14:07.999999']]),
  rows('update', [[1, 1, '2026-11-21 19:32:29.417780', '2038-01-19 03:14:07.999999'], [1, 2, '2026-11-21 19:32:29.419212', '2038-01-19 03:14:07.999999']]),
  rows('insert', [null, [1, 1, '2026-11-21 19:32:29.417780', '2026-11-21 19:32:29.419212']]),
  rows('update', [[1, 2, '2026-11-21 19:32:29.419212', '2038-01-19 03:14:07.999999'], [1, 2, '2026-11-21 19:32:29.419212', '2026-11-21 19:32:29.420258']]),
  query('COMMIT'),
  { name: 'userVar', variable: 'u', value: Buffer.from('0300000000000000', 'hex'), valueType: 2 },
  { name: 'intVar', variable: 'insertId', value: 1n },
  { name: 'rotate', file: 'mdb-bin.000091', position: 4, header: { flags: 0 } },
  { name: 'rotate', file: 'mdb-bin.000001', position: 4, header: { flags: 0x20, timestamp: 0 } },
  { name: 'heartbeat', file: 'mdb-bin.000089', header: { logPos: 986 } },
  { name: 'mariadbGtid', gtid: '0-3001-181', ddl: true, standalone: true, alter: null },
  { name: 'mariadbGtid', prepared: x1 },
  { name: 'mariadbGtid', alter: 'commit', startSequence: 200 },
  { name: 'tableMap', ...wm, charsets: [null, 'utf8mb4', null, 'utf8mb4', 'utf8mb4'] },
  rows('update', [[1, 2, 3], [u, u, 4]]),
  {
    name: 'tableMap', table: 'v.cs', primaryKey: [0, 4],
    columns: ['id', 'y', 'n1', 'g', 'l1', 'bt', 'u8', 'e', 'se', 'bl', 'd', 'f', 'dt', 'c2', 'bin', 'u', 'i6', 'vc', 'j'],
  },
  {
    name: 'tableMap', table: 'v.cs', primaryKey: [0, 4],
    columns: ['id', 'y', 'n1', 'g', 'l1', 'bt', 'u8', 'e', 'se', 'bl', 'd', 'f', 'dt', 'c2', 'bin', 'u', 'i6', 'vc', 'j'],
    charsets: [null, null, null, 'binary', 'latin1', null, 'utf8mb4', 'latin1', 'utf8mb4', 'binary', null, null, null, 'latin2', 'binary', 'binary', 'binary', 'latin2', 'utf8mb4'],
  },
  { name: 'gtid', gtid: `${uuid}:180`, transactionLength: 190, originalCommitUs: 0x0660ce68f34850, lastCommitted: 0, sequenceNumber: 1 },
  query('CREATE DATABASE IF NOT EXISTS w'),
  { name: 'gtid', gtid: `${uuid}:182`, transactionLength: 0x171, lastCommitted: 2, sequenceNumber: 3 },
  query('BEGIN'),
  { name: 'tableMap', ...wm, charsets: [null, 'utf8mb4', null, 'utf8mb4', null] },
  rows('insert', [null, [1, 'one', 10, 'txt', doc(1)]]),
  { name: 'xid', xid: 1693n },
  rows('update', [[1, u, u, u, u], [u, u, 11, u, u]]),
  rows('update', [[1, 'one', 11, u, doc(1)], [1, 'one', 12, u, doc(1)]]),
  rows('insert', [null, [2, 'two', u, u, u]]),
  rows('delete', [[2, u, u, u, u], null]),
  rows('update', [[1, 'one', 12, 'txt', doc(1)], [1, 'one', 12, 'txt', doc(2)]]),
  rows('update', [[1, 'one', 12, 'txt', doc(2)], [1, 'one', 12, 'txt', doc(2, ', "zz": "new"')]]),
  rows('update', [[1, 'one', 12, 'txt', doc(2, ', "zz": "new"')], [1, 'one', 12, 'txt', '{"a": 2, "b": "hello world", "c": [1, 3], "zz": "new"}']]),
  rows('update', [
    [1, 'one', 12, 'txt', '{"a": 2, "b": "hello world", "c": [1, 3], "zz": "new"}'],
    [1, 'one', 12, 'txt', '{"a": 2, "b": "bye", "c": [1, 3, 9], "zz": "new"}'],
  ]),
  rows('update', [[1, u, u, u, u], [u, u, u, u, new PartialJson([{ operation: 'replace', path: ['a'], value: '3' }])]]),
  { name: 'rowsQuery', sql: 'UPDATE m SET b=13 WHERE id=1' },
  { name: 'transactionPayload' },
  { name: 'gtid', gtid: `${uuid}:mytag:1`, lastCommitted: 2, sequenceNumber: 15, originalCommitUs: 0x0660ce68f3b0ab, transactionLength: 300 },
  query('XA START X\'7831\',X\'\',1'),
  query('XA END X\'7831\',X\'\',1'),
  { name: 'xaPrepare', onePhase: false, ...x1 },
  query('XA COMMIT X\'7831\',X\'\',1'),
  { name: 'xaPrepare', onePhase: true, formatId: 7, gtrid: '7832', bqual: '6271' },
  query('CREATE TABLE `cts` (\n  `x` bigint NOT NULL DEFAULT \'0\'\n) START TRANSACTION'),
  rows('insert', [null, [1, 1]]),
  rows('update', [[1, 1], [7, 1]]),
  { name: 'tableMap', table: 'w.g', columns: ['id', 'v', 's', 'vv', 'inv'], primaryKey: [0] },
  rows('insert', [null, [1, 1, 2, 3, 9]]),
  { name: 'rand', seed1: 0x33edd543n, seed2: 0x12d61fbdn },
  { name: 'userVar', variable: 'u', value: Buffer.from('0300000000000000', 'hex'), valueType: 2, collation: 45 },
  { name: 'rotate', position: 4, file: 'my-bin.000090' },
  { name: 'previousGtids', gtids: '' },
  { name: 'previousGtids', gtids: `${uuid}:1-211:mytag:1` },
  { name: 'formatDescription', format: { serverVersion: '9.7.4-2', flavour: 'mysql', created: 0x6b01efbb, checksum: 'crc32' } },
  { name: 'stop' },
  { name: 'heartbeat', file: 'my-bin.000088', position: 0x427 },
  { name: 'gtid', gtid: `${uuid}:1`, originalCommitUs: 0x0660ce57312503, transactionLength: 180 },
  rows('delete', [[10, 1], null], [[11, 1], null]),
  rows('delete', [[1], null]),
  {
    name: 'tableMap', table: 'v.cs', primaryKey: [0, 4],
    columns: ['id', 'y', 'n1', 'g', 'l1', 'bt', 'u8', 'e', 'se', 'bl', 'd', 'f', 'dt', 'c2', 'bin', 'vec', 'j'],
    charsets: [null, null, null, null, 'latin1', null, 'utf8mb4', 'latin1', 'utf8mb4', 'binary', null, null, null, 'latin2', 'binary', 'binary', null],
  },
]

describe('captured events', () => {
  it.each(vectors.map((vector, i) => [i + 1, vector.src, vector.d, vector, expected[i]] as const))('%i %s %s', (_line, _src, _d, vector, says) => {
    const decoded = decoderFor(vector).decode(Buffer.from(vector.hex, 'hex'))
    expect(decoded.header.type).toBe(vector.ev)
    const seen = told(decoded)
    if (decoded.name === 'rows') expect(seen).toEqual(says)
    else expect(seen).toMatchObject(says as object)
  })

  it('hold a whole group where it was sent compressed', () => {
    const vector = vectors.find(({ ev }) => ev === 40)!
    const payload = decoderFor(vector).decode(Buffer.from(vector.hex, 'hex')) as Extract<BinlogEvent, { name: 'transactionPayload' }>
    const events = [...payload.events()]
    expect(events.map(({ name }) => name)).toEqual(['query', 'tableMap', 'rows', 'tableMap', 'rows', 'xid'])
    expect([events[2], events[4]].flatMap((rows) => (rows as RowsEvent).changes())).toEqual([
      { before: null, after: [3, 'three', null, xs, null] }, { before: null, after: [4, 'four', null, null, null] }])
  })

  it('are refused if a single bit of them is another', () => {
    const artificial = 0x20
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.hex, 'hex')
      // An artificial event may have no checksum at all, and a FORMAT_DESCRIPTION says itself whether it has one.
      if (bytes.readUInt16LE(17) & artificial || vector.ev === 15) continue
      const decoder = decoderFor(vector)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3] = flipped[bit >> 3]! ^ 1 << (bit & 7)
        // The flag itself, when set, is what makes it artificial.
        if (flipped.readUInt16LE(17) & artificial) continue
        // Only what is wrong is told to vitest: there are some seventy thousand of these.
        const error = refusal(() => decoder.decode(flipped))
        const wanted = bit >= 72 && bit < 104 ? DecodeError : BinlogError
        if (!(error instanceof wanted)) throw new Error(`${vector.d}, bit ${bit}: ${String(error)}`)
      }
    }
    expect(new ChecksumError('x').code).toBe('CHECKSUM')
  })
})

/** What `work` throws; null if it does not. */
function refusal(work: () => unknown): unknown {
  try {
    work()
    return null
  } catch (error) {
    return error
  }
}

/**
 * Where to damage: everywhere if SLOTWISE_FUZZ_WHOLE is set (`npm run fuzz:binlog`), else at about every eighth place,
 * at others each time. Whatever fails says where it was.
 */
function* places(from: number, end: number): Generator<number, void, undefined> {
  const step = process.env.SLOTWISE_FUZZ_WHOLE === undefined ? () => 1 + Math.floor(Math.random() * 15) : () => 1
  for (let place = from; place < end; place += step()) yield place
}

/** Everything that an event leads to, read. */
function readAll(decoder: EventDecoder, bytes: Buffer): void {
  const visit = (decoded: BinlogEvent): void => {
    if (decoded.name === 'rows') decoded.changes()
    else if (decoded.name === 'transactionPayload') for (const inner of decoded.events()) visit(inner)
  }
  visit(decoder.decode(bytes))
}

/** Runs `work`; anything but success or an error of ours is a bug. */
function survives(what: string, work: () => void): void {
  const error = refusal(work)
  if (error !== null && !(error instanceof BinlogError)) throw new Error(what, { cause: error })
}

describe('damaged events whose checksum is right', () => {
  it('cut at every byte are decoded or refused, never anything else', () => {
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.hex, 'hex')
      for (const length of places(0, bytes.length)) {
        const cut = bytes.subarray(0, length)
        survives(`${vector.d} cut at ${length}`, () => readAll(decoderFor(vector), cut))
        if (length >= 23) survives(`${vector.d} cut at ${length}, resealed`, () => readAll(decoderFor(vector), resealed(cut)))
      }
    }
  })

  it('with any bit flipped are decoded or refused, never anything else', () => {
    for (const vector of vectors) {
      const bytes = Buffer.from(vector.hex, 'hex')
      for (const bit of places(19 * 8, (bytes.length - 4) * 8)) {
        const flipped = Buffer.from(bytes)
        flipped[bit >> 3] = flipped[bit >> 3]! ^ 1 << (bit & 7)
        survives(`${vector.d}, bit ${bit}`, () => readAll(decoderFor(vector), resealed(flipped)))
      }
    }
  }, 600_000) // fzstd is stopped after its time for some of them

  it('rows under a TABLE_MAP with any bit flipped are decoded or refused', () => {
    for (const vector of vectors.filter(({ ev }) => isRows(ev))) {
      const tableMap = tableMapOf(vector.src, Buffer.from(vector.hex, 'hex').readUIntLE(19, 6))
      for (const bit of places(25 * 8, (tableMap.length - 4) * 8)) {
        const flipped = Buffer.from(tableMap)
        flipped[bit >> 3] = flipped[bit >> 3]! ^ 1 << (bit & 7)
        survives(`${vector.d}, bit ${bit} of its table`, () => {
          const decoder = decoderFor(vector)
          decoder.decode(resealed(flipped))
          readAll(decoder, Buffer.from(vector.hex, 'hex'))
        })
      }
    }
  })
})
