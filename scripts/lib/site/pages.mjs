/**
 * The pages of the site: the repository's guides where they lie, so that their links hold, beside generated references.
 * `sections` is their order; guides that it does not name stand at its end, so that none is written and never found.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../progress.mjs'
import { inRoot } from '../repository.mjs'
import { apiReference } from './api-reference.mjs'
import { commandReference } from './command-reference.mjs'

/** Title -> files, with what they are called in the menu where their heading is too long for it. */
const named = [
  ['Begin', ['docs/start.md', ['README.md', 'What it is, measured'], 'docs/packages.md', 'examples/README.md']],
  ['In your process', ['docs/library.md', 'docs/near-and-far.md', ['docs/member.md', 'Members']]],
  ['Server and cluster', ['docs/server.md', 'docs/configuration.md', 'docs/http.md', 'docs/acl.md', 'docs/cluster.md',
    ['docs/durability.md', 'Durability'], 'docs/backup.md']],
  ['Binlogs', [['docs/binlog.md', 'The binlog'], ['docs/following.md', 'MySQL and MariaDB'], ['examples/mysql-orders/README.md', 'An example']]],
  ['Compared with Redis', ['docs/compatibility.md', 'docs/bad-input.md']],
  ['Inside', ['docs/architecture.md', 'docs/commands.md', 'native/README.md', 'benchmarks/README.md', 'docs/dependencies.md',
    'CONTRIBUTING.md', 'CHANGELOG.md', ['docs/decisions/index.md', 'Decisions']]],
]

export function sections() {
  const known = new Set(named.flatMap(([, files]) => files.map((item) => [item].flat()[0])))
  const others = readdirSync(inRoot('docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)
    .filter((file) => !known.has(file))
  return named.map(([title, files], index) => [title, index === named.length - 1 ? [...files, ...others] : files])
}

const headingOf = (text, file) => {
  const heading = /^# (.+)$/m.exec(text)?.[1]
  if (heading === undefined) throw new Problem(`${file} has no heading`)
  return heading.replaceAll('`', '')
}
const linkOf = (file) => `/${file.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`

/**
 * Writes all pages below `to`, which is emptied.
 * @returns the menu, as VitePress takes it
 * @throws {Problem} if a page has no heading
 */
export function writePages(to) {
  rmSync(to, { recursive: true, force: true })
  const write = (file, text) => {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    writeFileSync(join(to, file), text)
  }
  cpSync(inRoot('docs', 'decisions'), join(to, 'docs', 'decisions'), { recursive: true })
  write('docs/decisions/index.md', decisionsPage())
  write('index.md', readFileSync(inRoot('site', 'home.md'), 'utf8'))
  const items = ([file, label]) => {
    if (file !== 'docs/decisions/index.md') write(file, readFileSync(inRoot(file), 'utf8'))
    return { text: label ?? headingOf(readFileSync(join(to, file), 'utf8'), file), link: linkOf(file) }
  }
  const guideMenu = sections().map(([text, files]) => ({ text, items: files.map((item) => items([item].flat())) }))
  const reference = (text, folder, pages) => {
    for (const page of pages) write(`reference/${folder}/${page.file}`, page.text)
    return { text, items: pages.map(({ title, file }) => ({ text: title, link: linkOf(`reference/${folder}/${file}`) })) }
  }
  return [
    ...guideMenu.slice(0, -1), reference('API', 'api', apiReference()),
    { ...reference('Commands', 'commands', commandReference()), collapsed: true }, ...guideMenu.slice(-1),
  ]
}

function decisionsPage() {
  const files = readdirSync(inRoot('docs', 'decisions')).filter((name) => /^\d{4}-.*\.md$/.test(name)).sort()
  const rows = files.map((name) => `- [${headingOf(readFileSync(inRoot('docs', 'decisions', name), 'utf8'), name)}](${name})`)
  return `# Decisions\n\nWhy it is built so, and not in the obvious other way.\n\n${rows.join('\n')}\n`
}
