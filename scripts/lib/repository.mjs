/** Where things lie in the repository, and the one place that reads the pinned versions from package.json. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')
export const inRoot = (...parts) => join(root, ...parts)

/** Folders that hold no sources, wherever they lie. */
export const notSources = new Set(['node_modules', 'dist', 'build', 'coverage', '.nx', '.git', 'data'])

const manifest = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'))
export const version = manifest.version
export const pnpmVersion = manifest.config.pnpm
export const nodeVersionMin = manifest.engines.node.replace('>=', '')

export const serverBin = inRoot('apps', 'server', 'bin', 'slotwise-server')
export const benchmarkBin = inRoot('apps', 'benchmark', 'bin', 'slotwise-benchmark')
export const addonFile = inRoot('native', 'build', 'Release', 'slotwise.node')
/** Logs and reports of the last `npm test`. */
export const reportDir = inRoot('build', 'test')
