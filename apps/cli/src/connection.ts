/** Connection: a client of one server: authenticated, replies in order, every wait with an end. */
import { connect, type Socket } from 'node:net'
import { type Endpoint, printEndpoint } from './endpoint.js'
import { encodeCommand, type Reply, ReplyError, ReplyReader, textOf } from './resp.js'
import { UserError } from './user-error.js'

export type Words = readonly (string | number | Buffer)[]
interface Waiter { resolve(reply: Reply): void; reject(error: Error): void }

const CONNECT_TIMEOUT_MS = 5000
const REPLY_TIMEOUT_MS = 60_000

export class Connection {
  readonly #socket: Socket
  readonly #reader = new ReplyReader()
  readonly #waiters: Waiter[] = []
  #end: Error | null = null
  /** Replies that nobody asked for, as MONITOR sends them. */
  onReply: ((reply: Reply) => void) | null = null
  onEnd: ((error: Error) => void) | null = null

  private constructor(readonly endpoint: Endpoint, socket: Socket) {
    this.#socket = socket
    const where = printEndpoint(endpoint)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('error', ({ message }) => this.#finish(new UserError(`${where}: ${message}`)))
    socket.on('close', () => this.#finish(new UserError(`${where} closed the connection`)))
    socket.on('timeout', () => {
      if (this.#waiters.length === 0) return
      this.#finish(new UserError(`${where} does not answer`))
      socket.destroy()
    })
  }

  /**
   * Connects, authenticates and selects the database of the endpoint.
   * @throws {UserError} that names the server
   */
  static async open(endpoint: Endpoint): Promise<Connection> {
    const { host, port, user, password, db } = endpoint
    const connection = await new Promise<Connection>((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, timeout: CONNECT_TIMEOUT_MS })
      const fail = (why: string): void => {
        socket.destroy()
        reject(new UserError(`cannot reach ${printEndpoint(endpoint)}: ${why}`))
      }
      const failed = ({ message, code }: NodeJS.ErrnoException): void => fail(message === '' ? code ?? 'it failed' : message)
      const late = (): void => fail('it does not answer')
      socket.once('error', failed).once('timeout', late).once('connect', () => {
        socket.off('error', failed).off('timeout', late).setTimeout(REPLY_TIMEOUT_MS)
        resolve(new Connection(endpoint, socket))
      })
    })
    try {
      if (password !== undefined) await connection.must('AUTH', ...user === undefined ? [] : [user], password)
      if (db !== undefined && db !== 0) await connection.must('SELECT', db)
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  /** One command; an error reply is a value. */
  command(...words: Words): Promise<Reply> {
    this.#socket.write(encodeCommand(words))
    return this.#reply()
  }

  /** One command that has to work. @throws {UserError} with the server's words */
  async must(...words: Words): Promise<Reply> {
    const reply = await this.command(...words)
    if (reply instanceof ReplyError)
      throw new UserError(`${printEndpoint(this.endpoint)} refuses ${String(words[0])}: ${reply.message}`)
    return reply
  }

  /** As text. */
  async text(...words: Words): Promise<string> {
    return textOf(await this.must(...words))
  }

  /** The fields of a section of INFO. */
  async info(section: string): Promise<Map<string, string>> {
    return parseInfo(await this.text('INFO', section))
  }

  /** Commands in one write, replies in their order; errors are values. */
  pipeline(commands: readonly Words[]): Promise<Reply[]> {
    if (commands.length === 0) return Promise.resolve([])
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)))
    return Promise.all(commands.map(() => this.#reply()))
  }

  close(): void {
    this.#socket.destroy()
  }

  #reply(): Promise<Reply> {
    return this.#end === null
      ? new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
      : Promise.reject(this.#end)
  }

  #take(chunk: Buffer): void {
    this.#reader.push(chunk)
    try {
      for (let reply = this.#reader.next(); reply !== undefined; reply = this.#reader.next()) {
        const waiter = this.#waiters.shift()
        if (waiter === undefined) this.onReply?.(reply)
        else waiter.resolve(reply)
      }
    } catch (error) {
      this.#finish(new UserError(`${printEndpoint(this.endpoint)}: ${(error as Error).message}`))
      this.#socket.destroy()
    }
  }

  #finish(error: Error): void {
    if (this.#end !== null) return
    this.#end = error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    this.onEnd?.(error)
  }
}

/** `name:value` lines; those without a colon are headings. */
export const parseInfo = (text: string): Map<string, string> => new Map(text.split(/\r?\n/).flatMap((line) => {
  const colon = line.indexOf(':')
  return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
}))
