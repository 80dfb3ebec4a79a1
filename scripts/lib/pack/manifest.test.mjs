import { describe, expect, it } from 'vitest'
import { addonNames } from '../../../packages/engine/dist/native-package.js'
import { nativeDependencies, nativeManifest, publicManifest } from './manifest.mjs'
import { nativePackage, platforms } from './public-packages.mjs'
import { withRelativeImports } from './stage.mjs'

const source = {
  name: 'thing', version: '0.0.0', private: true, license: 'MIT', type: 'module', scripts: { postinstall: 'evil' },
  dependencies: { '@slotwise/engine': 'workspace:*', '@slotwise/config': 'workspace:*', pino: 'catalog:', lmdb: 'catalog:' },
  peerDependencies: { keyv: 'catalog:' }, peerDependenciesMeta: { keyv: { optional: true } },
  devDependencies: { vitest: 'catalog:' }, nx: { name: 'thing' },
}
const options = { version: '1.2.3', catalog: { pino: '^10.0.0', lmdb: '^3.0.0', keyv: '^5.0.0' }, published: ['@slotwise/engine'], files: ['dist'] }

describe('a published manifest', () => {
  it('has what installers need: versions, no scripts, nothing of the workspace', () => {
    const manifest = publicManifest(source, { ...options, bundled: ['lmdb'] })
    expect(manifest).toMatchObject({
      name: 'thing', version: '1.2.3', license: 'MIT', files: ['dist'], publishConfig: { access: 'public' },
      dependencies: { '@slotwise/engine': '1.2.3', pino: '^10.0.0' },
      peerDependencies: { keyv: '^5.0.0' }, peerDependenciesMeta: { keyv: { optional: true } },
    })
    for (const field of ['scripts', 'private', 'devDependencies', 'nx', 'optionalDependencies']) expect(manifest).not.toHaveProperty(field)
    expect(JSON.stringify(manifest)).not.toMatch(/workspace:|catalog:/)
  })

  it('has what is added, resolved too', () => {
    const also = { bin: { thing: 'bin/thing' }, dependencies: { '@slotwise/engine': 'workspace:*' }, optionalDependencies: { other: '2.0.0' } }
    expect(publicManifest(source, { ...options, also })).toMatchObject({
      bin: { thing: 'bin/thing' }, dependencies: { '@slotwise/engine': '1.2.3' }, optionalDependencies: { other: '2.0.0' },
    })
  })

  it('is refused if the catalog does not know a dependency', () => {
    expect(() => publicManifest(source, { ...options, catalog: {} })).toThrow('the catalog has no pino')
  })
})

describe('the packages with the addon', () => {
  it('have the names that the engine looks for', () => {
    for (const platform of platforms) expect(addonNames(platform.os, platform.cpu)).toContain(nativePackage(platform))
  })

  it('say for which machines they are, and are optional where they are used', () => {
    const manifest = nativeManifest(platforms[0], { version: '1.2.3', license: 'MIT', engines: { node: '>=20.18' } })
    expect(manifest).toMatchObject({ name: '@slotwise/native-linux-x64-gnu', os: ['linux'], cpu: ['x64'], libc: ['glibc'], main: 'slotwise.node' })
    expect(Object.keys(nativeDependencies('1.2.3'))).toHaveLength(platforms.length)
  })
})

describe('types of a bundled package', () => {
  it.each([
    ['', "export { a } from '@slotwise/config'", "export { a } from './types/config/index.js'"],
    ['commands', "import type { A } from '@slotwise/config'", "import type { A } from '../types/config/index.js'"],
    ['types/node', "type A = import('@slotwise/config').A", "type A = import('../config/index.js').A"],
    ['', "export { b } from '@slotwise/engine'", "export { b } from '@slotwise/engine'"],
  ])('in %j, %s becomes %s', (here, text, expected) => {
    expect(withRelativeImports(text, here, ['@slotwise/config'])).toBe(expected)
  })
})
