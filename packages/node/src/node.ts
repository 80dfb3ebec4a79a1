/**
 * Node: a running Slotwise node as its process sees it: start it, hear of it, stop it. The work is done elsewhere, by
 * the control thread (control.ts) and by the engine's native threads, so this thread may block for as long as it likes;
 * only the events wait until it looks.
 */
import { EventEmitter, on, once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import type { LogLevel, RedisLogLevel } from '@slotwise/engine'
import type { ClusterChange } from './cluster/cluster-driver.js'
import type { FromControl, ToControl } from './control-messages.js'
import { beginControlThread } from './control-thread.js'
import type { NodeOptions } from './node-options.js'

/**
 * `code`: LOCKED (another process has the directory), OPEN (configuration or data), LISTEN, LOG (it did not close),
 * STOPPED (it was standing by when it was told to end).
 */
export class NodeError extends Error {
  override readonly name = 'NodeError'
  constructor(readonly code: string, message: string) { super(message) }
}

export interface LogLine { readonly level: LogLevel; readonly message: string }

/** Hears what a node has to say, that of its loading too, in order. */
export interface NodeLog {
  readonly line: (line: LogLine) => void
  /** A client changed `loglevel`, for the lines that follow. */
  readonly level?: (level: RedisLogLevel) => void
}

export interface NodeEvents {
  /** A client sent SHUTDOWN: the log is synced; stop the node and end the process with that code. Waits, too. */
  shutdown: [exitCode: number]
  /** Something about the cluster changed: who is in it, who failed, who was promoted, epochs, slots, offsets. */
  clusterChange: [change: ClusterChange]
  /** The control thread died. Without a listener this ends the process. */
  error: [error: Error]
}

export class Node extends EventEmitter<NodeEvents> implements AsyncDisposable {
  readonly #worker: Worker
  readonly #ready: Promise<{ port: number; httpPort: number }>
  readonly #ended: Promise<void>
  #port = 0
  #httpPort = 0
  #stopping: Promise<void> | null = null
  /** Of a SHUTDOWN that nobody listened to: a node serves clients before the thread that started it has heard of it. */
  #unheardExitCode: number | null = null

  private constructor(options: NodeOptions, log: NodeLog, worker: Worker) {
    super()
    EventEmitter.prototype.on.call(this, 'newListener', (event: unknown) => {
      const exitCode = this.#unheardExitCode
      if (event !== 'shutdown' || exitCode === null) return
      this.#unheardExitCode = null
      queueMicrotask(() => this.emit('shutdown', exitCode))
    })
    this.#worker = worker
    worker.ref()
    worker.postMessage({ type: 'start', options } satisfies ToControl)
    // All that happens becomes one of two promises: it listens; it has ended, well or badly.
    let ready = false
    let resolveReady: (ports: { port: number; httpPort: number }) => void
    let rejectReady: (error: Error) => void
    this.#ready = new Promise((resolve, reject) => [resolveReady, rejectReady] = [resolve, reject])
    this.#ended = new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        if (!ready) rejectReady(error)
        reject(error)
      }
      worker.on('message', (message: FromControl) => {
        switch (message.type) {
          case 'log': return log.line(message)
          case 'logLevel': return log.level?.(message.level)
          case 'shutdown':
            if (!this.emit('shutdown', message.exitCode)) this.#unheardExitCode = message.exitCode
            return
          case 'clusterChange': return void this.emit('clusterChange', message.change)
          case 'ready':
            ready = true
            return resolveReady(message)
          case 'stopped': return resolve()
          case 'failed': return fail(new NodeError(message.code, message.message))
        }
      })
      worker.on('error', (error) => {
        fail(error)
        if (ready && this.#stopping === null) this.emit('error', error)
      })
      worker.on('exit', () => fail(new NodeError('ERR', 'the control thread ended')))
    })
    this.#ended.catch(() => undefined) // stop() tells it
  }

  /**
   * Opens the data directory, loads it and listens.
   * @param endStandby  aborting it ends the wait for a directory that another process has, or of a primary that has
   * lost its data and is to be replaced, and nothing else
   * @param thread  one that was begun before, and for no other node. @default it begins now
   * @returns when clients are answered
   * @throws {NodeError}
   */
  static async start(
    options: NodeOptions, log: NodeLog = { line: () => undefined }, endStandby?: AbortSignal,
    thread: Worker = beginControlThread(),
  ): Promise<Node> {
    const node = new Node(options, log, thread)
    const end = (): void => node.#worker.postMessage({ type: 'endStandby' } satisfies ToControl)
    endStandby?.addEventListener('abort', end, { once: true })
    try {
      const { port, httpPort } = await node.#ready
      node.#port = port
      node.#httpPort = httpPort
    } finally {
      endStandby?.removeEventListener('abort', end)
    }
    return node
  }

  /** What changes in the cluster from now on, as plain data; leaving the loop or the signal ends it. */
  async* changes(options: { signal?: AbortSignal } = {}): AsyncGenerator<ClusterChange, void, undefined> {
    const { signal } = options
    const changes = on(this, 'clusterChange', signal === undefined ? {} : { signal })
    for await (const [change] of changes as AsyncIterable<[ClusterChange]>) yield change
  }

  /** The TCP port; 0 if there is only a unix socket. */
  get port(): number {
    return this.#port
  }

  /** The port of the HTTP gateway; 0 if there is none. */
  get httpPort(): number {
    return this.#httpPort
  }

  /**
   * Refuses new work, lets accepted work finish, syncs the log. Idempotent.
   * @throws {NodeError} if the end of the log could not be made durable
   */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop()
  }

  async #stop(): Promise<void> {
    const exited = once(this.#worker, 'exit')
    this.#worker.postMessage({ type: 'stop' } satisfies ToControl)
    await this.#ended
    await exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
