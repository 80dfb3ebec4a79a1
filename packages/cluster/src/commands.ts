/**
 * The CLUSTER commands that change something: dispatch, arity, and refusals in Redis's words. What only answers is in
 * cluster-replies.ts; COUNTKEYSINSLOT, GETKEYSINSLOT and KEYSLOT belong to the data plane.
 * Source: Redis 7.0, CLUSTER commands.
 */
import type { Election, ManualFailover } from '@slotwise/election'
import type { ClusterView } from '@slotwise/gossip'
import { CommandRefusal, type CommandReply, OK } from './command-reply.js'
import { bumpEpoch, failover, forget, meet, replicate, reset, setConfigEpoch } from './member-commands.js'
import { assignRanges, assignSlots, flushSlots, type KeyCounts, setSlot } from './slot-commands.js'

export interface CommandContext {
  view: ClusterView
  election: Election
  manual: ManualFailover
  keys: KeyCounts
}

interface Command {
  /** Arguments behind the sub-command: how many, or from how many to how many. */
  arity: readonly [least: number, most: number]
  run: (context: CommandContext, args: readonly string[]) => CommandReply
}

const MANY = Number.POSITIVE_INFINITY

const commands: Readonly<Record<string, Command>> = {
  addslots: { arity: [1, MANY], run: ({ view }, args) => assignSlots(view, args, true) },
  delslots: { arity: [1, MANY], run: ({ view }, args) => assignSlots(view, args, false) },
  addslotsrange: { arity: [2, MANY], run: ({ view }, args) => assignRanges(view, args, true) },
  delslotsrange: { arity: [2, MANY], run: ({ view }, args) => assignRanges(view, args, false) },
  flushslots: { arity: [0, 0], run: ({ view, keys }) => flushSlots(view, keys) },
  setslot: { arity: [2, MANY], run: ({ view, keys }, args) => setSlot(view, args, keys) },
  meet: { arity: [2, 3], run: ({ view }, args) => meet(view, args) },
  forget: { arity: [1, 1], run: ({ view }, args) => forget(view, args[0]!) },
  replicate: { arity: [1, 1], run: ({ view, keys }, args) => replicate(view, args[0]!, keys) },
  failover: { arity: [0, 1], run: ({ view, election, manual }, args) => failover(view, election, manual, args[0]) },
  reset: { arity: [0, 1], run: ({ view, election, keys }, args) => {
    const reply = reset(view, args[0], keys)
    election.copies?.forget()
    return reply
  } },
  'set-config-epoch': { arity: [1, 1], run: ({ view }, args) => setConfigEpoch(view, args[0]!) },
  bumpepoch: { arity: [0, 0], run: ({ view }) => bumpEpoch(view) },
  saveconfig: {
    arity: [0, 0],
    run: ({ view }) => {
      view.persist(true, 'CLUSTER SAVECONFIG')
      view.emit({ type: 'persist', durable: false, why: 'nodes.conf, at once' })
      return OK
    },
  },
}

export const isMutation = (name: string): boolean => Object.hasOwn(commands, name.toLowerCase())

/** @param args what follows the word CLUSTER. */
export function runCommand(context: CommandContext, args: readonly string[]): CommandReply {
  const [word = '', ...rest] = args
  const name = word.toLowerCase()
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) return { type: 'error', text: `ERR unknown subcommand '${word.slice(0, 128)}'. Try CLUSTER HELP.` }
  const odd = name.endsWith('slotsrange') && rest.length % 2 === 1
  // Redis's table lets these have more arguments, and its handler knows none with so many.
  if (rest.length > command.arity[1] && command.arity[0] !== command.arity[1])
    return { type: 'error', text: `ERR unknown subcommand or wrong number of arguments for '${word}'. Try CLUSTER HELP.` }
  if (rest.length < command.arity[0] || rest.length > command.arity[1] || odd)
    return { type: 'error', text: `ERR wrong number of arguments for 'cluster|${name}' command` }
  try {
    return command.run(context, rest)
  } catch (error) {
    if (error instanceof CommandRefusal) return { type: 'error', text: error.message }
    throw error
  }
}
