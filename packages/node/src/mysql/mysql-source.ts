/**
 * MysqlSource: the MySQL or MariaDB that this node follows by itself (`mysql-source`): begins with the server, is asked
 * and told by MYSQLSOURCE. Its position is in the data, beside the rows, as with every follower; so a replica has both,
 * and only a primary follows: who is promoted goes on where the data is. In a cluster one node follows for all
 * (mysql-cluster.ts).
 * Loaded only where there is a source, since it brings what reads MySQL along. Runs on the control thread.
 * Elsewhere: following (@slotwise/binlog), words (mysql-requests.ts).
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClusterTarget, type ConnectionOptions, follow, type FollowProgress, isPassing, isReplaced, type Mapping,
  parseSource, parseSourceFile, requestSnapshot, skipTransactions, type SourceSettings, type SourceStatus,
  TargetLostError, type TargetStore,
} from '@slotwise/binlog'
import type { ControlPort, ControlRequest, Engine, LogLevel } from '@slotwise/engine'
import { encodeReply, type RespValue } from '../cluster/resp-writer.js'
import { openCluster, whyElsewhere } from './mysql-cluster.js'
import { mysqlHelp, parseMysqlRequest } from './mysql-requests.js'
import { mysqlTarget } from './mysql-target.js'

interface Settings {
  readonly mapping: Mapping
  readonly source: SourceSettings
  readonly addresses: ConnectionOptions[]
}

/** @throws {TypeError} with what is wrong in it; what the file system says */
export async function readMysqlSettings(file: string): Promise<Settings> {
  const { mapping, source } = parseSourceFile(await readFile(file, 'utf8'))
  if (source === null) throw new TypeError('the file has no source: a section `source` with `urls`')
  const { urls, tls, tlsCa, passwordFile } = source
  const near = (path: string): string => resolve(dirname(file), path)
  const password = passwordFile === '' ? undefined : (await readFile(near(passwordFile), 'utf8')).replace(/\r?\n$/, '')
  const addresses = urls.map((url) => parseSource(url, { password, tls, caFile: tlsCa === '' ? undefined : near(tlsCa) }))
  return { mapping, source, addresses }
}

export interface MysqlSourceOptions {
  readonly engine: Engine
  readonly control: ControlPort
  readonly file: string
  readonly settings: Settings
  /** Where this node of a cluster answers clients; null: it is no node of a cluster. */
  readonly clusterPort: number | null
  readonly onLog: (level: LogLevel, text: string) => void
}

type State = 'stopped' | 'connecting' | 'copying' | 'following' | 'failed'

const LOOK_EVERY_MS = 500
const DELAY_MS = 500
const DELAY_MS_MAX = 30_000
/** An answer to a client may take ten seconds. */
const SKIP_MS = 8000
/** Nodes of the cluster that do not answer are not waited for longer when following ends. */
const LEAVE_MS = 2000

export class MysqlSource {
  readonly #options: MysqlSourceOptions
  #settings: Settings
  #timer: NodeJS.Timeout | undefined
  /** An operator's word, which the store keeps. */
  #wanted = false
  /** Why another node follows, if any does. */
  #elsewhere: string | null = 'not looked yet'
  #state: State = 'stopped'
  /** Of the run under way, and its end; null: there is none. */
  #run: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null
  /** The position is being changed: nothing may follow meanwhile. */
  #busy = false
  /** While it is there nothing is applied. */
  #pause: { readonly over: Promise<void>; readonly end: () => void } | null = null
  #progress: FollowProgress | null = null
  #connected: Extract<SourceStatus, { type: 'connected' }> | null = null
  #sums = { transactions: 0, rows: 0, snapshotRows: 0, connects: 0 }
  #lastError = ''

  constructor(options: MysqlSourceOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#end()
  }

  request({ id, protocol, args }: ControlRequest): void {
    const words = args.map((word) => Buffer.from(word).toString())
    void this.#answer(words).catch((error: unknown) => ({ error: `ERR ${(error as Error).message}` }))
      .then((reply) => this.#options.control.answer(id, encodeReply(reply, protocol)))
  }

  async #answer(words: readonly string[]): Promise<RespValue> {
    const request = parseMysqlRequest(words)
    const isTold = request.type !== 'error' && request.type !== 'help' && request.type !== 'status'
    if (isTold && this.#options.clusterPort !== null) {
      const why = whyElsewhere(this.#options.engine, this.#stoppedKey)
      if (why !== null) return { error: why }
    }
    switch (request.type) {
      case 'error': return { error: request.message }
      case 'help': return mysqlHelp.map((line) => ({ status: line }))
      case 'status': return this.#status()
      case 'start': return this.#begin()
      case 'stop':
        this.#options.engine.command(['SET', this.#stoppedKey, '1'])
        this.#wanted = false
        await this.#end()
        this.#state = 'stopped'
        return { status: 'OK' }
      case 'pause':
        if (this.#run === null) return { error: 'ERR Nothing is followed: MYSQLSOURCE START' }
        if (this.#pause === null) {
          const { promise, resolve } = withResolvers()
          this.#pause = { over: promise, end: resolve }
        }
        return { status: 'OK' }
      case 'resume':
        this.#resume()
        return { status: 'OK' }
      case 'skip': return this.#skip(request.count)
      case 'snapshot': return this.#snapshotAnew()
    }
  }

  async #begin(): Promise<RespValue> {
    if (this.#run === null) this.#settings = await readMysqlSettings(this.#options.file)
    this.#options.engine.command(['DEL', this.#stoppedKey])
    this.#wanted = true
    if (this.#state === 'failed') this.#state = 'stopped'
    this.#resume()
    this.#look()
    return { status: 'OK' }
  }

  async #skip(count: number): Promise<RespValue> {
    if (this.#run !== null) return { error: 'ERR It is followed: MYSQLSOURCE STOP first' }
    const { addresses, source: { name, serverId } } = this.#settings
    return this.#apart(async () => {
      const signal = AbortSignal.timeout(SKIP_MS)
      const skip = { sources: addresses, serverId, name, count, signal }
      const { skipped } = await this.#withTarget(signal, (into) => skipTransactions({ ...skip, into }))
      this.#log('warn', `${skipped} transactions were skipped`)
      return skipped
    })
  }

  /** Also of a follower that has failed: it is the way out of a purged log. */
  #snapshotAnew(): Promise<RespValue> {
    return this.#apart(async () => {
      const { mapping, source: { name } } = this.#settings
      await this.#end()
      // The word for it is in this node's own slot, also in a cluster.
      await requestSnapshot({ mapping, into: mysqlTarget(this.#options.engine, () => Promise.resolve()), name })
      if (this.#state === 'failed') this.#state = 'stopped'
      return { status: 'OK' }
    })
  }

  /** While nothing follows, nor begins to. */
  async #apart(work: () => Promise<RespValue>): Promise<RespValue> {
    if (this.#busy) return { error: 'ERR Another MYSQLSOURCE is at work' }
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
      this.#look()
    }
  }

  #resume(): void {
    this.#pause?.end()
    this.#pause = null
  }

  /** Follows if it is wanted and this node is to do it, and else does not. */
  #look(): void {
    const { engine, clusterPort } = this.#options
    const before = this.#elsewhere
    this.#elsewhere = this.#whyNotHere()
    if (before !== null && this.#elsewhere === null) {
      // Another node may have been told something else meanwhile.
      this.#wanted = engine.command(['EXISTS', this.#stoppedKey]) === 0
      if (clusterPort !== null && this.#state === 'failed') this.#state = 'stopped'
    }
    if (this.#elsewhere !== null) return this.#run?.abort.abort()
    if (!this.#wanted || this.#run !== null || this.#busy || this.#state === 'failed') return
    const abort = new AbortController()
    this.#state = 'connecting'
    const ended = this.#follow(abort.signal).finally(() => { this.#run = null })
    this.#run = { abort, ended }
  }

  #whyNotHere(): string | null {
    const { engine, clusterPort } = this.#options
    if (clusterPort !== null) return whyElsewhere(engine, this.#stoppedKey)
    const [role] = engine.command(['ROLE']) as [string]
    return role === 'master' ? null : 'this node is a replica'
  }

  async #end(): Promise<void> {
    this.#run?.abort.abort()
    this.#resume()
    await this.#run?.ended
  }

  /** Until the signal aborts, or nothing that time would heal. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { mapping, addresses, source } = this.#settings
    const isOver = (): boolean => signal.aborted
    for (let failures = 0; !isOver();) {
      const before = { ...this.#sums }
      try {
        await this.#withTarget(signal, (into) => follow({
          ...source, sources: addresses, mapping, into, signal,
          onStatus: (status) => {
            failures = 0
            this.#told(status)
          },
          onSnapshot: ({ table, rows, done }) => {
            this.#state = 'copying'
            if (!done) return
            this.#sums.snapshotRows += rows
            this.#log('info', `${rows} rows of ${table} were copied`)
          },
          onProgress: (progress) => {
            this.#progress = progress
            this.#sums.transactions = before.transactions + progress.transactions
            this.#sums.rows = before.rows + progress.rows
          },
          onTargetLost: ({ message }) => { this.#lastError = message },
          onWarning: (message) => this.#log('warn', message),
        }))
      } catch (error) {
        if (isOver()) return
        const { message } = error as Error
        if (!this.#isPassing(error)) {
          this.#state = 'failed'
          this.#lastError = message
          return this.#log('error', `following has stopped: ${message}`)
        }
        this.#lost(message)
        const delayMs = Math.min(DELAY_MS_MAX, DELAY_MS * 2 ** failures++)
        await sleep(delayMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  #told(status: SourceStatus): void {
    if (status.type === 'disconnected') return this.#lost(status.error.message)
    const { host, port } = this.#settings.addresses[status.source]!
    this.#state = 'following'
    this.#connected = status
    this.#sums.connects++
    this.#log('info', `${host}:${port ?? 3306} (${status.facts.version}) is followed from ${status.position.gtids || `${status.position.file}:${status.position.position}`}`)
  }

  /** Once a change, not once a try. */
  #lost(message: string): void {
    if (this.#state !== 'connecting' || message !== this.#lastError) this.#log('warn', `the source is lost and tried again: ${message}`)
    this.#state = 'connecting'
    this.#lastError = message
  }

  /** In a cluster it may have been another node of it that took over, for a moment. */
  #isPassing(error: unknown): boolean {
    if (isPassing(error)) return true
    return this.#options.clusterPort !== null && (error instanceof TargetLostError || isReplaced(error))
  }

  /** The store, as long as `work` needs it. Nothing is written during a pause. */
  async #withTarget<T>(signal: AbortSignal, work: (into: TargetStore | ClusterTarget) => Promise<T>): Promise<T> {
    const { engine, clusterPort } = this.#options
    const pauseOver = async (): Promise<void> => {
      while (!signal.aborted && this.#pause !== null) await this.#pause.over
    }
    if (clusterPort === null) {
      return work(mysqlTarget(engine, async () => {
        await pauseOver()
        signal.throwIfAborted()
      }))
    }
    // How far it is may still be written down after the end.
    await using cluster = await openCluster(engine, clusterPort, pauseOver)
    const leave = (): unknown => setTimeout(() => cluster.close(), LEAVE_MS).unref()
    signal.addEventListener('abort', leave)
    try {
      return await work(cluster)
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #status(): RespValue {
    const { mapping, addresses, source: { name } } = this.#settings
    const connected = this.#connected
    const { host, port = 3306 } = addresses[connected?.source ?? 0]!
    const at = this.#progress ?? connected?.position ?? null
    const [role] = this.#options.engine.command(['ROLE']) as [string]
    const elsewhere = role === 'master' ? 'elsewhere' : 'replica'
    const state = this.#elsewhere !== null ? elsewhere : this.#pause !== null && this.#run !== null ? 'paused' : this.#state
    return new Map<string, RespValue>([
      ['name', name], ['mapping', this.#options.file], ['state', state],
      ['source-host', host], ['source-port', port], ['source-version', connected?.facts.version ?? ''],
      ['file', at?.file ?? ''], ['position', at?.position ?? 0], ['gtids', at?.gtids ?? ''],
      ['transactions', this.#sums.transactions], ['rows', this.#sums.rows], ['snapshot-rows', this.#sums.snapshotRows],
      ['last-transaction-time', this.#progress?.timestamp ?? 0], ['connects', this.#sums.connects],
      ['tables', [...mapping.tables.keys()]], ['last-error', this.#lastError],
    ])
  }

  get #stoppedKey(): string { return `__binlog:{${this.#settings.source.name}}:stopped` }

  #log(level: LogLevel, text: string): void { this.#options.onLog(level, `MySQL source: ${text}`) }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void
  const promise = new Promise<void>((done) => { resolve = done })
  return { promise, resolve: () => resolve() }
}
