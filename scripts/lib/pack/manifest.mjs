/**
 * Manifests of published packages, from those of the workspace: what is for the repository goes (scripts,
 * devDependencies, nx, private), what pnpm resolves is resolved (catalog:, workspace:*), what is bundled is none.
 * Invariant: no published manifest has a script. Pure; files are stage.mjs's business.
 */
import { nativePackage, platforms } from './public-packages.mjs'

/** Fields that are published, in their order. */
const PUBLISHED = [
  'name', 'version', 'description', 'keywords', 'license', 'repository', 'homepage', 'bugs', 'type', 'engines', 'os',
  'cpu', 'libc', 'bin', 'main', 'exports', 'files', 'dependencies', 'peerDependencies', 'peerDependenciesMeta',
  'optionalDependencies', 'publishConfig',
]
const KEYWORDS = ['redis', 'key-value', 'store', 'cache', 'cluster', 'embedded', 'database']

/**
 * @param source  package.json of the workspace
 * @param options.version  of all published packages
 * @param options.catalog  name -> range, of pnpm-workspace.yaml
 * @param options.published  names that are dependencies where they are used; others of the workspace are bundled
 * @param options.bundled  names from elsewhere that are bundled
 * @param options.also  fields to add; dependencies are merged
 * @param options.files  what the tarball has
 */
export function publicManifest(source, { version, catalog, published, bundled = [], also = {}, files }) {
  const resolve = (group = {}) => Object.fromEntries(Object.entries(group).flatMap(([name, range]) => {
    if (range.startsWith('workspace:')) return published.includes(name) ? [[name, version]] : []
    if (bundled.includes(name)) return []
    if (range !== 'catalog:') return [[name, range]]
    if (catalog[name] === undefined) throw new Error(`${source.name}: the catalog has no ${name}`)
    return [[name, catalog[name]]]
  }))
  const manifest = {
    ...source, keywords: KEYWORDS, version, publishConfig: { access: 'public' }, ...also, files,
    dependencies: resolve({ ...source.dependencies, ...also.dependencies }),
    peerDependencies: resolve(source.peerDependencies),
    optionalDependencies: resolve({ ...source.optionalDependencies, ...also.optionalDependencies }),
  }
  return pick(manifest)
}

/** Of the package with the addon of one platform. */
export const nativeManifest = (platform, { version, license, engines }) => pick({
  name: nativePackage(platform), version, license, engines, keywords: KEYWORDS,
  description: `The native part of Slotwise for ${platform.name}; installed by @slotwise/engine where it fits.`,
  os: [platform.os], cpu: [platform.cpu], ...platform.libc === undefined ? {} : { libc: [platform.libc] },
  main: 'slotwise.node', exports: { '.': './slotwise.node', './package.json': './package.json' },
  files: ['slotwise.node'], publishConfig: { access: 'public' },
})

/** What the engine depends on instead of the addon of the repository. */
export const nativeDependencies = (version) =>
  Object.fromEntries(platforms.map((platform) => [nativePackage(platform), version]))

const isEmpty = (value) => typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0

const pick = (manifest) => Object.fromEntries(PUBLISHED.flatMap((field) =>
  manifest[field] === undefined || isEmpty(manifest[field]) ? [] : [[field, manifest[field]]]))
