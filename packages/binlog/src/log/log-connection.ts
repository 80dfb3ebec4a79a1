/**
 * LogConnection: a socket to a Slotwise server: one request at a time, of one command or some, the replies, and the end
 * of it. Decides nothing.
 */
import { connect, type Socket } from 'node:net'
import { ConnectionLostError, DecodeError } from '../errors.js'
import { encodeCommands } from '../resp/encode-commands.js'
import { RespDecoder, RespError, type RespReply } from '../resp/resp-decoder.js'

export interface LogSource {
  readonly host: string
  readonly port: number
  readonly user?: string
  readonly password?: string
}

/** The source refused a command. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

interface Pending {
  readonly count: number
  readonly replies: RespReply[]
  resolve(replies: RespReply[]): void
  reject(error: Error): void
  readonly timer: NodeJS.Timeout
}

export class LogConnection {
  readonly #socket: Socket
  readonly #decoder = new RespDecoder()
  #pending: Pending | null = null
  #ended: Error | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => this.close(new ConnectionLostError(error.message, { cause: error })))
    socket.on('close', () => this.close(new ConnectionLostError('the source closed the connection')))
  }

  /** @throws {ConnectionLostError} if nobody listens there; {RefusedError} if the password is not the right one */
  static async open({ host, port, user, password = '' }: LogSource, timeoutMs: number): Promise<LogConnection> {
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 })
    const connection = new LogConnection(socket)
    try {
      const words = user === undefined || user === '' ? ['AUTH', password] : ['AUTH', user, password]
      if (password !== '') await connection.request(words, timeoutMs)
      await connection.request(['CLIENT', 'SETNAME', 'slotwise-follower'], timeoutMs)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** @throws {RefusedError} for an error reply; {ConnectionLostError} after `timeoutMs` without a reply */
  async request(words: readonly (string | Uint8Array)[], timeoutMs: number): Promise<RespReply> {
    const [reply = null] = await this.requests([words], timeoutMs)
    if (reply instanceof RespError) throw new RefusedError(reply.message)
    return reply
  }

  /**
   * Commands in one piece; errors are among the replies.
   * @throws {ConnectionLostError} after `timeoutMs` without all of them
   */
  async requests(commands: readonly (readonly (string | Uint8Array)[])[], timeoutMs: number): Promise<RespReply[]> {
    if (this.#ended !== null) throw this.#ended
    if (this.#pending !== null) throw new Error('one request at a time')
    return new Promise<RespReply[]>((resolve, reject) => {
      const timer = setTimeout(() => this.close(new ConnectionLostError(`the source did not answer within ${timeoutMs} ms`)), timeoutMs)
      this.#pending = { count: commands.length, replies: [], resolve, reject, timer }
      this.#socket.write(encodeCommands(commands))
    })
  }

  /** What waits rejects with `reason`. Idempotent. */
  close(reason: Error = new ConnectionLostError('the connection was closed')): void {
    this.#ended ??= reason
    this.#socket.destroy()
    const pending = this.#pending
    this.#pending = null
    if (pending === null) return
    clearTimeout(pending.timer)
    pending.reject(this.#ended)
  }

  #take(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk)
      for (let reply = this.#decoder.next(); reply !== undefined; reply = this.#decoder.next()) {
        const pending = this.#pending
        if (pending === null) throw new DecodeError('the source answered what nobody asked')
        pending.replies.push(reply)
        if (pending.replies.length < pending.count) continue
        this.#pending = null
        clearTimeout(pending.timer)
        pending.resolve(pending.replies)
      }
    } catch (error) {
      this.close(error as Error)
    }
  }
}
