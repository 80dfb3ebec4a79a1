/**
 * ServerProcess: one peer, started, pinned, paused, asked and stopped by the suite.
 *
 * A server that is not being measured is paused with SIGSTOP: its background work must not show in the other's figures.
 * Whatever ends the suite, no server survives it and no directory stays: `exit` kills and removes what is left.
 * Output goes to a file in the server's directory, shown when it does not start.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, ReplyError } from './probe.js'
import { cpuUsOf, rssBytesOf } from './proc-stat.js'
import type { RunningServer, ServerPeer } from './scenario.js'

/** Directives every side gets unless it says otherwise: nothing is written to disk. */
const COMMON_DIRECTIVES: Readonly<Record<string, string>> = { save: '', appendonly: 'no' }

const liveChildren = new Set<ChildProcess>()
const liveDirs = new Set<string>()
let isGuarded = false

/** Installed with the first child: no child and no directory outlives this process. */
function guard(): void {
  if (isGuarded) return
  isGuarded = true
  process.on('exit', () => {
    for (const child of liveChildren) child.kill('SIGKILL')
    for (const dir of liveDirs) rmSync(dir, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
}

/** An empty directory under the system's temporary one (or $TMPDIR); removed by `removeDir` or at exit. */
export function makeDir(): string {
  guard()
  const dir = mkdtempSync(join(tmpdir(), 'slotwise-bench-'))
  liveDirs.add(dir)
  return dir
}

export function removeDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true })
  liveDirs.delete(dir)
}

/** Registers a child that must not outlive the suite. */
export function adopt(child: ChildProcess): ChildProcess {
  guard()
  liveChildren.add(child)
  child.once('exit', () => liveChildren.delete(child))
  return child
}

/** `taskset` in front of a command; empty where there is none or no cores are asked for. */
export function pinTo(cores: string | undefined): string[] {
  return cores === undefined || spawnSync('taskset', ['--version']).status !== 0 ? [] : ['taskset', '-c', cores]
}

/**
 * The full command line of a peer.
 * @throws {Error} if the side needs directives and the peer has no way to take them: dropping them would measure
 * something else than the report says.
 */
export function commandLine(
  peer: ServerPeer,
  values: { node: string; root: string; port: number; dir: string },
  directives: Readonly<Record<string, string>>,
): string[] {
  const fill = (word: string): string =>
    word.replace(/\{(node|root|port|dir)\}/g, (_, name: keyof typeof values) => String(values[name]))
  const command = peer.command.map(fill)
  if (peer.directives === 'none') {
    if (Object.keys(directives).length > 0) {
      throw new Error(`${peer.name} takes no directives, but this scenario needs ${JSON.stringify(directives)}`)
    }
    return command
  }
  const all = { ...COMMON_DIRECTIVES, ...directives }
  return [...command, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])]
}

export async function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => { resolve(false) })
    server.listen(port, '127.0.0.1', () => server.close(() => { resolve(true) }))
  })
}

export interface StartOptions {
  peer: ServerPeer
  directives: Readonly<Record<string, string>>
  root: string
  port: number
  /** A directory with data to start from; the caller removes it. Absent: a new one, removed on stop. */
  dir?: string
  /** CPU list for taskset; absent: any. */
  cores?: string
  /** @default true */
  waitForPing?: boolean
}

export class ServerProcess implements RunningServer {
  #isPaused = false

  private constructor(
    readonly child: ChildProcess,
    readonly pid: number,
    readonly port: number,
    readonly dir: string,
    readonly startedAtMs: number,
    private readonly name: string,
    private readonly ownsDir: boolean,
    private readonly logDir: string,
  ) {}

  /** Resolves once it answers PING (or has started, with waitForPing false). Rejects with the tail of its output. */
  static async start(options: StartOptions): Promise<ServerProcess> {
    guard()
    const dir = options.dir ?? makeDir()
    const logDir = makeDir()
    const values = { node: process.execPath, root: options.root, port: options.port, dir }
    const [program, ...args] = [...pinTo(options.cores), ...commandLine(options.peer, values, options.directives)]
    const log = openSync(join(logDir, 'output.log'), 'w')
    const startedAtMs = performance.now()
    const child = adopt(spawn(program!, args, { cwd: dir, stdio: ['ignore', log, log] }))
    closeSync(log)
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error) => { reject(new Error(`${options.peer.name}: ${error.message}. ${options.peer.install}`)) })
    })
    failed.catch(() => undefined)
    const started = new Promise<void>((resolve) => child.once('spawn', resolve))
    await Promise.race([started, failed])
    const server = new ServerProcess(
      child, child.pid!, options.port, dir, startedAtMs, options.peer.name, options.dir === undefined, logDir,
    )
    if (options.waitForPing ?? true) {
      try {
        await server.waitForPing(60_000)
      } catch (error) {
        await server.stop()
        throw new Error(`${(error as Error).message} ${options.peer.install}`)
      }
    }
    return server
  }

  async waitForPing(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      this.assertAlive()
      const reply = await ask(this.port, ['PING'], 1000).catch(() => undefined)
      if (reply === 'PONG') return
      if (performance.now() > deadline) throw new Error(`${this.name} did not answer PING within ${timeoutMs} ms. ${this.logTail()}`)
      await sleep(5)
    }
  }

  assertAlive(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) return
    throw new Error(`${this.name} ended with ${String(this.child.exitCode ?? this.child.signalCode)}. ${this.logTail()}`)
  }

  logTail(): string {
    const lines = readFileSync(join(this.logDir, 'output.log'), 'utf8').trimEnd().split('\n')
    return `Its last output:\n  ${lines.slice(-8).join('\n  ')}\n`
  }

  /** @throws {ReplyError} if the server answers with an error. */
  async command(...words: string[]): Promise<string | number | null> {
    const reply = await ask(this.port, words)
    if (reply instanceof ReplyError) throw reply
    return reply
  }

  cpuUs(): Promise<number> { return cpuUsOf(this.pid) }
  rssBytes(): Promise<number> { return rssBytesOf(this.pid) }

  pause(): void {
    if (!this.#isPaused) this.child.kill('SIGSTOP')
    this.#isPaused = true
  }

  resume(): void {
    if (this.#isPaused) this.child.kill('SIGCONT')
    this.#isPaused = false
  }

  /** SIGTERM, and SIGKILL after five seconds. Idempotent. */
  async stop(): Promise<void> {
    this.resume()
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve))
      this.child.kill('SIGTERM')
      const killer = setTimeout(() => this.child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(killer)
    }
    removeDir(this.logDir)
    if (this.ownsDir) removeDir(this.dir)
  }
}

/** Waits until the server uses under 5 % of a core: rehashing, rewriting and freeing after a fill have ended. */
export async function untilQuiet(server: RunningServer, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (let before = await server.cpuUs(); performance.now() < deadline;) {
    await sleep(400)
    const after = await server.cpuUs()
    if (after - before <= 20_000) return
    before = after
  }
}
