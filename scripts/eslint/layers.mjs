/**
 * Lint rule `slotwise/layers`: imports between workspace packages run down the layers and never up.
 * The layer of a package is the `layer:` tag in its package.json (`nx.tags`); the table below says who may import whom.
 * Also reported: an import that is not declared in package.json, a deep import past the entry points, a relative path
 * that leaves the package, and a cycle between packages of one layer.
 * Why not @nx/enforce-module-boundaries: it passes silently when no project graph has been cached yet.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'

/** What each layer may import, by tag. Applications use public entry points only, as a stranger would. */
export const layers = {
  'layer:native': [],
  'layer:testing': [],
  'layer:base': ['layer:native', 'layer:base'],
  'layer:pure': ['layer:base', 'layer:pure'],
  'layer:feature': ['layer:base', 'layer:pure', 'layer:feature'],
  'layer:entry': ['layer:base', 'layer:pure', 'layer:feature', 'layer:entry'],
  'layer:app': ['layer:entry', 'scope:public'],
}

/** Every workspace package under `root`: name, folder, tags, and the workspace packages that it declares. */
export function readWorkspace(root) {
  const folders = ['native']
  for (const parent of ['packages', 'apps'])
    if (existsSync(join(root, parent)))
      for (const name of readdirSync(join(root, parent))) folders.push(join(parent, name))
  const packages = []
  for (const folder of folders) {
    const file = join(root, folder, 'package.json')
    if (!existsSync(file)) continue
    const manifest = JSON.parse(readFileSync(file, 'utf8'))
    packages.push({
      name: manifest.name,
      folder: join(root, folder),
      tags: manifest.nx?.tags ?? [],
      dependencies: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
      devDependencies: Object.keys(manifest.devDependencies ?? {}),
      entries: Object.keys(manifest.exports ?? {}),
    })
  }
  return packages
}

const isTest = (file) => file.endsWith('.test.ts') || file.includes(`${sep}test${sep}`)
const layerOf = (item) => item.tags.find((tag) => tag.startsWith('layer:'))

/** Does `from` reach `to` through declared run-time dependencies? */
function reaches(packages, from, to, seen = new Set()) {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  const item = packages.find((candidate) => candidate.name === from)
  return (item?.dependencies ?? []).some((name) => reaches(packages, name, to, seen))
}

/** Why `file` may not import `specifier`, or null if it may. Pure, so that every case is a row in layers.test.mjs. */
export function refusal(packages, file, specifier) {
  const own = packages.find((item) => file.startsWith(item.folder + sep))
  if (own === undefined) return null
  if (specifier.startsWith('.')) {
    const target = resolve(dirname(file), specifier)
    return target === own.folder || target.startsWith(own.folder + sep)
      ? null
      : `'${specifier}' leaves the package ${own.name}: import another package by its name`
  }
  const target = packages.find((item) => specifier === item.name || specifier.startsWith(`${item.name}/`))
  if (target === undefined || target === own) return null
  const entry = `.${specifier.slice(target.name.length)}`
  if (specifier !== target.name && !target.entries.includes(entry)) return `'${specifier}' is a deep import: only the entry point '${target.name}' is public`
  const declared = own.dependencies.includes(target.name) || (isTest(file) && own.devDependencies.includes(target.name))
  if (!declared) return `${own.name} does not declare ${target.name} in its package.json`
  if (isTest(file) && layerOf(target) === 'layer:testing') return null
  const layer = layerOf(own)
  const allowed = layers[layer]
  if (allowed === undefined) return `${own.name} has no known layer: tag in its package.json`
  if (!target.tags.some((tag) => allowed.includes(tag)))
    return `${own.name} (${layer}) may not import ${target.name} (${layerOf(target)}): imports run down the layers`
  if (reaches(packages, target.name, own.name)) return `${target.name} already depends on ${own.name}: a cycle`
  return null
}

export const layersRule = {
  meta: { type: 'problem', schema: [], messages: { refused: '{{why}}' } },
  create(context) {
    const packages = (workspaces[context.cwd] ??= readWorkspace(context.cwd))
    const check = (source) => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return
      const why = refusal(packages, context.filename, source.value)
      if (why !== null) context.report({ node: source, messageId: 'refused', data: { why } })
    }
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument?.literal),
    }
  },
}

const workspaces = {}
