/**
 * Lays out each published package in a folder of its own, as its tarball will be. Two ways to a dist: as tsc made it,
 * if all that it imports is published too; else bundled, with the types of what was bundled beside it.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { parse } from 'yaml'
import { Problem } from '../progress.mjs'
import { addonFile, inRoot, root } from '../repository.mjs'
import { filesBelow } from '../stamp.mjs'
import { copyStripped, glibcOf } from './addon-file.mjs'
import { bundle, lmdbPackages } from './bundle.mjs'
import { nativeDependencies, nativeManifest, publicManifest } from './manifest.mjs'
import { GLIBC_MAX, nativePackage, packages, platforms } from './public-packages.mjs'
import { isAtLeast } from '../toolchain.mjs'

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))
const rootManifest = readJson(inRoot('package.json'))

/** The platform of this process, if an addon is published for it. */
export const ownPlatform = () => platforms.find(({ os, cpu, libc }) =>
  os === process.platform && cpu === process.arch && (libc === undefined || libc === ownLibc()))

const ownLibc = () => {
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

/**
 * Stages everything below `to`, which is emptied.
 * @returns the folders: [{ name, folder, typed }]
 * @throws {Problem} if something is not built, or would not be what it promises
 */
export async function stageAll(to) {
  rmSync(to, { recursive: true, force: true })
  const staged = [stageNative(join(to, 'native'))]
  for (const item of packages) staged.push(await stage(item, join(to, item.name.replace('/', '-'))))
  return staged
}

function stageNative(folder) {
  const platform = ownPlatform()
  if (platform === undefined) throw new Problem(`There is no package for ${process.platform}-${process.arch}: see scripts/lib/pack/public-packages.mjs`)
  if (!existsSync(addonFile)) throw new Problem('The addon is not built: npm run build')
  const glibc = platform.libc === 'glibc' ? glibcOf(addonFile) : null
  if (glibc !== null && !isAtLeast(GLIBC_MAX, glibc))
    throw new Problem(`The addon needs glibc ${glibc}, newer than the ${GLIBC_MAX} that is promised: see scripts/lib/pack/public-packages.mjs`)
  mkdirSync(folder, { recursive: true })
  copyStripped(addonFile, join(folder, 'slotwise.node'))
  const manifest = nativeManifest(platform, rootManifest)
  finish(folder, manifest, `# ${manifest.name}\n${manifest.description} There is nothing to import here.\n`)
  return { name: manifest.name, folder, typed: false }
}

async function stage(item, folder) {
  const from = inRoot(item.folder)
  const source = readJson(join(from, 'package.json'))
  if (!existsSync(join(from, 'dist'))) throw new Problem(`${item.folder} is not built: npm run build`)
  mkdirSync(folder, { recursive: true })
  const published = packages.map(({ name }) => name).filter((name) => item.inside?.includes(name) !== true)
  const inside = bundledPackages(source, published)
  const entries = { ...item.bundle }
  const bundlesDist = Object.keys(entries).some((name) => name.startsWith('dist/'))
  const typesOnly = inside.length > 0 || bundlesDist
  if (inside.length > 0 && !bundlesDist) {
    entries['dist/index'] = join(item.folder, 'dist', 'index.js')
    if (inside.includes('@slotwise/node')) entries['dist/control'] = 'packages/node/dist/control.js'
  }
  if (!bundlesDist || item.typed) copyDist(join(from, 'dist'), join(folder, 'dist'), typesOnly)
  if (inside.length > 0 && item.typed) copyTypes(inside, join(folder, 'dist'))

  const bundled = []
  for (const group of byFolder(entries)) bundled.push(...await bundle(group, { to: folder, external: published }))

  for (const name of ['bin', 'README.md'])
    if (existsSync(join(from, name))) cpSync(join(from, name), join(folder, name), { recursive: true })
  for (const [name, text] of Object.entries(item.writes ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text, { mode: 0o755 })
  }
  const also = structuredClone(item.also ?? {})
  if (bundled.includes('lmdb')) also.optionalDependencies = { ...also.optionalDependencies, ...lmdbPackages() }
  // What is bundled imports published packages too.
  for (const name of inside)
    for (const dependency of Object.keys(workspaceManifest(name).dependencies ?? {}))
      if (published.includes(dependency)) also.dependencies = { ...also.dependencies, [dependency]: 'workspace:*' }
  if (item.name === '@slotwise/engine') also.optionalDependencies = nativeDependencies(rootManifest.version)
  const files = ['bin', 'cli', 'dist'].filter((name) => existsSync(join(folder, name)))
  const { catalog } = parse(readFileSync(inRoot('pnpm-workspace.yaml'), 'utf8'))
  const manifest = publicManifest(source, { version: rootManifest.version, catalog, published, bundled, also, files })
  // What stands for a file in the repository's tree is only kept where that file is in the package.
  if (source.imports !== undefined) {
    const kept = Object.entries(source.imports).filter(([, target]) => existsSync(join(folder, target)))
    const imports = Object.fromEntries(kept)
    if (Object.keys(imports).length > 0) manifest.imports = imports
  }
  finish(folder, manifest)
  return { name: item.name, folder, typed: item.typed === true }
}

/** Entries of one folder share their chunks, and no others. */
function byFolder(entries) {
  const groups = new Map()
  for (const [name, file] of Object.entries(entries)) {
    const folder = dirname(name)
    groups.set(folder, { ...groups.get(folder), [name]: file })
  }
  return groups.values()
}

/** Packages of the workspace that `manifest` depends on, directly or not, and that are not published. */
export function bundledPackages(manifest, published, found = new Set()) {
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    if (!range.startsWith('workspace:') || published.includes(name) || name === '@slotwise/native' || found.has(name)) continue
    found.add(name)
    bundledPackages(workspaceManifest(name), published, found)
  }
  return [...found]
}

const workspaceManifest = (name) => readJson(inRoot('packages', folderName(name), 'package.json'))
const folderName = (name) => name.replace('@slotwise/', '')
const isTypes = (file) => file.endsWith('.d.ts')

/** Without maps, whose sources are not published. */
function copyDist(from, to, typesOnly) {
  for (const file of filesBelow(from)) {
    const name = relative(from, file)
    if (name.endsWith('.map') || name.includes('.tsbuildinfo') || name.includes('.test.')) continue
    if (typesOnly && !isTypes(name)) continue
    write(join(to, name), readFileSync(file))
  }
}

/** The types of bundled packages, below dist/types, and every import of them by its new place. */
function copyTypes(names, dist) {
  for (const name of names) {
    const from = inRoot('packages', folderName(name), 'dist')
    for (const file of filesBelow(from, isTypes)) write(join(dist, 'types', folderName(name), relative(from, file)), readFileSync(file))
  }
  for (const file of filesBelow(dist, isTypes)) {
    const here = relative(dist, dirname(file)).split(sep).join('/')
    writeFileSync(file, withRelativeImports(readFileSync(file, 'utf8'), here, names))
  }
}

/** `from '@slotwise/config'` in a file in folder `here` of dist -> `from './types/config/index.js'`. */
export function withRelativeImports(text, here, names) {
  return text.replace(/(from |import\()(['"])(@slotwise\/[a-z-]+)\2/g, (whole, before, quote, name) => {
    if (!names.includes(name)) return whole
    const path = posix.relative(here === '' ? '.' : here, `types/${folderName(name)}/index.js`)
    return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`
  })
}

function write(file, bytes) {
  mkdirSync(dirname(file), { recursive: true })
  const text = /\.(js|d\.ts)$/.test(file) ? bytes.toString().replace(/^\/\/# sourceMappingURL=.*\n?/gm, '') : bytes
  writeFileSync(file, text)
}

function finish(folder, manifest, readme) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  if (readme !== undefined) writeFileSync(join(folder, 'README.md'), readme)
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}
