/**
 * RESP2 as a client needs it: commands to bytes, bytes to replies. Sans-IO. Bulk strings stay bytes, since those of
 * DUMP are no text. Lengths are checked before memory is taken: a server of another kind may answer.
 */
export type Reply = string | number | null | Buffer | ReplyError | Reply[]

/** An error reply, as a value. */
export class ReplyError {
  constructor(readonly message: string) {}
}

const BULK_MAX = 512 << 20
const COUNT_MAX = 1 << 24
/** No line of a reply is longer. */
const LINE_MAX = 1 << 20

export function encodeCommand(words: readonly (string | number | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** What one reply is as text. */
export function textOf(reply: Reply): string {
  if (reply === null) return ''
  if (reply instanceof ReplyError) return reply.message
  if (Array.isArray(reply)) return reply.map(textOf).join(' ')
  return typeof reply === 'number' ? String(reply) : reply.toString()
}

export class ReplyReader {
  #bytes = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #size = 0
  /** No whole reply before so many bytes are there. */
  #needed = 1

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /**
   * @returns the next whole reply, or undefined
   * @throws {Error} if the bytes are no RESP2
   */
  next(): Reply | undefined {
    if (this.#size < this.#needed) return undefined
    this.#bytes = this.#chunks.length === 1 ? this.#chunks[0] as Buffer<ArrayBuffer> : Buffer.concat(this.#chunks)
    this.#chunks = [this.#bytes]
    const found = this.#read(0)
    if (typeof found === 'number') {
      this.#needed = found
      return undefined
    }
    const rest = this.#bytes.subarray(found.end)
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#size = rest.length
    this.#needed = 1
    return found.reply
  }

  /** The reply that begins at `at`, or how many bytes have to be there before it can be looked at again. */
  #read(at: number): { reply: Reply; end: number } | number {
    const line = this.#bytes.indexOf('\r\n', at)
    if (line < 0) {
      if (this.#bytes.length - at > LINE_MAX) throw new Error('it does not speak RESP')
      return this.#bytes.length + 1
    }
    const word = this.#bytes.toString('latin1', at + 1, line)
    const end = line + 2
    switch (String.fromCharCode(this.#bytes[at]!)) {
      case '+': return { reply: word, end }
      case '-': return { reply: new ReplyError(this.#bytes.toString('utf8', at + 1, line)), end }
      case ':': return { reply: integer(word), end }
      case '$': return this.#bulk(integer(word), end)
      case '*': return this.#array(integer(word), end)
      default: throw new Error('it does not speak RESP')
    }
  }

  #bulk(size: number, at: number): { reply: Reply; end: number } | number {
    if (size === -1) return { reply: null, end: at }
    if (size < 0 || size > BULK_MAX) throw new Error(`a bulk string of ${size} bytes`)
    const end = at + size + 2
    return this.#bytes.length < end ? end : { reply: Buffer.from(this.#bytes.subarray(at, at + size)), end }
  }

  #array(count: number, at: number): { reply: Reply; end: number } | number {
    if (count === -1) return { reply: null, end: at }
    if (count < 0 || count > COUNT_MAX) throw new Error(`an array of ${count} replies`)
    const reply: Reply[] = []
    let end = at
    for (let index = 0; index < count; index++) {
      const found = this.#read(end)
      if (typeof found === 'number') return found
      reply.push(found.reply)
      end = found.end
    }
    return { reply, end }
  }
}

function integer(word: string): number {
  if (!/^-?\d{1,19}$/.test(word)) throw new Error('it does not speak RESP')
  return Number(word)
}
