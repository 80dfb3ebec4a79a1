/**
 * Request head: the lines before a body, read strictly. Whatever two programs could read in two ways (a length twice, a
 * length beside chunks, a line that ends in LF alone, a folded line, a space before a colon) is refused, so that no
 * proxy in front can be made to see other requests than we do. The header block of a connection is mostly the same
 * each time, so the last one is kept and compared as a whole.
 * Source: RFC 9110, RFC 9112. Elsewhere: finding the head in a stream, and the body (request-parser.ts).
 */
import { METHODS } from 'node:http'

export type HeadError = { readonly status: 400 | 417 | 431 | 501 | 505; readonly why: string }

/** What the header block says. Immutable: shared by all requests that repeat it. */
export interface Headers {
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>
  /** Bytes; undefined if there is no such header. */
  readonly contentLength: number | undefined
  readonly chunked: boolean
  readonly expectsContinue: boolean
  /** What `Connection` asks for. */
  readonly close: boolean
  readonly upgrade: boolean
}

export interface Head {
  readonly method: string
  readonly target: string
  /** HTTP/1.0: no chunks, and the connection ends with the answer. */
  readonly isOld: boolean
  readonly headers: Headers
}

const HEADERS_MAX = 100
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS)
const REQUEST_LINE = /^([A-Z]{1,20}) (\/[\x21-\x7e]*) HTTP\/1\.([01])$/
// Around a value only spaces are left out: programs differ about tabs, and a length with one is none.
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): *([\t\x20-\x7e\x80-\xff]*)$/
/** These decide how a request is read or who sent it: two of them are two readings. */
export const SINGLE: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'authorization', 'expect', 'upgrade', 'upstash-encoding', 'upstash-response-format', 'upstash-sync-token', 'origin'])

export class HeadReader {
  #lastBlock = ''
  #lastOld = false
  #last: Headers | null = null

  /** @param text  the head without the empty line at its end, each character a byte */
  read(text: string): Head | HeadError {
    const end = text.indexOf('\r\n')
    const line = end < 0 ? text : text.slice(0, end)
    const match = REQUEST_LINE.exec(line)
    if (match === null) {
      return / HTTP\/(?!1\.[01]\b)\d/.test(line) ? { status: 505, why: 'HTTP/1.1 is spoken here' } : bad('expected a request line')
    }
    if (!KNOWN_METHODS.has(match[1]!)) return { status: 501, why: 'no such method' }
    const block = end < 0 ? '' : text.slice(end + 2)
    const isOld = match[3] === '0'
    let headers = this.#last
    if (headers === null || block !== this.#lastBlock || isOld !== this.#lastOld) {
      const read = readHeaders(block, isOld)
      if ('status' in read) return read
      this.#last = headers = read
      this.#lastBlock = block
      this.#lastOld = isOld
    }
    return { method: match[1]!, target: match[2]!, isOld, headers }
  }
}

function readHeaders(block: string, isOld: boolean): Headers | HeadError {
  const fields = new Map<string, string>()
  const lines = block === '' ? [] : block.split('\r\n')
  if (lines.length > HEADERS_MAX) return { status: 431, why: `more than ${HEADERS_MAX} headers` }
  for (const line of lines) {
    const match = FIELD.exec(line)
    if (match === null) return bad('a header is malformed')
    const name = match[1]!.toLowerCase()
    const value = match[2]!.replace(/ +$/, '')
    const before = fields.get(name)
    if (before !== undefined && SINGLE.has(name)) return bad(`there is more than one ${name}`)
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return meaning(fields, isOld)
}

function meaning(fields: ReadonlyMap<string, string>, isOld: boolean): Headers | HeadError {
  if (!isOld && !fields.has('host')) return bad('there is no host')
  const length = fields.get('content-length')
  const encoding = fields.get('transfer-encoding')
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return bad('the content-length is no length')
  if (encoding !== undefined) {
    if (length !== undefined) return bad('there is a content-length beside a transfer-encoding')
    if (isOld) return bad('HTTP/1.0 has no transfer-encoding')
    if (encoding.toLowerCase() !== 'chunked') return { status: 501, why: 'the only transfer-encoding is chunked' }
  }
  const expect = fields.get('expect')
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return { status: 417, why: 'the only expectation is 100-continue' }
  const connection = (fields.get('connection') ?? '').toLowerCase().split(',').map((word) => word.trim())
  return {
    fields,
    contentLength: length === undefined ? undefined : Number(length),
    chunked: encoding !== undefined,
    expectsContinue: expect !== undefined && !isOld,
    close: isOld || connection.includes('close'),
    upgrade: connection.includes('upgrade') && fields.has('upgrade'),
  }
}

const bad = (why: string): HeadError => ({ status: 400, why })
