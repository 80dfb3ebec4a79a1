/**
 * Hashes: fields and their values under one key. Values pass through the store's codec. Fields do not: Redis compares
 * their bytes, so they are kept as they are, and read as text (`commandBytes` for those that are none).
 * Source: Redis 7.0 command documentation, hash.
 */
import type { Bytes } from '@slotwise/engine'
import { BitCommands } from './bits.js'
import { asList, asPairs, textsAndValues } from './readers.js'
import { type Answer, asBoolean, asIs, asNumber, type Key, listOf, type Mode, numberText } from './sender.js'

/** Fields with their values: an object (its own enumerable properties), a Map, or pairs. */
export type Fields<V> = Iterable<readonly [Key, V]> | Readonly<Record<string, V>>

/** Has no prototype, so that a field of any name is a property like others. */
export type FieldValues<V> = Record<string, V>

export abstract class HashCommands<V, M extends Mode> extends BitCommands<V, M> {
  /**
   * Sets fields, one or many in one crossing and at one moment. O(fields).
   * @returns how many were not there before
   * @throws {TypeError} if the codec cannot keep a value, or there are no fields
   */
  hSet(key: Key, field: Key, value: V): Answer<M, number>
  hSet(key: Key, fields: Fields<V>): Answer<M, number>
  hSet(key: Key, fields: Key | Fields<V>, ...value: [V] | []): Answer<M, number> {
    if (value.length > 0) return this.send(['HSET', key, fields as Key, this.codec.encode(value[0] as V)], asNumber)
    const args: Bytes[] = ['HSET', key]
    for (const [field, item] of entriesOf(fields as Fields<V>)) args.push(field, this.codec.encode(item))
    if (args.length === 2) throw new TypeError('expected at least one field')
    return this.send(args, asNumber)
  }

  /** Sets a field that is not there yet. @returns whether it was set */
  hSetNx(key: Key, field: Key, value: V): Answer<M, boolean> {
    return this.send(['HSETNX', key, field, this.codec.encode(value)], asBoolean)
  }

  /** The value of a field; null if there is none. O(1). */
  hGet(key: Key, field: Key): Answer<M, V | null> {
    return this.send(['HGET', key, field], asIs<V | null>, this.values)
  }

  /** The values of many fields in one crossing, in order; null where there is none. */
  hmGet(key: Key, fields: readonly Key[]): Answer<M, (V | null)[]> {
    return this.send(['HMGET', key, ...fields], asIs<(V | null)[]>, this.values)
  }

  /** All fields as an object without a prototype; empty if there is no such key. O(fields). */
  hGetAll(key: Key): Answer<M, FieldValues<V>> {
    return this.send(['HGETALL', key], asFields<V>, textsAndValues(this.values))
  }

  /** Removes fields; the key goes with the last one. @returns how many there were */
  hDel(key: Key, fields: Key | readonly Key[]): Answer<M, number> {
    return this.send(['HDEL', key, ...listOf(fields)], asNumber)
  }

  hExists(key: Key, field: Key): Answer<M, boolean> {
    return this.send(['HEXISTS', key, field], asBoolean)
  }

  /** How many fields there are; 0 if there is no such key. O(1). */
  hLen(key: Key): Answer<M, number> {
    return this.send(['HLEN', key], asNumber)
  }

  /** Length in bytes of a value as it is kept; 0 if there is none. */
  hStrLen(key: Key, field: Key): Answer<M, number> {
    return this.send(['HSTRLEN', key, field], asNumber)
  }

  hKeys(key: Key): Answer<M, string[]> {
    return this.send(['HKEYS', key], asIs<string[]>)
  }

  hVals(key: Key): Answer<M, V[]> {
    return this.send(['HVALS', key], asIs<V[]>, this.values)
  }

  /**
   * Adds `amount`, a whole number, to a field; a missing one counts as 0.
   * @throws {ReplyError} ERR if it holds no integer
   */
  hIncrBy(key: Key, field: Key, amount: number): Answer<M, number> {
    return this.send(['HINCRBY', key, field, numberText(amount)], asNumber)
  }

  /** Adds `amount` to a field. @throws {ReplyError} ERR if it is no number, or the sum NaN or infinite */
  hIncrByFloat(key: Key, field: Key, amount: number): Answer<M, number> {
    return this.send(['HINCRBYFLOAT', key, field, numberText(amount)], Number)
  }

  /**
   * A field at random; null if there is no such key. With `count` that many different ones, or all; with a negative one
   * exactly as many, with repetitions.
   */
  hRandField(key: Key): Answer<M, string | null>
  hRandField(key: Key, count: number): Answer<M, string[]>
  hRandField(key: Key, count?: number): Answer<M, string | string[] | null> {
    if (count === undefined) return this.send(['HRANDFIELD', key], asIs<string | null>)
    return this.send(['HRANDFIELD', key, numberText(count)], asList<string>)
  }

  /** As `hRandField`, with the values. */
  hRandFieldWithValues(key: Key, count: number): Answer<M, [field: string, value: V][]> {
    const bulk = textsAndValues(this.values)
    return this.send(['HRANDFIELD', key, numberText(count), 'WITHVALUES'], asPairs<string, V>, bulk)
  }
}

/** @throws {TypeError} for what is neither object, Map nor pairs */
export function entriesOf<T>(
  entries: Iterable<readonly [Key, T]> | Readonly<Record<string, T>>,
): Iterable<readonly [Key, T]> {
  if (typeof entries !== 'object' || (entries as unknown) === null || entries instanceof Uint8Array) {
    throw new TypeError('expected an object, a Map or pairs')
  }
  return Symbol.iterator in entries ? entries : Object.entries(entries)
}

function asFields<V>(reply: unknown): FieldValues<V> {
  const fields = Object.create(null) as FieldValues<V>
  for (const [field, value] of reply as Map<string, V>) fields[field] = value
  return fields
}
