/**
 * Response heads as text. The common ones differ in their length only, so the rest is made once a second, with
 * the date. Source: RFC 9110, Date.
 */
import { STATUS_CODES } from 'node:http'
import type { Answer, StreamAnswer } from '../answer.js'

export class ResponseHeads {
  #second = -1
  #date = ''
  readonly #beginnings = new Map<string, string>()

  /** Of an answer that ends with the connection. */
  stream({ status, type }: StreamAnswer): string {
    return `HTTP/1.1 ${status} OK\r\ncontent-type: ${type}\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n`
  }

  /** @param close  the connection ends behind the answer */
  head(answer: Answer, length: number, close: boolean, nowMs: number): string {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#date = new Date(second * 1000).toUTCString()
      this.#beginnings.clear()
    }
    const key = `${answer.status} ${answer.type}`
    let text = this.#beginnings.get(key)
    if (text === undefined) {
      text = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\ndate: ${this.#date}\r\ncontent-type: ${answer.type}\r\ncontent-length: `
      this.#beginnings.set(key, text)
    }
    text += String(length)
    const { headers } = answer
    if (headers !== undefined) {
      for (let i = 0; i < headers.length; i += 2) text += `\r\n${headers[i]!}: ${headers[i + 1]!}`
    }
    return close ? `${text}\r\nconnection: close\r\n\r\n` : `${text}\r\n\r\n`
  }
}
