/**
 * A MariaDB of this benchmark's own: data in a folder that is given, on a port that it chooses; nothing of it is
 * synced.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Mariadb { readonly port: number; sql(statements: string): string; stop(): Promise<void> }

const server = (): string | null => {
  const { stdout } = spawnSync('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v mariadbd'], { encoding: 'utf8' })
  return stdout.trim() === '' ? null : stdout.trim()
}

/** null if MariaDB is not installed. */
export async function startMariadb(dir: string): Promise<Mariadb | null> {
  const path = server()
  if (path === null) return null
  const data = join(dir, 'data')
  const socket = join(dir, 's')
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  const made = spawnSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', ...user], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  const port = await freePort()
  const child: ChildProcess = spawn(path, [
    '--no-defaults', ...user, `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve',
    '--server-id=1', `--log-bin=${join(data, 'bin')}`, '--binlog-format=ROW', '--binlog-row-metadata=FULL', '--sync-binlog=0',
    '--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=256M',
  ], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const run = (statements: string): { status: number | null; stdout: string; stderr: string } =>
    spawnSync('mariadb', ['--no-defaults', `--socket=${socket}`, '-uroot', '-N', '-B'], { encoding: 'utf8', input: statements })
  for (let tries = 0; run('SELECT 1').status !== 0; tries++) {
    if (tries > 300 || child.exitCode !== null) throw new Error('mariadbd did not start')
    await sleep(100)
  }
  return {
    port,
    sql: (statements) => {
      const { status, stdout, stderr } = run(statements)
      if (status !== 0) throw new Error(stderr)
      return stdout
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
