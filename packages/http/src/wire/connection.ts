/**
 * Connection: one socket that speaks HTTP/1.1 with the core. Requests that came together are answered together, in one
 * write. While an answer waits for its promise, or the client does not read, nothing more is read from it. What is
 * refused ends the connection, and the client has a moment to read why.
 * Elsewhere: what bytes mean (request-parser.ts), what is answered (gateway-core.ts), time-outs (wire-server.ts).
 */
import type { Socket } from 'node:net'
import type { RequestHead } from '../access.js'
import { type Answer, errorAnswer, type StreamAnswer } from '../answer.js'
import { drained } from '../event-stream.js'
import type { Admitted, GatewayCore } from '../gateway-core.js'
import type { GatewayLimits } from '../gateway-options.js'
import type { WebSockets } from '../websockets.js'
import { RequestParser, type WireError } from './request-parser.js'
import type { ResponseHeads } from './response-head.js'

/** What the connections of a server share. */
export interface Shared {
  readonly core: GatewayCore
  readonly webSockets: WebSockets
  readonly limits: GatewayLimits
  readonly heads: ResponseHeads
  /** Bytes of bodies that are kept at the moment. */
  receiving: number
  closing: boolean
}

/**
 * `idle`: nothing of a request is here. `lingering`: refused, what comes is dropped. `streaming`: an answer without
 * end. `gone`: another protocol has the socket.
 */
type Phase = 'idle' | 'receiving' | 'answering' | 'lingering' | 'streaming' | 'gone'

const UNREAD_MAX = 1024 * 1024
const LINGER_MS = 500

export class Connection {
  #phase: Phase = 'idle'
  /** Since when it is in that phase; while receiving since the first byte. */
  #sinceMs: number
  /** Since when the client has not read what was written; Infinity: it has. */
  #unreadSinceMs = Infinity
  #headDone = false
  #counted = 0
  #admitted: ReturnType<GatewayCore['admit']> | null = null
  /** Answers that are not written yet. */
  #out = ''
  /** Such text is copied to the socket as it is. */
  #isAscii = true
  readonly #parser = new RequestParser()
  readonly #head: RequestHead

  constructor(private readonly socket: Socket, private readonly shared: Shared, nowMs: number) {
    this.#sinceMs = nowMs
    const parser = this.#parser
    const remoteAddress = socket.remoteAddress ?? ''
    // One for all requests: it is asked while the request is at hand.
    this.#head = {
      get method() { return parser.head.method },
      get url() { return parser.head.target },
      remoteAddress,
      header: (name) => parser.head.headers.fields.get(name),
    }
    socket.setNoDelay(true)
    socket.on('data', this.#onData)
    socket.on('drain', () => {
      this.#unreadSinceMs = Infinity
      if (!this.#isReading) return
      socket.resume()
      this.#read()
    })
    socket.on('error', () => undefined) // it is closed next
    socket.on('close', () => this.#uncount())
  }

  /** Whether what comes is wanted at the moment. */
  get #isReading(): boolean { return this.#phase === 'idle' || this.#phase === 'receiving' }

  /** Ends what takes too long. */
  sweep(nowMs: number): void {
    const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = this.shared.limits
    const sinceMs = nowMs - this.#sinceMs
    if (nowMs - this.#unreadSinceMs > requestTimeoutMs) return void this.socket.destroy()
    switch (this.#phase) {
      case 'idle':
        if (sinceMs > keepAliveTimeoutMs) this.socket.destroy()
        return
      case 'receiving':
        if (sinceMs <= (this.#headDone ? requestTimeoutMs : headersTimeoutMs)) return
        return this.#refuse(errorAnswer(408, 'ERR the request took too long'))
      case 'lingering':
        if (sinceMs > LINGER_MS && this.socket.writableLength === 0) this.socket.destroy()
        return
      case 'answering': case 'streaming': case 'gone': return
    }
  }

  /** The server ends: what is under way is answered, then the connection ends. */
  close(): void {
    if (this.#phase === 'idle') this.socket.destroy()
    if (this.#phase === 'streaming') this.socket.end()
  }

  destroy(): void { this.socket.destroy() }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#phase === 'lingering' || this.#phase === 'streaming') return
    if (this.#phase === 'idle') {
      this.#phase = 'receiving'
      this.#sinceMs = performance.now()
      this.#headDone = false
    }
    this.#parser.push(bytes)
    if (this.#phase === 'receiving') this.#read()
  }

  /** Answers all requests that are here, up to one whose answer waits. */
  #read(): void {
    const parser = this.#parser
    for (let isOn = true; isOn;) {
      switch (parser.next()) {
        case 'more':
          this.#count(parser.bodyBytes)
          isOn = false
          if (parser.isIdle) this.#idle()
          else if (this.#phase === 'idle') this.#receive()
          break
        case 'head': isOn = this.#admit(); break
        case 'request': isOn = this.#answer(); break
        case 'error':
          this.#refuse(answerOf(parser.error, this.shared.limits))
          isOn = false
          break
      }
    }
    this.#flush()
  }

  #receive(): void {
    this.#phase = 'receiving'
    this.#sinceMs = performance.now()
    this.#headDone = false
  }

  #idle(): void {
    this.#phase = 'idle'
    this.#sinceMs = performance.now()
    if (this.shared.closing) this.socket.end()
  }

  #admit(): boolean {
    const { core, limits } = this.shared
    const { method, headers } = this.#parser.head
    const admitted = core.admit(this.#head)
    if ('status' in admitted) {
      const hasBody = headers.chunked || (headers.contentLength ?? 0) > 0
      if (hasBody) {
        this.#refuse(admitted)
        return false
      }
    } else if ((method === 'GET' || method === 'HEAD') && (headers.chunked || (headers.contentLength ?? 0) > 0)) {
      this.#refuse(errorAnswer(400, `ERR Protocol error: a ${method} has no body`))
      return false
    }
    this.#admitted = admitted
    this.#headDone = true
    this.#parser.want(limits.bodyBytesMax)
    if (headers.expectsContinue && !('status' in admitted) && (headers.contentLength ?? 0) <= limits.bodyBytesMax) this.#out += 'HTTP/1.1 100 Continue\r\n\r\n'
    return true
  }

  #answer(): boolean {
    this.#count(0)
    const { core } = this.shared
    const startMs = performance.now()
    const admitted = this.#admitted!
    if (!('status' in admitted) && admitted.route === 'websocket' && this.#parser.head.headers.upgrade) return this.#upgrade(admitted)
    const answer = 'status' in admitted ? admitted : core.answer(admitted, this.#parser.body)
    if ('start' in answer) return this.#stream(answer)
    if (!(answer instanceof Promise)) return this.#write(answer, startMs)
    this.#phase = 'answering'
    this.socket.pause()
    void answer.then((later) => {
      this.#phase = 'receiving'
      this.#sinceMs = performance.now()
      if (this.socket.destroyed) return
      if (this.#write(later, startMs)) this.#read()
      else this.#flush()
      if (this.#isReading && this.#unreadSinceMs === Infinity) this.socket.resume()
    })
    return false
  }

  #stream(answer: StreamAnswer): boolean {
    const { core, heads } = this.shared
    const { socket } = this
    this.#out += heads.stream(answer)
    this.#flush()
    this.#phase = 'streaming'
    core.metrics.answered(answer.status, 0)
    const stop = answer.start({
      write: (text) => {
        this.#wrote(socket.write(text))
        return socket.writableLength
      },
      drained: () => drained(socket),
      end: () => socket.end(),
    })
    socket.once('close', stop)
    return false
  }

  #upgrade(who: Admitted): boolean {
    const { method, target, headers } = this.#parser.head
    const request = { method, url: target, headers: Object.fromEntries(headers.fields) }
    this.#flush()
    this.#phase = 'gone'
    this.socket.off('data', this.#onData)
    this.shared.webSockets.accept(request, this.socket, this.#parser.rest(), who)
    return false
  }

  /** @returns whether the next request may be read */
  #write(answer: Answer, startMs: number): boolean {
    const { core, heads, closing } = this.shared
    const { method, headers } = this.#parser.head
    const { body } = answer
    const isLast = headers.close || closing
    const isHead = method === 'HEAD'
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    this.#out += heads.head(answer, length, isLast, Date.now())
    if (!isHead) this.#append(body, length)
    core.metrics.answered(answer.status, performance.now() - startMs)
    this.#parser.done()
    if (isLast) {
      this.#flush()
      this.#linger()
      return false
    }
    this.#headDone = false
    this.#sinceMs = startMs
    if (this.#out.length > UNREAD_MAX) this.#flush()
    if (this.socket.writableLength <= UNREAD_MAX) return true
    // The client sends and does not read: nothing more is read from it until it does.
    this.#phase = 'idle'
    this.socket.pause()
    return false
  }

  #append(body: string | Buffer, length: number): void {
    if (typeof body === 'string') {
      this.#isAscii &&= body.length === length
      this.#out += body
    } else {
      this.#flush()
      this.#wrote(this.socket.write(body))
    }
  }

  #flush(): void {
    if (this.#out === '') return
    const text = this.#out
    const encoding = this.#isAscii ? 'latin1' : 'utf8'
    this.#out = ''
    this.#isAscii = true
    this.#wrote(this.socket.write(text, encoding))
  }

  #wrote(isRead: boolean): void {
    if (!isRead && this.#unreadSinceMs === Infinity) this.#unreadSinceMs = performance.now()
  }

  /** Answers, and reads nothing more. */
  #refuse(answer: Answer): void {
    const { core, heads } = this.shared
    const { body } = answer
    const length = Buffer.byteLength(body)
    this.#out += heads.head(answer, length, true, Date.now())
    this.#append(body, length)
    core.metrics.answered(answer.status, 0)
    this.#flush()
    this.#linger()
  }

  #linger(): void {
    this.#uncount()
    this.#phase = 'lingering'
    this.#sinceMs = performance.now()
    this.socket.end()
    this.socket.resume()
  }

  #count(bytes: number): void {
    this.shared.receiving += bytes - this.#counted
    this.#counted = bytes
    if (bytes > 0 && this.shared.receiving > this.shared.limits.bodiesBytesMax) {
      this.#refuse(errorAnswer(503, 'ERR too many requests are being received', ['retry-after', '1']))
    }
  }

  #uncount(): void {
    this.shared.receiving -= this.#counted
    this.#counted = 0
  }
}

function answerOf(error: WireError, limits: GatewayLimits): Answer {
  return 'size' in error
    ? errorAnswer(413, `ERR max request size exceeded. Limit: ${limits.bodyBytesMax} bytes, Actual: ${error.size} bytes`)
    : errorAnswer(error.status, `ERR Protocol error: ${error.why}`)
}
