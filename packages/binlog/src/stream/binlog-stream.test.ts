/** Scripts of events: which transactions come out, where the position is then, and what is refused. */
import { describe, expect, it } from 'vitest'
import { Script } from '../../test/stream-events.js'
import { TooLargeError, UnsupportedError } from '../errors.js'
import type { BinlogEvent } from '../events/event.js'
import { BinlogStream, type BinlogStreamOptions, type SpilledRows, type StreamOutput } from './binlog-stream.js'
import type { SourcePosition } from './position.js'

const start = (flavour: 'mysql' | 'mariadb', more: Partial<SourcePosition> = {}): SourcePosition =>
  ({ flavour, server: 's', file: 'bin.1', position: 4, gtids: flavour === 'mariadb' ? '0-1001-1' : '0cf09f5a-e5e1-11f1-812d-02fc00000001:1', ...more })

interface Ran { outputs: (StreamOutput | SpilledRows)[]; stream: BinlogStream; script: Script }

function run(flavour: 'mysql' | 'mariadb', events: (script: Script) => BinlogEvent[], options: BinlogStreamOptions = {}, at: Partial<SourcePosition> = {}): Ran {
  const script = new Script(flavour)
  const stream = new BinlogStream(start(flavour, at), options)
  return { script, stream, outputs: events(script).flatMap((event) => stream.receive(event)) }
}

/** Outputs in few words: type, rows by table, position. */
const short = (outputs: readonly (StreamOutput | SpilledRows)[]): unknown[] => outputs.map((output) => {
  if (!('transaction' in output)) return output.type === 'position' ? [output.type, output.position.position] : [output.type]
  const { changes, position } = output.transaction
  const told = [...changes].map((change) => 'table' in change
    ? `${change.kind} ${change.table.table} ${change.rows.map(({ before, after }) => JSON.stringify(after ?? before)).join('')}`
    : change.sql)
  return [output.type, ...('xid' in output ? [output.xid] : []), ...told, position.position]
})

describe('transactions', () => {
  it('come out whole, at their end, with the position behind them', () => {
    const script = new Script('mariadb')
    const stream = new BinlogStream(start('mariadb'))
    const events = [script.mariadbGtid(2), script.tableMap('t', 7), script.rows('insert', 7, [[1, 10], [2, 20]]),
      script.tableMap('t', 7), script.rows('update', 7, [[1, 10], [1, 11]])]
    for (const event of events) {
      expect(stream.receive(event)).toEqual([])
      expect(stream.position).toEqual(start('mariadb'))
    }
    const outputs = stream.receive(script.xid())
    expect(short(outputs)).toEqual([['transaction', 'insert t [1,10][2,20]', 'update t [1,11]', 600]])
    expect(stream.position).toEqual(start('mariadb', { position: 600, gtids: '0-1001-2' }))
  })

  it('of MySQL begin with BEGIN behind the GTID', () => {
    const { outputs, stream } = run('mysql', (s) => [s.gtid(2), s.query('BEGIN'), s.tableMap('t', 7), s.rows('delete', 7, [[1, 1]]), s.xid()])
    expect(short(outputs)).toEqual([['transaction', 'delete t [1,1]', 500]])
    expect(stream.position.gtids).toBe('0cf09f5a-e5e1-11f1-812d-02fc00000001:1-2')
  })

  it('that nobody wants only move the position', () => {
    const { outputs } = run('mysql', (s) => [s.gtid(2), s.query('BEGIN'), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.xid()], { wants: () => false })
    expect(short(outputs)).toEqual([['position', 500]])
  })

  it('end with COMMIT where tables are not transactional, and come to nothing at ROLLBACK', () => {
    const rows = (s: Script): BinlogEvent[] => [s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]])]
    expect(short(run('mariadb', (s) => [s.mariadbGtid(2), ...rows(s), s.query('COMMIT')]).outputs)).toEqual([['transaction', 'insert t [1,1]', 400]])
    expect(short(run('mariadb', (s) => [s.mariadbGtid(2), ...rows(s), s.query('ROLLBACK')]).outputs)).toEqual([['position', 400]])
  })

  it('whose inner events have no position take that of their end (MariaDB >= 11.4)', () => {
    const silent = (event: BinlogEvent): BinlogEvent => Object.assign(event, { header: { ...event.header, logPos: 0 } })
    const { outputs } = run('mariadb', (s) => [s.mariadbGtid(2), silent(s.query('SAVEPOINT a')), s.query('COMMIT')])
    expect(short(outputs)).toEqual([['position', 300]])
  })

  it('that a lost connection left open begin again', () => {
    const script = new Script('mariadb')
    const stream = new BinlogStream(start('mariadb'))
    for (const event of [script.mariadbGtid(2), script.tableMap('t', 7), script.rows('insert', 7, [[1, 1]])]) stream.receive(event)
    stream.reconnected()
    script.logPos = 0
    const again = [script.mariadbGtid(2), script.tableMap('t', 7), script.rows('insert', 7, [[1, 1]]), script.xid()].flatMap((event) => stream.receive(event))
    expect(short(again)).toEqual([['transaction', 'insert t [1,1]', 400]])
  })

  it('beyond the limit are refused, and the position stays before them', () => {
    const script = new Script('mariadb')
    const stream = new BinlogStream(start('mariadb'), { maxTransactionBytes: 20 })
    stream.receive(script.mariadbGtid(2))
    stream.receive(script.tableMap('t', 7))
    expect(() => stream.receive(script.rows('insert', 7, [[1, 1], [2, 2], [3, 3]]))).toThrow(TooLargeError)
    expect(stream.position).toEqual(start('mariadb'))
  })

  it('beyond the limit are handed out as they come, if they may be, and their end says so', () => {
    const options = { maxTransactionBytes: 20, largeTransactions: 'spill' } as const
    const large = (s: Script): BinlogEvent[] =>
      [s.mariadbGtid(2), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]], { flags: 0 }), s.rows('insert', 7, [[2, 2]], { flags: 0 }), s.rows('insert', 7, [[3, 3]])]
    const { outputs } = run('mariadb', (s) => [...large(s), s.xid()], options)
    expect(outputs.map((output) => output.type === 'spill' ? output.event.changes() : output)).toMatchObject([
      [{ after: [2, 2] }], [{ after: [3, 3] }], { type: 'transaction', transaction: { spilled: true, changes: [{ rows: [{ after: [1, 1] }] }] } },
    ])
    const undone = run('mariadb', (s) => [...large(s), s.query('ROLLBACK')], options)
    expect(undone.outputs.slice(2)).toMatchObject([{ type: 'position', position: { position: 600 } }])
    const small = run('mariadb', (s) => [...large(s), s.xid(), s.mariadbGtid(3), s.tableMap('t', 7), s.rows('insert', 7, [[4, 4]]), s.xid()], options)
    expect(small.outputs.at(-1))
      .toMatchObject({ transaction: { spilled: false, changes: [{ rows: [{ after: [4, 4] }] }] } })
    expect(() => run('mariadb', large, { ...options, maxSpillBytes: 30 })).toThrow(TooLargeError)
  })

  it('count rows as what they take as objects', () => {
    const rows = (s: Script): BinlogEvent[] => [s.mariadbGtid(2), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]], { flags: 0 }), s.rows('insert', 7, [[2, 2]])]
    expect(() => run('mariadb', rows, { maxTransactionBytes: 200 })).not.toThrow()
    expect(() => run('mariadb', rows, { maxTransactionBytes: 100 })).toThrow(TooLargeError)
  })

  it('that are prepared are refused beyond the limit: they would have to be kept', () => {
    const xid = { formatId: 1, gtrid: '7831', bqual: '' }
    const events = (s: Script): BinlogEvent[] => [s.mariadbGtid(2, { prepared: xid }), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1], [2, 2], [3, 3]]), s.xaPrepare('7831')]
    expect(() => run('mariadb', events, { maxTransactionBytes: 20, largeTransactions: 'spill' })).toThrow(/prepared XA/)
  })

  it('of our own server id, or marked so by the source, are passed over', () => {
    const rows = (s: Script): BinlogEvent[] => [s.mariadbGtid(2), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.xid()]
    expect(short(run('mariadb', rows, { ownServerId: 1001 }).outputs)).toEqual([['position', 400]])
    const marked = run('mariadb', (s) => {
      const [gtid, ...rest] = rows(s)
      return [Object.assign(gtid!, { header: { ...gtid!.header, flags: 0x8000 } }), ...rest]
    })
    expect(short(marked.outputs)).toEqual([['position', 400]])
  })
})

describe('DDL', () => {
  it('is a transaction of its own, between rows before and after', () => {
    const { outputs } = run('mysql', (s) => [s.gtid(2), s.query('/* app */ TRUNCATE TABLE `t`')])
    expect(outputs).toMatchObject([{ type: 'transaction', transaction: { changes: [{ statement: { kind: 'truncate', tables: [{ schema: 'w', table: 't' }] } }] } }])
  })

  it('behind rows of its own transaction is refused: no server does that', () => {
    const events = (s: Script): BinlogEvent[] => [s.gtid(2), s.query('BEGIN'), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.query('TRUNCATE t')]
    expect(() => run('mysql', events)).toThrow(UnsupportedError)
  })

  it('with rows stays one transaction: CREATE TABLE … SELECT', () => {
    const rows = (s: Script): BinlogEvent[] => [s.query('CREATE TABLE t (a INT, b INT)'), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.xid()]
    expect(short(run('mariadb', (s) => [s.mariadbGtid(2, { ddl: true }), ...rows(s)]).outputs)).toEqual([['transaction', 'CREATE TABLE t (a INT, b INT)', 'insert t [1,1]', 500]])
    expect(short(run('mysql', (s) => [s.gtid(2), s.query('BEGIN'), ...rows(s)]).outputs)).toEqual([['transaction', 'CREATE TABLE t (a INT, b INT)', 'insert t [1,1]', 600]])
  })

  it('in two phases happens at its commit', () => {
    const alter = 'ALTER TABLE t ADD c INT'
    const { outputs } = run('mariadb', (s) => [
      s.mariadbGtid(2, { standalone: true, alter: 'start' }), s.query(alter, { alter: { phase: 'start' } }),
      s.mariadbGtid(3, { standalone: true, alter: 'commit', startSequence: 2 }), s.query(alter, { alter: { phase: 'commit', startSequence: 2 } }),
      s.mariadbGtid(4, { standalone: true, alter: 'rollback', startSequence: 2 }), s.query(alter, { alter: { phase: 'rollback', startSequence: 2 } }),
    ])
    expect(short(outputs)).toEqual([['position', 200], ['transaction', alter, 400], ['position', 600]])
  })
})

describe('XA', () => {
  it('is handed out as prepared, then committed or rolled back by name', () => {
    const x1 = 'X\'7831\',X\'\',1'
    const mysql = run('mysql', (s) => [
      s.gtid(2), s.query(`XA START ${x1}`), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.query(`XA END ${x1}`), s.xaPrepare('7831'),
      s.gtid(3), s.query('BEGIN'), s.tableMap('t', 7), s.rows('insert', 7, [[2, 2]]), s.xid(),
      s.gtid(4), s.query(`XA COMMIT ${x1}`), s.gtid(5), s.query(`XA ROLLBACK ${x1}`),
    ])
    expect(short(mysql.outputs)).toEqual([
      ['prepare', x1, 'insert t [1,1]', 600], ['transaction', 'insert t [2,2]', 1100], ['commitPrepared', x1, 1300], ['rollbackPrepared', x1, 1500],
    ])
    const xid = { formatId: 1, gtrid: '7831', bqual: '' }
    const mariadb = run('mariadb', (s) => [
      s.mariadbGtid(2, { prepared: xid }), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.query(`XA END ${x1}`), s.xaPrepare('7831'),
      s.mariadbGtid(3, { completed: xid, standalone: true }), s.query(`XA COMMIT ${x1}`),
    ])
    expect(short(mariadb.outputs)).toEqual([['prepare', x1, 'insert t [1,1]', 500], ['commitPrepared', x1, 700]])
  })

  it('in one phase is committed at once', () => {
    const { outputs } = run('mysql', (s) => [
      s.gtid(2), s.query('XA START X\'7831\',X\'\',1'), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.query('XA END X\'7831\',X\'\',1'), s.xaPrepare('7831', true),
    ])
    expect(short(outputs)).toEqual([['transaction', 'insert t [1,1]', 600]])
  })
})

describe('what cannot be known', () => {
  it.each(['INSERT INTO t VALUES (1)', '/* x */ update t set a=1', 'DELETE FROM t', 'REPLACE INTO t VALUES (1)', 'LOAD DATA INFILE \'x\' INTO TABLE t',
    'WITH x AS (SELECT 1) DELETE FROM t', '/*!50000 INSERT */ INTO t VALUES (1)'])('a change logged as a statement is refused: %s', (sql) => {
    expect(() => run('mysql', (s) => [s.gtid(2), s.query('BEGIN'), s.query(sql)])).toThrow(UnsupportedError)
    expect(() => run('mysql', (s) => [s.gtid(2), s.query('BEGIN'), s.query(sql)], { touches: () => false })).not.toThrow()
  })

  it('child rows that a cascade changed without logging them', () => {
    const events = (s: Script): BinlogEvent[] =>
      [s.mariadbGtid(2), s.tableMap('child', 8), s.tableMap('parent', 7), s.rows('delete', 7, [[1, 1]]), s.xid()]
    expect(() => run('mariadb', events)).toThrow(/w\.child took part/)
    expect(short(run('mariadb', events, { missingCascades: 'warn' }).outputs)).toEqual([['warning'], ['transaction', 'delete parent [1,1]', 500]])
    expect(() => run('mariadb', events, { wants: (_schema, table) => table === 'parent' })).not.toThrow()
  })

  it('which rows a savepoint took back', () => {
    expect(() => run('mariadb', (s) => [s.mariadbGtid(2), s.tableMap('t', 7), s.rows('insert', 7, [[1, 1]]), s.query('ROLLBACK TO `s`')])).toThrow(/savepoint/)
  })

  it('what the source lost', () => {
    const incident = { name: 'incident', kind: 1, message: 'LOST_EVENTS', header: new Script('mysql').xid().header } as const
    expect(() => run('mysql', () => [incident])).toThrow(/new snapshot/)
  })
})

describe('the position', () => {
  it('goes to the next file and never into it by an artificial event that repeats where we are', () => {
    const { outputs } = run('mariadb', (s) => [s.rotate('bin.1', 4), s.rotate('bin.2')])
    expect(outputs).toMatchObject([{ type: 'position', position: { file: 'bin.2', position: 4 } }])
  })

  it('moves with heartbeats of a quiet source, but not inside of a transaction', () => {
    const { outputs } = run('mysql', (s) => [s.heartbeat('bin.1', 5000), s.heartbeat('bin.9', 9000), s.gtid(2), s.heartbeat('bin.1', 6000)])
    expect(short(outputs)).toEqual([['heartbeat'], ['position', 5000], ['heartbeat'], ['heartbeat']])
  })

  it('counts on where 32 bits end', () => {
    const at = 2 ** 32 - 50
    const { stream } = run('mariadb', (s) => [s.mariadbGtid(2), s.xid()], {}, { position: at })
    expect(stream.position.position).toBe(2 ** 32 + 200)
  })

  it('begun by file has no GTIDs until the head of a file tells those before', () => {
    const stream = new BinlogStream(start('mariadb', { gtids: '' }))
    const script = new Script('mariadb')
    stream.receive(script.mariadbGtid(2))
    stream.receive(script.xid())
    expect(stream.position.gtids).toBe('')
    stream.receive(script.rotate('bin.2'))
    stream.receive({ name: 'gtidList', header: script.xid().header, untilReached: false, gtids: [{ domain: 0, serverId: 1001, sequence: 2 }] })
    stream.receive(script.mariadbGtid(3))
    stream.receive(script.xid())
    expect(stream.position.gtids).toBe('0-1001-3')
  })
})
