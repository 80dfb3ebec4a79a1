/** The site's sources: what is generated is whole, and the menu has every guide. VitePress itself finds dead links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { registeredCommands } from '../../../native/tables/command-docs.mjs'
import { inRoot } from '../repository.mjs'
import { apiReference, documented } from './api-reference.mjs'
import { commandReference, namesOf } from './command-reference.mjs'
import { docMarkdown, escaped } from './doc-comment.mjs'
import { sections } from './pages.mjs'

describe('a docstring', () => {
  it('is sentences, then what its tags say', () => {
    expect(docMarkdown('Deletes keys.\n@param keys  which\n@param options.ttlMs  how long.\n@default for ever\n@returns how many\n@throws {WrongTypeError | TypeError} if {ReplyError} is\nnot enough')).toBe([
      'Deletes keys.', '',
      '- `keys`: which', '- `options.ttlMs`: how long; default: for ever', '- returns how many',
      '- throws `WrongTypeError | TypeError` if `ReplyError` is not enough',
    ].join('\n'))
  })

  it('has examples and defaults', () => {
    expect(docMarkdown('How long. @default 5_000\n\n    await using x = y\n    x()')).toBe('How long. Default: 5_000.\n\n```ts\nawait using x = y\nx()\n```')
  })

  it('is no markup, but for code', () => {
    expect(escaped('a <b> of {{c}} & *d* in `<e>*`')).toBe('a &lt;b> of &#123;&#123;c}} &amp; \\*d\\* in `<e>*`')
  })
})

describe('the command reference', () => {
  it('has every command that is served, once', () => {
    const headings = commandReference().flatMap(({ text }) => [...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name.toLowerCase().replace(' ', '|')))
    expect(headings.toSorted()).toEqual([...registeredCommands()].toSorted())
  })

  it('says how a command is called, and what is not as in Redis', () => {
    const generic = commandReference().find(({ file }) => file === 'generic.md').text
    expect(generic).toMatch(/^## EXPIRE\n\n```\nEXPIRE <key> <seconds> \[NX\|XX\|GT\|LT\]\n```$/m)
    expect(generic.slice(generic.indexOf('\n## SORT\n'), generic.indexOf('\n## SORT_RO\n'))).toContain('Not as in Redis: ALPHA orders elements')
    expect(namesOf('COMMAND GETKEYS, GETKEYSANDFLAGS')).toContain('COMMAND GETKEYSANDFLAGS')
    expect(namesOf('SORT, SORT_RO')).toEqual(['SORT', 'SORT_RO'])
  })
})

describe('the API reference', () => {
  const pages = new Map(apiReference().map(({ file, text }) => [file, text]))

  it('has the methods of the library with the types of their class', () => {
    const page = pages.get('store.md')
    expect(page.slice(page.indexOf('## Store\n'), page.indexOf('## AsyncStore\n'))).toContain('### zAdd\n\n```ts\nzAdd(key: Key, members: Scores, options?: ZAddOptions & { changed?: boolean; }): number\n```')
    expect(page).toContain('get<T extends V = V>(key: Key): Promise<T | null>')
    expect(page.indexOf('## open\n')).toBeLessThan(page.indexOf('## Store\n'))
    expect(page).not.toMatch(/@internal|#private/)
  })

  it('has every export of the packages', () => {
    expect([...pages.keys()]).toEqual([...documented.keys()].map((folder) => `${folder}.md`))
    for (const [file, word] of [['store.md', 'NearCacheOptions'], ['member.md', 'JoinError'], ['http.md', 'createGateway'], ['adapters.md', 'sessionStore'], ['binlog.md', 'Mapping']])
      expect(pages.get(file), file).toMatch(new RegExp(`^## ${word}$`, 'm'))
  })
})

describe('the menu', () => {
  it('has every guide, and the first page leads to such', () => {
    const files = sections().flatMap(([, items]) => items.map((item) => [item].flat()[0]))
    expect(new Set(files).size).toBe(files.length)
    for (const name of readdirSync(inRoot('docs'))) if (name.endsWith('.md')) expect(files).toContain(`docs/${name}`)
    expect(files.filter((file) => file !== 'docs/decisions/index.md' && !existsSync(inRoot(file)))).toEqual([])
    const [, front] = /^---\n(.*?)^---$/ms.exec(readFileSync(inRoot('site', 'home.md'), 'utf8'))
    const { hero, features } = parse(front)
    const links = [...hero.actions, ...features].map(({ link }) => link)
    expect(links.filter((link) => !link.startsWith('/reference/') && !files.includes(`${link.slice(1)}.md`))).toEqual([])
  })
})
