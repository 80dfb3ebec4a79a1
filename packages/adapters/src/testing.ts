/**
 * A cluster for a test, of real nodes on this machine, with any runner: `await using cluster = await startCluster()`,
 * or `afterAll(() => cluster.stop())`. It is the command `slotwise cluster up` in another process, which ends the nodes
 * when it is told, and when the test process exits.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface StartClusterOptions {
  /** @default 3 */
  readonly nodes?: number
  /** Of each primary. @default 0 */
  readonly replicas?: number
  /** Of the first node; the others follow. @default free ones */
  readonly port?: number
  /** For every node, as on the command line: `['--maxmemory', '100mb']`. */
  readonly directives?: readonly string[]
  /** How long it may take. @default 60_000 */
  readonly timeoutMs?: number
  /** The file of the command. @default that of the package slotwise */
  readonly command?: string
}

export interface TestCluster extends AsyncDisposable {
  /** `{ host, port }` of each node, as cluster clients take them for a start. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** Ends the nodes and removes their data. Idempotent. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const ATTEMPTS = 5

/** @returns when every node agrees and all slots are served. @throws {Error} with what the command said */
export async function startCluster(options: StartClusterOptions = {}): Promise<TestCluster> {
  for (let attempt = 1; ; attempt++) {
    // Others choose ports too: another try, elsewhere, if one is taken. Those of the bus, 10,000 above, stay below
    // what the system takes for connections.
    const port = options.port ?? 10_000 + Math.floor(Math.random() * 12_000)
    const cluster = await start(options, port)
    if (!(cluster instanceof Error)) return cluster
    if (options.port !== undefined || attempt === ATTEMPTS || !/in use/i.test(cluster.message)) throw cluster
  }
}

function start(options: StartClusterOptions, port: number): Promise<TestCluster | Error> {
  const { nodes = 3, replicas = 0, directives = [], timeoutMs = 60_000, command = commandFile() } = options
  const args = ['cluster', 'up', '--host', HOST, '--port', port, '--nodes', nodes, '--replicas', replicas, '--', ...directives]
  const child = spawn(process.execPath, [command, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const onExit = (): void => void child.kill('SIGTERM')
  process.once('exit', onExit)
  const stop = async (): Promise<void> => {
    process.off('exit', onExit)
    child.kill('SIGTERM')
    await ended
  }
  const cluster: TestCluster = {
    nodes: Array.from({ length: nodes }, (_, index) => ({ host: HOST, port: port + index })),
    stop, [Symbol.asyncDispose]: stop,
  }
  return ready(child, ended, timeoutMs).then((failure) => failure === null ? cluster : stop().then(() => failure))
}

/** null when it is; else why not. */
function ready(child: ChildProcess, ended: Promise<void>, timeoutMs: number): Promise<Error | null> {
  return new Promise((resolve) => {
    let output = ''
    const fail = (why: string): void => resolve(new Error(`slotwise cluster up ${why}: ${output.trim()}`))
    const timer = setTimeout(() => fail(`is not ready after ${timeoutMs} ms`), timeoutMs)
    const take = (chunk: unknown): void => {
      output += String(chunk)
      if (output.includes('Ctrl-C ends it.')) resolve(null)
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('error', ({ message }) => fail(message))
    void ended.then(() => fail('ended'))
    child.once('close', () => clearTimeout(timer))
  })
}

/** Of the installed package. */
function commandFile(): string {
  const manifest = createRequire(import.meta.url).resolve('slotwise/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin?: { slotwise?: string } }
  if (bin?.slotwise === undefined) throw new Error('the package slotwise has no command here: name its file as `command`')
  return join(dirname(manifest), bin.slotwise)
}
