/**
 * The random operations of one seed, over all families whose commands the server has. An operation is a command (an
 * array), or an object for what is more: { random, command } a random choice, { loose: command } one that visits
 * in the order of a hash table, { scan, options } an iteration to its end, { blocked, before, meanwhile } a client that
 * waits while others work.
 */
import { hashCommands, listCommands, setCommands } from './collections.mjs'
import { blocked, genericCommands, transaction } from './generic.mjs'
import { draws } from './random.mjs'
import { sortedSetCommands } from './sorted-sets.mjs'
import { stringCommands } from './strings.mjs'

const families = {
  string: stringCommands, hash: hashCommands, list: listCommands, set: setCommands, zset: sortedSetCommands,
  generic: genericCommands,
}
export const familyNames = Object.keys(families)

const commandOf = (operation) => (Array.isArray(operation) ? operation
  : operation.command ?? operation.loose ?? operation.scan ?? operation.mayBlock)

/**
 * @param served  names of commands, upper case: others are never made
 * @param wanted  names of families
 */
export function operations(seed, served, wanted = familyNames) {
  const draw = draws(seed)
  const { pick, chance, below, integer, member } = draw
  const choices = wanted.map((name) => families[name](draw)
    .flatMap(([weight, make]) => Array(weight).fill(make)))
  const any = () => {
    for (;;) {
      const operation = pick(pick(choices))()
      if (served.has(commandOf(operation)[0].toUpperCase())) return operation
    }
  }
  /** A plain command, now and then with an argument too many or too few. */
  const plain = () => {
    for (;;) {
      const operation = any()
      if (!Array.isArray(operation)) continue
      if (!chance(2)) return [draw.word(operation[0]), ...operation.slice(1)]
      if (chance(50)) return operation.slice(0, 1 + below(operation.length))
      return [...operation, chance(50) ? integer() : member()]
    }
  }
  const isServed = (commands) => commands.every(([name]) => served.has(name.toUpperCase()) || name === 'NOSUCH')
  /** One or several operations that belong together. */
  const next = () => {
    if (chance(2)) return transaction(draw, plain)
    if (chance(1)) {
      const one = blocked(draw, plain)
      return isServed([one.blocked, ...one.before, ...one.meanwhile]) ? [one] : []
    }
    const operation = any()
    if (Array.isArray(operation)) return [plain()]
    if (operation.mayBlock === undefined) return [operation]
    return chance(60) ? [['MULTI'], operation.mayBlock, ['EXEC']] : [{ blocked: operation.mayBlock, before: [], meanwhile: [] }]
  }
  return { next }
}
