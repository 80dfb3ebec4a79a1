/**
 * Commands that wait until a key has something for them. The promise of each resolves when somebody, in this process or
 * a Redis client, puts something there: first come, first served. The thread is never blocked. Not for batches: a
 * transaction does not wait. Source: Redis 7.0 command documentation, blocking commands.
 */
import type { BulkReader, Bytes, WaitOptions } from '@slotwise/engine'
import { KeyCommands } from './keys.js'
import { asPopped, type ListSide, popArguments, type PoppedElements } from './lists.js'
import { textsAndValues, textThenValues } from './readers.js'
import { type Key, listOf, type Mode } from './sender.js'
import { asPoppedMembers, type PoppedMembers } from './sorted-sets.js'

export interface PoppedElement<V> {
  /** The first of the keys that had something. */
  key: string
  element: V
}

export interface PoppedMember {
  key: string
  member: string
  score: number
}

export type { WaitOptions }

/** Redis's time-out: none. Ours is a timer of this thread. */
const FOR_EVER = '0'

export abstract class WaitingCommands<V, M extends Mode> extends KeyCommands<V, M> {
  /** @internal */
  protected abstract wait<T>(
    args: readonly Bytes[], options: WaitOptions, read: (reply: unknown) => T, bulk?: BulkReader<unknown>,
  ): Promise<T>

  /**
   * Takes the leftmost element of the first list that has one, waiting for it if need be.
   * @returns null when `timeoutMs` is up
   * @throws {StoreClosedError} if the store is closed meanwhile; the signal's reason if it is aborted
   */
  blPop(keys: Key | readonly Key[], options: WaitOptions = {}): Promise<PoppedElement<V> | null> {
    return this.#pop('BLPOP', keys, options)
  }

  /** As `blPop`, from the right. */
  brPop(keys: Key | readonly Key[], options: WaitOptions = {}): Promise<PoppedElement<V> | null> {
    return this.#pop('BRPOP', keys, options)
  }

  /** `lmPop`, waiting as `blPop` does. */
  blmPop(
    keys: Key | readonly Key[], side: ListSide, options: WaitOptions & { count?: number } = {},
  ): Promise<PoppedElements<V> | null> {
    const args = ['BLMPOP', FOR_EVER, ...popArguments(keys, side, options.count)]
    return this.wait(args, options, asPopped<V>, textThenValues(this.values))
  }

  /** `lMove`, waiting as `blPop` does. */
  blMove(
    source: Key, destination: Key, from: ListSide, to: ListSide, options: WaitOptions = {},
  ): Promise<V | null> {
    const args = ['BLMOVE', source, destination, from, to, FOR_EVER]
    return this.wait(args, options, (reply) => reply as V | null, this.values)
  }

  /** Takes the member with the least score of the first sorted set that has one, waiting as `blPop` does. */
  bzPopMin(keys: Key | readonly Key[], options: WaitOptions = {}): Promise<PoppedMember | null> {
    return this.wait(['BZPOPMIN', ...listOf(keys), FOR_EVER], options, asPoppedMember)
  }

  /** As `bzPopMin`, the greatest score. */
  bzPopMax(keys: Key | readonly Key[], options: WaitOptions = {}): Promise<PoppedMember | null> {
    return this.wait(['BZPOPMAX', ...listOf(keys), FOR_EVER], options, asPoppedMember)
  }

  /** `zmPop`, waiting as `blPop` does. */
  bzmPop(
    keys: Key | readonly Key[], end: 'min' | 'max', options: WaitOptions & { count?: number } = {},
  ): Promise<PoppedMembers | null> {
    return this.wait(['BZMPOP', FOR_EVER, ...popArguments(keys, end, options.count)], options, asPoppedMembers)
  }

  #pop(command: string, keys: Key | readonly Key[], options: WaitOptions): Promise<PoppedElement<V> | null> {
    const read = (reply: unknown): PoppedElement<V> | null => {
      if (reply === null) return null
      const [key, element] = reply as [string, V]
      return { key, element }
    }
    return this.wait([command, ...listOf(keys), FOR_EVER], options, read, textsAndValues(this.values))
  }
}

function asPoppedMember(reply: unknown): PoppedMember | null {
  if (reply === null) return null
  const [key, member, score] = reply as [string, string, number]
  return { key, member, score }
}
