/** The command reference: a page for each group of commands, from the command table; nothing of it is typed here. */
import { differences, display, registeredCommands, syntax, title } from '../../../native/tables/command-docs.mjs'
import { loadCommands } from '../../../native/tables/generate-commands.mjs'
import { escaped } from './doc-comment.mjs'

/** Of the flags, what a reader asks for. */
const KINDS = { write: 'writes', readonly: 'reads', blocking: 'waits', admin: 'for administrators' }

/** @returns [{ file, title, text }], the first of which leads to the others */
export function commandReference() {
  const { commands, groups } = loadCommands()
  const served = registeredCommands()
  const known = differences()
  const pages = groups.flatMap((group) => {
    const all = commands.filter((command) => command.group === group).sort((a, b) => a.fullName < b.fullName ? -1 : 1)
    const there = all.filter(({ fullName }) => served.has(fullName))
    return there.length === 0 ? [] : [{ group, file: `${group}.md`, title: title(group), count: there.length, text: groupPage(group, there, known) }]
  })
  return [{ file: 'index.md', title: 'Commands', text: indexPage(pages) }, ...pages]
}

function groupPage(group, commands, known) {
  return `---\noutline: 2\n---\n\n${[`# ${title(group)}`, ...commands.flatMap((command) => section(command, known))].join('\n\n')}\n`
}

function section(command, known) {
  const name = display(command)
  const { since, complexity, summary, deprecated, flags = [], group } = command
  const facts = [
    group === 'slotwise' ? 'Slotwise only' : `Since Redis ${since}`,
    ...complexity === undefined ? [] : [complexity],
    ...Object.entries(KINDS).filter(([flag]) => flags.includes(flag)).map(([, word]) => word),
  ]
  return [
    `## ${name}`,
    `\`\`\`\n${`${name} ${syntax(command.arguments ?? [])}`.trim()}\n\`\`\``,
    `${escaped(summary)}. ${escaped(facts.join(', '))}.`,
    ...deprecated === undefined ? [] : [`Deprecated since ${deprecated.since}: ${escaped(deprecated.instead)}.`],
    ...known.filter((one) => namesOf(one.command).includes(name))
      .map(({ difference, reason }) => `Not as in Redis: ${escaped(difference)} ${escaped(reason)}`),
  ]
}

/** `SORT, SORT_RO`; `COMMAND GETKEYS, GETKEYSANDFLAGS`: the container stands with the first only. */
export function namesOf(text) {
  const [first, ...rest] = text.split(', ')
  const [container, ...words] = first.split(' ')
  return [first, ...rest.flatMap((name) => words.length > 0 ? [name, `${container} ${name}`] : [name])]
}

function indexPage(pages) {
  const total = pages.reduce((sum, { count }) => sum + count, 0)
  return [
    '# Commands',
    `${total} commands and subcommands are served. Which of Redis's are not, and what Redis's own test suite says: [compatibility](../../docs/compatibility.md).`,
    `| group | commands |\n| --- | ---: |\n${pages.map(({ title: name, file, count }) => `| [${name}](${file}) | ${count} |`).join('\n')}`,
  ].join('\n\n') + '\n'
}
