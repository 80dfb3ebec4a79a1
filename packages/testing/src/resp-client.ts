/**
 * A socket to a Redis-compatible server on which a test says exactly what it wants: half a command, a malformed frame,
 * a thousand commands at once. Replies come in order, as values or as the bytes that were on the wire.
 */
import { connect, type Socket } from 'node:net'
import { encodeCommand, RespDecoder, type RespReply } from './resp-decoder.js'

export interface RespClientOptions {
  /** @default '127.0.0.1' */
  host?: string
  port?: number
  /** Call from this address. @default what the system chooses */
  localAddress?: string
  /** A unix socket instead of host and port. */
  path?: string
  /** Bulk strings as Buffers instead of UTF-8 strings. @default false */
  binary?: boolean
  /** How long a read waits for a reply. @default 30_000 */
  timeoutMs?: number
}

interface Reply { value: RespReply; wire: Buffer }
interface Waiter { resolve(reply: Reply): void; reject(error: Error): void; timer: NodeJS.Timeout }

export class RespClient implements AsyncDisposable {
  readonly #socket: Socket
  readonly #decoder: RespDecoder
  readonly #timeoutMs: number
  readonly #replies: Reply[] = []
  readonly #waiters: Waiter[] = []
  #end: Error | null = null
  /** Resolves when the connection is closed, by either side and for whatever reason. */
  readonly closed: Promise<void>

  private constructor(socket: Socket, options: RespClientOptions) {
    this.#socket = socket
    this.#decoder = new RespDecoder({ binary: options.binary ?? false })
    this.#timeoutMs = options.timeoutMs ?? 30_000
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', (error) => this.#finish(error))
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#finish(new Error('the server closed the connection'))
        resolve()
      })
    })
  }

  /** @throws {Error} what the socket reports, if nobody listens there */
  static connect(options: RespClientOptions): Promise<RespClient> {
    const { host = '127.0.0.1', port = 6379, path, localAddress } = options
    return new Promise((resolve, reject) => {
      const from = localAddress === undefined ? {} : { localAddress }
      const socket = path === undefined ? connect({ host, port, noDelay: true, ...from }) : connect({ path })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RespClient(socket, options))
      })
    })
  }

  /** Sends bytes as they are: inline commands, halves of commands, nonsense. Strings are sent as UTF-8. */
  send(bytes: string | Buffer): void {
    this.#socket.write(bytes)
  }

  /** Sends one command and waits for the next reply. Errors are values (RespError), not exceptions. */
  async command(...args: (string | number | Buffer)[]): Promise<RespReply> {
    this.send(encodeCommand(args))
    return this.read()
  }

  /** Sends one command and gives the next reply as it was on the wire, one character a byte. */
  async wire(...args: (string | number | Buffer)[]): Promise<string> {
    this.send(encodeCommand(args))
    return this.readWire()
  }

  /** Sends the commands in one write and gives their replies in order. */
  async pipeline(commands: readonly (readonly (string | number | Buffer)[])[]): Promise<RespReply[]> {
    this.send(Buffer.concat(commands.map(encodeCommand)))
    const replies: RespReply[] = []
    while (replies.length < commands.length) replies.push(await this.read())
    return replies
  }

  /**
   * The next reply, pushes included.
   * @throws {Error} when the connection is closed, or after `timeoutMs` without a whole reply
   */
  async read(): Promise<RespReply> {
    return (await this.#next()).value
  }

  /** The next reply as it was on the wire, one character (latin1) a byte. */
  async readWire(): Promise<string> {
    return (await this.#next()).wire.toString('latin1')
  }

  /** Replies that came and were not read yet. */
  get unreadCount(): number {
    return this.#replies.length
  }

  /** Stops reading from the socket: the server's output piles up. `resume` goes on. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Closes the sending side, as a client that is done. */
  endSending(): void {
    this.#socket.end()
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #next(): Promise<Reply> {
    const reply = this.#replies.shift()
    if (reply !== undefined) return Promise.resolve(reply)
    if (this.#end !== null) return Promise.reject(this.#end)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const index = this.#waiters.findIndex((waiter) => waiter.timer === timer)
        this.#waiters.splice(index, 1)
        reject(new Error(`no reply within ${this.#timeoutMs} ms (${this.#decoder.pendingBytes} bytes of one came)`))
      }, this.#timeoutMs)
      this.#waiters.push({ resolve, reject, timer })
    })
  }

  #take(chunk: Buffer): void {
    this.#decoder.push(chunk)
    try {
      for (let reply = this.#decoder.next(); reply !== null; reply = this.#decoder.next()) {
        const waiter = this.#waiters.shift()
        if (waiter === undefined) {
          this.#replies.push(reply)
          continue
        }
        clearTimeout(waiter.timer)
        waiter.resolve(reply)
      }
    } catch (error) {
      this.#finish(error as Error)
      this.#socket.destroy()
    }
  }

  /** The first reason stays: an error is followed by 'close'. */
  #finish(error: Error): void {
    this.#end ??= error
    for (const waiter of this.#waiters.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.reject(this.#end)
    }
  }
}
