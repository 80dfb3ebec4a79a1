/** `npm run clean`: removes everything that was built or installed, never data. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { say } from './lib/progress.mjs'
import { inRoot, root } from './lib/repository.mjs'

const folders = ['', 'native', 'benchmarks', ...['packages', 'apps'].flatMap((parent) => readdirSync(inRoot(parent)).map((name) => join(parent, name)))]
for (const folder of folders)
  for (const name of ['dist', 'build', 'node_modules', 'coverage', '.nx'])
    rmSync(join(root, folder, name), { recursive: true, force: true })
say('Slotwise: removed what was built')
