/**
 * KeyFilter: which commands of a log concern the keys that a follower wants. A command of several independent keys is
 * cut down to those that match; one whose keys belong together, and of which only some match, stops the follower: half
 * a RENAME is neither the one state nor the other.
 */
import { UnsupportedError } from '../errors.js'
import type { LogCommand } from './log-batch.js'

export interface KeyFilterOptions {
  readonly matches: (key: Uint8Array) => boolean
  /** Indexes of the keys among the words. */
  readonly keysOf: (words: readonly Uint8Array[]) => readonly number[]
}

const WHOLE_DATABASES = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB'])

export const nameOf = ({ words }: LogCommand): string => Buffer.from(words[0]!).toString('latin1').toUpperCase()
export const flushes = (command: LogCommand): boolean => WHOLE_DATABASES.has(nameOf(command))

/** @returns the command, a part of it, or null if it concerns other keys */
export function filterCommand(command: LogCommand, { matches, keysOf }: KeyFilterOptions): LogCommand | null {
  const name = nameOf(command)
  const { db, words } = command
  if (WHOLE_DATABASES.has(name)) throw new UnsupportedError(`${name} at the source: a follower of some keys cannot do that`)
  const keys = keysOf(words)
  const wanted = keys.filter((i) => matches(words[i]!))
  if (wanted.length === 0) return null
  if (wanted.length === keys.length) return command
  switch (name) {
    case 'DEL':
    case 'UNLINK': return { db, words: [words[0]!, ...wanted.map((i) => words[i]!)] }
    case 'MSET': return { db, words: [words[0]!, ...wanted.flatMap((i) => [words[i]!, words[i + 1]!])] }
    default: throw new UnsupportedError(`${name} at the source has keys that are followed and keys that are not`)
  }
}
