/**
 * How replies that mix text and values are read: keys, fields and members are text, what the codec keeps is a value.
 * A reader is made for one reply and counts the bulk strings it is shown, in the order in which they stand there.
 */
import { asText, type BulkReader } from '@slotwise/engine'

/** Text, value, text, value, ...: HGETALL, BLPOP. */
export function textsAndValues<V>(values: BulkReader<V>): BulkReader<string | V> {
  let count = 0
  return (page, start, end) => count++ % 2 === 0 ? asText(page, start, end) : values(page, start, end)
}

/** One text, then values: LMPOP. */
export function textThenValues<V>(values: BulkReader<V>): BulkReader<string | V> {
  let first = true
  return (page, start, end) => {
    if (!first) return values(page, start, end)
    first = false
    return asText(page, start, end)
  }
}

/** nil, where a count was asked for and there is no such key, is nothing. */
export const asList = <T>(reply: unknown): T[] => (reply as T[] | null) ?? []

/** A map, or a flat list in its place, as pairs. */
export function asPairs<A, B>(reply: unknown): [A, B][] {
  if (reply instanceof Map) return [...reply as Map<A, B>]
  const items = (reply as unknown[] | null) ?? []
  if (items.length === 0 || Array.isArray(items[0])) return items as [A, B][]
  const pairs: [A, B][] = []
  for (let i = 0; i < items.length; i += 2) pairs.push([items[i] as A, items[i + 1] as B])
  return pairs
}
