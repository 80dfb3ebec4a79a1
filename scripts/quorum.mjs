/**
 * `npm run test:quorum [-- --rounds 30] [-- --seed 7]`: kills and stops of the primary of a shard with repl-ack quorum;
 * what its clients saw must be linearizable. It is packages/node/test/quorum.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '12' }, seed: { type: 'string' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/quorum'], {
    env: { SLOTWISE_QUORUM_ROUNDS: values.rounds, ...values.seed !== undefined && { SLOTWISE_KILL_SEED: values.seed } },
  })
})
