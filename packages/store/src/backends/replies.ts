/**
 * What the client library makes of the wire, and what of that the readers of the command families need: arguments of
 * ours become its arguments, its replies ours. Bulk strings come as Buffers; the client makes text of the keys of a map
 * whatever it is told, so a field that is no UTF-8 is only exact in the process and on a member.
 * Integers beyond 2^53 come as the nearest number.
 */
import {
  type Bytes, BYTES_MAX, type BulkReader, describe, type Page, type Reply, replyError,
} from '@slotwise/engine'
import type { RedisModule } from './client-library.js'
import { ConnectionError } from './errors.js'

/** Copies: what the caller changes later is not sent. @throws {TypeError | RangeError} as the engine does */
export function wireArguments(args: readonly Bytes[]): (string | Buffer)[] {
  return args.map((argument: unknown) => {
    if (typeof argument === 'string') {
      if (!(argument as string & { isWellFormed(): boolean }).isWellFormed()) {
        throw new TypeError('expected well-formed Unicode, found a string with a lone surrogate')
      }
      if (argument.length > BYTES_MAX / 3) checkSize(Buffer.byteLength(argument))
      return argument
    }
    if (!(argument instanceof Uint8Array)) throw new TypeError(`expected a string or a Uint8Array, found ${describe(argument)}`)
    checkSize(argument.length)
    return Buffer.from(argument)
  })
}

function checkSize(size: number): void {
  if (size > BYTES_MAX) throw new RangeError(`expected at most ${BYTES_MAX} bytes, found ${size}`)
}

/** As ReplyReader makes it of the engine's frames: the bulk strings are shown in their order, errors are values. */
export function replyFrom<T>(raw: unknown, bulk: BulkReader<T>): Reply | T {
  if (raw instanceof Buffer) return bulk(raw as unknown as Page, 0, raw.length)
  if (Array.isArray(raw)) return raw.map((item) => replyFrom(item, bulk)) as Reply
  if (raw instanceof Map) {
    const map = new Map<unknown, unknown>()
    for (const [key, value] of raw as Map<unknown, unknown>) {
      const field = typeof key === 'string' ? Buffer.from(key) : key
      map.set(replyFrom(field, bulk), replyFrom(value, bulk))
    }
    return map as Reply
  }
  if (raw instanceof Set) return new Set([...raw as Set<unknown>].map((item) => replyFrom(item, bulk))) as Reply
  if (raw instanceof Error) return replyError(raw.message)
  return (raw ?? null) as Reply
}

/** A rejection of the client library as one of our errors. Bugs (TypeError) stay what they are. */
export function storeErrorOf(library: RedisModule, error: unknown, where: string): Error {
  if (error instanceof library.ErrorReply) return replyError(error.message)
  if (error instanceof TypeError || error instanceof RangeError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  // Reconnecting was given up: for this reason.
  const { originalError } = cause as { originalError?: unknown }
  if (originalError instanceof Error) return storeErrorOf(library, originalError, where)
  // Too many redirections: the reply is the reason.
  if (cause.cause instanceof library.ErrorReply) return replyError(cause.cause.message)
  const { code = cause.name } = cause as NodeJS.ErrnoException
  // The time is up for what has not been sent; what was waits for its reply.
  const mayHaveRun = cause.constructor !== library.TimeoutError
  return new ConnectionError(`${where}: ${cause.message === '' ? code : cause.message}`, { cause, mayHaveRun })
}
