/**
 * node jumbo.mjs OUT FILES...: puts several sources into one, OUT/src_N.cc of those in src/ (whose headers are wanted
 * too), OUT/test_N.cc of those in test/, and prints the names without `.cc`. A build from nothing takes half the
 * compiler's time. Written is only what differs.
 *
 * Sources are included as they are, so no two that have the same name for themselves come together. Tests all have such
 * names: each gets a namespace of its own. What a file takes from its neighbours without including it is found by the
 * addon, which is built file by file.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const SOURCES_TOGETHER = 8
const TEST_BYTES_TOGETHER = 80_000

/**
 * What a source declares for itself, at the left margin, in an unnamed namespace or static: with its path, or, since
 * the same alias may come again, its line.
 */
function ownNames({ path, text }) {
  const names = new Map()
  let isUnnamed = false
  for (const line of text.split('\n')) {
    if (line === 'namespace {') isUnnamed = true
    else if (line === '}  // namespace') isUnnamed = false
    else if (/^(?:[ #}]|\/\/|template|static_assert|SLOTWISE_|$)/.test(line)) continue
    else if (line.startsWith('using ')) names.set((/^using (\w+) =/.exec(line) ?? /(\w+);$/.exec(line))?.[1] ?? line, line)
    else if (isUnnamed || /^(?:static|constexpr|inline) /.test(line)) {
      const type = /^(?:struct|class|enum class|enum|union) (\w+)/.exec(line)?.[1]
      const others = [/(\w+)\(/.exec(line)?.[1], /^\w[\w:<>,&* ]* \**(\w+)\s*(?:=|;|\{|\[)/.exec(line)?.[1]]
      for (const name of type === undefined ? others : [type]) if (name !== undefined) names.set(name, path)
      for (const [, name] of line.matchAll(/\b(k[A-Z]\w*)\s*(?:=|\[|\{|;|,)/g)) names.set(name, path)
    }
  }
  names.delete('__attribute__')
  return names
}

/**
 * Groups of sources of one folder, big ones first, each into the first group that has room and where its names mean
 * nothing else.
 */
function groupsOf(sources, types) {
  const groups = []
  for (const source of sources) {
    const folder = dirname(source.path)
    const names = ownNames(source)
    const fits = (group) => group.folder === folder && group.paths.length < SOURCES_TOGETHER &&
      [...names].every(([name, what]) => (group.names.get(name) ?? what) === what)
    // Beside a type that all know, a name for itself is ambiguous to whoever comes after it.
    const isAlone = [...names.keys()].some((name) => types.has(name))
    let group = isAlone ? undefined : groups.find(fits)
    if (group === undefined) groups.push(group = { folder: isAlone ? null : folder, paths: [], names: new Map() })
    group.paths.push(source.path)
    for (const [name, what] of names) group.names.set(name, what)
  }
  return groups.map(({ paths }) => paths)
}

/** The text with all of its `namespace slotwise` in a namespace of the file's, line by line. */
function inItsOwnNamespace({ path, text }) {
  const own = `in_${basename(path, '.cc')}`
  return `#line 1 "${path}"\n` + text
    .replaceAll(/^namespace slotwise(::\w+)? \{$/gm, `$& namespace ${own} {`)
    .replaceAll(/^\}  \/\/ namespace slotwise.*$/gm, '}}')
}

/** As few groups as hold so many bytes each, filled evenly. */
function evenGroups(tests) {
  const bytes = tests.reduce((sum, { text }) => sum + text.length, 0)
  const groups = Array.from({ length: Math.ceil(bytes / TEST_BYTES_TOGETHER) }, () => ({ bytes: 0, tests: [] }))
  for (const test of tests) {
    const smallest = groups.reduce((a, b) => b.bytes < a.bytes ? b : a)
    smallest.bytes += test.text.length
    smallest.tests.push(test)
  }
  return groups.map((group) => group.tests)
}

const [out, ...paths] = process.argv.slice(2)
const files = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') })).sort((a, b) => b.text.length - a.text.length || (a.path < b.path ? -1 : 1))
const headers = files.filter(({ path }) => path.endsWith('.h'))
const types = new Set(headers.flatMap(({ text }) => [...text.matchAll(/^(?:class|struct|enum class|enum|using) (\w+)/gm)].map(([, name]) => name)))
const sources = files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.cc'))
const tests = files.filter(({ path }) => path.startsWith('test/'))
const jumbos = new Map([
  ...groupsOf(sources, types).map((group, i) => [`src_${i}`, group.map((path) => `#include "${path.slice('src/'.length)}"\n`).join('')]),
  ...evenGroups(tests).map((group, i) => [`test_${i}`, group.map(inItsOwnNamespace).join('')]),
])

mkdirSync(out, { recursive: true })
for (const name of readdirSync(out)) if (name.endsWith('.cc') && !jumbos.has(basename(name, '.cc'))) rmSync(join(out, name))
for (const [name, text] of jumbos) {
  const path = join(out, `${name}.cc`)
  const before = readdirSync(out).includes(`${name}.cc`) ? readFileSync(path, 'utf8') : null
  if (text !== before) writeFileSync(path, text)
}
console.log([...jumbos.keys()].join(' '))
