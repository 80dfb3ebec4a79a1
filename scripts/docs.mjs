/** `npm run docs [-- --check]`: writes (or checks) the committed files that are generated from native/tables. */
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(() =>
  become(process.execPath, [inRoot('native', 'tables', 'generate.mjs'), '--ts', '--docs', ...process.argv.slice(2)]))
