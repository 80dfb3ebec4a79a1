/**
 * `npm run pack [-- --to FOLDER]`: tarballs of every package that is published, as a registry gets them, in
 * build/packages. The package with the addon is the one for this platform; those for others come from the same command
 * on such machines (.github/workflows/release.yml).
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrap } from './lib/bootstrap.mjs'
import { main, say, step } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { to: { type: 'string', default: inRoot('build', 'packages') } } })
  await bootstrap()
  const { packAll } = await import('./lib/pack/pack-all.mjs') // it needs packages that are there by now
  const to = resolve(values.to)
  const tarballs = await step('packages', () => packAll(to))
  for (const { name, file, bytes, unpackedBytes } of tarballs)
    say(`  ${name.padEnd(32)} ${kilobytes(bytes)} packed, ${kilobytes(unpackedBytes)} installed: ${file}`)
})

function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1024).toLocaleString('en')} KiB`.padStart(10)
}
