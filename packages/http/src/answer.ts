/** Answer: what a request is answered, before it is bytes of HTTP. */
import { errorJson } from './reply-json.js'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
  /** Names and values in turn. */
  readonly headers?: readonly string[]
}

/** Where a stream goes. */
export interface StreamSink {
  /** @returns the bytes that the client has not taken yet */
  write(text: string): number
  /** When the client has taken all of it, or has gone; only for those who were told of much. */
  drained(): Promise<void>
  end(): void
}

/** An answer without end: whoever has the socket calls `start`, and what that returned when the socket is gone. */
export interface StreamAnswer {
  readonly status: 200
  readonly type: 'text/event-stream'
  start(sink: StreamSink): () => void
}

export const JSON_TYPE = 'application/json'

export const jsonAnswer = (status: number, body: string, headers?: readonly string[]): Answer =>
  headers === undefined ? { status, type: JSON_TYPE, body } : { status, type: JSON_TYPE, body, headers }

export const errorAnswer = (status: number, message: string, headers?: readonly string[]): Answer =>
  jsonAnswer(status, errorJson(message), headers)
