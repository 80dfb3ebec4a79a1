/**
 * Real servers for tests: each on a port and in a folder of its own, its output kept, gone when the test is done and
 * also when the test process ends. "Started" means that it answers PING (an error such as NOAUTH is an answer; LOADING
 * is not).
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { peer } from './peer.js'
import { RespClient, type RespClientOptions } from './resp-client.js'
import { RespError } from './resp-decoder.js'
import { tempDir } from './temp-dir.js'
import { waitFor } from './wait-for.js'

export interface ServerOptions {
  /** Arguments after those that this module gives (port, bind, dir, save); a repeated directive wins. */
  args?: readonly string[]
  /** Listen here. @default a free port */
  port?: number
  /** The address it listens on and is asked at. @default '127.0.0.1' */
  host?: string
  /** Words before the program, such as those that run it in a network namespace (`PrivateNetwork.within`). */
  within?: readonly string[]
  /** Run here, and leave the folder as it is afterwards. @default a new folder, removed with the server */
  dir?: string
  /** Added to the environment. */
  env?: Record<string, string>
  /** Password for the PING that asks whether it is up, and for `client()`. */
  password?: string
  /** How long the server may take to answer. @default 60_000 */
  timeoutMs?: number
}

/** How a server ended: one of the two is null. */
export interface ServerExit { code: number | null; signal: NodeJS.Signals | null }

export interface ServerProcess extends AsyncDisposable {
  readonly port: number
  readonly dir: string
  readonly pid: number
  /** Everything it wrote to stdout and stderr so far. */
  readonly output: string
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<ServerExit>
  /** A new connection, authenticated if there is a password. */
  client(options?: RespClientOptions): Promise<RespClient>
  /** SIGTERM, then waits for the end; SIGKILL after `timeoutMs` (60 s). */
  stop(timeoutMs?: number): Promise<ServerExit>
  /** SIGKILL, then waits for the end: a crash. */
  sigkill(): Promise<ServerExit>
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void
  /** SIGSTOP, then waits until each of its threads has stopped: a signal takes its time. */
  suspend(): Promise<void>
  /** `sigkill` and, if the folder is not the caller's, its removal. */
  [Symbol.asyncDispose](): Promise<void>
}

const repository = join(import.meta.dirname, '..', '..', '..')
const live = new Set<ChildProcess>()
let listening = false

/**
 * Starts `apps/server` as built.
 * @throws {Error} with its output, if it ends or does not answer in time
 */
export async function startSlotwise(options: ServerOptions = {}): Promise<ServerProcess> {
  const server = join(repository, 'apps', 'server', 'bin', 'slotwise-server')
  return start(process.execPath, [server], [], options)
}

/**
 * Starts a real redis-server 7.0 without persistence; DEBUG is allowed.
 * @throws {Error} if the peer is not usable (declare the test with `describePeer`), or as `startSlotwise`
 */
export async function startRedis(options: ServerOptions = {}): Promise<ServerProcess> {
  const redis = peer('redis-server')
  if (!redis.usable) throw new Error(redis.reason)
  return start(redis.path, [], ['--daemonize', 'no', '--enable-debug-command', 'yes'], options)
}

async function start(
  program: string, programArgs: readonly string[], ownArgs: readonly string[], options: ServerOptions,
): Promise<ServerProcess> {
  const { args = [], env = {}, timeoutMs = 60_000, password, host = '127.0.0.1', within = [] } = options
  const port = options.port ?? await freePort()
  const temporary = options.dir === undefined ? tempDir() : null
  const dir = options.dir ?? temporary?.path ?? ''
  mkdirSync(dir, { recursive: true })

  const directives = ['--port', String(port), '--bind', host, '--dir', dir, '--save', '', ...ownArgs, ...args]
  const [command = program, ...words] = [...within, program, ...programArgs, ...directives]
  const child = spawn(command, words, {
    cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  keep(child)
  let output = ''
  const collect = (chunk: Buffer): void => void (output += chunk.toString())
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const end: { how: ServerExit | null } = { how: null }
  const exited = new Promise<ServerExit>((resolve) => {
    child.on('error', (error) => {
      output += error.message
      resolve(end.how ??= { code: 127, signal: null })
    })
    child.on('close', (code, signal) => resolve(end.how ??= { code, signal }))
  })
  void exited.then(() => live.delete(child))

  const client = async (clientOptions: RespClientOptions = {}): Promise<RespClient> => {
    const connection = await RespClient.connect({ host, port, ...clientOptions })
    if (password !== undefined) await connection.command('AUTH', password)
    return connection
  }
  const signal = (name: NodeJS.Signals): void => void child.kill(name)
  const suspend = async (): Promise<void> => {
    signal('SIGSTOP')
    await waitFor(() => standsStill(child.pid ?? 0), { what: 'the process to stand still' })
  }
  const sigkill = (): Promise<ServerExit> => {
    signal('SIGKILL')
    return exited
  }
  const stop = async (limitMs = 60_000): Promise<ServerExit> => {
    signal('SIGTERM')
    const timer = setTimeout(() => signal('SIGKILL'), limitMs)
    const result = await exited
    clearTimeout(timer)
    return result
  }
  const dispose = async (): Promise<void> => {
    await sigkill()
    await temporary?.remove()
  }
  const up = async (): Promise<boolean> => {
    if (end.how !== null) return true
    await using connection = await client({ timeoutMs: 10_000 })
    const reply = await connection.command('PING')
    return !(reply instanceof RespError && reply.message.startsWith('LOADING'))
  }
  try {
    await waitFor(up, { timeoutMs, what: `${program} answering on port ${port}` })
    if (end.how !== null) throw new Error(`${program} ended with ${JSON.stringify(end.how)} before it answered`)
  } catch (error) {
    await dispose()
    throw new Error(`${(error as Error).message}\n${output}`, { cause: error })
  }
  return {
    port, dir, exited, client, stop, sigkill, signal, suspend,
    pid: child.pid ?? 0,
    get output() { return output },
    [Symbol.asyncDispose]: dispose,
  }
}

const standsStill = (pid: number): boolean => readdirSync(`/proc/${pid}/task`)
  .every((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ')[1]!.startsWith('T'))

/** No server outlives the test process, unless that is killed itself. */
function keep(child: ChildProcess): void {
  live.add(child)
  if (!listening) process.on('exit', () => live.forEach((item) => item.kill('SIGKILL')))
  listening = true
}
