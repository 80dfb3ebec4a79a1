/**
 * SourceConnection: a socket to a server, authenticated: text queries, then at most one dump. The driver of Handshake,
 * ResultReader and PacketDecoder; it decides nothing.
 * The socket is read only while somebody waits for data, so a slow reader slows the source and not our memory.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { BinlogError, ConnectionLostError, DecodeError, HandshakeError } from '../errors.js'
import { query, quit } from '../wire/commands.js'
import { type Credentials, Handshake, type HandshakeStep, type ServerGreeting } from '../wire/handshake.js'
import { encodePacket, PacketDecoder } from '../wire/packet-decoder.js'
import { ERR, OK, type QueryResult, readError, ResultReader } from '../wire/replies.js'

export interface ConnectionOptions extends Credentials {
  host: string
  /** @default 3306 */
  port?: number
  /** Connecting, TLS and authentication together. @default 10_000 */
  connectTimeoutMs?: number
  /**
   * For Node's TLS: `ca`, `rejectUnauthorized`, `servername`. Certificates are verified where tls is 'required', unless
   * this says otherwise, and not where it is 'preferred', since servers make their own by default.
   */
  tlsOptions?: TlsOptions
  /** Most that one packet may have. @default 1_073_741_824, what servers allow */
  maxPacketBytes?: number
  signal?: AbortSignal
}

export class SourceConnection implements AsyncDisposable {
  readonly packets: PacketDecoder
  #socket: Socket
  #server: ServerGreeting | null = null
  #sequence = 0
  #ended: Error | null = null
  #wake: (() => void) | null = null
  #fresh = false

  private constructor(socket: Socket, maxPacketBytes: number) {
    this.#socket = socket
    this.packets = new PacketDecoder(maxPacketBytes)
    this.#listen(socket)
  }

  /** @throws {ServerError} {HandshakeError} {ConnectionLostError}, or the signal's reason */
  static async connect(options: ConnectionOptions): Promise<SourceConnection> {
    const { host, port = 3306, connectTimeoutMs = 10_000, signal, maxPacketBytes = 2 ** 30 } = options
    signal?.throwIfAborted()
    const socket = connectTcp({ host, port })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    const connection = new SourceConnection(socket, maxPacketBytes)
    const timer = setTimeout(() => connection.destroy(new ConnectionLostError(`${host}:${port} did not answer within ${connectTimeoutMs} ms`)), connectTimeoutMs)
    const abort = (): void => connection.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await connection.#handshake(options)
      return connection
    } catch (error) {
      connection.destroy(error as Error)
      throw error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  get server(): ServerGreeting { return this.#server! }

  /** A text query, complete. */
  async query(sql: string): Promise<QueryResult> {
    const rows: (Buffer | null)[][] = []
    let columns: QueryResult['columns'] = []
    for await (const part of this.queryRows(sql)) {
      columns = part.columns
      rows.push(...part.rows)
    }
    return { columns, rows }
  }

  /** A text query, its rows as they come. It has to be read to its end before anything else is sent. */
  async* queryRows(sql: string): AsyncGenerator<QueryResult, void, undefined> {
    this.send(query(sql))
    const reader = new ResultReader()
    for (let done = false; !done;) {
      done = reader.receive(await this.#packet())
      while (!done && this.packets.next()) done = reader.receive(this.#view())
      yield { columns: reader.columns, rows: reader.takeRows() }
    }
  }

  /** The first row as text by column name; null if there is none. */
  async queryOne(sql: string): Promise<Readonly<Record<string, string | null>> | null> {
    const { columns, rows } = await this.query(sql)
    const row = rows[0]
    if (row === undefined) return null
    return Object.fromEntries(columns.map(({ name }, i) => [name, row[i]?.toString() ?? null]))
  }

  /** A command whose reply is OK. */
  async command(payload: Buffer): Promise<void> {
    this.send(payload)
    const reply = await this.#packet()
    if (reply[0] === ERR) throw readError(reply)
    if (reply[0] !== OK) throw new DecodeError('OK was expected as the reply to a command')
  }

  /** A command, from sequence 0. */
  send(payload: Buffer): void { this.#write(payload, 0) }

  /**
   * Waits until more has come than `packets` has been asked for. @throws {ConnectionLostError}, or why it was
   * destroyed
   */
  async more(): Promise<void> {
    while (!this.#fresh) {
      if (this.#ended !== null) throw this.#ended
      this.#socket.resume()
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
    this.#fresh = false
  }

  /** Closes at once; what waits rejects with `reason`. */
  destroy(reason: Error = new ConnectionLostError('the connection was closed')): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  async close(): Promise<void> {
    if (this.#ended === null) {
      const closed = new Promise((resolve) => this.#socket.once('close', resolve))
      this.#end(new ConnectionLostError('the connection was closed'))
      this.#socket.resume()
      this.#socket.end(encodePacket(quit(), 0))
      const timer = setTimeout(() => this.#socket.destroy(), 1000)
      await closed
      clearTimeout(timer)
    }
  }

  [Symbol.asyncDispose](): Promise<void> { return this.close() }

  async #handshake(options: ConnectionOptions): Promise<void> {
    const handshake = new Handshake(options)
    while (this.#server === null) {
      await this.#perform(handshake.receive(await this.#packet()), handshake, options)
    }
  }

  async #perform(steps: readonly HandshakeStep[], handshake: Handshake, options: ConnectionOptions): Promise<void> {
    for (const step of steps) {
      switch (step.type) {
        case 'send':
          this.#write(step.payload, this.packets.sequence + 1 & 0xff)
          this.#sequence = this.packets.sequence + 1
          break
        case 'startTls':
          await this.#secure(options)
          // The head had the next sequence number, the answer behind TLS has the one after it.
          for (const { payload } of handshake.secured() as { payload: Buffer }[]) {
            this.#write(payload, this.#sequence + 1 & 0xff)
          }
          break
        case 'done': this.#server = step.server
      }
    }
  }

  async #secure({ host, tls, tlsOptions }: ConnectionOptions): Promise<void> {
    // Bytes before TLS would be somebody else's.
    if (this.packets.hasRest) throw new DecodeError('the server spoke before TLS had begun')
    const plain = this.#socket
    plain.removeAllListeners('data')
    plain.removeAllListeners('end')
    plain.removeAllListeners('close')
    plain.removeAllListeners('error')
    const isName = !/^[\d.]+$|:/.test(host)
    const secure = connectTls({
      socket: plain, rejectUnauthorized: tls === 'required', ...(isName ? { servername: host } : {}), ...tlsOptions,
    })
    this.#socket = secure
    this.#listen(secure)
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', resolve)
      secure.once('close', () => reject(this.#ended ?? new ConnectionLostError('the connection ended while TLS began')))
    })
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      socket.pause()
      this.packets.push(chunk)
      this.#fresh = true
      this.#notify()
    })
    socket.on('error', (cause) => this.#end(lostBy(cause)))
    socket.on('end', () => this.#end(new ConnectionLostError('the server closed the connection')))
    socket.on('close', () => this.#end(new ConnectionLostError('the connection is closed')))
    socket.pause()
  }

  #end(reason: Error): void {
    this.#ended ??= reason
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  #write(payload: Buffer, sequence: number): void {
    if (this.#ended !== null) throw this.#ended
    this.#socket.write(encodePacket(payload, sequence))
  }

  /** The next packet, whole. */
  async #packet(): Promise<Buffer> {
    while (!this.packets.next()) await this.more()
    return this.#view()
  }

  #view(): Buffer { return this.packets.buf.subarray(this.packets.start, this.packets.end) }
}

/** A certificate that is not good will not be better at the next try. */
function lostBy(cause: NodeJS.ErrnoException): BinlogError {
  return /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL/.test(cause.code ?? '')
    ? new HandshakeError(`TLS: ${cause.message}`, { cause })
    : new ConnectionLostError(cause.message, { cause })
}
