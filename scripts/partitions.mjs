/**
 * `npm run test:partitions [-- --rounds 3] [-- --faults minority,slow]`: fault schedules in a network of namespaces,
 * for our nodes and redis-server beside each other. Needs root. It is packages/node/test/partitions.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1' }, faults: { type: 'string' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/partitions'], {
    env: {
      SLOTWISE_PARTITION_ROUNDS: values.rounds,
      ...values.faults !== undefined && { SLOTWISE_PARTITION_FAULTS: values.faults },
    },
  })
})
