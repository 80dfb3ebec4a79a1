/**
 * Scan: walks the keys while others change them. A key that is there from beginning to end is seen at least once; one
 * that comes or goes meanwhile may be; one may be seen twice. Between pages other work of the thread gets its turn.
 * Source: Redis SCAN guarantees.
 */
import { setImmediate } from 'node:timers/promises'
import type { Engine } from '@slotwise/engine'
import { wholeNumber } from './commands/sender.js'

export interface ScanOptions {
  /** Glob pattern. @default all keys */
  match?: string
  /** Only keys of this type: 'string', ... @default all */
  type?: string
  /** About how many keys to look at in one go: more is faster overall and keeps others waiting longer. @default 256 */
  count?: number
  /** Aborting ends the loop with `signal.reason`. */
  signal?: AbortSignal
}

export async function* scanKeys(engine: Engine, options: ScanOptions = {}): AsyncGenerator<string, void, undefined> {
  const { match, type, count = 256, signal } = options
  const filters = ['COUNT', String(wholeNumber('count', count, 1))]
  if (match !== undefined) filters.push('MATCH', match)
  if (type !== undefined) filters.push('TYPE', type)
  let cursor = '0'
  do {
    signal?.throwIfAborted()
    const [next, keys] = engine.command(['SCAN', cursor, ...filters]) as [string, string[]]
    yield* keys
    cursor = next
    await setImmediate(undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted())
  } while (cursor !== '0')
}
