/**
 * Cuts the bytes of one link into messages. Eight bytes tell signature and length; a wrong signature, a length below
 * the header or above the limit closes the link, and no memory is taken by what a length promises: bytes are kept as
 * they came and joined when the message is whole. A message of valid length that is otherwise wrong is dropped and the
 * link kept.
 * Source: Redis 7.0 cluster bus, transport. Elsewhere: what a message means (gossip.ts).
 */
import { decodeMessage } from './bus-decode.js'
import { HEADER_BYTES, MESSAGE_BYTES_MAX, PREFIX_BYTES, SIGNATURE } from './bus-layout.js'
import type { BusMessage } from './bus-message.js'

export interface StreamOptions {
  /** @default a header and 1 MiB */
  messageBytesMax?: number
}

export type StreamItem = { message: BusMessage } | { refused: string } | { close: string }

export class BusStream {
  /** Longer messages close the link. May be changed at any time. */
  messageBytesMax: number
  #chunks: Uint8Array[] = []
  #size = 0
  #expected: number | null = null
  #closed = false

  constructor(options: StreamOptions = {}) {
    this.messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX
  }

  /** Bytes that are held until their message is whole; at most what was received of it. */
  get bufferedBytes(): number { return this.#size }

  /** The messages that `chunk` completes. After a `close` item nothing is read any more. */
  push(chunk: Uint8Array): StreamItem[] {
    const items: StreamItem[] = []
    if (this.#closed) return items
    if (chunk.length > 0) {
      this.#chunks.push(chunk)
      this.#size += chunk.length
    }
    for (;;) {
      if (this.#expected === null) {
        if (this.#size < PREFIX_BYTES) return items
        const prefix = this.#peekPrefix()
        const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES)
        const length = view.getUint32(4)
        if (view.getUint32(0) !== SIGNATURE) return this.#close(items, 'wrong signature')
        if (length < HEADER_BYTES) return this.#close(items, `length ${length} is shorter than the header`)
        if (length > this.messageBytesMax)
          return this.#close(items, `length ${length} is over the limit ${this.messageBytesMax}`)
        this.#expected = length
      }
      if (this.#size < this.#expected) return items
      items.push(decodeMessage(this.#take(this.#expected)))
      this.#expected = null
    }
  }

  #close(items: StreamItem[], why: string): StreamItem[] {
    this.#closed = true
    this.#chunks = []
    this.#size = 0
    items.push({ close: why })
    return items
  }

  #peekPrefix(): Uint8Array {
    const first = this.#chunks[0]!
    if (first.length >= PREFIX_BYTES) return first
    const prefix = new Uint8Array(PREFIX_BYTES)
    let filled = 0
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(0, PREFIX_BYTES - filled)
      prefix.set(part, filled)
      filled += part.length
      if (filled === PREFIX_BYTES) break
    }
    return prefix
  }

  #take(length: number): Uint8Array {
    const first = this.#chunks[0]!
    this.#size -= length
    if (first.length >= length) {
      if (first.length === length) this.#chunks.shift()
      else this.#chunks[0] = first.subarray(length)
      return first.subarray(0, length)
    }
    const message = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const chunk = this.#chunks.shift()!
      const part = chunk.subarray(0, length - filled)
      message.set(part, filled)
      filled += part.length
      if (part.length < chunk.length) this.#chunks.unshift(chunk.subarray(part.length))
    }
    return message
  }
}
