/**
 * Which of the arguments are keys, and does a command read, write or wait: what sends it to the right place. From the
 * table that the engine's executor uses. What the table cannot tell (the STORE of SORT) is left to the server.
 */
import type { Bytes } from '@slotwise/engine'
import { COMMANDS, type KeyPlace } from './command-keys.generated.js'

type Facts = (typeof COMMANDS)[string]

const UNKNOWN: Facts = ['']

const word = (argument: Bytes | undefined): string =>
  typeof argument === 'string' ? argument.toLowerCase() : argument === undefined ? '' : Buffer.from(argument).toString('latin1').toLowerCase()

function factsOf(args: readonly Bytes[]): Facts {
  const name = word(args[0])
  const facts = known(name)
  if (facts === undefined) return UNKNOWN
  return args.length > 1 ? known(`${name}|${word(args[1])}`) ?? facts : facts
}

const known = (name: string): Facts | undefined => Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined

/** Does not change data: a replica may answer it. */
export const isReadOnly = (args: readonly Bytes[]): boolean => factsOf(args)[0].startsWith('r')

/** Changes data, as far as the table tells: a script may. */
export const isWrite = (args: readonly Bytes[]): boolean => factsOf(args)[0].startsWith('w')

/** It would keep a connection that others use waiting. XREAD waits only if told so. */
export function mayWait(args: readonly Bytes[]): boolean {
  if (!factsOf(args)[0].endsWith('b')) return false
  return !word(args[0]).startsWith('xread') || args.some((argument) => word(argument) === 'block')
}

/** The keys among the arguments, in order; empty for a command without keys, and for one that is not known. */
export function keysOf(args: readonly Bytes[]): Bytes[] {
  const [, ...places] = factsOf(args)
  return places.flatMap((place) => keysAt(args, place))
}

function keysAt(args: readonly Bytes[], place: KeyPlace): Bytes[] {
  if (typeof place[0] === 'string') {
    const [keyword, from, last, step, limit] = place as Extract<KeyPlace, readonly [string, ...unknown[]]>
    const at = wordAt(args, keyword.toLowerCase(), from)
    return at < 0 ? [] : run(args, at + 1, last, step, limit)
  }
  if (place.length === 4) return run(args, ...place)
  const [begin, countAt, firstAt] = place as Extract<KeyPlace, { length: 3 }>
  const count = Number(word(args[begin + countAt]))
  if (!Number.isSafeInteger(count) || count < 1) return []
  return args.slice(begin + firstAt, begin + firstAt + count)
}

function wordAt(args: readonly Bytes[], keyword: string, from: number): number {
  if (from >= 0) return args.findIndex((argument, index) => index >= from && word(argument) === keyword)
  return args.findLastIndex((argument, index) => index <= args.length + from && word(argument) === keyword)
}

function run(args: readonly Bytes[], at: number, last: number, step: number, limit: number): Bytes[] {
  let end = last >= 0 ? at + last : args.length + last
  if (last === -1 && limit > 1) end = at + Math.floor((args.length - at) / limit) - 1
  const keys: Bytes[] = []
  for (let i = at; i <= end && i < args.length; i += step) keys.push(args[i]!)
  return keys
}
