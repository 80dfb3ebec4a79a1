/** Keys of any type, their time to live, databases, publishing. Source: Redis 7.0 command documentation, generic. */
import type { Bytes } from '@slotwise/engine'
import { SortCommands } from './sort.js'
import {
  type Answer, asBoolean, asIs, asNothing, asNumber, type Key, listOf, type Mode, numberText, wholeNumber,
} from './sender.js'

export interface ExpireOptions {
  /** From now on, in ms; 0 or less deletes the key. One of the two is needed. */
  ttlMs?: number
  /** Unix time in ms. */
  expireAtMs?: number
  /** Only if the key has no time to live ('nx'), has one ('xx'), or a shorter ('gt') or longer ('lt') one. */
  only?: 'nx' | 'xx' | 'gt' | 'lt'
}

export interface CopyOptions {
  /** Database to copy to. @default the store's own */
  db?: number
  /** Replace what is there. @default false */
  replace?: boolean
}

export interface FlushOptions {
  /** Free the memory in the background. @default false */
  async?: boolean
}

export abstract class KeyCommands<V, M extends Mode> extends SortCommands<V, M> {
  /** Removes keys. @returns how many there were */
  del(keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['DEL', ...listOf(keys)], asNumber)
  }

  /** As `del`; the memory of large values is freed in the background. */
  unlink(keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['UNLINK', ...listOf(keys)], asNumber)
  }

  /** How many of the keys exist; one that is named twice counts twice. */
  exists(keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['EXISTS', ...listOf(keys)], asNumber)
  }

  /** Marks keys as used, for eviction. @returns how many there are */
  touch(keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['TOUCH', ...listOf(keys)], asNumber)
  }

  /** 'string', ...; 'none' if there is no such key. */
  type(key: Key): Answer<M, string> {
    return this.send(['TYPE', key], asIs<string>)
  }

  /**
   * Gives a key a time to live.
   * @returns false if there is no such key, or `only` did not hold
   * @throws {RangeError} if the time is no whole number
   */
  expire(key: Key, options: ExpireOptions): Answer<M, boolean> {
    const { ttlMs, expireAtMs, only } = options
    if ((ttlMs === undefined) === (expireAtMs === undefined)) throw new TypeError('expected one of ttlMs and expireAtMs')
    const args: Bytes[] = ttlMs === undefined
      ? ['PEXPIREAT', key, String(wholeNumber('expireAtMs', expireAtMs!, Number.MIN_SAFE_INTEGER))]
      : ['PEXPIRE', key, String(wholeNumber('ttlMs', ttlMs, Number.MIN_SAFE_INTEGER))]
    if (only !== undefined) args.push(only)
    return this.send(args, asBoolean)
  }

  /** Removes the time to live. @returns whether there was one */
  persist(key: Key): Answer<M, boolean> {
    return this.send(['PERSIST', key], asBoolean)
  }

  /** Time to live in ms: Infinity without one, null without the key. */
  ttlMs(key: Key): Answer<M, number | null> {
    return this.send(['PTTL', key], asTime)
  }

  /** Unix time in ms at which the key goes: Infinity if never, null without the key. */
  expireTimeMs(key: Key): Answer<M, number | null> {
    return this.send(['PEXPIRETIME', key], asTime)
  }

  /** Gives the value another name, replacing what is there. @throws {ReplyError} ERR if there is no such key */
  rename(key: Key, newKey: Key): Answer<M, void> {
    return this.send(['RENAME', key, newKey], asNothing)
  }

  /** As `rename`, unless there is something. @returns whether it was renamed */
  renameNx(key: Key, newKey: Key): Answer<M, boolean> {
    return this.send(['RENAMENX', key, newKey], asBoolean)
  }

  /** Copies a value and its time to live. @returns whether it was copied */
  copy(source: Key, destination: Key, options: CopyOptions = {}): Answer<M, boolean> {
    const args: Bytes[] = ['COPY', source, destination]
    if (options.db !== undefined) args.push('DB', numberText(options.db))
    if (options.replace === true) args.push('REPLACE')
    return this.send(args, asBoolean)
  }

  /** Moves a key to another database. @returns false if there is none, or one of that name there */
  move(key: Key, db: number): Answer<M, boolean> {
    return this.send(['MOVE', key, numberText(db)], asBoolean)
  }

  /** Any key; null if there is none. */
  randomKey(): Answer<M, string | null> {
    return this.send(['RANDOMKEY'], asIs<string | null>)
  }

  /** All keys that match a glob pattern, in one answer: O(all keys), while everybody waits. Rather use `scan`. */
  keys(pattern = '*'): Answer<M, string[]> {
    return this.send(['KEYS', pattern], asIs<string[]>)
  }

  /** How many keys the database holds. */
  dbSize(): Answer<M, number> {
    return this.send(['DBSIZE'], asNumber)
  }

  /** Removes every key of this database. */
  flushDb(options: FlushOptions = {}): Answer<M, void> {
    return this.send(['FLUSHDB', options.async === true ? 'ASYNC' : 'SYNC'], asNothing)
  }

  /** Removes every key of every database. */
  flushAll(options: FlushOptions = {}): Answer<M, void> {
    return this.send(['FLUSHALL', options.async === true ? 'ASYNC' : 'SYNC'], asNothing)
  }

  /** Exchanges the content of two databases. */
  swapDb(first: number, second: number): Answer<M, void> {
    return this.send(['SWAPDB', numberText(first), numberText(second)], asNothing)
  }

  /** Sends a message to whoever is subscribed to the channel, here and among Redis clients. @returns how many got it */
  publish(channel: string, message: Bytes): Answer<M, number> {
    return this.send(['PUBLISH', channel, message], asNumber)
  }
}

const asTime = (reply: unknown): number | null => {
  const ms = reply as number
  return ms >= 0 ? ms : ms === -1 ? Infinity : null
}
