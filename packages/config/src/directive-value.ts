/**
 * Directive value: is what was typed a value of this directive, and how does CONFIG GET print it? The printed form is
 * the only form kept here. Same rules and sentences as native/src/config/directive_value.h; both sides are held to the
 * recorded answers of redis-server 7.0.15 in native/tables/directive-cases.json.
 */
import type { DirectiveSpec } from './directive.js'

/**
 * `value` as CONFIG GET prints it, or the sentence Redis refuses it with. `exact`: the argument that means all of it,
 * where the printed form leaves something out.
 */
export type Parsed = { readonly value: string; readonly exact?: string } | { readonly error: string }

const wrongCount: Parsed = { error: 'wrong number of arguments' }
const int64Max = 2n ** 63n - 1n
const int64Min = -(2n ** 63n)
const uint64Max = 2n ** 64n - 1n

/**
 * @param args  without the directive's name
 * @param current  the present value: limits of classes that are not named stay
 * @param appendSave  save points are added to the present ones
 * `dir` takes any one argument: only the caller may look at the disk.
 */
export function parseDirective(
  spec: DirectiveSpec, args: readonly string[], current: string, appendSave = false,
): Parsed {
  switch (spec.type) {
    case 'addresses': return parseAddresses(args)
    case 'save': return parseSave(args, appendSave ? current : '')
    case 'output-limits': return parseOutputLimits(args, current)
    case 'oom-values': return parseOomValues(args)
    case 'event-classes': return parseEventClasses(args)
    case 'primary': return parsePrimary(args)
    case 'percentiles': return parsePercentiles(args)
    case 'enum': return parseEnum(spec, args)
    case 'bool': case 'string': case 'dir': case 'int': case 'octal': case 'memory': case 'memory-or-percent': break
  }
  const [text] = args
  if (text === undefined || args.length !== 1) return wrongCount
  if (spec.type === 'bool') return parseBool(spec, text)
  if (spec.type !== 'string' && spec.type !== 'dir') return parseNumber(spec, text)
  return parseString(spec, spec.binary === true ? text : upToNul(text))
}

/** Redis keeps most values as C strings: they end at their first NUL. */
function upToNul(text: string): string {
  const end = text.indexOf('\0')
  return end === -1 ? text : text.slice(0, end)
}

const sameWord = (a: string, b: string): boolean => upToNul(a).toLowerCase() === b

/** Decimal without `+`, spaces or leading zeros, within 64 bits: the only spelling Redis's own numbers have. */
function strictInt(text: string): bigint | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null
  const number = BigInt(text)
  return number > int64Max || number < int64Min ? null : number
}

/** C's strtoll over the whole text: spaces and a sign in front are fine, and an empty text is 0. */
function looseInt(text: string, base: 8 | 10): bigint | null {
  const c = upToNul(text)
  if (c === '') return 0n
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(c)
  if (match === null || (base === 8 && /[89]/.test(c))) return null
  const magnitude = BigInt(base === 8 ? `0o${match[2]!}` : match[2]!)
  const number = match[1] === '-' ? -magnitude : magnitude
  return number > int64Max ? int64Max : number < int64Min ? int64Min : number
}

const units = new Map<string, bigint>([['', 1n], ['b', 1n], ['k', 1000n], ['kb', 1024n], ['m', 1000n ** 2n],
  ['mb', 1024n ** 2n], ['g', 1000n ** 3n], ['gb', 1024n ** 3n]])

/** Bytes as uint64. No digits mean 0 and too many wrap around, as in Redis. */
function memory(text: string): bigint | null {
  const match = /^(\d{0,127})([a-z]*)$/.exec(upToNul(text).toLowerCase())
  const factor = match === null ? undefined : units.get(match[2]!)
  if (match === null || factor === undefined) return null
  const digits = BigInt(match[1]!)
  return BigInt.asUintN(64, (digits > uint64Max ? uint64Max : digits) * factor)
}

function parseNumber(spec: DirectiveSpec, text: string): Parsed {
  let number: bigint | null
  let sentence = "argument couldn't be parsed into an integer"
  if (spec.type === 'memory' || spec.type === 'memory-or-percent') {
    number = memory(text)
    sentence = 'argument must be a memory value'
    if (spec.type === 'memory-or-percent') {
      sentence = 'argument must be a memory or percent value'
      const percent = text.length > 1 && text.endsWith('%') ? strictInt(text.slice(0, -1)) : null
      if (number === null && percent !== null && percent >= 0n) number = -percent
    }
  } else if (spec.type === 'octal') {
    number = looseInt(text, 8)
    sentence = "argument couldn't be parsed as an octal number"
  } else {
    number = strictInt(text)
  }
  if (number === null) return { error: sentence }
  number = BigInt.asIntN(64, number)
  return checkBounds(spec, number) ?? { value: formatNumber(spec, clamp(spec, number)) }
}

function checkBounds(spec: DirectiveSpec, number: bigint): Parsed | null {
  const min = BigInt(spec.min ?? int64Min)
  const max = BigInt(spec.max ?? int64Max)
  const show = (bound: bigint): string => spec.type === 'octal' ? bound.toString(8) : bound.toString()
  if (spec.unsigned !== true && spec.type === 'memory-or-percent' && number < 0n)
    return number >= min ? null : { error: `percentage argument must be less or equal to ${-min}` }
  const compared = spec.unsigned === true ? BigInt.asUintN(64, number) : number
  if (compared >= min && compared <= max) return null
  return { error: `argument must be between ${show(min)} and ${show(max)} inclusive` }
}

function clamp(spec: DirectiveSpec, number: bigint): bigint {
  const [low, high] = spec.clamp ?? []
  if (low !== undefined && number < BigInt(low)) return BigInt(low)
  return high !== undefined && number > BigInt(high) ? BigInt(high) : number
}

function formatNumber(spec: DirectiveSpec, number: bigint): string {
  if (spec.type === 'octal') return number.toString(8)
  if (spec.type === 'memory-or-percent' && number < 0n) return `${-number}%`
  return (spec.type === 'int' ? number : BigInt.asUintN(64, number)).toString()
}

function parseBool(spec: DirectiveSpec, text: string): Parsed {
  if (sameWord(text, 'no')) return { value: 'no' }
  if (!sameWord(text, 'yes')) return { error: "argument must be 'yes' or 'no'" }
  if (spec.check !== 'no-defrag') return { value: 'yes' }
  return {
    error: 'Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc ' +
      'like the one shipped by default with the Redis source distribution',
  }
}

function parseEnum(spec: DirectiveSpec, args: readonly string[]): Parsed {
  const values = Object.entries(spec.values ?? {})
  const numbers = args.map((arg) => values.find(([name]) => sameWord(arg, name))?.[1])
  if (numbers.length === 0 || (spec.multi !== true && numbers.length > 1) || numbers.includes(undefined))
    return { error: `argument(s) must be one of the following: ${values.map(([name]) => name).join(', ')}` }
  const number = numbers.reduce<number>((sum, n) => sum | (n ?? 0), 0)
  const { save = 0, nosave = 0 } = spec.values ?? {}
  if (spec.check === 'shutdown-flags' && (number & save) !== 0 && (number & nosave) !== 0)
    return { error: "shutdown options SAVE and NOSAVE can't be used simultaneously" }
  const exact = values.find(([, n]) => n === number)
  return { value: exact?.[0] ?? values.filter(([, n]) => (number & n) !== 0).map(([name]) => name).join(' ') }
}

function parseString(spec: DirectiveSpec, text: string): Parsed {
  const error = checkString(spec, text)
  return error === null ? { value: text } : { error }
}

function checkString({ name, check }: DirectiveSpec, text: string): string | null {
  switch (check) {
    case 'file-name':
    case 'nonempty-file-name':
      if (check === 'nonempty-file-name' && text === '') return `${name} can't be empty`
      if (!/[/\\]/.test(text)) return null
      return `${name} can't be a path, just a ${name === 'appenddirname' ? 'dirname' : 'filename'}`
    case 'host-name':
      if (Buffer.byteLength(text) >= 256) return 'Hostnames must be less than 256 characters'
      return /^[A-Za-z0-9.-]*$/.test(text) ? null
        : 'Hostnames may only contain alphanumeric characters, hyphens or dots'
    case 'title-template':
      return isTitleTemplate(text) ? null : 'template format is invalid or contains unknown variables'
    case 'no-defrag': case 'shutdown-flags': case undefined: break
  }
  return null
}

/** A title must not come out empty. Variables that may be empty count as empty: what they stand for can change. */
function isTitleTemplate(text: string): boolean {
  const rest = text.replaceAll(/\{\{|\{(?:listen-addr|port|tls-port|config-file)\}/g, '\x01')
    .replaceAll(/\{(?:title|server-mode|unixsocket)\}/g, '')
  return !rest.includes('{') && rest.replaceAll(' ', '') !== ''
}

function parseAddresses(args: readonly string[]): Parsed {
  if (args.length > 16) return { error: 'Too many bind addresses specified.' }
  return { value: args.map(upToNul).join(' ') }
}

function parseSave(args: readonly string[], present: string): Parsed {
  const error = { error: 'Invalid save parameters' }
  if (args.length === 1 && upToNul(args[0]!) === '') return { value: '' }
  if (args.length % 2 !== 0) return error
  const words = present === '' ? [] : [present]
  for (const [i, arg] of args.entries()) {
    const number = looseInt(arg, 10)
    if (number === null || number < (i % 2 === 0 ? 1n : 0n)) return error
    words.push((i % 2 === 0 ? number : BigInt.asIntN(32, number)).toString())
  }
  return { value: words.join(' ') }
}

const outputClasses = new Map([['normal', 'normal'], ['slave', 'slave'], ['replica', 'slave'], ['pubsub', 'pubsub']])

function parseOutputLimits(args: readonly string[], current: string): Parsed {
  if (args.length % 4 !== 0) return { error: 'Wrong number of arguments in buffer limit configuration.' }
  const limits = new Map<string, string>()
  const present = current.split(' ')
  for (let i = 0; i + 3 < present.length; i += 4) limits.set(present[i]!, present.slice(i + 1, i + 4).join(' '))
  for (let i = 0; i < args.length; i += 4) {
    const name = outputClasses.get(upToNul(args[i]!).toLowerCase())
    if (name === undefined) return { error: 'Invalid client class specified in buffer limit configuration.' }
    const hard = memory(args[i + 1]!)
    const soft = memory(args[i + 2]!)
    const parsed = looseInt(args[i + 3]!, 10)
    const seconds = parsed === null ? -1n : BigInt.asIntN(32, parsed)
    if (hard === null || soft === null || seconds < 0n)
      return { error: 'Error in hard, soft or soft_seconds setting in buffer limit configuration.' }
    limits.set(name, `${hard} ${soft} ${seconds}`)
  }
  const classes = ['normal', 'slave', 'pubsub']
  return { value: classes.map((name) => `${name} ${limits.get(name) ?? '0 0 0'}`).join(' ') }
}

function parseOomValues(args: readonly string[]): Parsed {
  if (args.length !== 3) return wrongCount
  const numbers = args.map((arg) => looseInt(arg, 10))
  if (numbers.some((n) => n === null || n < -2000n || n > 2000n))
    return { error: 'Invalid oom-score-adj-values, elements must be between -2000 and 2000.' }
  return { value: numbers.join(' ') }
}

/** In the order in which Redis prints them; `A` stands for the first ten. */
const keyClasses = ['g', '$', 'l', 's', 'h', 'z', 'x', 'e', 't', 'd']
const printedAfterA = ['K', 'E', 'm']

function parseEventClasses(args: readonly string[]): Parsed {
  if (args.length !== 1) return wrongCount
  const letters = upToNul(args[0]!).replaceAll('A', () => keyClasses.join('')).split('')
  const known = [...keyClasses, 'n', ...printedAfterA]
  if (letters.some((letter) => !known.includes(letter)))
    return { error: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." }
  // After an A Redis does not print `n` either, though A does not contain it.
  const all = keyClasses.every((letter) => letters.includes(letter))
  const printed = (all ? printedAfterA : known).filter((letter) => letters.includes(letter))
  const value = (all ? 'A' : '') + printed.join('')
  return all && letters.includes('n') ? { value, exact: `${value}n` } : { value }
}

function parsePrimary(args: readonly string[]): Parsed {
  const [host, port] = args
  if (host === undefined || port === undefined || args.length !== 2) return wrongCount
  if (sameWord(host, 'no') && sameWord(port, 'one')) return { value: '' }
  const number = looseInt(port, 10)
  if (number === null || number < 0n || number > 65535n) return { error: 'Invalid master port' }
  return { value: `${upToNul(host)} ${number}` }
}

function parsePercentiles(args: readonly string[]): Parsed {
  if (args.length === 1 && args[0] === '') return { value: '' }
  const values: string[] = []
  for (const arg of args) {
    const number = decimal(arg)
    if (number === null) return { error: 'Invalid latency-tracking-info-percentiles parameters' }
    if (number < 0 || number > 100)
      return { error: 'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]' }
    values.push(number.toFixed(6).replace(/\.?0+$/, ''))
  }
  return { value: values.join(' ') }
}

/** C's strtod on the whole text, without hexadecimal; null too for NaN and for what is too large or too small. */
function decimal(text: string): number | null {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text)
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return null
  const number = Number(text)
  const underflow = number === 0 && /[1-9]/.test(text.replace(/e.*$/i, ''))
  return Number.isFinite(number) && !underflow ? number : null
}
