/**
 * FollowLog: the driver of a LogFollower: the socket, the timer and the store. Every decision is the machine's.
 * Applying is synchronous and short, so a thread that follows many sources serves each in turn.
 */
import { BinlogError, ConnectionLostError, UnsupportedError } from '../errors.js'
import {
  type Checkpoint, checkpointKey, commandOf, isStreamPosition, parseCheckpoint, printCheckpoint, SNAPSHOT,
} from './checkpoint.js'
import { type LogBatch, type LogCommand, parseLogBatch } from './log-batch.js'
import { LogConnection, type LogSource, RefusedError } from './log-connection.js'
import { type ApplyEffect, type FollowEffect, type FollowerView, type FollowEvent, LogFollower } from './log-follower.js'
import { type LogTarget, type LogTargetStore, storeTarget } from './log-target.js'
import { copySource, type LogCopy } from './source-copy.js'
import { type OpenStore, openStoreSnapshot, storeCopyTarget } from './store-copy.js'
import type { RespReply } from '../resp/resp-decoder.js'

type Commands = readonly (readonly (string | Uint8Array)[])[]

/**
 * What another way of following does instead: one that does not repeat the source's commands, but asks it what came of
 * them. Errors of these are passing, unless `isFinal` says otherwise.
 */
export interface FollowMode {
  /** @returns whether the source has to be copied, again */
  meet(ask: (commands: Commands) => Promise<RespReply[]>, sourceId: string): Promise<boolean>
  copy(
    ask: (commands: Commands) => Promise<RespReply[]>, signal: AbortSignal,
  ): Promise<{ position: string; commands: readonly LogCommand[] }>
  resolve(ask: (commands: Commands) => Promise<RespReply[]>, batch: LogBatch): Promise<LogBatch>
  /** The position is held there no more, or is none: it has to be copied. */
  lost(): void
  isFinal(error: unknown): boolean
}

export interface FollowLogOptions {
  /** Of this follower: its position is kept under it. */
  readonly name: string
  /** Asked before each connection: a password may change. */
  readonly source: () => LogSource
  readonly into: LogTarget
  /**
   * Where a follower begins that has no position yet: FILE:POSITION, a replication id and an offset, '0' for
   * everything, '$' for what is new, SNAPSHOT for the data that is there and then everything since.
   */
  readonly from: string
  /** Which keys. @default all */
  readonly keys?: (key: Uint8Array) => boolean
  /**
   * Copies the data of the source, which must be that of one moment of its replication history.
   * @throws {UnsupportedError} if trying again would not help
   */
  readonly copy?: (source: LogSource, sourceId: string, signal: AbortSignal) => Promise<LogCopy>
  /** @default the source's commands are repeated */
  readonly mode?: FollowMode
  /** What is kept in the store beside the data, to be written again in the transaction that flushes it. */
  readonly kept?: () => readonly LogCommand[]
  /** Something about it changed that an operator would like to know. */
  readonly onState?: (view: FollowerView) => void
  readonly delayMsMax?: number
}

const BLOCK_MS = 5000
const TIMEOUT_MS = 15_000
/** Of many values. */
const REPLIES_TIMEOUT_MS = 60_000
const COUNT = '1000'
/** What trying again does not help against. */
const FINAL = /^PURGED |^HISTORY |^ERR There is no (position|file) |is no position between commands|^ERR Invalid position|^ERR unknown command/

export class FollowLog {
  readonly #options: FollowLogOptions
  readonly #key: string
  #machine: LogFollower
  #connection: LogConnection | null = null
  #timer: NodeJS.Timeout | undefined
  #checkpoint: Checkpoint | null
  #generation = 0
  #copying: AbortController | null = null
  #copied: Promise<void> = Promise.resolve()

  /** @throws {BinlogError} if the store holds something else where the position should be */
  constructor(options: FollowLogOptions) {
    this.#options = options
    this.#key = checkpointKey(options.name)
    const found = options.into.get(this.#key)
    this.#checkpoint = found === null ? null : parseCheckpoint(found)
    const { keys, into } = options
    if (options.from === SNAPSHOT && options.copy === undefined && options.mode === undefined) throw new TypeError('a follower that begins with a snapshot has to be told how to open one (`open`)')
    this.#machine = new LogFollower({
      id: into.id(), start: this.#checkpoint ?? options.from, random: Math.random,
      ...(options.delayMsMax === undefined ? {} : { delayMsMax: options.delayMsMax }),
      ...(keys === undefined ? {} : { filter: { matches: keys, keysOf: (words) => into.keysOf(words) } }),
    })
  }

  view(): FollowerView { return this.#machine.view(Date.now() / 1000) }

  /** What the store remembers of it: to be written again if it was lost. */
  checkpointCommand(): LogCommand | null {
    return this.#checkpoint === null ? null : commandOf(['SET', this.#key, printCheckpoint(this.#checkpoint)])
  }

  start(): void { this.#step({ type: 'start' }) }

  stop(): void { this.#step({ type: 'stop' }) }

  /** Resolves when a copy that was stopped has left nothing behind. */
  copyEnded(): Promise<void> { return this.#copied }

  #step(event: FollowEvent): void {
    const before = this.#machine.state
    const queue: FollowEvent[] = [event]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const effect of this.#machine.step(next, performance.now())) {
        const result = this.#perform(effect)
        if (result !== undefined) queue.push(result)
      }
    }
    const { state } = this.#machine
    if (state !== before && (state === 'failed' || state === 'waiting' || state === 'stopped' || state === 'copying' || before === 'connecting' || before === 'copying')) this.#options.onState?.(this.view())
  }

  #perform(effect: FollowEffect): FollowEvent | undefined {
    switch (effect.type) {
      case 'connect': return void this.#during(this.#connect())
      case 'copy': {
        const copy = this.#copy(effect.source)
        this.#copied = copy.then(() => undefined, () => undefined)
        return void this.#during(copy)
      }
      case 'read': return void this.#during(this.#read(effect.from))
      case 'apply': return this.#apply(effect)
      case 'disconnect':
        this.#generation++
        clearTimeout(this.#timer)
        this.#connection?.close()
        this.#connection = null
        this.#copying?.abort()
        return undefined
      case 'wake':
        this.#timer = setTimeout(() => this.#step({ type: 'tick' }), Math.ceil(effect.afterMs) + 1)
        return undefined
    }
  }

  /** What comes of an effect that waits counts only if nothing ended meanwhile. */
  async #during(work: Promise<FollowEvent>): Promise<void> {
    const generation = this.#generation
    let event: FollowEvent
    try {
      event = await work
    } catch (error) {
      const { message } = error as Error
      const { mode } = this.#options
      const isLost = error instanceof RefusedError && FINAL.test(message)
      if (isLost) mode?.lost()
      event = { type: 'failed', message, final: mode?.isFinal(error) ?? (isLost || error instanceof UnsupportedError) }
    }
    if (generation === this.#generation) this.#step(event)
  }

  async #connect(): Promise<FollowEvent> {
    const generation = this.#generation
    const connection = await LogConnection.open(this.#options.source(), TIMEOUT_MS)
    if (generation !== this.#generation) {
      connection.close()
      return { type: 'tick' }
    }
    this.#connection = connection
    const status = await connection.request(['BINLOG', 'STATUS'], TIMEOUT_MS)
    const source = fieldOf(status, 'id')
    const { mode, into } = this.#options
    if (mode === undefined || source === into.id()) return { type: 'connected', source }
    return { type: 'connected', source, anew: await mode.meet(this.#ask, source) }
  }

  readonly #ask = (commands: Commands): Promise<RespReply[]> => {
    if (this.#connection === null) throw new ConnectionLostError('the connection was closed')
    return this.#connection.requests(commands, REPLIES_TIMEOUT_MS)
  }

  async #copy(sourceId: string): Promise<FollowEvent> {
    const copying = this.#copying = new AbortController()
    const { mode } = this.#options
    if (mode !== undefined) return { type: 'copied', stream: '', ...await mode.copy(this.#ask, copying.signal) }
    const copied = await this.#options.copy!(this.#options.source(), sourceId, copying.signal)
    return { type: 'copied', ...copied }
  }

  async #read(from: string): Promise<FollowEvent> {
    // What is no position yet becomes one first: it must not move while nothing comes.
    const words = ['BINLOG', 'READ', 'FROM', from, 'COUNT', COUNT, ...from.includes(':') && !isStreamPosition(from) ? ['BLOCK', String(BLOCK_MS)] : []]
    const batch = parseLogBatch(await this.#connection!.request(words, BLOCK_MS + TIMEOUT_MS))
    return { type: 'batch', batch: await this.#options.mode?.resolve(this.#ask, batch) ?? batch }
  }

  #apply({ commands, checkpoint, flush }: ApplyEffect): FollowEvent {
    const kept = flush ? this.#options.kept?.() ?? [] : []
    try {
      const here = commandOf(['SET', this.#key, printCheckpoint(checkpoint)])
      const errors = this.#options.into.apply([...commands, ...kept, here])
      this.#checkpoint = checkpoint
      return { type: 'applied', errors }
    } catch (error) {
      return { type: 'failed', message: (error as Error).message, final: error instanceof BinlogError }
    }
  }
}

function fieldOf(reply: RespReply, field: string): string {
  const list = Array.isArray(reply) ? reply : []
  for (let i = 0; i + 1 < list.length; i += 2) {
    const [name, value] = [list[i], list[i + 1]]
    if (Buffer.isBuffer(name) && Buffer.isBuffer(value) && name.toString() === field) return value.toString()
  }
  throw new RefusedError(`ERR the source does not tell its ${field}`)
}

export interface FollowServerOptions {
  source: LogSource
  into: LogTargetStore
  /** Of this follower: the position is kept under it. @default 'default' */
  name?: string
  /**
   * Where a follower begins that has no position yet: '$', what is new; '0', everything; 'snapshot', the data that is
   * there and everything since; or a position, as BINLOG READ takes it. @default '$'
   */
  from?: string
  /**
   * `open` of slotwise, which reads the snapshot: it lies in the system's folder for temporary files meanwhile, and in
   * memory once more. Needed for `from: 'snapshot'`.
   */
  open?: OpenStore
  /** Which keys. @default all */
  keys?: (key: Uint8Array) => boolean
  /** Aborting ends it. */
  signal?: AbortSignal
  onState?: (view: FollowerView) => void
}

/** A follower gave up: trying again would not help. The message says why; the store is at a whole transaction. */
export class FollowerStoppedError extends BinlogError {
  override readonly name = 'FollowerStoppedError'
  readonly code = 'STOPPED'
}

/**
 * Applies another server's changes to a store of this process, exactly once, until the signal aborts or for ever;
 * reconnects by itself.
 * @throws {FollowerStoppedError} if it cannot go on: what comes next is purged, or cannot be applied
 */
export async function followServer(options: FollowServerOptions): Promise<void> {
  const { source, into, name = 'default', from = '$', keys, open, signal, onState } = options
  signal?.throwIfAborted()
  const wanted = keys === undefined ? {} : { keys }
  const target = storeTarget(into)
  const copying = open === undefined ? null : {
    name, into: storeCopyTarget(into, target), openSnapshot: (dir: string) => openStoreSnapshot(open, dir), ...wanted,
  }
  const copy = copying === null ? {} : {
    copy: (address: LogSource, sourceId: string, stopped: AbortSignal) =>
      copySource({ ...copying, source: address, sourceId, signal: stopped }),
  }
  await new Promise<void>((resolve, reject) => {
    const follower: FollowLog = new FollowLog({
      name, from, source: () => source, into: target, ...copy, ...wanted,
      onState: (view) => {
        onState?.(view)
        if (view.state === 'failed') reject(new FollowerStoppedError(view.lastError))
      },
    })
    signal?.addEventListener('abort', () => {
      follower.stop()
      void follower.copyEnded().then(resolve)
    }, { once: true })
    follower.start()
  })
}
