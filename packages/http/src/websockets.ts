/**
 * WebSockets: commands as JSON messages on one connection, `/ws`. A message is a command, `["GET","key"]`, answered by
 * `{"result":...}` or `{"error":...}` in the order of the commands, or `{"id":1,"command":[...]}`, whose answer has
 * the id as well. SUBSCRIBE, PSUBSCRIBE and their opposites are for connections: what is heard comes as
 * `{"message":["message","CHANNEL","TEXT"]}`. Who does not read, sends too far ahead or does not answer pings is cut
 * off. Source: RFC 6455. Elsewhere: framing (the package ws), what commands may do and say (gateway-core.ts).
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { ReplyError } from '@slotwise/engine'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import type { Answer } from './answer.js'
import { type Channels, type ChannelMessage, CHANNELS_MAX } from './channels.js'
import { channelRefusal } from './command-rules.js'
import type { Admitted, GatewayCore } from './gateway-core.js'
import type { GatewayLimits } from './gateway-options.js'
import { errorJson } from './reply-json.js'
import { BadRequest, type CommandArgs, commandOf } from './request-commands.js'

const UNREAD_MAX = 1024 * 1024
/** Messages that may wait for the answer to one before them. */
const AHEAD_MAX = 1000
const PING_EVERY_MS = 30_000
const POLICY = 1008
const TRY_AGAIN = 1013
const NO_TEXT = 1003

export class WebSockets {
  readonly #server: WebSocketServer
  readonly #talks = new Set<Talk>()
  readonly #pinger: NodeJS.Timeout

  constructor(
    private readonly core: GatewayCore, private readonly channels: Channels, private readonly limits: GatewayLimits,
  ) {
    this.#server = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytesMax, perMessageDeflate: false })
    this.#pinger = setInterval(() => {
      for (const talk of this.#talks) talk.ping()
    }, PING_EVERY_MS).unref()
  }

  /** @param rest  what came behind the head */
  accept(request: Pick<IncomingMessage, 'method' | 'url' | 'headers'>, socket: Socket, rest: Buffer, who: Admitted): void {
    if (this.#talks.size >= this.limits.streamsMax) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      return
    }
    this.#server.handleUpgrade(request as IncomingMessage, socket, rest, (socketOf) => {
      const talk = new Talk(socketOf, this.core, this.channels, who)
      this.#talks.add(talk)
      socketOf.once('close', () => this.#talks.delete(talk))
    })
  }

  /** Tokens have changed, or the gateway ends: whoever may comes back. */
  endAll(): void {
    for (const talk of this.#talks) talk.end(1012, 'come back')
  }

  close(): void {
    clearInterval(this.#pinger)
    this.endAll()
    this.#server.close()
  }
}

/** One connection. */
class Talk {
  readonly #socket: WebSocket
  readonly #waiting: RawData[] = []
  readonly #listening = new Map<string, () => void>()
  #isBusy = false
  #isAlive = true
  /** The end has been said: what the client sends until it has heard of it is neither run nor kept. */
  #isOver = false

  constructor(
    socket: WebSocket, private readonly core: GatewayCore, private readonly channels: Channels,
    private readonly who: Admitted,
  ) {
    this.#socket = socket
    socket.on('message', (data, isBinary) => this.#message(data, isBinary))
    socket.on('pong', () => { this.#isAlive = true })
    socket.on('error', () => undefined) // closed next: a message over the limit, a frame that is none
    socket.on('close', () => {
      this.#waiting.length = 0
      for (const leave of this.#listening.values()) leave()
      this.#listening.clear()
    })
  }

  ping(): void {
    if (!this.#isAlive) return this.#socket.terminate()
    if (!this.core.mayGoOn(this.who)) return this.end(POLICY, 'Unauthorized')
    this.#isAlive = false
    this.#socket.ping()
  }

  end(code: number, why: string): void {
    this.#isOver = true
    this.#waiting.length = 0
    this.#socket.close(code, why)
  }

  #message(data: RawData, isBinary: boolean): void {
    if (this.#isOver) return
    if (isBinary) return this.end(NO_TEXT, 'messages are text')
    this.#waiting.push(data)
    if (this.#waiting.length > AHEAD_MAX) return this.end(POLICY, 'too many messages ahead')
    if (!this.#isBusy) void this.#work()
  }

  /** Answers in order; an answer that waits holds up those behind it. */
  async #work(): Promise<void> {
    this.#isBusy = true
    for (let data = this.#waiting.shift(); data !== undefined; data = this.#waiting.shift()) {
      const answer = this.#answer((data as Buffer).toString())
      this.#send(typeof answer === 'string' ? answer : await answer)
    }
    this.#isBusy = false
  }

  #answer(text: string): string | Promise<string> {
    const message = parse(text)
    if (message instanceof BadRequest) return errorJson(message.error)
    const command = commandOf(message.command)
    const prefix = message.id === undefined ? '{' : `{"id":${JSON.stringify(message.id)},`
    const withId = (json: string): string => prefix + json.slice(1)
    if (command instanceof BadRequest) return withId(errorJson(command.error))
    const kind = String(command[0]).toLowerCase()
    if (/^p?(un)?subscribe$/.test(kind)) return this.#subscriptions(kind, command.slice(1)).catch(refused).then(withId)
    const answer = this.core.command(this.who, command)
    const body = (done: Answer): string => withId(String(done.body))
    return answer instanceof Promise ? answer.then(body) : body(answer)
  }

  async #subscriptions(kind: string, names: CommandArgs): Promise<string> {
    const isPattern = kind.startsWith('p')
    if (names.length === 0) return errorJson(`ERR wrong number of arguments for '${kind}' command`)
    for (const name of names as readonly string[]) {
      const key = `${isPattern ? 'p' : 'c'}${name}`
      const known = this.#listening.get(key)
      if (kind.includes('un')) {
        known?.()
        this.#listening.delete(key)
        continue
      }
      const refusal = channelRefusal(name, this.who.scope!)
      if (refusal !== null) return errorJson(refusal)
      if (known !== undefined) continue
      if (this.#listening.size >= CHANNELS_MAX) return errorJson(`ERR more than ${CHANNELS_MAX} channels`)
      const leave = await this.channels.listen([name], isPattern, (heard) => this.#send(messageJson(heard)))
      if (this.#socket.readyState === this.#socket.OPEN) this.#listening.set(key, leave)
      else leave()
    }
    return JSON.stringify({ result: [kind, names.at(-1), this.#listening.size] })
  }

  #send(json: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(json)
    if (this.#socket.bufferedAmount > UNREAD_MAX + json.length) this.end(TRY_AGAIN, 'messages are not read')
  }
}

const refused = (error: unknown): string =>
  errorJson(error instanceof ReplyError ? `${error.code} ${error.message}` : 'ERR the server is not available')

const messageJson = ({ pattern, channel, text }: ChannelMessage): string =>
  JSON.stringify({ message: pattern === null ? ['message', channel, text] : ['pmessage', pattern, channel, text] })

function parse(text: string): { id?: string | number; command: unknown } | BadRequest {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return new BadRequest('ERR Protocol error: the message is not valid JSON')
  }
  if (Array.isArray(json)) return { command: json }
  const { id, command } = (json ?? {}) as { id?: unknown; command?: unknown }
  if (id === undefined) return { command }
  if (typeof id !== 'string' && typeof id !== 'number') return new BadRequest('ERR Protocol error: an id is a string or a number')
  return { id, command }
}
