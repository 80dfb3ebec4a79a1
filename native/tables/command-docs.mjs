/**
 * docs/compatibility.md: what of Redis 7.0 this server does, from the command table, the handlers in the sources, and
 * the differences we know of (differences.json). Nothing in it is typed twice, so it cannot promise what is not built:
 * a command counts as served when some native/src file registers a handler for it with SLOTWISE_COMMANDS.
 * What Redis's own test suite says is recorded by `npm run test:tcl -- --record` (suite-results.json); why a test
 * fails is written by hand (suite-failures.json).
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadCommands, writeIfChanged } from './generate-commands.mjs'

const tablesDir = dirname(fileURLToPath(import.meta.url))
const root = join(tablesDir, '..', '..')

/**
 * Full names that have a handler, "get" and "config|get".
 * @throws {Error} if a source registers a name that the table does not have.
 */
export function registeredCommands(sourceDir = join(tablesDir, '..', 'src')) {
  const names = new Set()
  for (const file of readdirSync(sourceDir, { recursive: true })) {
    if (!file.endsWith('.cc')) continue
    const text = readFileSync(join(sourceDir, file), 'utf8').replace(/\/\/.*$/gm, '')
    for (const [, entries] of text.matchAll(/^SLOTWISE_COMMANDS\(\s*\w+\s*,([^;]*)\)\s*;/gm))
      for (const [, name] of entries.matchAll(/\{\s*"([^"]+)"/g)) names.add(name)
  }
  return names
}

/**
 * Writes docs/compatibility.md.
 * @param {{check?: boolean}} options  check: write nothing.
 * @returns {string[]} the files, relative to the repository, that are (or, without `check`, were) stale.
 */
export function generateDocs({ check = false } = {}) {
  const path = join(root, 'docs', 'compatibility.md')
  const text = compatibilityText(loadCommands(), registeredCommands(), differences(), suiteLines())
  let old = ''
  try {
    old = readFileSync(path, 'utf8')
  } catch {
    // First time.
  }
  if (old === text) return []
  if (!check) writeIfChanged(path, text)
  return [relative(root, path)]
}

export function differences() {
  const list = JSON.parse(readFileSync(join(tablesDir, 'differences.json'), 'utf8'))
  for (const { command, difference, reason } of list)
    if (!command || !difference || !reason) throw new Error(`differences.json: ${command}: command, difference, reason`)
  return list
}

function readTable(name) {
  const path = join(tablesDir, name)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : []
}

/** Redis's own test suite: each unit, then each test that fails and why. */
export function suiteLines(results = readTable('suite-results.json'), reasons = readTable('suite-failures.json')) {
  if (results.length === 0) return []
  for (const { unit, test, reason } of reasons)
    if (!unit || !test || !reason) throw new Error(`suite-failures.json: ${unit}: unit, test, reason`)
  const reasonOf = (unit, test) => reasons.find((r) => r.unit === unit && r.test === test)?.reason ?? 'Not looked into yet.'
  const compared = results.filter(({ baseline }) => baseline !== null)
  const sum = (field) => compared.reduce((total, result) => total + result[field], 0)
  const failures = results.flatMap(({ unit, failures }) => failures.map((test) => ({ unit, test })))
  return [
    "## Redis's own test suite",
    '',
    'The Tcl suite of Redis 7.0.15, run from outside against a fresh server for each unit. Baseline: what redis-server 7.0.15 ' +
      `passes in the same way. Recorded: **${sum('passed')} of ${sum('baseline')}**.`,
    '',
    '| unit | passed | of baseline | note |',
    '| --- | ---: | ---: | --- |',
    ...results.map((r) => `| ${r.unit} | ${r.passed} | ${r.baseline ?? '-'} | ${r.note ?? ''} |`),
    '',
    ...(failures.length === 0 ? [] : [
      '| unit | test that fails | reason |',
      '| --- | --- | --- |',
      ...failures.map(({ unit, test }) => `| ${unit} | ${cell(test)} | ${cell(reasonOf(unit, test))} |`),
      '',
    ]),
  ]
}

export function compatibilityText({ commands, groups }, served, differenceList, suite = []) {
  const known = new Map(commands.map((command) => [command.fullName, command]))
  for (const name of served)
    if (!known.has(name)) throw new Error(`a handler is registered for '${name}', which native/tables/commands lacks`)

  // A container counts by its subcommands, unless it can be called by itself (COMMAND).
  const callable = commands.filter((c) => c.subcommands.length === 0 || served.has(c.fullName) || c.arity === -1)
  const isServed = (command) => served.has(command.fullName)
  const ofRedis = callable.filter((command) => command.group !== 'slotwise')
  const sections = groups
    .map((group) => callable.filter((command) => command.group === group))
    .filter((members) => members.length > 0)
    .sort((a, b) => ratio(b, isServed) - ratio(a, isServed) || (a[0].group < b[0].group ? -1 : 1))

  const lines = [
    '# Compatibility',
    '',
    '<!-- Generated from native/tables by `npm run docs`; edit the tables instead. -->',
    '',
    'Slotwise follows Redis 7.0.15. ' +
      `It serves **${ofRedis.filter(isServed).length} of ${ofRedis.length}** commands and subcommands so far; ` +
      'a command not served yet answers `unknown command`, as on a server that never had it, and is not listed by `COMMAND`. Commands of its own are in the group `slotwise`.',
    '',
    '| group | served | not yet |',
    '| --- | ---: | ---: |',
    ...sections.map((members) => {
      const count = members.filter(isServed).length
      return `| [${title(members[0].group)}](#${anchor(members[0].group)}) | ${count} | ${members.length - count} |`
    }),
    '',
    '## Differences',
    '',
    'Served, but not the same as Redis, and why:',
    '',
    '| command | difference | reason |',
    '| --- | --- | --- |',
    ...differenceList.map((d) => `| ${cell(d.command)} | ${cell(d.difference)} | ${cell(d.reason)} |`),
    '',
    ...suite,
  ]
  for (const members of sections) lines.push(...sectionLines(members, isServed))
  return `${lines.join('\n').trimEnd()}\n`
}

function sectionLines(members, isServed) {
  const sorted = [...members].sort((a, b) => (a.fullName < b.fullName ? -1 : 1))
  const there = sorted.filter(isServed)
  const missing = sorted.filter((command) => !isServed(command))
  const lines = [`## ${title(members[0].group)}`, '']
  if (there.length > 0) {
    lines.push('| command | since | complexity | what it does |', '| --- | --- | --- | --- |')
    for (const c of there) {
      const note = c.deprecated ? ` (deprecated since ${c.deprecated.since}: \`${c.deprecated.instead}\`)` : ''
      const call = `\`${`${display(c)} ${syntax(c.arguments ?? [])}`.trim()}\``
      lines.push(`| ${[call, c.since, c.complexity ?? '', c.summary + note].map(cell).join(' | ')} |`)
    }
    lines.push('')
  }
  if (missing.length > 0) lines.push(`Not yet: ${missing.map((c) => `\`${display(c)}\``).join(', ')}.`, '')
  return lines
}

const ratio = (members, isServed) => members.filter(isServed).length / members.length
export const display = (command) => command.fullName.replace('|', ' ').toUpperCase()
export const title = (group) => (group[0].toUpperCase() + group.slice(1)).replace('-', ' ')
const anchor = (group) => group
const cell = (text) => text.replaceAll('|', '\\|')

/** Arguments as people read them; the same rules as ArgumentSyntax in native/src/commands/command_info.cc. */
export function syntax(list, separator = ' ') {
  return list
    .map((argument) => {
      const isToken = argument.type === 'pure-token'
      const value = isToken ? argument.token
        : argument.type === 'oneof' ? syntax(argument.arguments, '|')
          : argument.type === 'block' ? syntax(argument.arguments)
            : `<${argument.name}>`
      let text = argument.token !== undefined && !isToken ? `${argument.token} ${value}` : value
      const flags = argument.flags ?? []
      if (flags.includes('multiple')) text += ` [${flags.includes('multiple_token') ? text : value} ...]`
      return flags.includes('optional') ? `[${text}]` : text
    })
    .join(separator)
}
