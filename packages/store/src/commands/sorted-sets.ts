/**
 * Sorted sets: members with scores, ordered by score and then by the bytes of the member. Members are kept as they are,
 * as those of sets are. Pairs of [member, score] go in and come out: `new Map(store.zRangeWithScores('board'))`.
 * ZRANGEBYSCORE, ZRANGEBYLEX, ZREVRANGE and their kin are zRange with its options.
 * What waits (bzPopMin and the like) is in ../blocking.ts. Source: Redis 7.0 command documentation, sorted set.
 */
import { type Bytes, describe } from '@slotwise/engine'
import { entriesOf } from './hashes.js'
import { popArguments } from './lists.js'
import { asList, asPairs } from './readers.js'
import { SetCommands } from './sets.js'
import { type Answer, asIs, asNumber, type Key, listOf, type Mode, numberText, wholeNumber } from './sender.js'

export type ScoredMember = [member: string, score: number]
/** Members with their scores: an object, a Map, or pairs. */
export type Scores = Iterable<readonly [Key, number]> | Readonly<Record<string, number>>

export interface ZAddOptions {
  /** Only members that are not there yet. @default false */
  nx?: boolean
  /** Only members that are there. @default false */
  xx?: boolean
  /** Change a score only to a greater ('gt') or lesser ('lt') one; new members are added all the same. */
  only?: 'gt' | 'lt'
}

/** A number, or '(1.5' to leave out the score itself. Infinity and -Infinity are no limit. */
export type ScoreLimit = number | `(${number}`
/** '[member' or '(member' to leave it out; '-' and '+' are before and behind everything. All scores must be equal. */
export type LexLimit = `[${string}` | `(${string}` | '-' | '+'

/** By rank: both ends included, negative ones count from the end. @default everything */
export interface RankRange { by?: 'rank'; start?: number; end?: number; reverse?: boolean }
export interface ScoreRange {
  by: 'score'
  /** @default -Infinity */
  min?: ScoreLimit
  /** @default Infinity */
  max?: ScoreLimit
  /** From the greatest down. @default false */
  reverse?: boolean
  /** @default all */
  limit?: { offset?: number; count: number }
}
export interface LexRange {
  by: 'lex'
  /** @default '-' */
  min?: LexLimit
  /** @default '+' */
  max?: LexLimit
  reverse?: boolean
  limit?: { offset?: number; count: number }
}
export type ZRange = RankRange | ScoreRange | LexRange

export interface AggregateOptions {
  /** Factors of the scores, one a key. @default 1 */
  weights?: readonly number[]
  /** What becomes of the scores of one member. @default 'sum' */
  aggregate?: 'sum' | 'min' | 'max'
}

/** What was taken from the first of several keys that had something. */
export interface PoppedMembers {
  key: string
  members: ScoredMember[]
}

export abstract class SortedSetCommands<V, M extends Mode> extends SetCommands<V, M> {
  /**
   * Adds members or changes their scores, in one crossing and at one moment. O(members * log(size)).
   * @param options.changed  count also members whose score changed. @default false
   * @returns how many were added
   * @throws {TypeError | RangeError} if a score is no number, or there are no members
   */
  zAdd(key: Key, members: Scores, options: ZAddOptions & { changed?: boolean } = {}): Answer<M, number> {
    const args: Bytes[] = ['ZADD', key, ...conditions(options)]
    if (options.changed === true) args.push('CH')
    const before = args.length
    for (const [member, score] of entriesOf(members)) args.push(scoreText(score), member)
    if (args.length === before) throw new TypeError('expected at least one member')
    return this.send(args, asNumber)
  }

  /** Adds to the score of a member; a new one counts as 0. @returns the score; null if a condition did not hold */
  zIncrBy(key: Key, increment: number, member: Key): Answer<M, number>
  zIncrBy(key: Key, increment: number, member: Key, options: ZAddOptions): Answer<M, number | null>
  zIncrBy(key: Key, increment: number, member: Key, options: ZAddOptions = {}): Answer<M, number | null> {
    return this.send(['ZADD', key, ...conditions(options), 'INCR', scoreText(increment), member], asIs<number | null>)
  }

  /** The score of a member; null if there is none. O(1). */
  zScore(key: Key, member: Key): Answer<M, number | null> {
    return this.send(['ZSCORE', key, member], asIs<number | null>)
  }

  /** As `zScore` for many, in one crossing. */
  zmScore(key: Key, members: readonly Key[]): Answer<M, (number | null)[]> {
    return this.send(['ZMSCORE', key, ...members], asIs<(number | null)[]>)
  }

  /** Where a member stands, 0 being the lowest score; null if nowhere. O(log(size)). */
  zRank(key: Key, member: Key): Answer<M, number | null> {
    return this.send(['ZRANK', key, member], asIs<number | null>)
  }

  /** As `zRank`, 0 being the greatest score. */
  zRevRank(key: Key, member: Key): Answer<M, number | null> {
    return this.send(['ZREVRANK', key, member], asIs<number | null>)
  }

  /** How many members there are; 0 if there is no such key. O(1). */
  zCard(key: Key): Answer<M, number> {
    return this.send(['ZCARD', key], asNumber)
  }

  /** How many members have a score from `min` to `max`. O(log(size)). */
  zCount(key: Key, min: ScoreLimit, max: ScoreLimit): Answer<M, number> {
    return this.send(['ZCOUNT', key, limitText(min), limitText(max)], asNumber)
  }

  zLexCount(key: Key, min: LexLimit, max: LexLimit): Answer<M, number> {
    return this.send(['ZLEXCOUNT', key, min, max], asNumber)
  }

  /** Members by rank, score or name: `zRange('board', { by: 'score', min: 100 })`. O(log(size) + members). */
  zRange(key: Key, range: ZRange = {}): Answer<M, string[]> {
    return this.send(['ZRANGE', key, ...rangeArguments(range)], asIs<string[]>)
  }

  zRangeWithScores(key: Key, range: RankRange | ScoreRange = {}): Answer<M, ScoredMember[]> {
    return this.send(['ZRANGE', key, ...rangeArguments(range), 'WITHSCORES'], asScored)
  }

  /** Keeps what `zRange` gives as `destination`, in place of what is there. @returns how many */
  zRangeStore(destination: Key, source: Key, range: ZRange = {}): Answer<M, number> {
    return this.send(['ZRANGESTORE', destination, source, ...rangeArguments(range)], asNumber)
  }

  /** Removes members; the key goes with the last one. @returns how many there were */
  zRem(key: Key, members: Key | readonly Key[]): Answer<M, number> {
    return this.send(['ZREM', key, ...listOf(members)], asNumber)
  }

  zRemRangeByRank(key: Key, start: number, end: number): Answer<M, number> {
    return this.send(['ZREMRANGEBYRANK', key, numberText(start), numberText(end)], asNumber)
  }

  zRemRangeByScore(key: Key, min: ScoreLimit, max: ScoreLimit): Answer<M, number> {
    return this.send(['ZREMRANGEBYSCORE', key, limitText(min), limitText(max)], asNumber)
  }

  zRemRangeByLex(key: Key, min: LexLimit, max: LexLimit): Answer<M, number> {
    return this.send(['ZREMRANGEBYLEX', key, min, max], asNumber)
  }

  /** Takes the member with the least score, null if there is none; with `count` up to as many, in order. */
  zPopMin(key: Key): Answer<M, ScoredMember | null>
  zPopMin(key: Key, count: number): Answer<M, ScoredMember[]>
  zPopMin(key: Key, count?: number): Answer<M, ScoredMember | ScoredMember[] | null> {
    return this.#pop('ZPOPMIN', key, count)
  }

  /** As `zPopMin`, the greatest score. */
  zPopMax(key: Key): Answer<M, ScoredMember | null>
  zPopMax(key: Key, count: number): Answer<M, ScoredMember[]>
  zPopMax(key: Key, count?: number): Answer<M, ScoredMember | ScoredMember[] | null> {
    return this.#pop('ZPOPMAX', key, count)
  }

  /** Members of the first of the keys that has any; null if none has. */
  zmPop(
    keys: Key | readonly Key[], end: 'min' | 'max', options: { count?: number } = {},
  ): Answer<M, PoppedMembers | null> {
    return this.send(['ZMPOP', ...popArguments(keys, end, options.count)], asPoppedMembers)
  }

  /** A member at random, or several: `count` as that of `sRandMember`. */
  zRandMember(key: Key): Answer<M, string | null>
  zRandMember(key: Key, count: number): Answer<M, string[]>
  zRandMember(key: Key, count?: number): Answer<M, string | string[] | null> {
    if (count === undefined) return this.send(['ZRANDMEMBER', key], asIs<string | null>)
    return this.send(['ZRANDMEMBER', key, numberText(count)], asList<string>)
  }

  zRandMemberWithScores(key: Key, count: number): Answer<M, ScoredMember[]> {
    return this.send(['ZRANDMEMBER', key, numberText(count), 'WITHSCORES'], asScored)
  }

  /** Members that are in any of the sets (sorted ones or not; scores of the latter count as 1), with their scores. */
  zUnion(keys: Key | readonly Key[], options: AggregateOptions = {}): Answer<M, ScoredMember[]> {
    return this.send(['ZUNION', ...aggregateArguments(keys, options), 'WITHSCORES'], asScored)
  }

  zUnionStore(destination: Key, keys: Key | readonly Key[], options: AggregateOptions = {}): Answer<M, number> {
    return this.send(['ZUNIONSTORE', destination, ...aggregateArguments(keys, options)], asNumber)
  }

  /** Members that are in every one of the sets, with their scores. */
  zInter(keys: Key | readonly Key[], options: AggregateOptions = {}): Answer<M, ScoredMember[]> {
    return this.send(['ZINTER', ...aggregateArguments(keys, options), 'WITHSCORES'], asScored)
  }

  zInterStore(destination: Key, keys: Key | readonly Key[], options: AggregateOptions = {}): Answer<M, number> {
    return this.send(['ZINTERSTORE', destination, ...aggregateArguments(keys, options)], asNumber)
  }

  /** How many members `zInter` would give; counting ends at `limit`. @param options.limit  @default 0: no end */
  zInterCard(keys: Key | readonly Key[], options: { limit?: number } = {}): Answer<M, number> {
    return this.send(['ZINTERCARD', ...numbered(keys), 'LIMIT', numberText(options.limit ?? 0)], asNumber)
  }

  /** Members that are in the first of the sets and in none of the others, with their scores. */
  zDiff(keys: Key | readonly Key[]): Answer<M, ScoredMember[]> {
    return this.send(['ZDIFF', ...numbered(keys), 'WITHSCORES'], asScored)
  }

  zDiffStore(destination: Key, keys: Key | readonly Key[]): Answer<M, number> {
    return this.send(['ZDIFFSTORE', destination, ...numbered(keys)], asNumber)
  }

  #pop(command: string, key: Key, count: number | undefined): Answer<M, ScoredMember | ScoredMember[] | null> {
    if (count === undefined) return this.send([command, key], (reply) => asScored(reply)[0] ?? null)
    return this.send([command, key, String(wholeNumber('count', count, 0))], asScored)
  }
}

const asScored = asPairs<string, number>

export function asPoppedMembers(reply: unknown): PoppedMembers | null {
  if (reply === null) return null
  const [key, members] = reply as [string, unknown]
  return { key, members: asScored(members) }
}

function conditions({ nx, xx, only }: ZAddOptions): Bytes[] {
  if (nx === true && (xx === true || only !== undefined)) throw new TypeError('expected nx, or xx and gt or lt, found both')
  return [...(nx === true ? ['NX'] : []), ...(xx === true ? ['XX'] : []), ...(only === undefined ? [] : [only])]
}

/** A score as an argument. @throws {TypeError} if it is no number; {RangeError} for NaN, which cannot be ordered */
function scoreText(score: number): string {
  if (typeof score !== 'number') throw new TypeError(`expected a score, found ${describe(score)}`)
  if (Number.isNaN(score)) throw new RangeError('expected a score, found NaN')
  return score === Infinity ? 'inf' : score === -Infinity ? '-inf' : String(score)
}

const limitText = (limit: ScoreLimit): string => typeof limit === 'string' ? limit : scoreText(limit)

function rangeArguments(range: ZRange): Bytes[] {
  if (range.by === 'score') {
    return limits(range, 'BYSCORE', limitText(range.min ?? -Infinity), limitText(range.max ?? Infinity))
  }
  if (range.by === 'lex') return limits(range, 'BYLEX', range.min ?? '-', range.max ?? '+')
  return [numberText(range.start ?? 0), numberText(range.end ?? -1), ...reversed(range)]
}

const reversed = ({ reverse }: ZRange): Bytes[] => reverse === true ? ['REV'] : []

function limits(range: ScoreRange | LexRange, by: string, min: string, max: string): Bytes[] {
  // Redis wants the greater one first when it goes down.
  const args: Bytes[] = [...(range.reverse === true ? [max, min] : [min, max]), by, ...reversed(range)]
  if (range.limit !== undefined) args.push('LIMIT', numberText(range.limit.offset ?? 0), numberText(range.limit.count))
  return args
}

function numbered(keys: Key | readonly Key[]): Bytes[] {
  const list = listOf(keys)
  return [String(list.length), ...list]
}

function aggregateArguments(keys: Key | readonly Key[], { weights, aggregate }: AggregateOptions): Bytes[] {
  const args = numbered(keys)
  if (weights !== undefined) args.push('WEIGHTS', ...weights.map(scoreText))
  if (aggregate !== undefined) args.push('AGGREGATE', aggregate)
  return args
}
