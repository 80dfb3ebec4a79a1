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

const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b)
const arrays = (...values) => values.every((value) => Array.isArray(value))
const numbers = (...values) => values.every((value) => typeof value === 'string' && value[0] === ':')
const unordered = (a, b) => (arrays(a, b) ? sameElements(a, b) : equal(a, b))
const unorderedPairs = (a, b) => (arrays(a, b) ? sameElements(inPairs(a), inPairs(b)) : equal(a, b))
const time = (a, b) => numbers(a, b) && sameTime(a.slice(1), b.slice(1))
const anyNumber = (a, b) => equal(a, b) || numbers(a, b)
/** Kinds of replies without what they say; errors whole. */
function shape(value) {
  if (Array.isArray(value)) return value.map(shape)
  return value === null || value[0] === '-' ? value : value[0]
}
const sameShape = (a, b) => equal(shape(a), shape(b))

const rulesOf = (names, rule) => names.map((name) => [name, rule])
const looser = new Map([
  ...rulesOf(['SMEMBERS', 'SINTER', 'SUNION', 'SDIFF', 'HKEYS', 'HVALS', 'KEYS'], unordered), ['HGETALL', unorderedPairs],
  ...rulesOf(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'], time),
  ...rulesOf(['OBJECT FREQ', 'OBJECT IDLETIME'], anyNumber),
])

/**
 * @param redis, slotwise  the replies as values (decodeFrame)
 * @param mode  'subset' for a random choice of elements, 'unordered', or undefined
 */
export function sameValue(command, redis, slotwise, mode) {
  if (equal(redis, slotwise)) return true
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

/**
 * Commands of the logs. A set's members may come in any order. `swaps`: by key, the random choices that were evened
 * out: what Redis took, what Slotwise took.
 */
export function sameLogged(a, b, swaps) {
  if (a.length !== b.length) return false
  const isTime = (i) => (a[0] === 'PEXPIREAT' ? i === 2 : i === a.length - 1 && a[i - 1] === 'PXAT')
  if (a.every((arg, i) => arg === b[i] || (isTime(i) && sameTime(arg, b[i])))) return true
  if (a[0] !== b[0] || a[1] !== b[1] || !['SREM', 'SADD'].includes(a[0].toUpperCase())) return false
  if (sameElements(a, b)) return true
  const chosen = (args, choice) => args.slice(2).every((member) => choice.has(member))
  return (swaps.get(a[1]) ?? []).some(({ redis, slotwise }) => chosen(a, redis) && chosen(b, slotwise))
}

export const show = (x) => {
  const text = Buffer.isBuffer(x) ? x.toString('latin1') : JSON.stringify(x)
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}...(${text.length})` : text)
}
