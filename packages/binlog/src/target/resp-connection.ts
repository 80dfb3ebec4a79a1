/**
 * RespConnection: one socket to a server that speaks RESP, for pipelines. It never connects again by itself: what a
 * server said is only worth something while it is the same one, so whoever uses it has to know.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { DecodeError, TargetLostError, TargetRefusedError, TooLargeError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'
import { encodeCommands } from '../resp/encode-commands.js'
import { RespDecoder, RespError, type RespReply } from '../resp/resp-decoder.js'

export interface RespOptions {
  host: string
  /** @default 6379 */
  port?: number
  /** @default 'default', where there is a password */
  username?: string
  password?: string
  /** For Node's TLS; `true` is all of its defaults. @default no TLS */
  tls?: boolean | TlsOptions
  /** SELECT; not in a cluster. @default 0 */
  database?: number
  /** @default 5_000 */
  connectTimeoutMs?: number
  /** How long a reply may take. @default 60_000 */
  replyTimeoutMs?: number
}

interface Waiter {
  readonly count: number
  readonly replies: RespReply[]
  resolve(replies: RespReply[]): void
  reject(error: Error): void
}

/** More than any value of a server may have. */
const REPLY_BYTES_MAX = 2 ** 29

/** What time or another server may heal. */
const PASSING = new Set(['LOADING', 'MASTERDOWN', 'READONLY', 'CLUSTERDOWN', 'TRYAGAIN', 'MOVED', 'ASK', 'NOREPLICAS', 'OOM', 'MISCONF', 'BUSY', 'UNBLOCKED'])

export class RespConnection {
  readonly name: string
  readonly #socket: Socket
  readonly #reader = new RespDecoder(REPLY_BYTES_MAX)
  readonly #waiters: Waiter[] = []
  readonly #replyTimeoutMs: number
  #ended: Error | null = null
  #timer: NodeJS.Timeout | null = null

  private constructor(socket: Socket, name: string, replyTimeoutMs: number) {
    this.#socket = socket
    this.name = name
    this.#replyTimeoutMs = replyTimeoutMs
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (cause) => this.#end(new TargetLostError(`${name}: ${cause.message}`, { cause })))
    socket.on('close', () => this.#end(new TargetLostError(`${name} closed the connection`)))
  }

  /** @throws {TargetLostError} if nobody answers; {TargetRefusedError} for a wrong password */
  static async connect(options: RespOptions): Promise<RespConnection> {
    const { host, port = 6379, username, password, tls = false, database = 0 } = options
    const { connectTimeoutMs = 5000, replyTimeoutMs = 60_000 } = options
    const name = `${host}:${port}`
    const socket = tls === false
      ? connectTcp({ host, port })
      : connectTls({ host, port, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }), ...(tls === true ? {} : tls) })
    socket.setNoDelay(true)
    const connection = new RespConnection(socket, name, replyTimeoutMs)
    const timer = setTimeout(() => connection.destroy(new TargetLostError(`${name} did not answer within ${connectTimeoutMs} ms`)), connectTimeoutMs)
    try {
      const hello: Command[] = [
        ...(password === undefined ? [] : [['AUTH', ...(username === undefined ? [] : [username]), password]]), ['PING'],
        ...(database === 0 ? [] : [['SELECT', String(database)]]),
      ]
      for (const reply of await connection.send(hello)) throwIfError(reply, name)
      return connection
    } catch (error) {
      connection.destroy(error as Error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  get ended(): boolean { return this.#ended !== null }

  /** Sends the commands in one piece. @returns their replies, in order @throws {TargetLostError} */
  send(commands: readonly Command[]): Promise<RespReply[]> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ count: commands.length, replies: [], resolve, reject })
      this.#socket.write(encodeCommands(commands))
      this.#watch()
    })
  }

  /** One command. @throws {TargetLostError} {TargetRefusedError} for an error reply */
  async command(...words: (string | Uint8Array)[]): Promise<RespReply> {
    const [reply] = await this.send([words])
    throwIfError(reply!, this.name)
    return reply!
  }

  /** Closes at once; what waits rejects. */
  destroy(reason: Error = new TargetLostError(`the connection to ${this.name} was closed`)): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.push(chunk)
      for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
        const reply = this.#reader.next()
        if (reply === undefined) break
        waiter.replies.push(reply)
        if (waiter.replies.length < waiter.count) continue
        this.#waiters.shift()
        waiter.resolve(waiter.replies)
      }
      this.#watch()
    } catch (error) {
      this.destroy(error instanceof DecodeError || error instanceof TooLargeError ? new TargetLostError(`${this.name}: ${error.message}`, { cause: error }) : error as Error)
    }
  }

  /** A reply is due as long as somebody waits. */
  #watch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = this.#waiters.length === 0 ? null : setTimeout(() => {
      this.destroy(new TargetLostError(`no reply of ${this.name} within ${this.#replyTimeoutMs} ms`))
    }, this.#replyTimeoutMs)
  }

  #end(reason: Error): void {
    this.#ended ??= reason
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#ended)
    this.#watch()
  }
}

/** @throws {TargetLostError} for errors that pass, {TargetRefusedError} for others */
export function throwIfError(reply: RespReply, server: string): void {
  if (!(reply instanceof RespError)) return
  const message = `${server}: ${reply.message}`
  throw PASSING.has(reply.code) ? new TargetLostError(message) : new TargetRefusedError(message)
}

/**
 * The replies of a transaction that was sent as MULTI … EXEC.
 * @throws as `throwIfError`, for the first one that is an error
 */
export function throwIfRefused(replies: readonly RespReply[], server: string): void {
  // EXECABORT only says that something before it was refused.
  for (const reply of replies) if (!(reply instanceof RespError && reply.code === 'EXECABORT')) throwIfError(reply, server)
  const done = replies.at(-1)!
  throwIfError(done, server)
  if (!Array.isArray(done)) throw new TargetLostError(`${server}: a transaction that was not executed`)
  for (const reply of done as readonly RespReply[]) throwIfError(reply, server)
}
