/**
 * `npm run test:pairs [-- --seconds 60 --seeds 3000]`: two servers that write the same 1,000 keys for that long, killed
 * in turn (packages/node/test/pairs.test.ts), and that many simulated lives of a pair (packages/binlog/src/pair).
 * `npm test` runs both for a short time.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seeds: { type: 'string', default: '3000' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', 'pairs.test', 'pair-simulation'], {
    env: { SLOTWISE_PAIR_SECONDS: values.seconds, SLOTWISE_SEEDS: values.seeds },
  })
})
