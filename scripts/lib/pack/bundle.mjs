/**
 * Bundles modules of the workspace and what they import into a few files of a published package, with the licences of
 * whatever came from elsewhere. Reason: lmdb has an install script, as has msgpackr-extract below it; bundled, there
 * is none, and the binary comes from lmdb's own packages for each platform, which are plain files.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { Problem } from '../progress.mjs'
import { inRoot } from '../repository.mjs'

/** The folder of a package that `from` (a manifest) depends on, through its links. */
function folderOf(name, from) {
  let folder = dirname(createRequire(from).resolve(name))
  const isIt = (manifest) => existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === name
  while (!isIt(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** Which other modules lmdb gets: its loader looks for files beside a package.json that is not there. */
function lmdbAliases() {
  const lmdb = folderOf('lmdb', inRoot('packages', 'state', 'package.json'))
  const msgpackr = folderOf('msgpackr', join(lmdb, 'package.json'))
  return {
    'node-gyp-build-optional-packages': inRoot('scripts', 'lib', 'pack', 'lmdb-addon.mjs'),
    msgpackr: join(msgpackr, 'pack.js'), // without its optional native helper
  }
}

/** lmdb's packages for the platforms, as it depends on them itself. */
export const lmdbPackages = () => JSON.parse(readFileSync(
  join(folderOf('lmdb', inRoot('packages', 'state', 'package.json')), 'package.json'), 'utf8')).optionalDependencies

/**
 * @param entries  output file without .js -> module, relative to the repository
 * @param options.to  folder of the package
 * @param options.external  packages that stay imports
 * @returns the names of packages from elsewhere that are in it
 */
export async function bundle(entries, { to, external }) {
  const warnings = []
  const build = await rolldown({
    input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, inRoot(file)])),
    platform: 'node',
    external: external.flatMap((name) => [name, new RegExp(`^${name}/`)]),
    resolve: { alias: lmdbAliases() },
    onLog: (level, log) => {
      if (level === 'warn' && log.code !== 'EVAL' && log.code !== 'CIRCULAR_DEPENDENCY') warnings.push(log.message)
    },
  })
  // Chunks lie beside the entries: what is named relative to import.meta.url is found from any of them.
  const folder = dirname(Object.keys(entries)[0])
  const { output } = await build.write({
    dir: to, format: 'esm', entryFileNames: '[name].js', chunkFileNames: `${folder}/chunk-[hash].js`,
  })
  await build.close()
  if (warnings.length > 0) throw new Problem(`Bundling ${Object.keys(entries).join(', ')}:\n${warnings.join('\n')}`)
  const used = output.flatMap((chunk) => chunk.type === 'chunk' ? chunk.moduleIds : [])
  return writeLicences(used, join(to, folder))
}

function writeLicences(modules, to) {
  const found = new Map()
  for (const module of modules) {
    const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(module)?.[0]
    if (folder === undefined || found.has(folder)) continue
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = ['LICENSE', 'LICENSE.md', 'LICENCE', 'LICENSE.txt', 'license', 'License'].map((title) => join(folder, title)).find(existsSync)
    found.set(folder, { name, text: `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(file, 'utf8').trim()}\n` })
  }
  const rows = [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  mkdirSync(to, { recursive: true })
  writeFileSync(join(to, 'THIRD-PARTY-LICENSES'), rows.map(({ text }) => text).join(`\n${'-'.repeat(80)}\n\n`))
  return rows.map(({ name }) => name)
}
