/**
 * The package as a stranger gets it: the files that are published, in a folder where nothing else is. It loads both
 * ways, and brings along neither install scripts nor more than a handful of packages.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '@slotwise/testing'

const root = join(import.meta.dirname, '..', '..', '..')
const ADDON = 'native/build/Release/slotwise.node'

interface Manifest {
  name: string
  files?: string[]
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  scripts?: Record<string, string>
}
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest

/** The folders of the package and of what it depends on, by name. */
function published(folder = 'packages/store', found = new Map<string, string>()): Map<string, string> {
  const { name, dependencies = {} } = manifestOf(folder)
  found.set(name, folder)
  for (const [dependency, version] of Object.entries(dependencies)) {
    expect(version, `${name} needs ${dependency} from a registry`).toMatch(/^workspace:/)
    const own = dependency === '@slotwise/native' ? 'native' : `packages/${dependency.replace('@slotwise/', '')}`
    if (!found.has(dependency)) published(own, found)
  }
  return found
}

/** Puts what is published into node_modules of `dir`. */
function install(dir: string): void {
  for (const [name, folder] of published()) {
    const to = join(dir, 'node_modules', name)
    mkdirSync(to, { recursive: true })
    cpSync(join(root, folder, 'package.json'), join(to, 'package.json'))
    if (folder === 'native') {
      mkdirSync(dirname(join(dir, 'node_modules', '@slotwise', ADDON)), { recursive: true })
      cpSync(join(root, ADDON), join(dir, 'node_modules', '@slotwise', ADDON))
    } else {
      cpSync(join(root, folder, 'dist'), join(to, 'dist'), { recursive: true })
    }
  }
}

const SCRIPT = `open().then(async (store) => {
  store.set('k', { a: [1, new Date(0)] })
  console.log(JSON.stringify(store.get('k')))
  await store.close()
})`

describe('the published package', () => {
  it('loads with import and with require, far from the repository', async () => {
    await using dir = tempDir()
    install(dir.path)
    // Node 20.18 has require() of ES modules behind a flag; later ones ignore it.
    const node = (...args: string[]): string =>
      execFileSync(process.execPath, ['--no-warnings', '--experimental-require-module', ...args], { cwd: dir.path, encoding: 'utf8' })
    // Other servers need one package more, and say so.
    const far = `import { open } from 'slotwise'; open({ url: 'redis://127.0.0.1:1' }).catch(({ code, message }) => console.log(code, message))`
    expect(node('--input-type=module', '-e', far)).toMatch(/^OPEN .*npm install @redis\/client/)
    const printed = '{"a":[1,"1970-01-01T00:00:00.000Z"]}\n'
    expect(node('--input-type=module', '-e', `import { open } from 'slotwise'; ${SCRIPT}`)).toBe(printed)
    expect(node('--input-type=commonjs', '-e', `const { open } = require('slotwise'); ${SCRIPT}`)).toBe(printed)
  })

  it('has few dependencies, none of them from elsewhere, and no install scripts', () => {
    const packages = published()
    expect(Object.keys(manifestOf('packages/store').dependencies ?? {}).length).toBeLessThanOrEqual(5)
    expect(packages.size - 1).toBeLessThanOrEqual(5)
    for (const folder of packages.values()) {
      const { scripts = {}, optionalDependencies = {} } = manifestOf(folder)
      expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([])
      expect(optionalDependencies).toEqual({})
    }
  })

  it('imports what it carries or depends on, and nothing that is only there in the repository', () => {
    for (const [name, folder] of published()) {
      if (folder === 'native') continue
      const { dependencies = {} } = manifestOf(folder)
      const dist = join(root, folder, 'dist')
      for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'))) {
        for (const [, from] of readFileSync(join(dist, file), 'utf8').matchAll(/^(?:import|export)\s[^'"]*?from '([^']+)'/gm)) {
          if (from!.startsWith('node:') || from!.startsWith('.') || from!.startsWith('#')) continue
          expect(Object.keys(dependencies), `${name}: ${file} imports ${from!}`).toContain(from)
        }
      }
    }
    expect(existsSync(join(root, 'packages/store/dist/vendor/msgpackr/LICENSE'))).toBe(true)
  })
})
