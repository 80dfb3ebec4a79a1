/**
 * LocalNode: the process of one node: started, answering, ended. It leads a process group of its own, so that Ctrl-C
 * reaches this command alone, which then ends each node once: a second signal would end it without a sync.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Connection } from '../connection.js'
import { programFile } from '../delegate.js'
import type { Endpoint } from '../endpoint.js'
import { pause } from '../pause.js'
import { UserError } from '../user-error.js'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 20_000

export interface LocalNodeOptions {
  readonly endpoint: Endpoint
  /** Of the node alone. */
  readonly dir: string
  /** Directives that the user adds; they win. */
  readonly directives: readonly string[]
  /** It outlives this process. */
  readonly detached: boolean
}

export class LocalNode {
  readonly endpoint: Endpoint
  readonly logFile: string
  readonly #child: ChildProcess
  /** Resolves when the process has ended, with how. */
  readonly ended: Promise<string>
  #end: string | null = null

  constructor({ endpoint, dir, directives, detached }: LocalNodeOptions) {
    this.endpoint = endpoint
    this.logFile = join(dir, 'server.log')
    mkdirSync(dir, { recursive: true })
    const own = {
      port: String(endpoint.port), bind: endpoint.host, dir, logfile: this.logFile, 'cluster-enabled': 'yes',
      'cluster-node-timeout': '5000', appendonly: 'yes', save: '',
      'repl-diskless-sync-delay': '0', // nobody else is going to ask
    }
    const args = [...Object.entries(own).flatMap(([name, value]) => [`--${name}`, value]), ...directives]
    this.#child = spawn(process.execPath, [programFile('slotwise-server'), ...args], {
      detached: true, stdio: ['ignore', 'ignore', detached ? 'ignore' : 'pipe'],
    })
    let complaint = ''
    this.#child.stderr?.on('data', (chunk) => complaint += String(chunk))
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => resolve(this.#end ??= complaint.trim() === '' ? how : `${how}: ${complaint.trim()}`)
      this.#child.on('error', ({ message }) => end(message))
      this.#child.on('close', (code, signal) => end(signal ?? `exit code ${code ?? 0}`))
    })
    if (detached) this.#child.unref()
  }

  get isRunning(): boolean {
    return this.#end === null
  }

  /**
   * A connection, as soon as this process answers, and not another one that has its port.
   * @throws {UserError} if it ends before, with the end of its log
   */
  async answering(): Promise<Connection> {
    const deadlineMs = performance.now() + START_TIMEOUT_MS
    while (this.#end === null && performance.now() < deadlineMs) {
      const connection = await this.#connect()
      if (connection !== null) return connection
      await pause(30)
    }
    throw this.failure()
  }

  /** Why it does not serve, with the end of its log. */
  failure(): UserError {
    const why = this.#end === null ? 'does not answer' : `ended with ${this.#end}`
    return new UserError(`node ${this.endpoint.port} ${why}${this.#lastLines()}`)
  }

  async #connect(): Promise<Connection | null> {
    let connection: Connection | null = null
    try {
      connection = await Connection.open(this.endpoint)
      if (Number((await connection.info('server')).get('process_id')) === this.#child.pid) return connection
    } catch {
      // Not listening yet, or loading.
    }
    connection?.close()
    return null
  }

  #lastLines(): string {
    try {
      const lines = readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-3)
      return `\n${lines.map((line) => `  ${messageOf(line)}`).join('\n')}\n  (${this.logFile})`
    } catch {
      return ''
    }
  }

  /** Asks once, waits, and kills what does not end. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.kill(), STOP_TIMEOUT_MS)
    await this.ended
    clearTimeout(timer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Of a line of the log, which is JSON. */
function messageOf(line: string): string {
  try {
    return (JSON.parse(line) as { msg: string }).msg
  } catch {
    return line
  }
}
