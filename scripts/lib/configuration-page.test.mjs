import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { configurationPage } from './configuration-page.mjs'
import { inRoot } from './repository.mjs'

it('docs/configuration.md says what the table of directives says', () => {
  expect(readFileSync(inRoot('docs', 'configuration.md'), 'utf8')).toBe(configurationPage())
})
