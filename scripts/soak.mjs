/**
 * `npm run soak [-- --minutes 60] [NAME...]`: the long runs, every `test/*.soak.ts` or those of these names, for the
 * given time each.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { minutes: { type: 'string', default: '60' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', ...positionals], {
    env: { SLOTWISE_SOAK_MINUTES: values.minutes },
  })
})
