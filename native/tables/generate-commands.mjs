/**
 * The command table: native/tables/commands/<group>.json -> two C++ fragments, command_ids.inc (an enumerator a
 * command) and command_table.inc (constant arrays, included by command_table.cc alone); and for the library's clients
 * of other servers what routing needs to know of a command (packages/store/src/backends/command-keys.generated.ts).
 *
 * A JSON entry holds what is a fact of the command; what follows from other facts is computed here, once, by the rules
 * Redis itself uses, so that a new command cannot contradict itself: the ACL categories that flags imply, the
 * `movablekeys` flag, and the legacy first/last/step of COMMAND. Everything is checked: an unknown flag, a duplicate
 * name or an argument that points to no key spec fails the build.
 * Elsewhere: the fields' meaning (docs/commands.md), the docs page (command-docs.mjs), the comparison with a live
 * redis-server (packages/node/test/command-table.test.ts).
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export { generateDocs } from './command-docs.mjs'

const tablesDir = dirname(fileURLToPath(import.meta.url))

/** Bit order of CommandFlag, which is also the order in which COMMAND prints them. `true`: never printed. */
const commandFlags = {
  write: false, readonly: false, denyoom: false, module: false, admin: false, pubsub: false, noscript: false,
  blocking: false, loading: false, stale: false, skip_monitor: false, skip_slowlog: false, asking: false, fast: false,
  no_auth: false, may_replicate: true, no_mandatory_keys: false, protected: true, no_async_loading: false,
  no_multi: false, movablekeys: false, allow_busy: false, arbitrary_keys: true,
}
const aclCategories = [
  'keyspace', 'read', 'write', 'set', 'sortedset', 'list', 'hash', 'string', 'bitmap', 'hyperloglog', 'geo', 'stream',
  'pubsub', 'admin', 'fast', 'slow', 'blocking', 'dangerous', 'connection', 'transaction', 'scripting',
]
const keyFlags = [
  'RO', 'RW', 'OW', 'RM', 'access', 'update', 'insert', 'delete', 'not_key', 'incomplete', 'variable_flags',
]
const argumentTypes = [
  'string', 'integer', 'double', 'key', 'pattern', 'unix-time', 'pure-token', 'oneof', 'block',
]
const argumentFlags = ['optional', 'multiple', 'multiple_token']
const entryFields = new Set([
  'name', 'since', 'arity', 'complexity', 'summary', 'flags', 'hidden', 'acl', 'tips', 'keys', 'arguments',
  'deprecated', 'internal', 'late', 'subcommands',
])

/**
 * All commands, containers before their subcommands, each with the derived fields filled in.
 * @returns {{commands: object[], groups: string[]}} `commands[i].index === i`; the subcommands of one container are
 *   consecutive, but for late ones: these are behind everything else, so that adding one moves no other and compiles
 *   only the table. Groups in the order of their files' names.
 * @throws {Error} naming the file and the command if an entry is not valid.
 */
export function loadCommands(dir = join(tablesDir, 'commands')) {
  const top = []
  const groups = []
  for (const file of readdirSync(dir).filter((f) => f.endsWith('.json')).sort()) {
    const { group, commands } = JSON.parse(readFileSync(join(dir, file), 'utf8'))
    groups.push(group)
    for (const entry of commands) top.push(derive(entry, group, undefined, file))
  }
  top.sort((a, b) => (a.fullName < b.fullName ? -1 : 1))
  const commands = top.filter(({ late }) => !late)
  const late = top.filter((command) => command.late)
  for (const container of [...commands]) {
    late.push(...container.subcommands.filter((sub) => sub.late))
    const inPlace = container.subcommands.filter((sub) => !sub.late)
    container.firstSubcommand = inPlace.length > 0 ? commands.length : 0
    container.inPlaceCount = inPlace.length
    commands.push(...inPlace)
  }
  commands.push(...late)
  // The subcommands of a late container are behind it, in a range of their own.
  for (const container of late.filter(({ subcommands }) => subcommands.length > 0)) {
    container.firstSubcommand = commands.length
    container.inPlaceCount = container.subcommands.length
    for (const sub of container.subcommands) sub.late = true
    commands.push(...container.subcommands)
  }
  commands.forEach((command, index) => (command.index = index))
  const names = new Set(commands.map((command) => command.fullName))
  if (names.size !== commands.length) throw new Error('two commands have the same name')
  return { commands, groups }
}

function derive(entry, group, parent, file) {
  const fullName = parent === undefined ? entry.name : `${parent}|${entry.name}`
  const fail = (what) => {
    throw new Error(`native/tables/commands/${file}: ${fullName}: ${what}`)
  }
  const known = (list, values, what) => {
    for (const value of values) if (!list.includes(value)) fail(`unknown ${what} '${value}'`)
  }
  for (const field of Object.keys(entry)) if (!entryFields.has(field)) fail(`unknown field '${field}'`)
  // A dot only in names of our own, as modules have them.
  if (!/^(slotwise\.)?[a-z0-9_-]+$/.test(entry.name)) fail('a name is lower case letters, digits, - and _')
  if (!Number.isInteger(entry.arity) || entry.arity === 0) fail('arity must be an integer other than 0')
  if (!entry.summary || !entry.since) fail('summary and since are needed')

  const flags = [...(entry.flags ?? []), ...(entry.hidden ?? [])]
  known(Object.keys(commandFlags), flags, 'flag')
  for (const flag of entry.hidden ?? []) if (!commandFlags[flag]) fail(`'${flag}' is printed: move it to flags`)
  for (const flag of entry.flags ?? []) if (commandFlags[flag]) fail(`'${flag}' is not printed: move it to hidden`)

  const keys = (entry.keys ?? []).map((key) => {
    known(keyFlags, key.flags, 'key flag')
    return { ...key, find: key.find ?? { lastkey: 0, keystep: 1, limit: 0 } }
  })
  // Redis's rule: only keys whose place is known without looking at the arguments do not move.
  if (keys.some((key) => !isFixed(key))) flags.push('movablekeys')

  const acl = new Set(entry.acl ?? [])
  known(aclCategories, acl, 'ACL category')
  if (!acl.has('scripting') && flags.includes('write')) acl.add('write')
  if (!acl.has('scripting') && flags.includes('readonly')) acl.add('read')
  if (flags.includes('admin')) acl.add('admin').add('dangerous')
  if (flags.includes('pubsub')) acl.add('pubsub')
  if (flags.includes('blocking')) acl.add('blocking')
  acl.add(flags.includes('fast') ? 'fast' : 'slow')

  const checkArguments = (list) => {
    for (const argument of list) {
      known(argumentTypes, [argument.type], 'argument type')
      known(argumentFlags, argument.flags ?? [], 'argument flag')
      if (argument.keySpec !== undefined && keys[argument.keySpec] === undefined)
        fail(`no key spec ${argument.keySpec}`)
      checkArguments(argument.arguments ?? [])
    }
  }
  checkArguments(entry.arguments ?? [])

  const command = { ...entry, fullName, group, parent, keys, flags, acl: [...acl], legacy: legacyRange(keys) }
  command.subcommands = (entry.subcommands ?? [])
    .map((sub) => derive(sub, group, entry.name, file))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return command
}

const isFixed = (key) => key.begin.index !== undefined && key.find.lastkey !== undefined

/** First, last and step of COMMAND: the run of neighbouring fixed keys of step 1, or the only fixed spec as it is. */
function legacyRange(keys) {
  if (keys.length === 1 && isFixed(keys[0])) {
    const { begin, find } = keys[0]
    return [begin.index, find.lastkey >= 0 ? begin.index + find.lastkey : find.lastkey, find.keystep]
  }
  let first = 0
  let last = 0
  for (const key of keys) {
    if (!isFixed(key) || key.find.keystep !== 1) continue
    if (last !== 0 && key.begin.index !== last + 1) continue
    if (first === 0) first = key.begin.index
    last = key.find.lastkey >= 0 ? key.begin.index + key.find.lastkey : key.find.lastkey
    if (last < 0) break
  }
  return first === 0 ? [0, 0, 0] : [first, last, 1]
}

/** Writes OUTDIR/commands/*.inc. A file whose content would be the same is left alone, so that make sees no change. */
export function generate(outDir) {
  const { commands } = loadCommands()
  const dir = join(outDir, 'commands')
  mkdirSync(dir, { recursive: true })
  writeIfChanged(join(dir, 'command_ids.inc'), idsText(commands))
  writeIfChanged(join(dir, 'command_table.inc'), tableText(commands))
}

export function writeIfChanged(path, text) {
  let old
  try {
    old = readFileSync(path, 'utf8')
  } catch {
    // It is not there yet.
  }
  if (old !== text) writeFileSync(path, text)
}

const typeScriptPath = join(tablesDir, '../../packages/store/src/backends/command-keys.generated.ts')

/** Where the keys of each command stand, and whether it reads, writes or waits. @returns the stale files */
export function generateTypeScript({ check = false } = {}) {
  const text = keysText(loadCommands().commands)
  if (!check) {
    writeIfChanged(typeScriptPath, text)
    return []
  }
  const old = existsSync(typeScriptPath) ? readFileSync(typeScriptPath, 'utf8') : ''
  return old === text ? [] : ['packages/store/src/backends/command-keys.generated.ts']
}

function keysText(commands) {
  const rows = commands.filter((c) => c.internal !== true).map((c) => {
    const access = c.flags.includes('write') ? 'w' : c.flags.includes('readonly') ? 'r' : ''
    const facts = [JSON.stringify(`${access}${c.flags.includes('blocking') ? 'b' : ''}`).replaceAll('"', `'`)]
    for (const { begin, find } of c.keys) {
      if (begin === 'unknown' || find === 'unknown') continue
      const start = begin.keyword === undefined ? begin.index : `'${begin.keyword}', ${begin.startfrom}`
      const search = find.keynumidx === undefined
        ? `${find.lastkey}, ${find.keystep}, ${find.limit}`
        : `${find.keynumidx}, ${find.firstkey}`
      facts.push(`[${start}, ${search}]`)
    }
    return `  '${c.fullName}': [${facts.join(', ')}],\n`
  })
  return `${notice}/**
 * 'r' reads, 'w' writes, 'b' may wait; then the places of its keys. Four numbers: where a run of keys begins, its last
 * key (from there; below 0: from the end), the step, and the part of the rest that is keys (1 / limit). A word and an
 * index in place of the first number: behind that word, searched from the index on. Three numbers: where the spec
 * begins, and from there where the count of keys is and where they begin.
 */
export type KeyPlace =
  | readonly [at: number, last: number, step: number, limit: number]
  | readonly [word: string, from: number, last: number, step: number, limit: number]
  | readonly [at: number, countAt: number, firstAt: number]

/* eslint-disable @stylistic/quote-props */
export const COMMANDS: Readonly<Record<string, readonly [flags: string, ...places: KeyPlace[]]>> = {
${rows.join('')}}
`
}

const notice = '// Generated from native/tables/commands by generate-commands.mjs; edit the tables instead.\n'
const pascal = (name) => name.split(/[^a-z0-9]+/i).filter(Boolean).map((w) => w[0].toUpperCase() + w.slice(1)).join('')
const text = (value) => (value === undefined ? 'nullptr' : JSON.stringify(value))
const bits = (list, all) => `0x${list.reduce((sum, item) => sum | (1 << all.indexOf(item)), 0).toString(16)}u`

function idsText(commands) {
  return notice + commands.filter(({ late }) => !late).map((c) => `k${pascal(c.fullName)} = ${c.index},\n`).join('')
}

function tableText(commands) {
  const tips = []
  const keys = []
  const args = []
  const rows = []

  // Children are laid out next to each other before their parent's row is final, so a row refers to a range.
  const layOut = (list) => {
    const first = args.length
    for (const argument of list) args.push(argument)
    for (const argument of list) argument.children = argument.arguments ? layOut(argument.arguments) : [0, 0]
    return [first, list.length]
  }

  for (const c of commands) {
    const tip = [tips.length, c.tips?.length ?? 0]
    tips.push(...(c.tips ?? []))
    const key = [keys.length, c.keys.length]
    keys.push(...c.keys)
    const arg = layOut(c.arguments ?? [])
    const parent = c.parent === undefined ? -1 : commands.find((p) => p.fullName === c.parent).index
    rows.push(
      `{${c.late ? `CommandId{${c.index}}` : `CommandId::k${pascal(c.fullName)}`}, ${text(c.name)}, ${text(c.fullName)}, ${parent}, ` +
        `${c.firstSubcommand ?? 0}, ${c.inPlaceCount ?? 0}, ${c.arity}, ` +
        `${bits(c.flags, Object.keys(commandFlags))}, ${bits(c.acl, aclCategories)}, ` +
        `${c.legacy.join(', ')}, ${key.join(', ')}, ${arg.join(', ')}, ${tip.join(', ')}, ` +
        `${c.internal === true}, ${text(c.group)}, ${text(c.since)}, ${text(c.complexity)}, ${text(c.summary)}, ` +
        `${text(c.deprecated?.since)}, ${text(c.deprecated?.instead)}}`,
    )
  }

  const array = (type, name, items) => `constexpr ${type} ${name}[] = {\n${items.join(',\n')},\n};\n`
  const flagNames = Object.entries(commandFlags).map(([name, hidden]) => text(hidden ? undefined : name))
  return [
    notice,
    array('const char* const', 'kCommandFlagNames', flagNames),
    array('const char* const', 'kAclCategoryNames', aclCategories.map(text)),
    array('const char* const', 'kKeyFlagNames', keyFlags.map(text)),
    array('const char* const', 'kArgumentTypeNames', argumentTypes.map(text)),
    array('const char* const', 'kArgumentFlagNames', argumentFlags.map(text)),
    array('const char* const', 'kTips', tips.map(text)),
    array('KeySpec', 'kKeySpecs', keys.map(keySpecRow)),
    array('ArgumentSpec', 'kArgumentSpecs', args.map(argumentRow)),
    array('CommandSpec', 'kCommandSpecs', rows),
    `constexpr std::size_t kLateCommandCount = ${commands.filter(({ late }) => late).length};\n`,
  ].join('\n')
}

function keySpecRow({ flags, begin, find }) {
  const start =
    begin === 'unknown' ? 'KeyBegin::kUnknown, 0, nullptr'
      : begin.keyword !== undefined ? `KeyBegin::kKeyword, ${begin.startfrom}, ${text(begin.keyword)}`
        : `KeyBegin::kIndex, ${begin.index}, nullptr`
  const search =
    find === 'unknown' ? 'KeyFind::kUnknown, 0, 0, 0'
      : find.keynumidx !== undefined ? `KeyFind::kCount, ${find.keynumidx}, ${find.firstkey}, ${find.keystep}`
        : `KeyFind::kRange, ${find.lastkey}, ${find.keystep}, ${find.limit}`
  return `{${bits(flags, keyFlags)}, ${start}, ${search}}`
}

function argumentRow(a) {
  return (
    `{${text(a.name)}, ${argumentTypes.indexOf(a.type)}, ${bits(a.flags ?? [], argumentFlags)}, ${a.keySpec ?? -1}, ` +
    `${text(a.token)}, ${text(a.since)}, ${text(a.deprecatedSince)}, ${a.children.join(', ')}}`
  )
}
