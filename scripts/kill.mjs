/**
 * `npm run test:kill [-- --rounds 100]`: kill -9 during load, each round with both durable fsync policies, and no
 * acknowledged write may be lost. The rounds are packages/node/test/kill.test.ts, which `npm test` runs with few.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '100' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'peers', 'test/kill'], {
    env: { SLOTWISE_KILL_ROUNDS: values.rounds },
  })
})
