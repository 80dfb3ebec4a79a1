import { ESLint } from 'eslint'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { layers, readWorkspace, refusal } from './layers.mjs'

const item = (folder, name, tags, dependencies = [], devDependencies = []) =>
  ({ folder: `/r/${folder}`, name, tags, dependencies, devDependencies, entries: ['.', './entry'] })

const packages = [
  item('packages/config', '@slotwise/config', ['layer:base', 'scope:public'], ['slotwise'], ['@slotwise/testing']),
  item('packages/engine', '@slotwise/engine', ['layer:base'], ['@slotwise/native']),
  item('packages/gossip', '@slotwise/gossip', ['layer:pure'], ['@slotwise/engine']),
  item('packages/election', '@slotwise/election', ['layer:pure'], ['@slotwise/cluster']),
  item('packages/cluster', '@slotwise/cluster', ['layer:feature'], ['@slotwise/gossip']),
  item('packages/node', '@slotwise/node', ['layer:entry'], ['slotwise', '@slotwise/engine']),
  item('packages/store', 'slotwise', ['layer:entry'], ['@slotwise/node', '@slotwise/testing'], ['@slotwise/testing']),
  item('packages/testing', '@slotwise/testing', ['layer:testing']),
  item('apps/server', 'slotwise-server', ['layer:app'], ['@slotwise/node', '@slotwise/config', '@slotwise/engine']),
  item('native', '@slotwise/native', ['layer:native']),
]

describe('layers', () => {
  it.each([
    ['packages/cluster/src/a.ts', '@slotwise/gossip'],
    ['packages/cluster/src/a.ts', '@slotwise/gossip/entry'],
    ['packages/gossip/src/a.ts', '@slotwise/engine'],
    ['packages/engine/src/a.ts', '@slotwise/native'],
    ['packages/config/src/a.test.ts', '@slotwise/testing'],
    ['packages/config/src/a.ts', './b.js'],
    ['packages/config/test/a.ts', '../src/b.js'],
    ['packages/config/src/a.ts', 'node:fs'],
    ['apps/server/src/a.ts', '@slotwise/config'],
    ['apps/server/src/a.ts', '@slotwise/node'],
    ['elsewhere/a.ts', 'slotwise'],
  ])('%s may import %s', (file, specifier) => {
    expect(refusal(packages, `/r/${file}`, specifier)).toBeNull()
  })

  it.each([
    ['packages/config/src/a.ts', 'slotwise', 'imports run down the layers'],
    ['packages/election/src/a.ts', '@slotwise/cluster', 'imports run down the layers'],
    ['apps/server/src/a.ts', '@slotwise/engine', 'imports run down the layers'],
    ['packages/store/src/a.ts', '@slotwise/testing', 'imports run down the layers'],
    ['packages/node/src/a.ts', 'slotwise', 'a cycle'],
    ['packages/cluster/src/a.ts', '@slotwise/config', 'does not declare'],
    ['packages/config/src/a.ts', '@slotwise/testing', 'does not declare'],
    ['packages/cluster/src/a.ts', '@slotwise/gossip/dist/codec.js', 'deep import'],
    ['packages/cluster/src/a.ts', '../../gossip/src/codec.js', 'leaves the package'],
  ])('%s may not import %s: %s', (file, specifier, reason) => {
    expect(refusal(packages, `/r/${file}`, specifier)).toContain(reason)
  })
})

describe('the repository', () => {
  const root = join(import.meta.dirname, '..', '..')

  it('gives every package one known layer', () => {
    const found = readWorkspace(root)
    expect(found.length).toBeGreaterThan(5)
    for (const { name, tags } of found)
      expect({ name, known: tags.filter((tag) => tag in layers).length }).toEqual({ name, known: 1 })
  })

  it('fails lint on an upward import', async () => {
    // Without types: the linted text is not on disk, and this rule needs none.
    const overrideConfig = { languageOptions: { parserOptions: { projectService: false } } }
    const eslint = new ESLint({ cwd: root, overrideConfig, ruleFilter: ({ ruleId }) => ruleId === 'slotwise/layers' })
    const lint = async (code) => {
      const [result] = await eslint.lintText(code, { filePath: join(root, 'packages', 'config', 'src', 'index.ts') })
      return result.messages.map((message) => message.ruleId ?? message.message)
    }
    expect(await lint("export * from 'slotwise'\n")).toEqual(['slotwise/layers'])
    expect(await lint("export * from 'node:fs'\n")).toEqual([])
  })
})
