/**
 * RequestParser: the requests in the bytes of one connection, as they come, in whatever pieces. After a head its driver
 * says whether the body is wanted, and how long it may be, before any of it is kept; after a request the parser stands
 * still until it is told to go on, so answers keep the order of requests. After an error nothing more is read: what
 * follows could be anything.
 * No socket, no clock. Source: RFC 9112. Elsewhere: the lines of a head (request-head.ts), sockets (wire-server.ts).
 */
import { type Head, type HeadError, HeadReader, SINGLE } from './request-head.js'

export type Step =
  /** More bytes are needed. */
  | 'more'
  /** `head` is there: say `want` or `refuse`, then go on. */
  | 'head'
  /** `body` is there as well: say `done`, then go on. */
  | 'request'
  /** `error` says why nothing more is read. */
  | 'error'

export type WireError = HeadError | { readonly status: 413; readonly why: string; readonly size: number }

type State = 'head' | 'wait' | 'length' | 'chunkSize' | 'chunk' | 'chunkEnd' | 'trailer' | 'request' | 'error'

const HEAD_BYTES_MAX = 16 * 1024
const CHUNK_LINE_MAX = 256
const TRAILER_BYTES_MAX = 4096
/** A size and nothing else, and extensions, which are skipped but must be some: names, with a word or a quotation. */
const CHUNK_LINE = /^([0-9a-fA-F]{1,8})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\x20!\x23-\x5b\x5d-\x7e]*"))?)*$/
const EMPTY = Buffer.alloc(0)
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const END_OF_LINE = Buffer.from('\r\n')
const LF = 10
const CR = 13

export class RequestParser {
  head!: Head
  /** Null if there was none. */
  body: Buffer | null = null
  error!: WireError
  #state: State = 'head'
  /** What has come and is not read yet: from `#at` of `#bytes` on. */
  #bytes: Buffer = EMPTY
  #at = 0
  /** Where the end of the head has been looked for already. */
  #searched = 0
  #bodyMax = 0
  #left = 0
  #chunks: Buffer[] = []
  #size = 0
  #trailer = 0
  readonly #reader = new HeadReader()

  /** Nothing of a request has come. */
  get isIdle(): boolean { return this.#state === 'head' && this.#at === this.#bytes.length }

  /** Bytes of a body that are kept at the moment. */
  get bodyBytes(): number { return this.#size }

  /** What has come behind the request: another protocol's, after an upgrade. */
  rest(): Buffer { return this.#bytes.subarray(this.#at) }

  /** Bytes that came. They must not be written to afterwards. */
  push(bytes: Buffer): void {
    const isRead = this.#at === this.#bytes.length
    this.#searched = isRead ? 0 : Math.max(0, this.#searched - this.#at)
    this.#bytes = isRead ? bytes : Buffer.concat([this.#bytes.subarray(this.#at), bytes])
    this.#at = 0
  }

  /** The head's body is wanted if it is no longer than that; `next` tells. */
  want(bodyMax: number): void {
    this.#bodyMax = bodyMax
    const { chunked, contentLength = 0 } = this.head.headers
    this.#left = contentLength
    if (contentLength > bodyMax) this.#tooLong(contentLength)
    else this.#state = chunked ? 'chunkSize' : contentLength > 0 ? 'length' : 'request'
  }

  /** The request has been answered. */
  done(): void {
    this.body = null
    this.#state = 'head'
  }

  next(): Step {
    for (;;) {
      const step = this.#step()
      if (step !== 'on') return step
    }
  }

  #step(): Step | 'on' {
    switch (this.#state) {
      case 'head': return this.#readHead()
      case 'wait': return 'head'
      case 'length': return this.#readLength()
      case 'chunkSize': return this.#readChunkSize()
      case 'chunk': return this.#readChunk()
      case 'chunkEnd': return this.#readChunkEnd()
      case 'trailer': return this.#readTrailer()
      case 'request': return 'request'
      case 'error': return 'error'
    }
  }

  #readHead(): Step {
    const bytes = this.#bytes
    // An empty line in front is what some clients send behind a body.
    if (bytes[this.#at] === CR) {
      if (this.#at + 1 === bytes.length) return 'more'
      if (bytes[this.#at + 1] === LF) this.#at += 2
    }
    const end = bytes.indexOf(END_OF_HEAD, Math.max(this.#at, this.#searched - 3))
    const size = (end < 0 ? bytes.length : end) - this.#at
    if (size > HEAD_BYTES_MAX) return this.#fail({ status: 431, why: `the head is longer than ${HEAD_BYTES_MAX} bytes` })
    if (end < 0) {
      this.#searched = bytes.length
      if (size === 0 || bytes[this.#at] === CR) return 'more'
      // What is no request line will not become one: a TLS handshake or RESP, say.
      if (!isMethodByte(bytes[this.#at]!)) return this.#fail({ status: 400, why: 'expected a request line' })
      return 'more'
    }
    const head = this.#reader.read(bytes.toString('latin1', this.#at, end))
    if ('status' in head) return this.#fail(head)
    this.head = head
    this.#at = end + 4
    this.#searched = 0
    this.#state = 'wait'
    return 'head'
  }

  #readLength(): Step | 'on' {
    const end = Math.min(this.#bytes.length, this.#at + this.#left)
    if (this.#chunks.length === 0 && end - this.#at === this.#left) {
      // All of it is here: it is not copied. The piece that it lies in was the socket's own.
      this.body = this.#bytes.subarray(this.#at, end)
      this.#at = end
      this.#state = 'request'
      return 'on'
    }
    this.#keep(end)
    this.#left -= end - this.#at
    this.#at = end
    if (this.#left > 0) return 'more'
    this.#whole()
    return 'on'
  }

  #readChunkSize(): Step | 'on' {
    const line = this.#line(CHUNK_LINE_MAX)
    if (line === null) return this.#state === 'error' ? 'error' : 'more'
    const match = CHUNK_LINE.exec(line)
    if (match === null) return this.#fail({ status: 400, why: 'a chunk has no size' })
    this.#left = parseInt(match[1]!, 16)
    if (this.#size + this.#left > this.#bodyMax) return this.#tooLong(this.#size + this.#left)
    this.#trailer = 0
    this.#state = this.#left === 0 ? 'trailer' : 'chunk'
    return 'on'
  }

  #readChunk(): Step | 'on' {
    const end = Math.min(this.#bytes.length, this.#at + this.#left)
    this.#keep(end)
    this.#left -= end - this.#at
    this.#at = end
    if (this.#left > 0) return 'more'
    this.#state = 'chunkEnd'
    return 'on'
  }

  #readChunkEnd(): Step | 'on' {
    if (this.#bytes.length - this.#at < 2) return 'more'
    if (this.#bytes[this.#at] !== CR || this.#bytes[this.#at + 1] !== LF) return this.#fail({ status: 400, why: 'a chunk is longer than its size' })
    this.#at += 2
    this.#state = 'chunkSize'
    return 'on'
  }

  /** Fields behind the last chunk mean nothing here, but must be fields, and none that say how a request is read. */
  #readTrailer(): Step | 'on' {
    const line = this.#line(TRAILER_BYTES_MAX - this.#trailer)
    if (line === null) return this.#state === 'error' ? 'error' : 'more'
    if (line === '') {
      this.#whole()
      return 'on'
    }
    this.#trailer += line.length + 2
    const name = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t\x20-\x7e\x80-\xff]*$/.exec(line)?.[1]
    if (name === undefined || SINGLE.has(name.toLowerCase())) return this.#fail({ status: 400, why: 'a trailer is malformed' })
    return 'on'
  }

  /** The next line without its end; null if it is not whole, or too long, which is an error. */
  #line(max: number): string | null {
    const end = this.#bytes.indexOf(END_OF_LINE, this.#at)
    if ((end < 0 ? this.#bytes.length : end) - this.#at > max) {
      this.#fail({ status: 400, why: 'a line of the body is too long' })
      return null
    }
    if (end < 0) return null
    const line = this.#bytes.toString('latin1', this.#at, end)
    this.#at = end + 2
    return line
  }

  #keep(end: number): void {
    if (end === this.#at) return
    this.#chunks.push(this.#bytes.subarray(this.#at, end))
    this.#size += end - this.#at
  }

  #whole(): void {
    this.body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size)
    this.#chunks = []
    this.#size = 0
    this.#state = 'request'
  }

  #tooLong(size: number): Step { return this.#fail({ status: 413, why: 'the body is too long', size }) }

  #fail(error: WireError): Step {
    this.error = error
    this.#state = 'error'
    this.#chunks = []
    this.#size = 0
    this.#bytes = EMPTY
    this.#at = 0
    return 'error'
  }
}

const isMethodByte = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a
