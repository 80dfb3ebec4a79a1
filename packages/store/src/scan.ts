/**
 * Scan: walks keys, fields or members while others change them. What is there from beginning to end is seen at least
 * once; what comes or goes meanwhile may be; anything may be seen twice. Between pages other work gets its turn.
 * Source: Redis SCAN guarantees.
 */
import { setImmediate } from 'node:timers/promises'
import { asText, type BulkReader, type Bytes, type EngineCommand } from '@slotwise/engine'
import { type Key, wholeNumber } from './commands/sender.js'

export interface MemberScanOptions {
  /** Glob pattern. @default everything */
  match?: string
  /** About how much to look at in one go: more is faster overall and keeps others waiting longer. @default 256 */
  count?: number
  /** Aborting ends the loop with `signal.reason`. */
  signal?: AbortSignal
}

export interface ScanOptions extends MemberScanOptions {
  /** Only keys of this type: 'string', 'hash', ... @default all */
  type?: string
}

/** Runs one command of whoever is scanned. */
export type Run = (command: EngineCommand) => unknown

export function scanKeys(run: Run, options: ScanOptions = {}): AsyncGenerator<string, void, undefined> {
  const { type } = options
  return pages(run, ['SCAN'], type === undefined ? [] : ['TYPE', type], options, () => asText)
}

export function scanMembers(
  run: Run, key: Key, options: MemberScanOptions = {},
): AsyncGenerator<string, void, undefined> {
  return pages(run, ['SSCAN', key], [], options, () => asText)
}

export async function* scanFields<V>(
  run: Run, key: Key, values: BulkReader<V>, options: MemberScanOptions = {},
): AsyncGenerator<[field: string, value: V], void, undefined> {
  yield* paired<V>(pages(run, ['HSCAN', key], [], options, () => cursorThenPairs(values)))
}

export async function* scanScores(
  run: Run, key: Key, options: MemberScanOptions = {},
): AsyncGenerator<[member: string, score: number], void, undefined> {
  yield* paired<number>(pages(run, ['ZSCAN', key], [], options, () => cursorThenPairs(asScore)))
}

/** The items of all pages; `reader` makes what reads one page, its cursor first. */
async function* pages<T>(
  run: Run, command: readonly Bytes[], filters: readonly Bytes[], options: MemberScanOptions,
  reader: () => BulkReader<T>,
): AsyncGenerator<T, void, undefined> {
  const { match, count = 256, signal } = options
  const words = [...filters, 'COUNT', String(wholeNumber('count', count, 1))]
  if (match !== undefined) words.push('MATCH', match)
  let cursor = '0'
  do {
    signal?.throwIfAborted()
    const reply = await run({ args: [...command, cursor, ...words], bulk: reader() })
    const [next, items] = reply as [string, T[]]
    yield* items
    cursor = next
    await setImmediate(undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted())
  } while (cursor !== '0')
}

async function* paired<V>(
  items: AsyncGenerator<string | V, void, undefined>,
): AsyncGenerator<[string, V], void, undefined> {
  for await (const first of items) yield [first as string, (await items.next()).value as V]
}

/** The cursor and the first of each pair are text. */
function cursorThenPairs<V>(second: BulkReader<V>): BulkReader<string | V> {
  let count = 0
  return (page, start, end) => {
    const isText = count === 0 || count % 2 === 1
    count++
    return isText ? asText(page, start, end) : second(page, start, end)
  }
}

const asScore: BulkReader<number> = (page, start, end) => {
  const text = page.latin1Slice(start, end)
  return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text)
}
