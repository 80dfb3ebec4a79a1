/**
 * Question   How fast are rows of a live MariaDB applied to one durable node, with how much memory, and how far behind?
 * Workload   60,000 transactions of five inserts, each transaction whole, to a server and into a store of the
 *            follower's own process; one transaction of 2,000,000 inserts, applied in parts; then 5,000 one-row
 *            transactions a second for 20 s. Table (INT PK, VARCHAR(32), BIGINT, DECIMAL(10,2), DATETIME(6),
 *            VARCHAR(40)). The node is a server with an append-only file (everysec), the store has one, too; the
 *            follower is a process of its own and pins its transactions at the node by MULTI.
 * Output     Rows a second from the first to the last, CPU per row and RSS of the follower at its highest (with the
 *            data, where that is in its process), lag from the row's own SYSDATE(6) to the node's reply, without the
 *            first second. Whoever has the data proves that it has every row.
 * Yardstick  Figures of our own: 50,000 rows/s, 250 MiB, 50 ms at p99.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Bench, RunningServer, Sample, Scenario } from '../../apps/benchmark/src/scenario.js'
import { type Mariadb, startMariadb } from '../binlog-decode/mariadb.js'

const FOLLOWER = fileURLToPath(new URL('./follower.js', import.meta.url))

interface Measured {
  seconds: number
  cpuUsPerOp: number
  rows: number
  keys: number
  rssBytes: number
  p50Us: number
  p99Us: number
  maxMs: number
  warmupMs: number
}
interface Follower { ready: Promise<void>; result: Promise<Measured> }

/** Follows from `gtids` on until it has seen `rows`. */
function startFollower(config: object): Follower {
  const child = spawn(process.execPath, ['--no-warnings', FOLLOWER, JSON.stringify(config)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  let isReady: () => void = () => undefined
  const ready = new Promise<void>((resolve) => { isReady = resolve })
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (output.includes('ready')) isReady()
  })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const result = new Promise<Measured>((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output.trim().split('\n').at(-1)!) as Measured)
      else reject(new Error(`the follower ended with ${code}: ${errors}`))
    })
  })
  return { ready: Promise.race([ready, result.then(() => undefined)]), result }
}

const row = (n: string): string => `${n}, CONCAT('name-', ${n}), ${n} * 1000003, ${n} / 7, SYSDATE(6), CONCAT('some text of row ', ${n})`

async function measure(
  bench: Bench, source: Mariadb, node: RunningServer, round: number,
): Promise<Record<string, Sample>> {
  const samples: Record<string, Sample> = {}
  const run = async (
    name: string, rows: number, transactions: number, load: string, live: boolean, dir = '',
  ): Promise<void> => {
    await node.command('FLUSHALL')
    source.sql('TRUNCATE b.t')
    const config = { sourcePort: source.port, nodePort: node.port, dir, gtids: source.sql('SELECT @@gtid_binlog_pos').trim(), rows, transactions, serverId: 900 + round, warmupRows: live ? Math.floor(rows / 20) : 0 }
    if (!live) source.sql(`USE b; SET time_zone='+00:00'; ${load}`)
    const follower = startFollower(config)
    await follower.ready
    const startMs = performance.now()
    if (live) source.sql(`USE b; SET time_zone='+00:00'; ${load}`)
    const loadSeconds = (performance.now() - startMs) / 1000
    const { seconds, cpuUsPerOp, rssBytes, p50Us, p99Us, maxMs, warmupMs, keys: own } = await follower.result
    const keys = dir === '' ? Number(await node.command('DBSIZE')) : own
    if (keys !== rows + 1) throw new Error(`${name}: the node has ${keys} keys of ${rows + 1}`)
    if (live) bench.note(`the longest lag of the first second, not counted: ${warmupMs.toFixed(0)} ms`)
    samples[name] = live
      ? { opsPerSecond: rows / loadSeconds, cpuUsPerOp, rssBytes, p50Us, p99Us, maxMs }
      : { opsPerSecond: rows / seconds, cpuUsPerOp, rssBytes, seconds }
  }
  const small = bench.keys(60_000)
  await run('transactions of 5 rows', small * 5, small, `CALL b.fives(${small})`, false)
  await run('transactions of 5 rows, embedded', small * 5, small, `CALL b.fives(${small})`, false, await bench.tempDir())
  const large = bench.keys(2_000_000)
  await run('one transaction', large, 1, `INSERT INTO b.t SELECT ${row('seq')} FROM seq_1_to_${large}`, false)
  const paced = bench.keys(100_000)
  await run('5,000 transactions/s', paced, paced, `CALL b.paced(${paced})`, true)
  return samples
}

export const scenario: Scenario = {
  name: 'binlog-apply',
  question: 'How fast are rows of a live MariaDB applied to one durable node, with how much memory, and how far behind?',
  workload: '60,000 transactions of 5 rows; one of 2,000,000; 5,000 one-row transactions a second for 20 s. One server with an append-only file.',
  output: 'rows a second, CPU per row and RSS of the follower, lag',
  yardstick: '50,000 rows/s, 250 MiB, 50 ms at p99',
  async run(bench) {
    const source = await startMariadb(await bench.tempDir())
    if (source === null) {
      bench.note('MariaDB is not installed (apt-get install mariadb-server): nothing was measured')
      return
    }
    try {
      source.sql(`CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'replpw'; GRANT ALL ON *.* TO repl@'127.0.0.1'; CREATE DATABASE b; USE b;
        CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(32), big BIGINT, amount DECIMAL(10,2), at DATETIME(6), note VARCHAR(40));
        DELIMITER //
        CREATE PROCEDURE fives(IN n INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < n DO
          INSERT INTO t VALUES ${[1, 2, 3, 4, 5].map((k) => `(${row(`(i * 5 + ${k})`)})`).join(', ')}; SET i = i + 1; END WHILE; END//
        CREATE PROCEDURE paced(IN n INT) BEGIN DECLARE i INT DEFAULT 0; DECLARE began DATETIME(6) DEFAULT SYSDATE(6); DECLARE ahead DOUBLE; WHILE i < n DO
          SET i = i + 1; INSERT INTO t VALUES (${row('i')});
          IF i % 25 = 0 THEN SET ahead = i / 5000 - TIMESTAMPDIFF(MICROSECOND, began, SYSDATE(6)) / 1e6; IF ahead > 0 THEN DO SLEEP(ahead); END IF; END IF;
        END WHILE; END//`)
      const node = await bench.startOne(bench.subject({ appendonly: 'yes', appendfsync: 'everysec' }))
      await bench.interleave([{ label: 'slotwise' }], (_, round) => measure(bench, source, node, round), { runsMax: 3 })
      await node.stop()
    } finally {
      await source.stop()
    }
  },
}
