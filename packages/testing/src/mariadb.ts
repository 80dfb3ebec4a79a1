/**
 * A real MariaDB for tests: its own data directory, socket and port, binlog on, gone with the test. It never is a
 * system service. Debian's `mariadb-server` has the programs; where they are missing tests are skipped with the reason.
 * SLOTWISE_MARIADB_DIR names a folder with another one, which is then used: Debian's packages unpacked below `root`,
 * and `run`, a script that starts a program with their libraries. `npm run test:sources` makes it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { freePort } from './free-port.js'
import { tempDir } from './temp-dir.js'
import { waitFor } from './wait-for.js'

export interface MariadbOptions {
  /** Options after those that this module gives; a repeated one wins. */
  args?: readonly string[]
  /** Start on this directory, of a server that was stopped. @default a new one */
  dir?: string
  port?: number
}

export interface MariadbProcess extends AsyncDisposable {
  readonly port: number
  readonly dir: string
  readonly socket: string
  /** Runs statements as root and gives what they print, tabs between columns. @throws {Error} with the server's text */
  sql(statements: string): string
  /** SIGTERM and SIGKILL, and waits for the end. */
  stop(): Promise<void>
  kill(): Promise<void>
}

/**
 * Begins a new binlog and removes all before it. Threads that still serve followers of earlier, which would keep their
 * file, are ended: none may follow meanwhile.
 */
export async function purgeBinlog(server: MariadbProcess): Promise<void> {
  server.sql('FLUSH BINARY LOGS')
  const [file = ''] = server.sql('SHOW MASTER STATUS').split('\t')
  await waitFor(() => {
    for (const id of server.sql('SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = \'Binlog Dump\'').split('\n').filter(Boolean)) {
      try {
        server.sql(`KILL ${id}`)
      } catch {
        // It has ended by itself.
      }
    }
    server.sql(`PURGE BINARY LOGS TO '${file}'`)
    return server.sql('SHOW BINARY LOGS').trimEnd().split('\n').length === 1
  }, { timeoutMs: 30_000, intervalMs: 100, what: 'the binlog without its older files' })
}

const PLACES = ['/usr/sbin/mariadbd', '/usr/libexec/mariadbd', '/usr/local/sbin/mariadbd']
const live = new Set<ChildProcess>()
let listening = false

/** A MariaDB that is there: words that start its programs, and options that say where its files are. */
interface Programs {
  readonly server: readonly [string, ...string[]]
  readonly client: readonly [string, ...string[]]
  readonly options: readonly string[]
  /** Makes the data directory. */
  install(data: string, user: readonly string[]): { status: number | null; stdout: string; stderr: string }
}

const folder = process.env.SLOTWISE_MARIADB_DIR ?? ''

function findPrograms(): Programs | null {
  if (folder !== '') return existsSync(join(folder, 'run')) ? unpacked() : null
  const path = PLACES.find((place) => existsSync(place))
  return path === undefined ? null : {
    server: [path], client: ['mariadb'], options: [],
    install: (data, user) => spawnSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...user], { encoding: 'utf8' }),
  }
}

function unpacked(): Programs {
  const root = join(folder, 'root')
  const share = join(root, 'usr/share/mariadb')
  const run = join(folder, 'run')
  const server: Programs['server'] = [run, join(root, 'usr/sbin/mariadbd')]
  const options = [`--lc-messages-dir=${share}`, `--character-sets-dir=${share}/charsets`, `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`]
  return {
    server, client: [run, join(root, 'usr/bin/mariadb')], options,
    // What mariadb-install-db does, which would start the server without its libraries. One statement a line.
    install(data, user) {
      mkdirSync(join(data, 'mysql'), { recursive: true })
      const scripts = ['mariadb_system_tables', 'mariadb_performance_tables', 'mariadb_system_tables_data', 'fill_help_tables', 'maria_add_gis_sp_bootstrap', 'mariadb_sys_schema']
      const input = ['create database if not exists mysql;', 'use mysql;', 'SET @auth_root_socket=NULL;', 'SET @skip_auth_anonymous=1;', ...scripts.map((name) => readFileSync(join(share, `${name}.sql`), 'utf8'))]
      const [program, ...words] = server
      return spawnSync(program, [...words, '--no-defaults', '--bootstrap', ...user, `--datadir=${data}`, ...options, '--enforce-storage-engine=', '--max-allowed-packet=8M', '--log-warnings=0'], { encoding: 'utf8', input: `${input.join('\n')}\n`, maxBuffer: 2 ** 26 })
    },
  }
}

/** `describe` for tests that need a real MariaDB; skipped, with the reason, where there is none. */
export function describeMariadb(title: string, body: () => void): void {
  if (findPrograms() !== null) describe(title, body)
  else describe.skip(`${title} [skipped: ${folder === '' ? 'mariadbd is not installed' : 'SLOTWISE_MARIADB_DIR names no MariaDB'}]`, body)
}

/** Starts a server: root without a password on its socket, user `repl`, password `replpw`, on 127.0.0.1. */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbProcess> {
  const programs = findPrograms()
  if (programs === null) throw new Error('mariadbd is not installed')
  const temporary = options.dir === undefined ? tempDir('slotwise-mariadb-') : null
  const dir = options.dir ?? temporary!.path
  const data = join(dir, 'data')
  const socket = join(dir, 's')
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  if (!existsSync(data)) {
    const { status, stderr, stdout } = programs.install(data, user)
    if (status !== 0) throw new Error(`no data directory was made:\n${stdout}${stderr}`)
  }
  const [program, ...words] = programs.server
  const [client, ...clientWords] = programs.client
  const port = options.port ?? await freePort()
  const child = spawn(program, [
    ...words, '--no-defaults', ...user, ...programs.options, `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1',
    `--pid-file=${join(dir, 'pid')}`, '--skip-name-resolve', '--server-id=1001', `--log-bin=${join(data, 'mdb-bin')}`, '--binlog-format=ROW',
    '--binlog-row-metadata=FULL', '--gtid-strict-mode=ON', '--sync-binlog=0', '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=32M', '--plugin-load-add=auth_ed25519', '--plugin-maturity=unknown', ...(options.args ?? []),
  ], { stdio: ['ignore', 'pipe', 'pipe'] })
  live.add(child)
  if (!listening) process.on('exit', () => live.forEach((item) => item.kill('SIGKILL')))
  listening = true
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  const end: { done: boolean } = { done: false }
  const exited = new Promise<void>((resolve) => child.on('close', () => {
    end.done = true
    live.delete(child)
    resolve()
  }))
  const sql = (statements: string): string => {
    const { status, stdout, stderr } = spawnSync(client, [...clientWords, '--no-defaults', `--socket=${socket}`, '-uroot', '-N', '-B', '--default-character-set=utf8mb4'],
      { encoding: 'utf8', input: statements, maxBuffer: 2 ** 28 })
    if (status !== 0) throw new Error(stderr)
    return stdout
  }
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    child.kill(name)
    await exited
  }
  const dispose = async (): Promise<void> => {
    await signal('SIGKILL')
    await temporary?.remove()
  }
  try {
    await waitFor(() => {
      if (end.done) throw new Error('mariadbd ended before it answered')
      return sql('SELECT 1') !== ''
    }, { timeoutMs: 100_000, intervalMs: 50, what: 'mariadbd answering' })
    sql('CREATE USER IF NOT EXISTS repl@\'127.0.0.1\' IDENTIFIED BY \'replpw\'; GRANT ALL ON *.* TO repl@\'127.0.0.1\'')
  } catch (error) {
    await dispose()
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error })
  }
  return { port, dir, socket, sql, stop: () => signal('SIGTERM'), kill: () => signal('SIGKILL'), [Symbol.asyncDispose]: dispose }
}
