/**
 * Strings: values by key, counters, and pieces of strings. Values pass through the store's codec; pieces (append,
 * getRange, setRange) are bytes as they are kept, which mean something with the codecs 'text' and 'binary' only.
 * Source: Redis 7.0 command documentation, string.
 */
import { asBytes, type Bytes } from '@slotwise/engine'
import {
  type Answer, asBoolean, asDone, asIs, asNothing, asNumber, CommandSender, type Key, type Mode, numberText,
  wholeNumber,
} from './sender.js'

/** How long a key is to live. At most one of them. */
export interface ExpiryOptions {
  /** From now on, in ms; a whole number above 0. @default for ever */
  ttlMs?: number
  /** Unix time in ms. */
  expireAtMs?: number
}

export interface SetOptions extends ExpiryOptions {
  /** Keep the time to live that the key has. @default false: SET removes it */
  keepTtl?: boolean
  /** Only if there is no such key. @default false */
  nx?: boolean
  /** Only if there is such a key. @default false */
  xx?: boolean
}

export interface GetExOptions extends ExpiryOptions {
  /** Remove the time to live. @default false */
  persist?: boolean
}

export abstract class StringCommands<V, M extends Mode> extends CommandSender<V, M> {
  /** The value of `key`; null if there is none. O(1). @throws {WrongTypeError} */
  get(key: Key): Answer<M, V | null> {
    return this.send(['GET', key], asIs<V | null>, this.values)
  }

  /**
   * Stores `value`, of whatever type the key was before. O(1).
   * @returns whether it was stored: false if `nx` or `xx` did not hold
   * @throws {TypeError} if the codec cannot keep the value
   * @throws {ReplyError} OOM, MISCONF
   */
  set(key: Key, value: V, options?: SetOptions): Answer<M, boolean> {
    return this.send(setArguments(key, this.codec.encode(value), options), asDone)
  }

  /** Stores `value` as `set` does and returns what was there before: SET ... GET. @throws {WrongTypeError} */
  getSet(key: Key, value: V, options?: SetOptions): Answer<M, V | null> {
    return this.send([...setArguments(key, this.codec.encode(value), options), 'GET'], asIs<V | null>, this.values)
  }

  /** The value of `key`, which is then gone. @throws {WrongTypeError} */
  getDel(key: Key): Answer<M, V | null> {
    return this.send(['GETDEL', key], asIs<V | null>, this.values)
  }

  /** The value of `key`, whose time to live is changed. @throws {WrongTypeError} */
  getEx(key: Key, options: GetExOptions): Answer<M, V | null> {
    const expiry = options.persist === true ? ['PERSIST'] : expiryArguments(options)
    return this.send(['GETEX', key, ...expiry], asIs<V | null>, this.values)
  }

  /** Stores `value` if there is no such key. @returns whether it was stored */
  setNx(key: Key, value: V): Answer<M, boolean> {
    return this.send(['SETNX', key, this.codec.encode(value)], asBoolean)
  }

  /** The values of all keys at one moment; null for a key that is missing or holds no string. O(keys). */
  mGet(keys: readonly Key[]): Answer<M, (V | null)[]> {
    return this.send(['MGET', ...keys], asIs<(V | null)[]>, this.values)
  }

  /** Stores all entries at one moment. O(entries). */
  mSet(entries: Iterable<readonly [Key, V]>): Answer<M, void> {
    return this.send(['MSET', ...this.#flat(entries)], asNothing)
  }

  /** Stores all entries if none of the keys exists. @returns whether they were stored */
  mSetNx(entries: Iterable<readonly [Key, V]>): Answer<M, boolean> {
    return this.send(['MSETNX', ...this.#flat(entries)], asBoolean)
  }

  /**
   * Adds 1; a missing key counts as 0. Works on numbers as the codecs 'msgpack', 'json' and 'text' keep them. The key
   * counts exactly to 2^63; beyond 2^53 the result is the nearest number (`command('INCR', key)` gives a bigint).
   * @throws {ReplyError} ERR if the value is no integer or would leave 64 bits
   */
  incr(key: Key): Answer<M, number> {
    return this.send(['INCR', key], asNumber)
  }

  /** Adds `amount`, a whole number. As `incr`. */
  incrBy(key: Key, amount: number): Answer<M, number> {
    return this.send(['INCRBY', key, numberText(amount)], asNumber)
  }

  /** Adds `amount`. @throws {ReplyError} ERR if the value is no number, or the sum NaN or infinite */
  incrByFloat(key: Key, amount: number): Answer<M, number> {
    return this.send(['INCRBYFLOAT', key, numberText(amount)], Number)
  }

  /** Subtracts 1. As `incr`. */
  decr(key: Key): Answer<M, number> {
    return this.send(['DECR', key], asNumber)
  }

  /** Subtracts `amount`, a whole number. As `incr`. */
  decrBy(key: Key, amount: number): Answer<M, number> {
    return this.send(['DECRBY', key, numberText(amount)], asNumber)
  }

  /** Puts bytes behind those of the key. @returns the new length in bytes. @throws {WrongTypeError} */
  append(key: Key, bytes: Bytes): Answer<M, number> {
    return this.send(['APPEND', key, bytes], asNumber)
  }

  /** Length in bytes as kept; 0 if there is no such key. @throws {WrongTypeError} */
  strLen(key: Key): Answer<M, number> {
    return this.send(['STRLEN', key], asNumber)
  }

  /** The bytes from `start` to `end`, both included; negative ones count from the end. @throws {WrongTypeError} */
  getRange(key: Key, start: number, end: number): Answer<M, Uint8Array> {
    return this.send(['GETRANGE', key, numberText(start), numberText(end)], asIs<Uint8Array>, asBytes)
  }

  /** Overwrites from byte `offset` on; a gap is filled with zeros. @returns the new length in bytes */
  setRange(key: Key, offset: number, bytes: Bytes): Answer<M, number> {
    return this.send(['SETRANGE', key, String(wholeNumber('offset', offset, 0)), bytes], asNumber)
  }

  /** The longest common subsequence of two strings. O(a * b). */
  lcs(first: Key, second: Key): Answer<M, Uint8Array> {
    return this.send(['LCS', first, second], asIs<Uint8Array>, asBytes)
  }

  * #flat(entries: Iterable<readonly [Key, V]>): Iterable<Bytes> {
    for (const [key, value] of entries) {
      yield key
      yield this.codec.encode(value)
    }
  }
}

/** @throws {RangeError} if a time is no whole number; {TypeError} if both are given */
export function expiryArguments(options: ExpiryOptions): Bytes[] {
  const { ttlMs, expireAtMs } = options
  if (ttlMs !== undefined && expireAtMs !== undefined) throw new TypeError('expected ttlMs or expireAtMs, found both')
  if (ttlMs !== undefined) return ['PX', String(wholeNumber('ttlMs', ttlMs, 1))]
  if (expireAtMs !== undefined) return ['PXAT', String(wholeNumber('expireAtMs', expireAtMs, 1))]
  return []
}

export function setArguments(key: Key, value: Bytes, options: SetOptions = {}): Bytes[] {
  const args: Bytes[] = ['SET', key, value, ...expiryArguments(options)]
  if (options.keepTtl === true) {
    if (args.length > 3) throw new TypeError('expected keepTtl or a time to live, found both')
    args.push('KEEPTTL')
  }
  if (options.nx === true && options.xx === true) throw new TypeError('expected nx or xx, found both')
  if (options.nx === true) args.push('NX')
  if (options.xx === true) args.push('XX')
  return args
}
