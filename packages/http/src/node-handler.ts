/**
 * NodeHandler: requests of a node:http server of the user's own to the core and its answers back. That server parses,
 * keeps connections alive and has its time-outs; what is decided here is how long a body may be, and that of a request
 * which is refused nothing is kept. A body counts against its own limit and against that of all together as it comes.
 * Elsewhere: every decision about content (gateway-core.ts), the gateway's own sockets (wire/wire-server.ts).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHead } from './access.js'
import { type Answer, errorAnswer, type StreamAnswer } from './answer.js'
import { drained } from './event-stream.js'
import type { Admitted, GatewayCore } from './gateway-core.js'
import type { GatewayLimits } from './gateway-options.js'

/** A client that goes on sending what was refused is cut off after so long. */
const REFUSED_LINGER_MS = 500
export class NodeHandler {
  readonly #core: GatewayCore
  readonly #limits: GatewayLimits
  /** Bytes of bodies that are kept at the moment. */
  #receiving = 0

  constructor(core: GatewayCore, limits: GatewayLimits) {
    this.#core = core
    this.#limits = limits
  }

  /** For a server of one's own: `createServer(handler)`. */
  readonly handler = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response)

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { headers, method = '' } = request
    const admitted = this.#core.admit(headOf(request))
    const length = headers['content-length']
    const hasBody = (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined
    if ('status' in admitted) return this.#refuse(request, response, admitted, hasBody)
    if (method === 'GET' || method === 'HEAD' || !hasBody) {
      if (hasBody) return this.#refuse(request, response, errorAnswer(400, `ERR Protocol error: a ${method} has no body`), true)
      return this.#answer(request, response, admitted, null)
    }
    const { bodyBytesMax } = this.#limits
    if (Number(length ?? 0) > bodyBytesMax) return this.#refuse(request, response, tooLong(bodyBytesMax, length!), true)
    this.#receive(request, response, admitted)
  }

  #receive(request: IncomingMessage, response: ServerResponse, admitted: Admitted): void {
    const { bodyBytesMax, bodiesBytesMax } = this.#limits
    const chunks: Buffer[] = []
    let size = 0
    let done = false
    const release = (): void => {
      if (done) return
      done = true
      this.#receiving -= size
      chunks.length = 0
    }
    request.on('data', (chunk: Buffer) => {
      if (done) return // refused already
      size += chunk.length
      this.#receiving += chunk.length
      const refusal = size > bodyBytesMax ? tooLong(bodyBytesMax, size)
        : this.#receiving > bodiesBytesMax ? errorAnswer(503, 'ERR too many requests are being received', ['retry-after', '1']) : null
      if (refusal === null) {
        chunks.push(chunk)
        return
      }
      release()
      this.#refuse(request, response, refusal, true)
    })
    request.on('end', () => {
      if (done) return
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
      release()
      this.#answer(request, response, admitted, body)
    })
    request.on('close', release)
  }

  #answer(request: IncomingMessage, response: ServerResponse, admitted: Admitted, body: Buffer | null): void {
    const startMs = performance.now()
    const answer = this.#core.answer(admitted, body)
    if ('start' in answer) return this.#stream(response, answer)
    if (answer instanceof Promise) void answer.then((later) => this.#send(request, response, later, startMs))
    else this.#send(request, response, answer, startMs)
  }

  #send(request: IncomingMessage, response: ServerResponse, answer: Answer, startMs: number): void {
    const { status, type, body, headers } = answer
    const fields = ['content-type', type, 'content-length', String(Buffer.byteLength(body))]
    response.writeHead(status, headers === undefined ? fields : [...fields, ...headers])
    response.end(request.method === 'HEAD' ? undefined : body)
    this.#core.metrics.answered(status, performance.now() - startMs)
  }

  #stream(response: ServerResponse, answer: StreamAnswer): void {
    const { status, type } = answer
    response.writeHead(status, ['content-type', type, 'cache-control', 'no-cache'])
    response.flushHeaders()
    response.once('close', answer.start({
      write: (text) => {
        response.write(text)
        return response.writableLength
      },
      drained: () => drained(response),
      end: () => response.end(),
    }))
    this.#core.metrics.answered(status, 0)
  }

  /** Without its body being kept. The client has a moment to read why before the connection ends. */
  #refuse(request: IncomingMessage, response: ServerResponse, answer: Answer, hasBody: boolean): void {
    this.#send(request, response, answer, performance.now())
    if (!hasBody || request.complete) return
    const cut = setTimeout(() => request.socket.destroy(), REFUSED_LINGER_MS)
    request.once('close', () => clearTimeout(cut))
    request.resume()
  }
}

function headOf(request: IncomingMessage): RequestHead {
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    remoteAddress: request.socket.remoteAddress ?? '',
    header: (name) => {
      const value = request.headers[name]
      return typeof value === 'object' ? value.join(', ') : value
    },
  }
}

const tooLong = (limit: number, actual: number | string): Answer =>
  errorAnswer(413, `ERR max request size exceeded. Limit: ${limit} bytes, Actual: ${actual} bytes`)
