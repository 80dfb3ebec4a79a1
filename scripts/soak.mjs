/**
 * `npm run soak [-- --minutes 60]`: the long runs, every `test/*.soak.ts`, for the given time each.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak'], {
    env: { SLOTWISE_SOAK_MINUTES: values.minutes },
  })
})
