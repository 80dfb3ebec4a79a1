/**
 * Question   What does reading a MariaDB binlog cost, from the socket to every field of every row, checksums verified?
 * Workload   One file each of a real MariaDB's binlog: 100,000 transactions of one row (400,000 events), one insert
 * of 500,000 rows, one
 * update of 200,000. Table (INT PK, VARCHAR(32), BIGINT, DECIMAL(10,2), DATETIME, TEXT), full metadata, CRC32.
 * Output     Rows a second and CPU per row of the reading process, RSS. Every reader proves that it read all rows.
 * Yardstick  @vlasky/zongji from the same server in the same round (it does not verify checksums).
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Scenario } from '../../apps/benchmark/src/scenario.js'
import { startMariadb } from './mariadb.js'

const READER = fileURLToPath(new URL('./reader.js', import.meta.url))

export const scenario: Scenario = {
  name: 'binlog-decode',
  question: 'What does reading a MariaDB binlog cost, from the socket to every field of every row, checksums verified?',
  workload: '100,000 one-row transactions; one insert of 500,000 rows; one update of 200,000; six columns, CRC32, a process each run.',
  output: 'rows a second, CPU per row of the reader, RSS',
  yardstick: '@vlasky/zongji 0.9 from the same server',
  goals: [
    { case: 'one-row transactions', metric: 'opsPerSecond', must: 2, aim: 2.5 },
    { case: 'bulk insert', metric: 'opsPerSecond', must: 1.2, aim: 1.5 },
    { case: 'bulk update', metric: 'opsPerSecond', must: 1.2, aim: 1.5 },
  ],
  async run(bench) {
    const dir = await bench.tempDir()
    const server = await startMariadb(dir)
    if (server === null) {
      bench.note('MariaDB is not installed (apt-get install mariadb-server): nothing was measured')
      return
    }
    try {
      const counts = { single: bench.keys(100_000), insert: bench.keys(500_000), update: bench.keys(200_000) }
      const row = (n: string): string => `CONCAT('name-', ${n}), ${n} * 1000003, ${n} / 7, '2026-01-01' + INTERVAL ${n} SECOND, CONCAT('some text of row ', ${n})`
      server.sql(`CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'replpw'; GRANT ALL ON *.* TO repl@'127.0.0.1'; CREATE DATABASE b; USE b;
        CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(32), big BIGINT, amount DECIMAL(10,2), at DATETIME, note TEXT);
        DELIMITER //
        CREATE PROCEDURE single(IN n INT) BEGIN WHILE n > 0 DO INSERT INTO t VALUES (n, ${row('n')}); SET n = n - 1; END WHILE; END//`)
      const fileOf = (statements: string): string => {
        server.sql('FLUSH BINARY LOGS')
        const file = server.sql('SHOW MASTER STATUS').split('\t')[0]!
        server.sql(`USE b; ${statements}`)
        return file
      }
      const files = [
        ['one-row transactions', counts.single, fileOf(`CALL single(${counts.single})`)],
        ['bulk insert', counts.insert, fileOf(`TRUNCATE t; INSERT INTO t SELECT seq, ${row('seq')} FROM seq_1_to_${counts.insert}`)],
        ['bulk update', counts.update, fileOf(`UPDATE t SET big = big + 1, note = CONCAT(note, '.') WHERE id <= ${counts.update}`)],
      ] as const
      server.sql('FLUSH BINARY LOGS')
      await bench.interleave([{ label: 'slotwise' }, { label: 'zongji' }], ({ label }) => {
        const samples = files.map(([name, rows, file]) => {
          const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', READER, label, String(server.port), file, String(rows)], { encoding: 'utf8' })
          if (status !== 0) throw new Error(`${label} of ${name} ended with ${status}: ${stderr}`)
          const cost = JSON.parse(stdout.trim().split('\n').at(-1)!) as { seconds: number; cpuUs: number; rssBytes: number }
          const { seconds, cpuUs, rssBytes } = cost
          return [name, { opsPerSecond: rows / seconds, cpuUsPerOp: cpuUs / rows, rssBytes }] as const
        })
        return Promise.resolve(Object.fromEntries(samples))
      })
    } finally {
      await server.stop()
    }
  },
}
