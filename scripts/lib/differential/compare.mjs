/**
 * When are two replies the same? Byte for byte, unless Redis itself promises less: the order of a hash table, a random
 * choice, a time that derives from a relative one. What differs on purpose stands in allowed.mjs.
 */
import { allowed } from './allowed.mjs'
import { decodeFrame } from '../resp-frames.mjs'

const toleranceMs = 30_000

/** Times in ms that derive from relative ones, or in s. */
export const sameTime = (a, b) => a === b ||
  (/^\d{1,19}$/.test(a) && /^\d{1,19}$/.test(b) && Math.abs(Number(BigInt(a) - BigInt(b))) < toleranceMs)

const sorted = (values) => values.map((value) => JSON.stringify(value)).sort()
const sameElements = (a, b) => {
  const [left, right] = [sorted(a), sorted(b)]
  return left.length === right.length && left.every((value, i) => value === right[i])
}
const inPairs = (values) => Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]])

const unordered = (a, b) => (Array.isArray(a) && Array.isArray(b) ? sameElements(a, b) : JSON.stringify(a) === JSON.stringify(b))
const unorderedPairs = (a, b) => (Array.isArray(a) && Array.isArray(b) ? sameElements(inPairs(a), inPairs(b)) : JSON.stringify(a) === JSON.stringify(b))
const time = (a, b) => typeof a === 'string' && typeof b === 'string' && a[0] === ':' && b[0] === ':' && sameTime(a.slice(1), b.slice(1))
const anyNumber = (a, b) => a === b || (typeof a === 'string' && typeof b === 'string' && a[0] === ':' && b[0] === ':')
const shape = (value) => (Array.isArray(value) ? value.map(shape) : value === null ? null : value[0] === '-' ? value : value[0])
const sameShape = (a, b) => JSON.stringify(shape(a)) === JSON.stringify(shape(b))

const looser = new Map(Object.entries({
  SMEMBERS: unordered, SINTER: unordered, SUNION: unordered, SDIFF: unordered, HKEYS: unordered, HVALS: unordered, KEYS: unordered,
  HGETALL: unorderedPairs, TTL: time, PTTL: time, EXPIRETIME: time, PEXPIRETIME: time, 'OBJECT FREQ': anyNumber, 'OBJECT IDLETIME': anyNumber,
  // The sort of a set by nothing is in no order.
  SORT: (a, b, command) => /^(?:sort|sort_ro)$/i.test(command[0]) && command.some((arg) => /^(?:by)$/i.test(arg)) && unordered(a, b),
}))
looser.set('SORT_RO', looser.get('SORT'))

/**
 * @param redis, slotwise  the replies as values (decodeFrame)
 * @param mode  'subset' for a random choice of elements, 'unordered', or undefined
 */
export function sameValue(command, redis, slotwise, mode) {
  if (JSON.stringify(redis) === JSON.stringify(slotwise)) return true
  const name = command[0].toUpperCase()
  if (allowed(command, redis, slotwise)) return true
  if (mode === 'subset' || mode === 'key') return sameShape(redis, slotwise)
  if (mode === 'unordered') return unordered(redis, slotwise)
  const rule = looser.get(name) ?? looser.get(`${name} ${command[1]?.toUpperCase()}`)
  return rule !== undefined && rule(redis, slotwise, command)
}

/** The same for frames; the usual case costs one comparison of bytes. */
export const sameReply = (command, redis, slotwise, mode) =>
  redis.equals(slotwise) || sameValue(command, decodeFrame(redis), decodeFrame(slotwise), mode)

/** Commands of the logs. A set's members may come in any order; `swaps` are the random choices that were evened out. */
export function sameLogged(a, b, swaps) {
  if (a.length !== b.length) return swaps.get(a.join('\0'))?.has(b.join('\0')) ?? false
  const isTime = (i) => (a[0] === 'PEXPIREAT' ? i === 2 : i === a.length - 1 && a[i - 1] === 'PXAT')
  if (a.every((arg, i) => arg === b[i] || (isTime(i) && sameTime(arg, b[i])))) return true
  if (a[0] !== b[0] || a[1] !== b[1]) return false
  return ['SREM', 'SADD'].includes(a[0].toUpperCase()) && (sameElements(a, b) || (swaps.get(a.join('\0'))?.has(b.join('\0')) ?? false))
}

export const show = (x) => {
  const text = Buffer.isBuffer(x) ? x.toString('latin1') : JSON.stringify(x)
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}...(${text.length})` : text)
}
