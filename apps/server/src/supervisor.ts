/**
 * Supervisor: waits for the node to start, writes its log lines, and ends the process in one way only, whoever asks for
 * it: a signal, a client's SHUTDOWN, or a failure. Stop the node (which syncs the log), remove the pid file, exit. The
 * first reason counts; a second signal does not wait for the end of the first.
 */
import type { ServerConfig } from '@slotwise/config'
import { NodeError } from '@slotwise/node'
import { tellForeground } from './daemon.js'
import type { EarlyStart } from './early-start.js'
import { pinoLevel, type Logger } from './log.js'
import { pidFileOf, removePidFile, writePidFile } from './pid-file.js'
import { notifySystemd } from './systemd.js'

/** After a failure of our own code the log gets this long to reach the disk. */
const failedStopMs = 5000

export class Supervisor {
  readonly #config: ServerConfig
  readonly #log: Logger
  readonly #pidFile: string
  readonly #version: string
  readonly #start: EarlyStart | null
  #ending = false
  /** Before that it is somebody else's, such as that of the server we stand by for. */
  #ownsPidFile = false

  /** @param start  null if the configuration has it listen nowhere */
  constructor(config: ServerConfig, version: string, log: Logger, start: EarlyStart | null) {
    this.#config = config
    this.#start = start
    this.#version = version
    this.#log = log
    this.#pidFile = pidFileOf(config)
  }

  /** Returns when clients are answered, or when the process is about to end. */
  async run(): Promise<void> {
    const config = this.#config
    this.#listenToProcess()
    this.#log.info({ version: this.#version, redisVersion: '7.0.15', node: process.versions.node }, 'Slotwise is starting')
    if (config.file !== null) this.#log.info({ file: config.file }, 'Configuration loaded')
    for (const warning of config.warnings) this.#log.warn(warning)
    const start = this.#start
    if (start === null) return this.#refuse('Configured to not listen anywhere, exiting.')
    start.logTo({
      line: ({ level, message }) => this.#log[level](message),
      level: (level) => { this.#log.level = pinoLevel(level) },
    })
    try {
      const node = await start.node
      node.on('shutdown', (exitCode) => void this.#end(exitCode))
      node.on('error', (error) => this.#failed(error))
      if (this.#ending) return
      this.#setTitle()
      const problem = writePidFile(this.#pidFile)
      this.#ownsPidFile = problem === null
      if (problem !== null) this.#log.warn(problem)
      const http = node.httpPort === 0 ? {} : { httpPort: node.httpPort }
      const where = { ...node.port === 0 ? {} : { port: node.port }, ...http, ...this.#unixSocket() }
      this.#log.info({ ...where, ms: Math.round(performance.now() - start.startMs) }, 'Ready to accept connections')
      tellForeground({ ready: true })
      notifySystemd(config.get('supervised'), 'READY=1', this.#log)
    } catch (error) {
      if (this.#ending) return
      this.#refuse(...this.#startFailure(error as Error))
    }
  }

  #unixSocket(): { unixsocket?: string } {
    const path = this.#config.get('unixsocket')
    return path === '' ? {} : { unixsocket: path }
  }

  #startFailure(error: Error): string[] {
    if (!(error instanceof NodeError)) return [error.stack ?? error.message]
    if (error.code !== 'LISTEN') return [error.message]
    const tcp = error.message.includes('TCP')
    return [`Warning: ${error.message}`, ...tcp ? [`Failed listening on port ${this.#config.get('port')} (TCP), aborting.`] : []]
  }

  /** It does not start. */
  #refuse(...lines: string[]): void {
    for (const line of lines) this.#log.fatal(line)
    tellForeground({ ready: false, text: lines.join('\n') })
    process.exitCode = 1
    this.#ending = true
  }

  #listenToProcess(): void {
    this.#start?.listenToSignals((signal) => this.#signal(signal))
    process.on('uncaughtException', (error) => this.#failed(error))
    process.on('unhandledRejection', (reason) => this.#failed(reason as Error))
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#ending) {
      this.#log.warn({ signal }, 'You insist... exiting now.')
      this.#removePidFile()
      process.exit(1)
    }
    this.#log.info({ signal }, `Received ${signal} scheduling shutdown...`)
    void this.#end(0)
  }

  /** A fault of ours: what clients were told is saved, but nothing goes on. */
  #failed(error: Error): void {
    this.#log.fatal({ err: error }, 'Unexpected failure, stopping')
    setTimeout(() => process.exit(1), failedStopMs)
    void this.#end(1)
  }

  async #end(exitCode: number): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    let code = exitCode
    notifySystemd(this.#config.get('supervised'), 'STOPPING=1', this.#log)
    this.#start?.endStandby()
    try {
      await (await this.#start?.node)?.stop()
    } catch (error) {
      if (!(error instanceof NodeError && error.code === 'STOPPED')) {
        this.#log.error(`The node did not stop cleanly: ${(error as Error).message}`)
        code ||= 1
      }
    }
    this.#removePidFile()
    this.#log.info('Slotwise is now ready to exit, bye bye...')
    process.exit(code)
  }

  #removePidFile(): void {
    if (this.#ownsPidFile) removePidFile(this.#pidFile)
  }

  /** proc-title-template, with the words of Redis that mean something here. */
  #setTitle(): void {
    if (!this.#config.bool('set-proc-title')) return
    const [bind = '*'] = this.#config.words('bind')
    const port = this.#config.get('port')
    const address = port === '0' ? this.#config.get('unixsocket') : `${bind.replace(/^-/, '')}:${port}`
    const words: Record<string, string> = {
      title: 'slotwise-server', 'listen-addr': address, 'server-mode': '', port, 'tls-port': '0',
      unixsocket: this.#config.get('unixsocket'), 'config-file': this.#config.file ?? '',
    }
    process.title = this.#config.get('proc-title-template').replaceAll(/\{([^}]*)\}/g, (_, word: string) => words[word] ?? '').trim()
  }
}
