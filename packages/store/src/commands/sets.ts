/**
 * Sets of members. Members do not pass through the codec: Redis compares their bytes, and clients share them, so they
 * are kept as they are (strings as UTF-8, or bytes) and read as text (`commandBytes` for those that are none).
 * Source: Redis 7.0 command documentation, set.
 */
import { ListCommands } from './lists.js'
import { asList } from './readers.js'
import { type Answer, asBoolean, asIs, asNumber, type Key, listOf, type Mode, numberText, wholeNumber } from './sender.js'

export abstract class SetCommands<V, M extends Mode> extends ListCommands<V, M> {
  /** Adds members, in one crossing and at one moment. O(members). @returns how many were not there before */
  sAdd(key: Key, members: Key | readonly Key[]): Answer<M, number> {
    return this.send(['SADD', key, ...listOf(members)], asNumber)
  }

  /** Removes members; the key goes with the last one. @returns how many there were */
  sRem(key: Key, members: Key | readonly Key[]): Answer<M, number> {
    return this.send(['SREM', key, ...listOf(members)], asNumber)
  }

  sIsMember(key: Key, member: Key): Answer<M, boolean> {
    return this.send(['SISMEMBER', key, member], asBoolean)
  }

  /** As `sIsMember` for many, in one crossing. */
  smIsMember(key: Key, members: readonly Key[]): Answer<M, boolean[]> {
    return this.send(['SMISMEMBER', key, ...members], (reply) => (reply as number[]).map(asBoolean))
  }

  /** All members, in no order. O(members); `sScan` does not make others wait. */
  sMembers(key: Key): Answer<M, Set<string>> {
    return this.send(['SMEMBERS', key], asIs<Set<string>>)
  }

  /** How many members there are; 0 if there is no such key. O(1). */
  sCard(key: Key): Answer<M, number> {
    return this.send(['SCARD', key], asNumber)
  }

  /** Takes a member at random, null if there is none; with `count` up to as many. */
  sPop(key: Key): Answer<M, string | null>
  sPop(key: Key, count: number): Answer<M, string[]>
  sPop(key: Key, count?: number): Answer<M, string | string[] | null> {
    if (count === undefined) return this.send(['SPOP', key], asIs<string | null>)
    return this.send(['SPOP', key, String(wholeNumber('count', count, 0))], asMembers)
  }

  /**
   * A member at random, null if there is none. With `count` that many different ones, or all; with a negative one
   * exactly as many, with repetitions.
   */
  sRandMember(key: Key): Answer<M, string | null>
  sRandMember(key: Key, count: number): Answer<M, string[]>
  sRandMember(key: Key, count?: number): Answer<M, string | string[] | null> {
    if (count === undefined) return this.send(['SRANDMEMBER', key], asIs<string | null>)
    return this.send(['SRANDMEMBER', key, numberText(count)], asMembers)
  }

  /** Moves a member from one set to another. @returns false if it was not there */
  sMove(source: Key, destination: Key, member: Key): Answer<M, boolean> {
    return this.send(['SMOVE', source, destination, member], asBoolean)
  }

  /** Members that are in every one of the sets. O(members of the smallest * sets). */
  sInter(keys: Key | readonly Key[]): Answer<M, Set<string>> {
    return this.send(['SINTER', ...listOf(keys)], asIs<Set<string>>)
  }

  /** How many members `sInter` would give; counting ends at `limit`. @param options.limit  @default 0: no end */
  sInterCard(keys: Key | readonly Key[], options: { limit?: number } = {}): Answer<M, number> {
    const list = listOf(keys)
    return this.send(['SINTERCARD', String(list.length), ...list, 'LIMIT', numberText(options.limit ?? 0)], asNumber)
  }

  /** Keeps what `sInter` gives as `destination`, in place of what is there. @returns how many */
  sInterStore(destination: Key, keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['SINTERSTORE', destination, ...listOf(keys)], asNumber)
  }

  /** Members that are in any of the sets. */
  sUnion(keys: Key | readonly Key[]): Answer<M, Set<string>> {
    return this.send(['SUNION', ...listOf(keys)], asIs<Set<string>>)
  }

  sUnionStore(destination: Key, keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['SUNIONSTORE', destination, ...listOf(keys)], asNumber)
  }

  /** Members that are in the first of the sets and in none of the others. */
  sDiff(keys: Key | readonly Key[]): Answer<M, Set<string>> {
    return this.send(['SDIFF', ...listOf(keys)], asIs<Set<string>>)
  }

  sDiffStore(destination: Key, keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['SDIFFSTORE', destination, ...listOf(keys)], asNumber)
  }
}

/** A list, or a set as RESP3 has it: SPOP with a count. */
const asMembers = (reply: unknown): string[] => reply instanceof Set ? [...reply as Set<string>] : asList<string>(reply)
