/**
 * `npm run fuzz:bus [-- --minutes 5] [-- --seed 1]`: a live node is sent messages of the cluster bus that are nearly
 * right. It is packages/node/test/bus-fuzz.test.ts, which `npm test` runs for ten seconds.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'peers', 'test/bus-fuzz'], {
    env: {
      SLOTWISE_BUS_FUZZ_SECONDS: String(Number(values.minutes) * 60),
      ...values.seed !== undefined && { SLOTWISE_BUS_FUZZ_SEED: values.seed },
    },
  })
})
