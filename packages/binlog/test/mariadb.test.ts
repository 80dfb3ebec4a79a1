/** A real MariaDB is followed: every way to log in, every type, restarts, refusals, XA, semi-sync. */
import { describeMariadb, freePort, purgeBinlog, startMariadb, waitFor, type MariadbProcess } from '@slotwise/testing'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  follow, Mapping, readSource, SourceConnection, type ConnectionOptions, type FollowOptions,
  type TableChanges, type TableMappingOptions,
} from '../src/index.js'
import { MemoryTarget } from './memory-target.js'

let nextServerId = 5000

const address = (server: MariadbProcess, more: Partial<ConnectionOptions> = {}): ConnectionOptions =>
  ({ host: '127.0.0.1', port: server.port, user: 'repl', password: 'replpw', ...more })

/** A follower that runs until it is stopped or ends by itself. */
function started(
  server: MariadbProcess, tables: TableMappingOptions[], target: MemoryTarget, more: Partial<FollowOptions> = {},
): { done: Promise<unknown>; dumping(): Promise<unknown>; stop(): Promise<void> } {
  const controller = new AbortController()
  let connects = 0
  const done = follow({
    sources: [address(server)], serverId: nextServerId++, mapping: new Mapping({ tables }), into: target,
    signal: controller.signal, heartbeatMs: 500, reconnectDelayMs: 20, ...more,
    onStatus: (status) => {
      if (status.type === 'connected') connects++
      more.onStatus?.(status)
    },
  }).then(() => null, (error: unknown) => error)
  return {
    done,
    // Its own word, and not the server's list of threads: there those of earlier tests stay for a while.
    dumping: () => waitFor(() => connects > 0, { timeoutMs: 60_000, what: 'the follower asking for the binlog' }),
    stop: async () => {
      controller.abort()
      await done
    },
  }
}

const position = (target: MemoryTarget): string => (target.keys.get('__binlog:{default}:position') ?? '') as string
const gtidOf = (server: MariadbProcess): string => server.sql('SELECT @@gtid_binlog_pos').trim()

/** Resolves when the follower has applied everything that the source has logged. */
const caughtUp = (server: MariadbProcess, target: MemoryTarget): Promise<unknown> =>
  waitFor(() => position(target).includes(`"${gtidOf(server)}"`), { timeoutMs: 60_000, what: 'the follower at the source\'s position' })

describeMariadb('following a real MariaDB', () => {
  let server: MariadbProcess

  beforeAll(async () => {
    server = await startMariadb()
    server.sql('CREATE DATABASE w')
  })
  afterAll(async () => { await server[Symbol.asyncDispose]() })

  it('logs in with mysql_native_password and ed25519, and is told when it may not', async () => {
    server.sql('CREATE USER ed@127.0.0.1 IDENTIFIED VIA ed25519 USING PASSWORD(\'s3cret\'); GRANT ALL ON *.* TO ed@127.0.0.1; CREATE USER nopw@127.0.0.1')
    for (const [user, password] of [['repl', 'replpw'], ['ed', 's3cret'], ['nopw', '']] as const) {
      await using connection = await SourceConnection.connect(address(server, { user, password }))
      expect(await connection.queryOne('SELECT CURRENT_USER() AS me, NULL AS nothing')).toEqual({ me: `${user}@127.0.0.1`, nothing: null })
    }
    await expect(SourceConnection.connect(address(server, { password: 'wrong' }))).rejects.toMatchObject({ code: 'SERVER', errno: 1045 })
    await expect(SourceConnection.connect(address(server, { tls: 'required' }))).rejects.toMatchObject({ code: 'HANDSHAKE' })
    await expect(SourceConnection.connect({ ...address(server), port: await freePort() })).rejects.toMatchObject({ code: 'CONNECTIONLOST' })
  })

  it('reads results of more than 16 MiB, whose packets come in pieces', async () => {
    await using connection = await SourceConnection.connect(address(server))
    await connection.query('SET GLOBAL max_allowed_packet=67108864')
    await using wide = await SourceConnection.connect(address(server))
    const { rows } = await wide.query('SELECT REPEAT(\'x\', 17000000), 1')
    expect(rows[0]![0]).toHaveLength(17_000_000)
    expect(rows[0]![1]!.toString()).toBe('1')
  })

  it('has every row as the source has it after inserts, updates, deletes and keys that change', async () => {
    server.sql('CREATE TABLE w.o (id INT PRIMARY KEY, user_id BIGINT UNSIGNED, amount DECIMAL(12,2), note VARCHAR(50) CHARACTER SET latin1, at DATETIME(3), state ENUM(\'new\',\'paid\'))')
    const target = new MemoryTarget()
    const follower = started(server, [{ table: 'w.o', key: 'o:{${user_id}}:${id}', unique: true }], target)
    await follower.dumping()
    server.sql(`USE w; SET NAMES utf8mb4; INSERT INTO o VALUES (1,18446744073709551615,'-1.50','é €',NOW(3),'new'),(2,7,NULL,NULL,'2026-11-21 12:34:56.789','paid');
      UPDATE o SET user_id=8 WHERE id=2; UPDATE o SET id=3 WHERE id=1; INSERT INTO o SELECT seq+10, seq, seq/3, REPEAT('x',seq%50), NULL, 'new' FROM seq_1_to_3000;
      DELETE FROM o WHERE id > 3005; REPLACE INTO o (id,user_id,note) VALUES (3,9,'replaced'); UPDATE o SET amount=amount+1 WHERE id BETWEEN 100 AND 200`)
    await caughtUp(server, target)
    await follower.stop()
    const wanted = server.sql('SELECT * FROM w.o').trimEnd().split('\n').map((line) => line.split('\t'))
    const rows = Object.fromEntries(wanted.map(([id, userId, amount, note, at, state]) => [`o:{${userId}}:${id}`,
      Object.fromEntries(Object.entries({ id, user_id: userId, amount, note, at, state }).filter(([, value]) => value !== 'NULL'))]))
    expect(Object.keys(rows)).toHaveLength(wanted.length)
    expect(target.rows()).toEqual(rows)
  })

  it('reads every type as the server prints it, with full metadata and with none', async () => {
    const types = ['TINYINT', 'SMALLINT UNSIGNED', 'MEDIUMINT', 'INT UNSIGNED', 'BIGINT', 'BIGINT UNSIGNED', 'DECIMAL(30,10)', 'YEAR', 'DATE', 'TIME(3)', 'DATETIME(6)',
      'TIMESTAMP(2) NULL', 'CHAR(10)', 'VARCHAR(300)', 'TEXT CHARACTER SET utf16', 'BINARY(4)', 'BLOB', 'ENUM(\'a\',\'b\')', 'SET(\'x\',\'y\')', 'UUID', 'INET6', 'INET4', 'JSON', 'VARCHAR(99) COMPRESSED']
    const values = ['-128', '65535', '-8388608', '4294967295', '-9223372036854775808', '18446744073709551615', '-12345678901234567890.0123456789', '2026', '2026-11-21',
      '-12:34:56.789', '1000-01-01 00:00:00.000001', '2026-11-21 12:34:56.78', 'é€😀', 'x'.repeat(300), 'Ωμέγα', 'ab', 'bytes', 'b', 'x,y', '123e4567-e89b-12d3-a456-426655440000',
      '2001:db8::ff00:42:8329', '1.2.3.4', '{"a":1}', 'y'.repeat(99)]
    const table = (name: string): string => `CREATE TABLE w.${name} (id INT PRIMARY KEY, ${types.map((type, i) => `c${i} ${type}`).join(', ')}) CHARACTER SET utf8mb4`
    server.sql(`${table('full')}; ${table('bare')}`)
    const target = new MemoryTarget()
    const follower = started(server, ['full', 'bare'].map((name) => ({ table: `w.${name}`, key: `${name}:\${id}` })), target, { start: 'now' })
    await follower.dumping()
    const insert = (name: string): string => `SET time_zone='+00:00'; INSERT INTO w.${name} VALUES (1, ${values.map((value) => `'${value}'`).join(', ')})`
    server.sql(`${insert('full')}; SET GLOBAL binlog_row_metadata=NO_LOG; ${insert('bare')}; SET GLOBAL binlog_row_metadata=FULL`)
    await caughtUp(server, target)
    await follower.stop()
    const wanted = Object.fromEntries(values.map((value, i) => [`c${i}`, types[i] === 'BINARY(4)' ? 'ab\0\0' : value]))
    expect(target.rows()['full:1']).toEqual({ id: '1', ...wanted })
    expect(target.rows()['bare:1']).toEqual({ id: '1', ...wanted })
  })

  it('goes on where it was after the server was killed, after its own end, and across files', async () => {
    // What the binlog has survives in the tables, too.
    const args = ['--innodb-flush-log-at-trx-commit=1']
    await using own = await startMariadb({ args })
    own.sql('CREATE DATABASE w; CREATE TABLE w.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)')
    const target = new MemoryTarget()
    const tables = [{ table: 'w.t', key: 't:${id}' }]
    const count = (): number => Object.keys(target.rows()).length
    const lost: string[] = []
    let follower = started(own, tables, target, { start: 'oldest', onStatus: (status) => { if (status.type === 'disconnected') lost.push(status.error.message) } })
    own.sql('USE w; INSERT INTO t (v) SELECT seq FROM seq_1_to_10; FLUSH BINARY LOGS; INSERT INTO t (v) VALUES (11)')
    await waitFor(() => count() === 11)
    await own.kill()
    await waitFor(() => lost.length > 0)
    await using again = await startMariadb({ dir: own.dir, port: own.port, args })
    again.sql('INSERT INTO w.t (v) VALUES (12)')
    await waitFor(() => count() === 12, { timeoutMs: 60_000 })
    await follower.stop()
    again.sql('DELETE FROM w.t WHERE v <= 2; FLUSH BINARY LOGS')
    follower = started(again, tables, target)
    await waitFor(() => count() === 10)
    await follower.stop()
    // Whatever was applied was applied once: inserts of 12 rows, deletes of 2.
    const words = target.transactions.flat().filter(([name]) => name === 'HSET')
    expect(words).toHaveLength(12)
  })

  it('stops at what it cannot know, and stays before it', async () => {
    server.sql('CREATE TABLE w.s (id INT PRIMARY KEY); CREATE TABLE w.parent (id INT PRIMARY KEY); CREATE TABLE w.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES w.parent(id) ON DELETE CASCADE)')
    const cases = [
      ['s', 'INSERT INTO w.s VALUES (1); SET SESSION binlog_format=STATEMENT; INSERT INTO w.s VALUES (2)', /logged as a statement/, ['s:1']],
      ['child', 'INSERT INTO w.parent VALUES (1); INSERT INTO w.child VALUES (1,1); DELETE FROM w.parent', /w\.child took part/, ['child:1']],
      ['s', 'INSERT INTO w.s VALUES (7); TRUNCATE w.s', /onTruncate: stop/, ['s:7']],
      ['s', 'INSERT INTO w.s VALUES (8); RENAME TABLE w.s TO w.s2, w.s2 TO w.s; RENAME TABLE w.s TO w.s3', /onRename: stop/, ['s:8']],
    ] as const
    for (const [table, sql, message, keys] of cases) {
      const target = new MemoryTarget()
      const follower = started(server, [{ table: `w.${table}`, key: `${table}:\${id}` }], target)
      await follower.dumping()
      server.sql(sql)
      expect(await follower.done).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringMatching(message) as string })
      expect(Object.keys(target.rows())).toEqual(keys)
    }
  })

  it('refuses a mapping that does not fit, before the first event', async () => {
    const target = new MemoryTarget()
    const follower = started(server, [{ table: 'w.parent', key: 'p:${nope}' }, { table: 'w.absent', key: 'a:${id}' }], target)
    expect(await follower.done).toMatchObject({ message: expect.stringMatching(/w\.parent: there is no column nope[\s\S]*w\.absent does not exist/) as string })
    expect(target.transactions).toEqual([])
  })

  it('holds prepared XA transactions until they are decided, over an end of its own', async () => {
    server.sql('CREATE TABLE w.x (id INT PRIMARY KEY)')
    const target = new MemoryTarget()
    const tables = [{ table: 'w.x', key: 'x:${id}' }]
    let follower = started(server, tables, target)
    await follower.dumping()
    server.sql('XA START \'a\'; INSERT INTO w.x VALUES (1); XA END \'a\'; XA PREPARE \'a\'')
    server.sql('XA START \'b\'; INSERT INTO w.x VALUES (2); XA END \'b\'; XA PREPARE \'b\'')
    server.sql('INSERT INTO w.x VALUES (3)')
    await caughtUp(server, target)
    expect(Object.keys(target.rows())).toEqual(['x:3'])
    await follower.stop()
    follower = started(server, tables, target)
    server.sql('XA COMMIT \'a\'; XA ROLLBACK \'b\'')
    await caughtUp(server, target)
    await follower.stop()
    expect(Object.keys(target.rows())).toEqual(['x:1', 'x:3'])
    expect(target.keys.has('__binlog:{default}:prepared')).toBe(false)
  })

  it('begins with the rows that are there, in the form in which the binlog would have brought them', async () => {
    server.sql(`CREATE TABLE w.snap (id INT PRIMARY KEY, big BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(10,3), bits BIT(12), b VARBINARY(9), t TIMESTAMP(3) NULL, e ENUM('a','b'), u UUID, note TEXT CHARACTER SET latin1);
      SET time_zone='+05:00'; INSERT INTO w.snap VALUES (1,18446744073709551615,999.0001,0.1,-1.5,b'101010101010',x'00ff',NOW(3),'b',UUID(),'é'),(2,1,1e30,1e300,NULL,NULL,NULL,NULL,NULL,NULL,NULL)`)
    const fromSnapshot = new MemoryTarget()
    const tables = [{ table: 'w.snap', key: 'snap:${id}', nulls: 'empty' as const }]
    const follower = started(server, tables, fromSnapshot, { start: 'snapshot' })
    await caughtUp(server, fromSnapshot)
    expect(Object.keys(fromSnapshot.rows())).toEqual(['snap:1', 'snap:2'])
    const fromBinlog = new MemoryTarget()
    const second = started(server, tables, fromBinlog, { start: 'now' })
    await second.dumping()
    server.sql('SET time_zone=\'+05:00\'; CREATE TEMPORARY TABLE w.c SELECT * FROM w.snap; DELETE FROM w.snap; INSERT INTO w.snap SELECT * FROM w.c')
    await caughtUp(server, fromBinlog)
    await caughtUp(server, fromSnapshot)
    await follower.stop()
    await second.stop()
    expect(fromBinlog.rows()).toEqual(fromSnapshot.rows())
    const again = new MemoryTarget()
    const third = started(server, tables, again, { start: 'snapshot' })
    await caughtUp(server, again)
    await third.stop()
    expect(again.rows()).toEqual(fromBinlog.rows())
  })

  it('acknowledges semi-sync commits when they are durable here, and no earlier', async () => {
    server.sql('CREATE TABLE w.semi (id INT PRIMARY KEY); SET GLOBAL rpl_semi_sync_master_timeout=100000')
    // Not from its start on: 11.8 then waits that long with the first change that it makes there, 10.11 does not.
    server.sql('SET GLOBAL rpl_semi_sync_master_enabled=ON')
    const target = new MemoryTarget()
    const follower = started(server, [{ table: 'w.semi', key: 'semi:${id}' }], target, { semiSync: true })
    await waitFor(() => /Rpl_semi_sync_master_clients\s+1/.test(server.sql('SHOW STATUS LIKE \'Rpl_semi_sync_master_clients\'')), { what: 'a semi-sync replica' })
    const before = performance.now()
    await using connection = await SourceConnection.connect(address(server))
    for (const id of [1, 2]) await connection.query(`INSERT INTO w.semi VALUES (${id})`)
    // With a time-out of 100 s, commits that return sooner were acknowledged.
    expect(performance.now() - before).toBeLessThan(50_000)
    expect(Object.keys(target.rows())).toEqual(['semi:1', 'semi:2'])
    expect(target.syncs).toBeGreaterThan(0)
    expect(server.sql('SHOW STATUS LIKE \'Rpl_semi_sync_master_yes_tx\'')).toMatch(/\s[2-9]/)
    server.sql('SET GLOBAL rpl_semi_sync_master_enabled=OFF')
    await follower.stop()
  })

  it('ends at the end of the log if asked to, and takes compressed events and rows beyond 16 MiB', async () => {
    server.sql(`SET GLOBAL max_allowed_packet=67108864; CREATE TABLE w.big (id INT PRIMARY KEY, b LONGBLOB)`)
    const start = server.sql('SELECT @@gtid_binlog_pos').trim()
    server.sql('SET GLOBAL log_bin_compress=ON; INSERT INTO w.big VALUES (1, REPEAT(\'c\', 100000)); SET GLOBAL log_bin_compress=OFF; INSERT INTO w.big VALUES (2, REPEAT(\'d\', 17000000))')
    const changes: TableChanges[] = []
    const from = { flavour: 'mariadb', server: '', file: '', position: 4, gtids: start } as const
    for await (const batch of readSource({ sources: [address(server)], serverId: nextServerId++, start: from, untilEnd: true, wants: (_, table) => table === 'big' })) {
      for (const output of batch) if (output.type === 'transaction') changes.push(...output.transaction.changes as Iterable<TableChanges>)
    }
    const sizes = changes.flatMap(({ rows }) => rows.map(({ after }) => [after![0], (after![1] as Uint8Array).length]))
    expect(sizes).toEqual([[1, 100_000], [2, 17_000_000]])
  })

  it('applies a transaction that is too large for memory in parts, and goes on inside of it after its own end', async () => {
    server.sql('CREATE TABLE w.large (id INT PRIMARY KEY, v VARCHAR(40), b MEDIUMBLOB)')
    const start = { flavour: 'mariadb', server: '', file: '', position: 4, gtids: gtidOf(server) } as const
    server.sql(`USE w; BEGIN; INSERT INTO large SELECT seq, CONCAT('value-', seq), NULL FROM seq_1_to_4000; UPDATE large SET v = CONCAT(v, 'é') WHERE id <= 3000;
      UPDATE large SET b = REPEAT('x', 400000) WHERE id = 7; DELETE FROM large WHERE id > 3500; COMMIT; INSERT INTO large VALUES (9000, 'after', NULL)`)
    const target = new MemoryTarget()
    const tables = [{ table: 'w.large', key: 'large:${id}' }]
    const options = { start, untilEnd: true, maxTransactionBytes: 20_000 }
    for (const parts of [2, 5]) {
      const controller = new AbortController()
      let left = parts
      const stopped = follow({
        sources: [address(server)], serverId: nextServerId++, mapping: new Mapping({ tables }), into: target,
        signal: controller.signal, ...options,
        onProgress: () => { if (--left === 0) controller.abort() },
      })
      await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
      expect(target.keys.has('__binlog:{default}:part')).toBe(true)
    }
    expect(position(target)).not.toContain(`"${gtidOf(server)}"`)
    expect(await started(server, tables, target, options).done).toBeNull()
    const wanted = server.sql('SELECT id, v FROM w.large ORDER BY id').trimEnd().split('\n').map((line) => line.split('\t'))
    expect(wanted).toHaveLength(3501)
    const rows = target.rows() as Record<string, { v: string; b?: string }>
    expect(Object.keys(rows)).toHaveLength(wanted.length)
    for (const [id, v] of wanted) expect(rows[`large:${id}`]!.v).toBe(v)
    expect(rows['large:7']!.b).toHaveLength(400_000)
    // Every row was written as often as it changed.
    expect(target.transactions.flat().filter(([name]) => name === 'HSET')).toHaveLength(4000 + 3000 + 1 + 1)
    expect(target.keys.has('__binlog:{default}:part')).toBe(false)
    const refused = new MemoryTarget()
    expect(await started(server, tables, refused, { ...options, largeTransactions: 'stop' }).done).toMatchObject({ code: 'TOOLARGE' })
    expect(refused.rows()).toEqual({})
  })

  it('deletes the keys of a table that is emptied, dropped or renamed, where its policy says so', async () => {
    const create = 'CREATE TABLE w.gone (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)'
    server.sql(`${create}; CREATE TABLE w.stays (id INT PRIMARY KEY)`)
    const target = new MemoryTarget()
    const policies = { onTruncate: 'delete', onDrop: 'delete', onRename: 'delete' } as const
    const follower = started(server, [{ table: 'w.gone', key: 'gone:${id}', ...policies }, { table: 'w.stays', key: 'stays:${id}' }], target)
    await follower.dumping()
    server.sql('INSERT INTO w.stays VALUES (1)')
    for (const [end, id] of [['TRUNCATE w.gone', 100], ['DROP TABLE w.gone', 200], ['RENAME TABLE w.gone TO w.elsewhere', 300], ['CREATE OR REPLACE TABLE w.gone (id INT PRIMARY KEY)', 400]] as const) {
      server.sql(`USE w; INSERT INTO w.gone SELECT seq FROM seq_1_to_2500; ${end}; ${/DROP|RENAME/.test(end) ? create : 'SELECT 1'}; INSERT INTO w.gone VALUES (${id})`)
      await caughtUp(server, target)
      expect(Object.keys(target.rows()), end).toEqual([`gone:${id}`, 'stays:1'])
      server.sql('DELETE FROM w.gone')
    }
    server.sql(`DROP TABLE w.gone; ${create}; INSERT INTO w.gone VALUES (1); ALTER TABLE w.gone TRUNCATE PARTITION p0`)
    expect(await follower.done).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringMatching(/which rows are in a partition/) as string })
    expect(Object.keys(target.rows())).toEqual(['gone:1', 'stays:1'])
  })

  it('does not take a store that needs long for a source that is silent', async () => {
    server.sql('CREATE TABLE w.slow (id INT PRIMARY KEY)')
    const target = new MemoryTarget()
    const at = target.multi.bind(target)
    const heartbeatMs = 1000
    let isSlow = false
    // Longer than the silence after which a source is given up.
    target.multi = async (build) => {
      if (isSlow) await sleep(heartbeatMs * 5)
      isSlow = false
      return at(build)
    }
    const statuses: string[] = []
    const follower = started(server, [{ table: 'w.slow', key: 'slow:${id}' }], target, { heartbeatMs, onStatus: ({ type }) => statuses.push(type) })
    await waitFor(() => statuses.length > 0)
    isSlow = true
    server.sql('INSERT INTO w.slow VALUES (1)')
    await caughtUp(server, target)
    server.sql('INSERT INTO w.slow VALUES (2)')
    await caughtUp(server, target)
    await follower.stop()
    expect(isSlow).toBe(false)
    expect(statuses).toEqual(['connected'])
  })

  it('does not take a process that did not run for a source that is silent', async () => {
    server.sql('CREATE TABLE w.late (id INT PRIMARY KEY)')
    const target = new MemoryTarget()
    const heartbeatMs = 1000
    const statuses: string[] = []
    const follower = started(server, [{ table: 'w.late', key: 'late:${id}' }], target, { heartbeatMs, onStatus: ({ type }) => statuses.push(type) })
    await follower.dumping()
    server.sql('INSERT INTO w.late VALUES (1)')
    await caughtUp(server, target)
    // Nothing of this process runs meanwhile: heartbeats wait in its socket.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, heartbeatMs * 4)
    server.sql('INSERT INTO w.late VALUES (2)')
    await caughtUp(server, target)
    await follower.stop()
    expect(Object.keys(target.rows())).toEqual(['late:1', 'late:2'])
    expect(statuses).toEqual(['connected'])
  })

  it('takes a new snapshot where what comes next is purged, if it may, and else says so', async () => {
    server.sql('CREATE TABLE w.purged (id INT PRIMARY KEY, v INT); INSERT INTO w.purged VALUES (1,1),(2,2)')
    const target = new MemoryTarget()
    const tables = [{ table: 'w.purged', key: 'purged:${id}' }]
    const first = started(server, tables, target, { start: 'snapshot' })
    await caughtUp(server, target)
    await first.stop()
    server.sql('DELETE FROM w.purged WHERE id = 1; UPDATE w.purged SET v = 3')
    await purgeBinlog(server)
    expect(await started(server, tables, target).done).toMatchObject({ code: 'SERVER', errno: 1236 })
    expect(Object.keys(target.rows())).toEqual(['purged:1', 'purged:2'])
    const warnings: string[] = []
    const again = started(server, tables, target, { onPurged: 'snapshot', onWarning: (message) => warnings.push(message) })
    await caughtUp(server, target)
    server.sql('INSERT INTO w.purged VALUES (4,4)')
    await caughtUp(server, target)
    await again.stop()
    expect(target.rows()).toEqual({ 'purged:2': { id: '2', v: '3' }, 'purged:4': { id: '4', v: '4' } })
    expect(warnings).toEqual([expect.stringMatching(/taking a new snapshot$/)])
    expect([...target.keys.keys()].filter((key) => key.startsWith('__binlog'))).toEqual(['__binlog:{default}:position'])
    await expect(follow({
      sources: [address(server)], serverId: 1, mapping: new Mapping({ tables: [{ table: 'w.purged', key: '${id}' }] }), into: target, onPurged: 'snapshot',
    })).rejects.toThrow(TypeError)
  })

  it('reads by file and position too, but not those of another server', async () => {
    server.sql('CREATE TABLE w.byfile (id INT PRIMARY KEY); INSERT INTO w.byfile VALUES (1)')
    const [file = ''] = server.sql('SHOW MASTER STATUS').split('\t')
    const position = { flavour: 'mariadb', file, position: 4, gtids: '' } as const
    const tables = [{ table: 'w.byfile', key: 'byfile:${id}' }]
    const target = new MemoryTarget()
    expect(await started(server, tables, target, { start: { ...position, server: 'id:1001' }, untilEnd: true }).done).toBeNull()
    expect(Object.keys(target.rows())).toEqual(['byfile:1'])
    expect(await started(server, tables, new MemoryTarget(), { start: { ...position, server: 'id:7' } }).done).toMatchObject({ code: 'WRONGSERVER' })
  })

  it('goes on at the next source by GTID when the first is gone, and applies nothing twice', async () => {
    await using first = await startMariadb()
    await using second = await startMariadb({ args: ['--server-id=1002', '--log-slave-updates=ON'] })
    first.sql('CREATE DATABASE w; CREATE TABLE w.t (id INT PRIMARY KEY); INSERT INTO w.t VALUES (1)')
    second.sql(`RESET MASTER; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${first.port}, MASTER_USER='repl', MASTER_PASSWORD='replpw', MASTER_USE_GTID=slave_pos; START SLAVE`)
    const target = new MemoryTarget()
    const served: number[] = []
    const follower = started(first, [{ table: 'w.t', key: 't:${id}' }], target, {
      sources: [address(first), address(second)], start: 'oldest', onStatus: (status) => { if (status.type === 'connected') served.push(status.source) },
    })
    first.sql('INSERT INTO w.t VALUES (2)')
    await caughtUp(first, target)
    await waitFor(() => second.sql('SELECT COUNT(*) FROM w.t').trim() === '2', { timeoutMs: 60_000, what: 'the other copy' })
    await first.kill()
    second.sql('STOP SLAVE; RESET SLAVE ALL; INSERT INTO w.t VALUES (3); DELETE FROM w.t WHERE id = 1')
    await caughtUp(second, target)
    await follower.stop()
    expect(Object.keys(target.rows())).toEqual(['t:2', 't:3'])
    expect([served[0], served.at(-1)]).toEqual([0, 1])
    expect(target.transactions.flat().filter(([name]) => name === 'HSET')).toHaveLength(3)
  })

  it('is told when another follower with its server id takes over', async () => {
    server.sql('CREATE TABLE w.same (id INT PRIMARY KEY)')
    const target = new MemoryTarget()
    const tables = [{ table: 'w.same', key: 'same:${id}' }]
    const first = started(server, tables, target, { serverId: 4999 })
    await first.dumping()
    // A row that has come says that the server serves it: of two that ask at once, the one that is heard first is told.
    server.sql('INSERT INTO w.same VALUES (1)')
    await caughtUp(server, target)
    const second = started(server, tables, new MemoryTarget(), { serverId: 4999 })
    expect(await first.done).toMatchObject({ code: 'SERVER', errno: 4052 })
    await second.stop()
  })
})
