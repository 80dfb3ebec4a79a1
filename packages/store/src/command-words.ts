/** Commands by name, as a caller writes them: `CONFIG GET` is two words for the engine. */
import type { Bytes } from '@slotwise/engine'
import type { Key } from './commands/index.js'

/** What would change the state of a connection, which the store has none of, or would wait for one. */
const NOT_HERE = new Map([
  ['SELECT', 'use open({ db })'], ['MULTI', 'use multi()'], ['EXEC', 'use multi()'], ['DISCARD', 'use multi()'],
  ['WATCH', 'use multi({ watch })'], ['UNWATCH', 'use multi({ watch })'],
  ['SUBSCRIBE', 'use subscribe()'], ['UNSUBSCRIBE', 'use subscribe()'], ['PSUBSCRIBE', 'use subscribe()'],
  ['PUNSUBSCRIBE', 'use subscribe()'], ['SSUBSCRIBE', 'use subscribe()'], ['SUNSUBSCRIBE', 'use subscribe()'],
  ['HELLO', 'there is no connection'], ['AUTH', 'there is no connection'], ['RESET', 'there is no connection'],
  ['SLOTWISE.STALENESS', 'use open({ maxStalenessMs }) and stalenessMs()'], ['QUIT', 'use close()'], ['MONITOR', 'it never ends'], ['CLIENT REPLY', 'there is no connection'],
])

/** Names of one word that were looked at: whatever follows them, they are for a store. */
const known = new Set<string>()
const KNOWN_MAX = 1000

/** @throws {TypeError} if there is no name, or the command is not for a store */
export function commandWords(name: string, args: readonly (Key | number)[]): Bytes[] {
  return known.has(name) ? joined([name], args) : checkedWords(name, args)
}

function checkedWords(name: string, args: readonly (Key | number)[]): Bytes[] {
  if (typeof name !== 'string' || name.trim() === '') throw new TypeError('expected the name of a command')
  const words = name.trim().split(/\s+/)
  const command = words[0]!.toUpperCase()
  const sub = words[1] ?? (typeof args[0] === 'string' ? args[0] : '')
  const instead = NOT_HERE.get(command) ?? NOT_HERE.get(`${command} ${sub.toUpperCase()}`)
  if (instead !== undefined) throw new TypeError(`${command} is not for a store in the process: ${instead}`)
  // Of CLIENT it depends on the next word.
  if (words.length === 1 && words[0] === name && command !== 'CLIENT' && known.size < KNOWN_MAX) known.add(name)
  return joined(words, args)
}

function joined(words: Bytes[], args: readonly (Key | number)[]): Bytes[] {
  for (const argument of args) words.push(typeof argument === 'number' ? String(argument) : argument)
  return words
}
