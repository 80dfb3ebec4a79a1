/**
 * What a caller of the store may catch. Match on `code`: it survives versions, sentences may not. Codes of replies are
 * Redis's own (WRONGTYPE, OOM, MISCONF, EXECABORT, ..., else ERR). Bad arguments are TypeError and RangeError instead.
 */
import { STALE, WRONG_TYPE } from './addon.js'

/** Base of all of them. */
export abstract class StoreError extends Error {
  abstract readonly code: string
}

/** A command was refused; nothing changed. `code` is Redis's, `message` the sentence behind it. */
export class ReplyError extends StoreError {
  override readonly name: string = 'ReplyError'
  readonly code: string

  constructor(text: string) {
    const space = text.indexOf(' ')
    const code = space < 0 ? text : text.slice(0, space)
    const hasCode = /^[A-Z][A-Z0-9]*$/.test(code)
    super(hasCode && space >= 0 ? text.slice(space + 1) : text)
    this.code = hasCode ? code : 'ERR'
  }
}

/** The key holds another type of value. */
export class WrongTypeError extends ReplyError {
  override readonly name = 'WrongTypeError'
  constructor(text = 'WRONGTYPE Operation against a key holding the wrong kind of value') { super(text) }
}

/** This replica cannot prove that its data is as new as `maxStalenessMs` asks: read from the primary, or later. */
export class StaleError extends ReplyError {
  override readonly name = 'StaleError'
  constructor(text = 'STALE This replica cannot prove that its data is as new as SLOTWISE.STALENESS asks.') { super(text) }
}

/** `waitFor`: the position was not applied here in time. */
export class PositionTimeoutError extends ReplyError {
  override readonly name = 'PositionTimeoutError'
}

/**
 * `waitFor`: the position is not part of the history of this server, and will never be: what it stands for was lost
 * with the primary that took it, or that primary is another one's.
 */
export class OtherHistoryError extends ReplyError {
  override readonly name = 'OtherHistoryError'
}

/**
 * `changes`: what comes next at this position is not held any more. The message names the oldest position that is; what
 * was between the two is lost to this reader, which has to begin anew from the data.
 */
export class PurgedError extends ReplyError {
  override readonly name = 'PurgedError'
}

/** What is here cannot be changed: it is a replica's copy, or the data as it was at an earlier moment. */
export class ReadOnlyError extends ReplyError {
  override readonly name = 'ReadOnlyError'
}

/** The store was closed or destroyed, or is being closed. */
export class StoreClosedError extends StoreError {
  override readonly name = 'StoreClosedError'
  readonly code = 'CLOSED'
  constructor(options?: ErrorOptions) { super('the store is closed', options) }
}

/** Another process has the data directory open. */
export class LockedError extends StoreError {
  override readonly name = 'LockedError'
  readonly code = 'LOCKED'
  /** Its process id; null if the lock file does not tell. */
  readonly pid: number | null
  constructor(message: string) {
    super(message)
    const pid = /locked by pid (\d+)/.exec(message)?.[1]
    this.pid = pid === undefined ? null : Number(pid)
  }
}

/** The store cannot be opened: the directory, the data in it, or a directive. The message says which and what to do. */
export class OpenError extends StoreError {
  override readonly name = 'OpenError'
  readonly code = 'OPEN'
}

/** `attachOnly`, and no store of that name is open in this process. */
export class NotOpenError extends StoreError {
  override readonly name = 'NotOpenError'
  readonly code = 'NOTOPEN'
}

/** The sockets cannot be opened: a port that is taken, an address that is not ours, or listening already. */
export class ListenError extends StoreError {
  override readonly name = 'ListenError'
  readonly code = 'LISTEN'
}

/** The log cannot be written or synced (disk full, I/O error). What was synced before is safe. */
export class LogError extends StoreError {
  override readonly name = 'LogError'
  readonly code = 'LOG'
}

/** Bytes that the codec did not write: another client did, or another codec. */
export class CodecError extends StoreError {
  override readonly name = 'CodecError'
  readonly code = 'CODEC'
}

/** The native part for this machine is not installed, or the system refuses it. The message says what to do. */
export class AddonError extends StoreError {
  override readonly name = 'AddonError'
  readonly code = 'ADDON'
}

/** The error reply `text`, without its '-'. */
export function replyError(text: string): ReplyError {
  switch (text.slice(0, text.indexOf(' '))) {
    case 'WRONGTYPE': return new WrongTypeError(text)
    case 'STALE': return new StaleError(text)
    case 'TIMEOUT': return new PositionTimeoutError(text)
    case 'HISTORY': return new OtherHistoryError(text)
    case 'PURGED': return new PurgedError(text)
    case 'READONLY': return new ReadOnlyError(text)
    default: return new ReplyError(text)
  }
}

/** What a code below MISSING means, if it is not about the size of the result. */
export function lookupError(code: number): StoreError {
  switch (code) {
    case WRONG_TYPE: return new WrongTypeError()
    case STALE: return new StaleError()
    default: return new StoreClosedError()
  }
}

/** A rejection of the addon as one of the errors above. */
export function addonError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  const { code = '', message } = cause as { code?: string; message: string }
  switch (code) {
    case 'LOCKED': return new LockedError(message)
    case 'NOENT': return new NotOpenError(message)
    case 'LISTEN': return new ListenError(message)
    case 'LOG': return new LogError(message)
    case 'CLOSED': return new StoreClosedError()
    default: return new OpenError(message, { cause })
  }
}
