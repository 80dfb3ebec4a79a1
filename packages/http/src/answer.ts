/** Answer: what a request is answered, before it is bytes of HTTP. */
import { errorJson } from './reply-json.js'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
  /** Names and values in turn. */
  readonly headers?: readonly string[]
}

export const JSON_TYPE = 'application/json'

export const jsonAnswer = (status: number, body: string, headers?: readonly string[]): Answer =>
  headers === undefined ? { status, type: JSON_TYPE, body } : { status, type: JSON_TYPE, body, headers }

export const errorAnswer = (status: number, message: string, headers?: readonly string[]): Answer =>
  jsonAnswer(status, errorJson(message), headers)
