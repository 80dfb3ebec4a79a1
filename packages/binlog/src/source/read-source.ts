/**
 * readSource: follows one of several sources and yields what its stream says, in batches, for ever: connects, asks,
 * dumps, reconnects with growing pauses, goes to another source by GTID. The driver of BinlogStream and Reconnect.
 * Pulling the next batch says that the last one is durable at the reader: only then does semi-sync acknowledge it.
 * Rows of a transaction that is too large for memory are in a file until then (SpillFile).
 */
import { createHash, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BinlogError, ConnectionLostError, DecodeError, ServerError, UnsupportedError } from '../errors.js'
import { EventDecoder } from '../events/event-decoder.js'
import type { TableSchema } from '../rows/table-map.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import { BinlogStream, type BinlogStreamOptions, type SpilledRows, type StreamOutput } from '../stream/binlog-stream.js'
import type { SourcePosition } from '../stream/position.js'
import { dump, dumpGtid, registerReplica, semiSyncAck, setupStatements } from '../wire/commands.js'
import { EOF, ERR, OK, readError } from '../wire/replies.js'
import { type ConnectionOptions, SourceConnection } from './connection.js'
import { Reconnect } from './reconnect.js'
import { remedyFor } from './server-errors.js'
import { SpillFile } from './spill-file.js'
import { askFacts, askPosition, askSchemas, type SourceFacts } from './source-facts.js'

export interface ReadSourceOptions extends BinlogStreamOptions {
  /** Tried in this order; the next one by GTID only. */
  sources: readonly ConnectionOptions[]
  /** Of this follower, unique among all replicas of the source. */
  serverId: number
  /** 'oldest': everything that the source still has. */
  start: 'now' | 'oldest' | SourcePosition
  /** Databases whose tables are looked up where events do not say everything. @default none */
  schemas?: readonly string[]
  /** How often a quiet source says that it is there. Three periods of silence are a dead one. @default 10_000 */
  heartbeatMs?: number
  /** Ask for semi-sync: commits of the source wait for what was pulled. @default false */
  semiSync?: boolean
  /** End at the end of the log instead of waiting there. @default false */
  untilEnd?: boolean
  reconnectDelayMs?: number
  reconnectDelayMsMax?: number
  maxUncompressedBytes?: number
  /** Transactions beyond `maxTransactionBytes` are in a file until they have ended, or are refused. @default 'spill' */
  largeTransactions?: 'spill' | 'stop'
  /** Where that file is. @default the system's folder for temporary files */
  spillDir?: string
  signal?: AbortSignal
  /** What happens to the connection, for logs and figures. */
  onStatus?: (status: SourceStatus) => void
}

export type SourceStatus =
  | { readonly type: 'connected'; readonly source: number; readonly facts: SourceFacts; readonly position: SourcePosition }
  | { readonly type: 'disconnected'; readonly source: number; readonly error: Error; readonly retryMs: number | null }

const SILENT_PERIODS = 3

/** @throws {BinlogError} when no source can serve, or the stream cannot go on; the signal's reason */
export async function* readSource(options: ReadSourceOptions): AsyncGenerator<StreamOutput[], void, undefined> {
  const { sources, signal } = options
  if (sources.length === 0) throw new TypeError('at least one source is needed')
  const reconnect = new Reconnect({
    sourceCount: sources.length, random: () => randomInt(2 ** 32) / 2 ** 32,
    ...(options.reconnectDelayMs === undefined ? {} : { delayMs: options.reconnectDelayMs }),
    ...(options.reconnectDelayMsMax === undefined ? {} : { delayMsMax: options.reconnectDelayMsMax }),
  })
  const follower = new Follower(options)
  for (;;) {
    signal?.throwIfAborted()
    try {
      yield* follower.session(sources[reconnect.source]!, reconnect)
      return
    } catch (error) {
      signal?.throwIfAborted()
      if (!isPassing(error)) throw error
      const source = reconnect.source
      const next = reconnect.failed(error instanceof WrongServerError ? 'otherSource' : remedyFor(error))
      const retryMs = next.type === 'connect' ? next.afterMs : null
      options.onStatus?.({ type: 'disconnected', source, error: error as Error, retryMs })
      if (next.type === 'stop') throw error
      await sleep(next.afterMs, undefined, signal === undefined ? {} : { signal })
    }
  }
}

/** This source's file and position mean nothing there, or it cannot be asked by GTID. */
export class WrongServerError extends BinlogError {
  override readonly name = 'WrongServerError'
  readonly code = 'WRONGSERVER'
}

const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionLostError || error instanceof ServerError || error instanceof WrongServerError

class Follower {
  readonly #options: ReadSourceOptions
  #stream: BinlogStream | null = null
  #schemas = new Map<string, TableSchema>()

  constructor(options: ReadSourceOptions) { this.#options = options }

  /** One connection, from its beginning to its end. */
  async* session(address: ConnectionOptions, reconnect: Reconnect): AsyncGenerator<StreamOutput[], void, undefined> {
    const { signal, heartbeatMs = 10_000, serverId, maxUncompressedBytes } = this.#options
    const connection = await SourceConnection.connect({ ...address, ...(signal === undefined ? {} : { signal }) })
    const abort = (): void => connection.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    // Counted and not measured: a process that did not run for a while finds its timer due before it has looked at its
    // sockets, and between two ticks it has looked.
    const silent = setInterval(() => {
      if (isWaiting && ++silentPeriods > SILENT_PERIODS) {
        connection.destroy(new ConnectionLostError(`nothing came for ${SILENT_PERIODS} heartbeats of ${heartbeatMs} ms`))
      }
    }, heartbeatMs)
    silent.unref()
    let silentPeriods = 0
    /** For the source: not for a reader that applies something large. */
    let isWaiting = true
    const spills = new Spills(this.#options.spillDir)
    try {
      const facts = await askFacts(connection)
      const stream = this.#stream ??=
        new BinlogStream(await this.#start(connection, facts), { ownServerId: serverId, largeTransactions: 'spill', ...this.#options })
      await this.#lookUp(connection)
      const position = stream.position
      stream.reconnected()
      const byGtid = this.#resume(position, facts)
      const decoder = new EventDecoder({
        flavour: facts.flavour, schema: (schema, table) => this.#schemas.get(`${schema}.${table}`) ?? null,
        ...(maxUncompressedBytes === undefined ? {} : { maxUncompressedBytes }),
      })
      const semiSync = await this.#prepare(connection, facts, position, byGtid)
      this.#options.onStatus?.({ type: 'connected', source: reconnect.source, facts, position })
      let ack: { file: string; position: number } | null = null
      let unread = false
      for (;;) {
        silentPeriods = 0
        isWaiting = true
        if (!unread) await connection.more()
        isWaiting = false
        unread = false
        const outputs: StreamOutput[] = []
        let ended = false
        let failure: unknown = null
        try {
          while (!ended && connection.packets.next()) {
            const { buf, start, end } = connection.packets
            if (buf[start] === OK) {
              const framed = semiSync && buf[start + 1] === SEMI_SYNC
              const decoded = decoder.decode(buf, framed ? start + 3 : start + 1, end)
              for (const received of stream.receive(decoded)) {
                const output = spills.take(received)
                if (output === null) continue
                outputs.push(output)
                unread ||= changesSchema(output)
              }
              if (framed && buf[start + 2] === 1) ack = { file: stream.position.file, position: decoded.header.logPos }
            } else ended = this.#end(buf.subarray(start, end))
            // The schema is looked up before the next event is read.
            if (unread) break
          }
        } catch (error) {
          failure = error
        }
        // A source that refuses does so behind its first ROTATE: only what it has to say counts as having served.
        if (outputs.some(({ type }) => type !== 'position')) reconnect.served()
        // What came before a failure is whole.
        if (outputs.length > 0) yield outputs
        spills.closeEnded()
        if (failure !== null) throw failure as Error
        if (ack !== null) connection.send(semiSyncAck(ack.file, ack.position))
        ack = null
        if (ended) return
        if (unread) {
          await this.#lookUpApart(address)
          decoder.forgetTables()
        }
      }
    } finally {
      clearInterval(silent)
      signal?.removeEventListener('abort', abort)
      connection.destroy()
      spills.close()
    }
  }

  /** The end of the stream. @returns true if it was asked for */
  #end(payload: Buffer): boolean {
    if (payload[0] === ERR) throw readError(payload)
    if (payload[0] !== EOF) throw new DecodeError(`a packet that begins with ${payload[0] ?? 'nothing'} in a dump`)
    if (this.#options.untilEnd === true) return true
    throw new ConnectionLostError('the source ended the stream')
  }

  async #start(connection: SourceConnection, facts: SourceFacts): Promise<SourcePosition> {
    const { start } = this.#options
    if (start === 'now') return askPosition(connection, facts)
    if (start === 'oldest') return { flavour: facts.flavour, server: facts.server, file: '', position: 4, gtids: '' }
    return start
  }

  /** How to go on at this server: by GTID? @throws {WrongServerError} if neither way would be right */
  #resume(position: SourcePosition, facts: SourceFacts): boolean {
    if (position.flavour !== facts.flavour) throw new UnsupportedError(`a position of ${position.flavour} cannot be used with ${facts.flavour}`)
    const known = position.gtids !== '' || position.file === ''
    if (known && facts.hasGtids) return true
    if (position.server === facts.server) return false
    throw new WrongServerError(`file ${position.file} position ${position.position} is of server ${position.server}, this one is ${facts.server}: ` +
      'only GTIDs can be used at another server')
  }

  /** Set-up statements, registration, the dump. @returns whether semi-sync was agreed */
  async #prepare(
    connection: SourceConnection, facts: SourceFacts, position: SourcePosition, byGtid: boolean,
  ): Promise<boolean> {
    const { serverId, heartbeatMs = 10_000, untilEnd = false } = this.#options
    const semiSync = this.#options.semiSync === true
    const mariadb = facts.flavour === 'mariadb'
    const statements = setupStatements({
      flavour: facts.flavour, heartbeatMs, uuid: uuidOf(serverId), semiSync,
      connectState: mariadb && byGtid ? position.gtids : null,
    })
    for (const statement of statements) await connection.query(statement)
    await connection.command(registerReplica({ serverId }))
    const dumpOptions = { serverId, nonBlocking: untilEnd, flavourFlag: !mariadb }
    if (byGtid && !mariadb) connection.send(dumpGtid(MysqlGtidSet.parse(position.gtids), dumpOptions))
    else if (byGtid) connection.send(dump('', 4, dumpOptions))
    else connection.send(dump(position.file, position.position, dumpOptions))
    return semiSync
  }

  async #lookUp(connection: SourceConnection): Promise<void> {
    this.#schemas = await askSchemas(connection, this.#options.schemas ?? [])
  }

  /** The dump has the connection for itself. */
  async #lookUpApart(address: ConnectionOptions): Promise<void> {
    if ((this.#options.schemas ?? []).length === 0) return
    await using connection = await SourceConnection.connect(address)
    await this.#lookUp(connection)
  }
}

/** Files of transactions that are too large for memory: the one that is open, and those whose reader has them. */
class Spills {
  readonly #dir: string | undefined
  #open: SpillFile | null = null
  #ended: SpillFile[] = []

  constructor(dir: string | undefined) { this.#dir = dir }

  /** What the reader gets for it: nothing for rows that are kept here, which its transaction brings along. */
  take(output: StreamOutput | SpilledRows): StreamOutput | null {
    if (output.type === 'spill') {
      this.#open ??= new SpillFile(this.#dir)
      this.#open.add(output.event)
      return null
    }
    const spill = this.#open
    if (spill === null || !('transaction' in output || output.type === 'position')) return output
    // Whatever ends a transaction ends the file: it came to nothing, or its reader has it.
    this.#open = null
    this.#ended.push(spill)
    if (!('transaction' in output) || !output.transaction.spilled) return output
    const { changes } = output.transaction
    const all = { * [Symbol.iterator]() {
      yield* changes
      yield* spill.changes()
    } }
    return { ...output, transaction: { ...output.transaction, changes: all } }
  }

  closeEnded(): void {
    for (const file of this.#ended) file.close()
    this.#ended = []
  }

  close(): void {
    this.closeEnded()
    this.#open?.close()
  }
}

const SEMI_SYNC = 0xef

const changesSchema = (output: StreamOutput): boolean =>
  output.type === 'transaction' && output.transaction.changesSchema

/** A uuid that stays the same for a server id: MySQL tells its replicas apart by it. */
function uuidOf(serverId: number): string {
  const hex = createHash('sha256').update(`slotwise-binlog-${serverId}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
