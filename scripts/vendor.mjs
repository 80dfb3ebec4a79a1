/**
 * Copies what of msgpackr the library uses into its dist: as a dependency it would bring msgpackr-extract along, an
 * optional native helper with an install script, which the library never loads. Two files without imports of others.
 * Run by the build, before tsc; the source names it '#msgpackr' (packages/store/package.json, "imports").
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inRoot } from './lib/repository.mjs'

const FILES = ['pack.js', 'unpack.js']

/** @throws {Error} if a file imports what is not copied: another version of msgpackr may be made of other files */
export function vendorMsgpackr(store = inRoot('packages', 'store')) {
  const from = join(store, 'node_modules', 'msgpackr')
  const to = join(store, 'dist', 'vendor', 'msgpackr')
  mkdirSync(to, { recursive: true })
  for (const file of FILES) {
    const text = readFileSync(join(from, file), 'utf8')
    for (const [, name] of text.matchAll(/^import\s.*?from\s+['"](.*?)['"]/gm)) {
      if (!FILES.includes(name.replace(/^\.\//, ''))) throw new Error(`msgpackr/${file} imports ${name}: see scripts/vendor.mjs`)
    }
    writeFileSync(join(to, file), text.replace(/^\/\/# sourceMappingURL=.*$/gm, ''))
  }
  copyFileSync(join(from, 'LICENSE'), join(to, 'LICENSE'))
  copyFileSync(join(from, 'index.d.ts'), join(to, 'pack.d.ts'))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) vendorMsgpackr()
