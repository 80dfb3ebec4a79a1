/**
 * docs/configuration.md, made from native/tables/directives.json: directives, their defaults, which have an effect.
 * `node scripts/lib/configuration-page.mjs` writes it; configuration-page.test.mjs fails when it is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { inRoot } from './repository.mjs'

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')
const code = (text) => text === '' ? '(empty)' : `\`${cell(text)}\``

/** The page as it should be. */
export function configurationPage() {
  const { directives, slotwise, gateway } = JSON.parse(readFileSync(inRoot('native', 'tables', 'directives.json'), 'utf8'))
  const line = ({ name, alias, default: value, redisDefault, immutable, summary }) => {
    const names = [name, ...(alias === undefined ? [] : [alias])].map(code).join(', ')
    const theirs = redisDefault === undefined ? '' : ` (Redis: ${code(redisDefault)})`
    return `| ${names} | ${code(value)}${theirs} | ${immutable ? 'start only' : ''} | ${cell(summary)} |`
  }
  const table = (specs) => ['| directive | default | | |', '| --- | --- | --- | --- |', ...specs.map(line)]
  // Redis's hidden ones are for its tests.
  const ofStatus = (status) => table(directives.filter((spec) => spec.status === status && !spec.hidden))
  return [
    '# Configuration', '',
    'Generated from `native/tables/directives.json`; do not edit. How they are given: [server.md](server.md).', '',
    '## With effect', '', ...ofStatus('supported'), '',
    '## Ours', '', `Redis has no such directives. CONFIG GET shows ${slotwise.filter(({ hidden }) => hidden).map(({ name }) => code(name)).join(', ')} by their full names only.`, '', ...table(slotwise), '',
    '## The HTTP gateway', '', 'Fixed at start; CONFIG GET and SET do not know them. See [http.md](http.md).', '', ...table(gateway), '',
    '## Accepted, without effect yet',
    '', 'Stored and shown by CONFIG GET. Another value than the default gives a warning at start.', '', ...ofStatus('accepted'), '',
  ].join('\n')
}

if (process.argv[1] === import.meta.filename) writeFileSync(inRoot('docs', 'configuration.md'), configurationPage())
