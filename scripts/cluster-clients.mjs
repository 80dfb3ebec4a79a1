/**
 * `npm run test:cluster-clients [-- --rounds 5]`: ioredis, node-redis and redis-benchmark at a cluster of ours whose
 * primaries are handed over and killed and whose slots move. It is packages/node/test/cluster-clients.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/cluster-clients'], {
    env: { SLOTWISE_CLUSTER_CLIENT_ROUNDS: values.rounds },
  })
})
