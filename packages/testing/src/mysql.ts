/**
 * A real MySQL for tests, where SLOTWISE_MYSQL_DIR names a folder with one: Debian's mysql-server-core and
 * mysql-client-core unpacked below `root`, and `run`, a script that starts a program with their libraries. `npm run
 * test:sources` makes it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { freePort } from './free-port.js'
import { tempDir } from './temp-dir.js'
import { waitFor } from './wait-for.js'

const folder = process.env.SLOTWISE_MYSQL_DIR ?? ''

export interface MysqlProcess extends AsyncDisposable { readonly port: number; sql(statements: string): string }

export function describeMysql(title: string, body: () => void): void {
  if (folder !== '' && existsSync(join(folder, 'run'))) describe(title, body)
  else describe.skip(`${title} [skipped: SLOTWISE_MYSQL_DIR names no MySQL]`, body)
}

/** Starts a server with GTIDs: root without a password on its socket, user `repl`, password `replpw`. */
export async function startMysql(): Promise<MysqlProcess> {
  const dir = tempDir('slotwise-mysql-')
  const program = join(folder, 'run')
  const root = join(folder, 'root')
  const socket = join(dir.path, 's')
  const common = [
    join(root, 'usr/sbin/mysqld'), '--no-defaults', '--user=root', `--basedir=${root}/usr`, `--datadir=${dir.path}/data`,
    `--lc-messages-dir=${root}/usr/share/mysql`,
  ]
  const made = spawnSync(program, [...common, '--initialize-insecure'], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  const port = await freePort()
  const child = spawn(program, [
    ...common, `--character-sets-dir=${root}/usr/share/mysql/charsets`, `--plugin-dir=${root}/usr/lib/mysql/plugin`, `--socket=${socket}`,
    `--port=${port}`, '--bind-address=127.0.0.1', '--mysqlx=OFF', '--secure-file-priv=', '--log-bin=my-bin', '--server-id=2001', '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON', '--performance-schema=OFF', '--binlog-row-metadata=FULL', '--sync-binlog=0', '--innodb-flush-log-at-trx-commit=0', `--pid-file=${dir.path}/pid`,
  ], { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('close', resolve))
  process.once('exit', () => child.kill('SIGKILL'))
  const sql = (statements: string): string => {
    const client = [join(root, 'usr/bin/mysql'), '--no-defaults', `--socket=${socket}`, '-uroot', '-N', '-B', '--default-character-set=utf8mb4']
    const { status, stdout, stderr } = spawnSync(program, client, { encoding: 'utf8', input: statements, maxBuffer: 2 ** 28 })
    if (status !== 0) throw new Error(stderr)
    return stdout
  }
  await waitFor(() => sql('SELECT 1') !== '', { timeoutMs: 60_000, intervalMs: 100, what: 'mysqld answering' })
  sql('CREATE USER repl@\'127.0.0.1\' IDENTIFIED BY \'replpw\'; GRANT ALL ON *.* TO repl@\'127.0.0.1\'')
  return {
    port, sql,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await exited
      await dir.remove()
    },
  }
}
