/**
 * Directives: directives.json -> the C++ table and enums, and the TypeScript table of @slotwise/config.
 * One row a directive; what a row may hold:
 *   name, alias      as redis.conf and CONFIG GET spell them
 *   type             bool int memory memory-or-percent octal string enum, or a list with its own syntax
 *                    (addresses save output-limits oom-values event-classes primary percentiles dir)
 *   default          as CONFIG GET prints it; redisDefault + why where ours differs on purpose
 *   min, max         inclusive, as strings since 64-bit bounds are no JSON numbers; unsigned: compared as uint64
 *   values           enum names and their numbers; flags to be added up if the directive is multi
 *   namedElsewhere   of values: whose C++ name stands where it is used, not in the header that everything includes
 *   check            a rule beyond the type; clamp: out-of-range values are moved to the bounds, not refused
 *   immutable, multi, hidden, protected, sensitive, denyWhileLoading, emptyIsUnset, binary, alwaysApply   flags
 *   status           supported | accepted (known, without effect yet: one warning if set; quietValues do not warn)
 * "slotwise" holds our own directives, "gateway" those that TypeScript alone acts on and C++ does not know (fixed at
 * start, not shown by CONFIG GET; CONFIG REWRITE keeps their lines), "fileOnly" words that exist only in configuration
 * files, "ignored" words of older Redis versions that are read and dropped.
 * Source of names, bounds and defaults: Redis 7.0.15 (and 6.2).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const typeScriptPath = join(here, '../../packages/config/src/directives.generated.ts')

const types = [
  'bool', 'int', 'memory', 'memory-or-percent', 'octal', 'string', 'enum',
  'addresses', 'save', 'output-limits', 'oom-values', 'event-classes', 'primary', 'percentiles', 'dir',
]
const checks = [
  'none', 'no-defrag', 'file-name', 'nonempty-file-name', 'shutdown-flags', 'host-name', 'title-template',
]
const flags = [
  'immutable', 'multi', 'hidden', 'protected', 'sensitive', 'denyWhileLoading', 'emptyIsUnset', 'binary',
  'alwaysApply', 'unsigned',
]

/** @returns {{ directives: object[], gateway: object[], fileOnly: object[], ignored: object[] }} sorted by name. */
export function readTable() {
  const table = JSON.parse(readFileSync(join(here, 'directives.json'), 'utf8'))
  const directives = [...table.directives, ...table.slotwise].sort((a, b) => (a.name < b.name ? -1 : 1))
  const gateway = table.gateway.map((d) => ({ ...d, outsideEngine: true }))
  const seen = new Set()
  for (const d of [...directives, ...gateway]) {
    for (const name of [d.name, d.alias].filter((n) => n !== undefined)) {
      if (seen.has(name)) throw new Error(`directives.json: ${name} appears twice`)
      seen.add(name)
    }
    if (!types.includes(d.type)) throw new Error(`directives.json: ${d.name} has the unknown type ${d.type}`)
    if (d.check !== undefined && !checks.includes(d.check)) throw new Error(`directives.json: ${d.name}: ${d.check}?`)
    if (d.status !== 'supported' && d.status !== 'accepted') throw new Error(`directives.json: ${d.name}: no status`)
  }
  return { directives, gateway, fileOnly: table.fileOnly, ignored: table.ignored }
}

const pascal = (name) => name.split(/[-_]/).map((w) => w[0].toUpperCase() + w.slice(1)).join('')
const quote = (text) => JSON.stringify(text)
const head = '// Generated from native/tables/directives.json by generate-directives.mjs. Do not edit.\n'

function cppInt64(text) {
  const value = BigInt.asIntN(64, BigInt(text))
  return value === -(2n ** 63n) ? 'INT64_MIN' : `INT64_C(${value})`
}

function cppEnums(directives) {
  const names = directives.map((d) => `  k${pascal(d.name)},\n`).join('')
  const values = directives
    .filter((d) => d.type === 'enum')
    .map((d) => {
      const named = Object.entries(d.values).filter(([name]) => d.namedElsewhere?.includes(name) !== true)
      const rows = named.map(([name, number]) => `  k${pascal(name)} = ${number},\n`)
      return `// ${d.name}\nenum class ${pascal(d.name)} : int {\n${rows.join('')}};\n`
    })
  return (
    `${head}enum class Directive : std::uint16_t {\n${names}};\n` +
    `inline constexpr std::size_t kDirectiveCount = ${directives.length};\n\n${values.join('\n')}`
  )
}

function cppTable(directives) {
  const arrays = directives
    .filter((d) => d.type === 'enum')
    .map((d) => {
      const rows = Object.entries(d.values).map(([name, number]) => `{${quote(name)}, ${number}}`)
      return `constexpr EnumValue k${pascal(d.name)}Values[] = {${rows.join(', ')}};\n`
    })
  const rows = directives.map((d) => {
    const set = flags.filter((f) => d[f] === true).map((f) => `kDirective${pascal(f)}`)
    if (d.status === 'accepted') set.push('kDirectiveWithoutEffect')
    return (
      `  {${quote(d.name)}, ${d.alias === undefined ? 'nullptr' : quote(d.alias)}, ` +
      `DirectiveType::k${pascal(d.type)}, DirectiveCheck::k${pascal(d.check ?? 'none')}, ` +
      `${set.length === 0 ? '0' : set.join(' | ')}, ${quote(d.default)}, ` +
      `${d.min === undefined ? '0' : cppInt64(d.min)}, ${d.max === undefined ? '0' : cppInt64(d.max)}, ` +
      `${d.clamp === undefined ? '0, 0' : d.clamp.join(', ')}, ` +
      `${d.type === 'enum' ? `k${pascal(d.name)}Values, ${Object.keys(d.values).length}` : 'nullptr, 0'}, ` +
      `${quote(d.summary)}},\n`
    )
  })
  return `${head}${arrays.join('')}constexpr DirectiveSpec kDirectives[kDirectiveCount] = {\n${rows.join('')}};\n`
}

/** The shared examples of CONFIG SET and GET: checked against real Redis by TypeScript, against Config by C++. */
function cppCases() {
  const { cases } = JSON.parse(readFileSync(join(here, 'directive-cases.json'), 'utf8'))
  const list = (values) => `{${values.map(quote).join(', ')}}`
  const rows = cases.map((c) => `  {${list(c.set)}, ${quote(c.reply)}, ${list(Object.entries(c.get ?? {}).flat())}},\n`)
  return `${head}${rows.join('')}`
}

function cppLists({ ignored }) {
  return `${head}constexpr const char* kIgnoredDirectives[] = {${ignored.map((d) => quote(d.name)).join(', ')}};\n`
}

function writeIfChanged(path, text) {
  let old
  try {
    old = readFileSync(path, 'utf8')
  } catch {
    mkdirSync(dirname(path), { recursive: true })
  }
  if (old !== text) writeFileSync(path, text)
}

/** Writes OUTDIR/config/*.inc for C++. */
export function generate(outDir) {
  const table = readTable()
  writeIfChanged(join(outDir, 'config/directive_enums.inc'), cppEnums(table.directives))
  writeIfChanged(join(outDir, 'config/directives.inc'), cppTable(table.directives))
  writeIfChanged(join(outDir, 'config/directive_lists.inc'), cppLists(table))
  writeIfChanged(join(outDir, 'config/directive_cases.inc'), cppCases())
}

const single = (text) => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`
function tsValue(value) {
  if (typeof value === 'string') return single(value)
  if (Array.isArray(value)) return `[${value.map(tsValue).join(', ')}]`
  if (typeof value !== 'object') return String(value)
  return `{ ${Object.entries(value).map(([k, v]) => `${tsKey(k)}: ${tsValue(v)}`).join(', ')} }`
}
const tsKey = (key) => (/^[A-Za-z]+$/.test(key) ? key : single(key))
const tsRows = (rows) => rows.map((row) => `  ${tsValue(row)},\n`).join('')

function typeScript({ directives: known, gateway, fileOnly, ignored }) {
  const directives = [...known, ...gateway].sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ namedElsewhere, ...directive }) => directive)
  const names = directives.flatMap((d) => (d.alias === undefined ? [d.name] : [d.name, d.alias])).sort()
  return (
    '// Generated from native/tables/directives.json by `node native/tables/generate.mjs --ts`. Do not edit.\n' +
    '/* eslint-disable */\n' +
    "import type { DirectiveSpec, FileWordSpec } from './directive.js'\n\n" +
    `/** Every directive, aliases included. */\nexport type DirectiveName =\n${names.map((n) => `  | ${single(n)}\n`).join('')}\n` +
    `export const directives: readonly DirectiveSpec[] = [\n${tsRows(directives)}]\n\n` +
    `/** Words of configuration files that CONFIG GET and SET do not know. */\n` +
    `export const fileWords: readonly FileWordSpec[] = [\n${tsRows(fileOnly)}]\n\n` +
    `/** Words of older versions: read and dropped. */\n` +
    `export const ignoredWords: readonly FileWordSpec[] = [\n${tsRows(ignored)}]\n`
  )
}

/** Writes the committed table of @slotwise/config. With `check`: writes nothing, returns the path if it is stale. */
export function generateTypeScript({ check = false } = {}) {
  const text = typeScript(readTable())
  if (check) {
    let old = ''
    try {
      old = readFileSync(typeScriptPath, 'utf8')
    } catch {
      // Missing counts as stale.
    }
    return old === text ? [] : ['packages/config/src/directives.generated.ts']
  }
  writeIfChanged(typeScriptPath, text)
  return []
}
