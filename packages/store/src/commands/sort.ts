/**
 * SORT: the elements of a list, the members of a set or sorted set, in order. `sort` reads what comes out as values of
 * the codec, as elements of lists and string keys are; `sortMembers` as text, as members are. The engine compares bytes
 * and decimal numbers: it cannot order what a codec has wrapped; numbers are decimal text under 'msgpack' and 'json'.
 * Source: Redis 7.0 command documentation, SORT.
 */
import type { Bytes } from '@slotwise/engine'
import { SortedSetCommands } from './sorted-sets.js'
import { type Answer, asIs, asNumber, type Key, type Mode, numberText } from './sender.js'

export interface SortOptions {
  /** Keys to sort by, with * for the element: 'weight:*', or 'item:*->price' for a field. One without *: no order. */
  by?: Key
  /** What to give for each element instead of it: patterns as of `by`, or '#' for itself. One item each. */
  get?: readonly Key[]
  /** @default all */
  limit?: { offset?: number; count: number }
  /** @default 'asc' */
  order?: 'asc' | 'desc'
  /** By bytes instead of as numbers. @default false */
  alpha?: boolean
}

export abstract class SortCommands<V, M extends Mode> extends SortedSetCommands<V, M> {
  /** Elements, or what `get` names, in order; null where that is nothing. @throws {ReplyError} ERR if not numbers */
  sort(key: Key, options: SortOptions = {}): Answer<M, (V | null)[]> {
    return this.send(['SORT', key, ...sortArguments(options)], asIs<(V | null)[]>, this.values)
  }

  /** As `sort`, as text. */
  sortMembers(key: Key, options: SortOptions = {}): Answer<M, (string | null)[]> {
    return this.send(['SORT', key, ...sortArguments(options)], asIs<(string | null)[]>)
  }

  /** Keeps what `sort` gives as the list `destination`, in place of what is there. @returns how many */
  sortStore(destination: Key, key: Key, options: SortOptions = {}): Answer<M, number> {
    return this.send(['SORT', key, ...sortArguments(options), 'STORE', destination], asNumber)
  }
}

function sortArguments({ by, get, limit, order, alpha }: SortOptions): Bytes[] {
  const args: Bytes[] = []
  if (by !== undefined) args.push('BY', by)
  if (limit !== undefined) args.push('LIMIT', numberText(limit.offset ?? 0), numberText(limit.count))
  for (const pattern of get ?? []) args.push('GET', pattern)
  if (order !== undefined) args.push(order)
  if (alpha === true) args.push('ALPHA')
  return args
}
