/**
 * LogBatch: what BINLOG READ answered: whole transactions of a source's log, and where to go on. What a source says is
 * not trusted: each part is looked at before it is used.
 * Source: docs/binlog.md. Elsewhere: reading there (native/src/engine/binlog.h).
 */
import { DecodeError } from '../errors.js'
import type { RespReply } from '../resp/resp-decoder.js'
import { isStreamPosition } from './checkpoint.js'

export interface LogCommand { readonly db: number; readonly words: readonly Uint8Array[] }

export interface LogTransaction {
  readonly position: string
  /** Where to go on behind it. */
  readonly next: string
  /** Unix time; 0: unknown. */
  readonly seconds: number
  readonly commands: readonly LogCommand[]
}

export interface LogBatch {
  readonly next: string
  /** The same place in the source's replication history; '' if it has none, or does not say. */
  readonly stream: string
  /** Of what can be read there. */
  readonly end: string
  /** Bytes from `next` to `end`. */
  readonly behind: number
  readonly transactions: readonly LogTransaction[]
}

/** @throws {DecodeError} if it is none */
export function parseLogBatch(reply: RespReply): LogBatch {
  const fields = new Map<string, RespReply>()
  const list = listOf(reply)
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(textOf(list[i]!), list[i + 1]!)
  return {
    next: textOf(fields.get('position') ?? null), stream: streamOf(fields.get('origin')), end: textOf(fields.get('end') ?? null), behind: numberOf(fields.get('behind') ?? null),
    transactions: listOf(fields.get('events') ?? null).map(parseTransaction),
  }
}

function streamOf(reply: RespReply | undefined): string {
  if (reply === undefined) return ''
  const text = textOf(reply)
  if (!isStreamPosition(text)) throw new DecodeError('an origin of the source that is none')
  return text
}

function parseTransaction(reply: RespReply): LogTransaction {
  const [position = null, next = null, seconds = null, commands = null] = listOf(reply)
  return {
    position: textOf(position), next: textOf(next), seconds: numberOf(seconds),
    commands: listOf(commands).map((command) => {
      const [db = null, words = null] = listOf(command)
      const found = listOf(words).map(bytesOf)
      if (found.length === 0) throw new DecodeError('a command without a name')
      return { db: numberOf(db), words: found }
    }),
  }
}

function listOf(reply: RespReply): RespReply[] {
  if (!Array.isArray(reply)) throw new DecodeError('a list was expected from the source')
  return reply
}

function bytesOf(reply: RespReply): Uint8Array {
  if (!Buffer.isBuffer(reply)) throw new DecodeError('bytes were expected from the source')
  return reply
}

const textOf = (reply: RespReply): string => Buffer.from(bytesOf(reply)).toString()

function numberOf(reply: RespReply): number {
  if (typeof reply !== 'number' || reply < 0) throw new DecodeError('a number was expected from the source')
  return reply
}
