/**
 * Generate: the tables in this folder -> what C++, TypeScript and the docs compile or print from them.
 *   node generate.mjs OUTDIR          C++ includes (OUTDIR/config, OUTDIR/commands)
 *   node generate.mjs --ts            committed TypeScript (packages/config/src/directives.generated.ts)
 *   node generate.mjs --docs          committed documents
 * `--check` with --ts or --docs writes nothing and exits 1 when a committed file is stale.
 * A table is a module generate-<table>.mjs that exports any of generate(outDir), generateTypeScript({ check }) and
 * generateDocs({ check }); the last two return the stale files. Files are written only when their content changed, so
 * that an unchanged table recompiles nothing.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const args = process.argv.slice(2)
const check = args.includes('--check')
const outDir = args.find((a) => !a.startsWith('--'))
const wanted = [
  ...(outDir === undefined ? [] : ['generate']),
  ...(args.includes('--ts') ? ['generateTypeScript'] : []),
  ...(args.includes('--docs') ? ['generateDocs'] : []),
]
if (wanted.length === 0) {
  console.error('usage: node generate.mjs OUTDIR | --ts [--check] | --docs [--check]')
  process.exit(2)
}

const stale = []
for (const table of ['directives', 'commands']) {
  const path = join(here, `generate-${table}.mjs`)
  if (!existsSync(path)) continue
  const module = await import(pathToFileURL(path).href)
  for (const step of wanted) {
    if (typeof module[step] !== 'function') continue
    const result = await module[step](step === 'generate' ? outDir : { check })
    if (step !== 'generate' && Array.isArray(result)) stale.push(...result)
  }
}
if (check && stale.length > 0) {
  for (const file of stale) console.error(`stale: ${file}`)
  console.error(`run: node native/tables/generate.mjs ${args.filter((a) => a !== '--check').join(' ')}`)
  process.exit(1)
}
