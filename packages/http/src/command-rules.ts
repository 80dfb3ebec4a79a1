/**
 * Command rules: may this token run this command over HTTP? A request has no connection whose state could change, and
 * nobody waits in it, so commands that do either are refused with what to use instead; the rest is a question of the
 * token's scope, decided by what the engine's own command table says (COMMAND, COMMAND GETKEYS).
 * A command that nobody knows passes: the engine refuses it in Redis's words.
 */
import { type Bytes, type Reply } from '@slotwise/engine'
import type { CommandArgs } from './request-commands.js'
import type { Scope } from './tokens.js'

export interface CommandRule {
  readonly name: string
  readonly readOnly: boolean
  readonly write: boolean
  readonly admin: boolean
  readonly dangerous: boolean
  readonly scripting: boolean
  readonly hasKeys: boolean
  /** Why nobody may run it here. */
  readonly refusal: string | null
  readonly subcommands: ReadonlyMap<string, CommandRule> | null
}

export type CommandRules = ReadonlyMap<string, CommandRule>
/** The keys that a command names, as the engine tells them; null if it refuses the command. */
export type KeysOf = (args: CommandArgs) => readonly Uint8Array[] | null

const CONNECTION = 'a request has no connection whose state it could change'
const TRANSACTION = 'send the whole transaction to /multi-exec'
const SUBSCRIPTION = 'read /subscribe/CHANNEL or /psubscribe/PATTERN as server-sent events'
const WAITING = 'a request does not wait for a key'

const REFUSED = new Map(Object.entries({
  multi: TRANSACTION, exec: TRANSACTION, discard: TRANSACTION, watch: TRANSACTION, unwatch: TRANSACTION,
  subscribe: SUBSCRIPTION, psubscribe: SUBSCRIPTION, ssubscribe: SUBSCRIPTION,
  unsubscribe: SUBSCRIPTION, punsubscribe: SUBSCRIPTION, sunsubscribe: SUBSCRIPTION,
  auth: 'send a token with each request', hello: CONNECTION, reset: CONNECTION, quit: CONNECTION,
  select: CONNECTION, asking: CONNECTION, readonly: CONNECTION, readwrite: CONNECTION,
  'client|reply': CONNECTION, 'client|setname': CONNECTION, 'client|setinfo': CONNECTION,
  'client|tracking': CONNECTION, 'client|caching': CONNECTION, 'client|no-evict': CONNECTION,
  'client|no-touch': CONNECTION, 'script|debug': CONNECTION, 'slotwise.staleness': CONNECTION,
  monitor: 'it never ends', sync: CONNECTION, psync: CONNECTION, replconf: CONNECTION,
  wait: 'a request waits for replicas if the server says so (repl-ack semisync)',
  'slotwise.waitfor': 'send the position as upstash-sync-token',
  migrate: 'it would hold up every other request', debug: 'it would hold up every other request',
}))

/** Without keys, and yet for every token. */
const HARMLESS = new Set(['ping', 'echo', 'time'])

/** @param reply  to COMMAND, in RESP2 */
export function commandRules(reply: Reply): CommandRules {
  return new Map((reply as Entry[]).map((entry) => {
    const rule = ruleOf(entry)
    return [rule.name, rule] as const
  }))
}

/** What COMMAND says of a command, in RESP2. */
type Entry = [
  name: string, arity: number, flags: string[], firstKey: number, lastKey: number, step: number, categories: string[],
  tips: unknown[], keySpecs: unknown[], subcommands: Entry[],
]

function ruleOf([full, , flags, firstKey, , , categories, , keySpecs, subcommands]: Entry): CommandRule {
  const words = new Set(flags)
  const acl = new Set(categories)
  const blocking = words.has('blocking') && full !== 'xread' && full !== 'xreadgroup'
  const inside = subcommands.map(ruleOf)
  return {
    name: full,
    readOnly: words.has('readonly'),
    write: words.has('write'),
    admin: words.has('admin'),
    dangerous: acl.has('@dangerous'),
    scripting: acl.has('@scripting'),
    hasKeys: firstKey !== 0 || words.has('movablekeys') || keySpecs.length > 0,
    refusal: REFUSED.get(full) ?? (blocking ? WAITING : null),
    subcommands: inside.length === 0 ? null : new Map(inside.map((rule) => [lastWord(rule.name), rule])),
  }
}

const lastWord = (name: string): string => name.slice(name.indexOf('|') + 1)
const bufferOf = (bytes: Bytes): Buffer => typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes)
const textOf = (bytes: Bytes): string => typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')

/** The rule of a command, of its subcommand if it has one; undefined if nobody knows it. */
export function ruleFor(rules: CommandRules, args: CommandArgs): CommandRule | undefined {
  const rule = rules.get(textOf(args[0]!).toLowerCase())
  if (rule === undefined || rule.subcommands === null || args.length < 2) return rule
  return rule.subcommands.get(textOf(args[1]!).toLowerCase()) ?? rule
}

/**
 * The error with which the command is refused before it runs, or null.
 * @param keysOf  asked only for tokens with a key prefix
 */
export function refusalOf(
  rule: CommandRule | undefined, args: CommandArgs, scope: Scope, keysOf: KeysOf,
): string | null {
  if (rule === undefined) return null
  const refusal = rule.refusal ?? (waits(rule, args) ? WAITING : null)
  if (refusal !== null) return `ERR Command is not available: '${shown(rule)}': ${refusal}`
  if (HARMLESS.has(rule.name)) return null
  const { readOnly, admin, keyPrefix } = scope
  if (rule.admin && !admin) return notAllowed(rule)
  if (readOnly && (!rule.readOnly || rule.dangerous)) return notAllowed(rule)
  return keyPrefix === null ? null : prefixRefusal(rule, args, keyPrefix, keysOf)
}

function prefixRefusal(rule: CommandRule, args: CommandArgs, prefix: string, keysOf: KeysOf): string | null {
  const bytes = Buffer.from(prefix)
  const within = (name: Bytes): boolean => startsWith(bufferOf(name), bytes)
  if (rule.name === 'publish' || rule.name === 'spublish') {
    return args.length < 2 || within(args[1]!) ? null : NO_CHANNEL
  }
  // Scripts reach keys that they do not name, and so does SORT (dangerous); without keys it is about all of them.
  if (!rule.hasKeys || rule.dangerous || rule.scripting) return notAllowed(rule)
  const keys = keysOf(args)
  if (keys === null) return null // wrongly called: the engine says how, and runs nothing
  if (keys.length === 0) return notAllowed(rule)
  return keys.every(within) ? null : NO_KEY
}

/** May this token listen to a channel or pattern? */
export function channelRefusal(name: Bytes, scope: Scope): string | null {
  if (scope.keyPrefix === null) return null
  const prefix = Buffer.from(scope.keyPrefix)
  // A pattern that begins with the prefix matches nothing else, unless the prefix has characters that match others.
  return startsWith(bufferOf(name), prefix) && !/[*?[\\]/.test(scope.keyPrefix) ? null : NO_CHANNEL
}

const NO_KEY = 'NOPERM this token has no permissions to access one of the keys used as arguments'
const NO_CHANNEL = 'NOPERM this token has no permissions to access one of the channels used as arguments'
const shown = (rule: CommandRule): string => rule.name.toUpperCase().replace('|', ' ')
const notAllowed = (rule: CommandRule): string =>
  `NOPERM this token has no permissions to run the '${rule.name}' command`
const startsWith = (bytes: Buffer, prefix: Buffer): boolean => bytes.subarray(0, prefix.length).equals(prefix)

/** XREAD BLOCK: the options stand before STREAMS. */
function waits(rule: CommandRule, args: CommandArgs): boolean {
  if (rule.name !== 'xread' && rule.name !== 'xreadgroup') return false
  for (const argument of args) {
    const word = textOf(argument).toLowerCase()
    if (word === 'streams') return false
    if (word === 'block') return true
  }
  return false
}
