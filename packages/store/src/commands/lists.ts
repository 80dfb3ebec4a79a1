/**
 * Lists of values: queues, stacks, logs. Elements pass through the store's codec; where they are compared (lRem, lPos,
 * lInsert) their encoded bytes are: the same value by the same codec, properties in the same order.
 * What waits (blPop and the like) is in ../blocking.ts. RPOPLPUSH and BRPOPLPUSH are lMove and blMove.
 * Source: Redis 7.0 command documentation, list.
 */
import type { Bytes } from '@slotwise/engine'
import { HashCommands } from './hashes.js'
import { asList, textThenValues } from './readers.js'
import { type Answer, asIs, asNothing, asNumber, type Key, type Mode, numberText, wholeNumber } from './sender.js'

/** An end of a list. */
export type ListSide = 'left' | 'right'

export interface ListPosOptions {
  /** Which match: 1 is the first, -1 the last. @default 1 */
  rank?: number
  /** Compare at most so many elements; 0: all. @default 0 */
  maxLen?: number
}

/** What was taken from the first of several keys that had something. */
export interface PoppedElements<V> {
  key: string
  elements: V[]
}

export abstract class ListCommands<V, M extends Mode> extends HashCommands<V, M> {
  /**
   * Puts elements at the left end, one after the other: the last one comes to stand first. Each argument is an element,
   * also one that is an array. O(elements).
   * @returns the new length
   */
  lPush(key: Key, ...elements: V[]): Answer<M, number> {
    return this.send(this.#pushed('LPUSH', key, elements), asNumber)
  }

  /** As `lPush`, at the right end. */
  rPush(key: Key, ...elements: V[]): Answer<M, number> {
    return this.send(this.#pushed('RPUSH', key, elements), asNumber)
  }

  /** As `lPush`, if there is such a list. @returns the new length; 0 if there is none */
  lPushX(key: Key, ...elements: V[]): Answer<M, number> {
    return this.send(this.#pushed('LPUSHX', key, elements), asNumber)
  }

  /** As `rPush`, if there is such a list. @returns the new length; 0 if there is none */
  rPushX(key: Key, ...elements: V[]): Answer<M, number> {
    return this.send(this.#pushed('RPUSHX', key, elements), asNumber)
  }

  /** Takes the leftmost element, null if there is none; with `count` up to as many, in order. */
  lPop(key: Key): Answer<M, V | null>
  lPop(key: Key, count: number): Answer<M, V[]>
  lPop(key: Key, count?: number): Answer<M, V | V[] | null> {
    return this.#pop('LPOP', key, count)
  }

  /** As `lPop`, from the right. */
  rPop(key: Key): Answer<M, V | null>
  rPop(key: Key, count: number): Answer<M, V[]>
  rPop(key: Key, count?: number): Answer<M, V | V[] | null> {
    return this.#pop('RPOP', key, count)
  }

  /** Elements of the first of the keys that has any; null if none has. */
  lmPop(
    keys: Key | readonly Key[], side: ListSide, options: { count?: number } = {},
  ): Answer<M, PoppedElements<V> | null> {
    return this.send(['LMPOP', ...popArguments(keys, side, options.count)], asPopped<V>, textThenValues(this.values))
  }

  /** Moves an element from one list's end to another's (or the same one's). @returns it; null if there was none */
  lMove(source: Key, destination: Key, from: ListSide, to: ListSide): Answer<M, V | null> {
    return this.send(['LMOVE', source, destination, from, to], asIs<V | null>, this.values)
  }

  /** The elements from `start` to `end`, both included; negative ones count from the end. O(start + elements). */
  lRange(key: Key, start: number, end: number): Answer<M, V[]> {
    return this.send(['LRANGE', key, numberText(start), numberText(end)], asIs<V[]>, this.values)
  }

  /** How many elements there are; 0 if there is no such key. O(1). */
  lLen(key: Key): Answer<M, number> {
    return this.send(['LLEN', key], asNumber)
  }

  /** The element at `index`, negative ones from the end; null if there is none. */
  lIndex(key: Key, index: number): Answer<M, V | null> {
    return this.send(['LINDEX', key, numberText(index)], asIs<V | null>, this.values)
  }

  /** Replaces the element at `index`. @throws {ReplyError} ERR if there is no such key or index */
  lSet(key: Key, index: number, element: V): Answer<M, void> {
    return this.send(['LSET', key, numberText(index), this.codec.encode(element)], asNothing)
  }

  /** Puts an element beside the first that equals `pivot`. @returns the new length; -1 without pivot, 0 without key */
  lInsert(key: Key, where: 'before' | 'after', pivot: V, element: V): Answer<M, number> {
    return this.send(['LINSERT', key, where, this.codec.encode(pivot), this.codec.encode(element)], asNumber)
  }

  /** Removes `count` elements that equal `element`, from the left; from the right if negative; all if 0. */
  lRem(key: Key, count: number, element: V): Answer<M, number> {
    return this.send(['LREM', key, numberText(count), this.codec.encode(element)], asNumber)
  }

  /** Keeps the elements from `start` to `end`, both included. */
  lTrim(key: Key, start: number, end: number): Answer<M, void> {
    return this.send(['LTRIM', key, numberText(start), numberText(end)], asNothing)
  }

  /** Where an element stands, null if nowhere; with `count` the places of as many matches, of all if it is 0. */
  lPos(key: Key, element: V, options: ListPosOptions & { count: number }): Answer<M, number[]>
  lPos(key: Key, element: V, options?: ListPosOptions): Answer<M, number | null>
  lPos(key: Key, element: V, options: ListPosOptions & { count?: number } = {}): Answer<M, number | number[] | null> {
    const { rank, maxLen, count } = options
    const args: Bytes[] = ['LPOS', key, this.codec.encode(element)]
    if (rank !== undefined) args.push('RANK', numberText(rank))
    if (count !== undefined) args.push('COUNT', numberText(count))
    if (maxLen !== undefined) args.push('MAXLEN', numberText(maxLen))
    return count === undefined ? this.send(args, asIs<number | null>) : this.send(args, asList<number>)
  }

  #pushed(command: string, key: Key, elements: readonly V[]): Bytes[] {
    if (elements.length === 0) throw new TypeError('expected at least one element')
    const args: Bytes[] = [command, key]
    for (const element of elements) args.push(this.codec.encode(element))
    return args
  }

  #pop(command: string, key: Key, count: number | undefined): Answer<M, V | V[] | null> {
    if (count === undefined) return this.send([command, key], asIs<V | null>, this.values)
    return this.send([command, key, String(wholeNumber('count', count, 0))], asList<V>, this.values)
  }
}

/** Keys and what follows them in LMPOP, ZMPOP and their blocking forms. */
export function popArguments(keys: Key | readonly Key[], end: string, count: number | undefined): Bytes[] {
  const list: readonly Key[] = typeof keys === 'string' || keys instanceof Uint8Array ? [keys] : keys
  const args: Bytes[] = [String(list.length), ...list, end]
  if (count !== undefined) args.push('COUNT', String(wholeNumber('count', count, 1)))
  return args
}

export function asPopped<V>(reply: unknown): PoppedElements<V> | null {
  if (reply === null) return null
  const [key, elements] = reply as [string, V[]]
  return { key, elements }
}
