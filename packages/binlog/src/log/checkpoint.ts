/**
 * Checkpoint: how far a follower has come, kept in the store under one key and written in the transaction that it
 * describes. As it is in the log of the store, it tells whoever reads that log, too, where a transaction was made: at
 * `origin`. A server that reads its own id there has made it itself, and leaves it; so two servers may follow each
 * other.
 * Keys that begin with `__binlog:` are never copied: each server keeps its own.
 */
import { DecodeError } from '../errors.js'
import type { LogCommand, LogTransaction } from './log-batch.js'

export interface Checkpoint {
  /** The id of the source's binlog: its positions mean nothing elsewhere. */
  readonly source: string
  /** Behind everything that was applied. */
  readonly position: string
  /** The id of the server where this transaction was made. */
  readonly origin: string
  /** The same place as every copy of the source has it: its replication id and the offset. Not always known. */
  readonly stream?: string
}

/** Where the data of a source begins that is copied first. */
export const SNAPSHOT = 'snapshot'

const KEPT = '__binlog:'
const CHECKPOINT_KEY = /^__binlog:\{[\w.-]{1,64}\}:log$/
const ID = /^[0-9a-f]{40}$/

/** @throws {TypeError} if that is no name */
export function checkpointKey(name: string): string {
  if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError(`'${name}': expected a name of up to 64 letters, digits, '.', '_', '-'`)
  return `__binlog:{${name}}:log`
}

export const isId = (text: string): boolean => ID.test(text)

/** A replication id and an offset: a position that is none of a file. */
export const isStreamPosition = (text: string): boolean => /^[0-9a-f]{40}:\d{1,16}$/.test(text)

export function printCheckpoint({ source, position, origin, stream }: Checkpoint): string {
  return JSON.stringify({ source, position, origin, ...(stream === undefined ? {} : { stream }) })
}

/** @throws {DecodeError} if it is none */
export function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  const text = Buffer.from(bytes).toString()
  let found: Partial<Checkpoint> | null
  try {
    found = JSON.parse(text) as Partial<Checkpoint> | null
  } catch (cause) {
    throw new DecodeError(`no checkpoint of a follower: ${text.slice(0, 100)}`, { cause })
  }
  const { source, position, origin, stream } = found ?? {}
  if (typeof source !== 'string' || !isId(source) || typeof origin !== 'string' || !isId(origin) || typeof position !== 'string' || position === '') {
    throw new DecodeError(`no checkpoint of a follower: ${text.slice(0, 100)}`)
  }
  return { source, position, origin, ...(typeof stream === 'string' && isStreamPosition(stream) ? { stream } : {}) }
}

/** A command of a follower's own, in database 0. */
export const commandOf = (words: readonly string[]): LogCommand =>
  ({ db: 0, words: words.map((word) => Buffer.from(word)) })

const textAt = ({ words }: LogCommand, i: number): string => Buffer.from(words[i] ?? []).toString('latin1')

/** What keeps books and is no data. */
export function isKept(command: LogCommand): boolean { return textAt(command, 1).startsWith(KEPT) }

/** Where the transaction was made: at `writer`, whose log it is in, unless that has it from elsewhere. */
export function originOf({ commands }: LogTransaction, writer: string): string {
  for (const command of commands) {
    if (command.words.length < 3 || textAt(command, 0).toUpperCase() !== 'SET' || !CHECKPOINT_KEY.test(textAt(command, 1))) continue
    try {
      return parseCheckpoint(command.words[2]!).origin
    } catch {
      // Somebody's own key of that name.
    }
  }
  return writer
}
