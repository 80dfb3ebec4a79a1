/**
 * `npm run test:kill [-- --rounds 100 --rewrite-rounds 100]`: kill -9 during load, each round with both durable fsync
 * policies, without and with the AOF being rewritten all the time, and no acknowledged write may be lost. The rounds
 * are packages/node/test/kill.test.ts, which `npm test` runs with few.
 * `-- --semi-sync`: a primary is killed and a redis-server that followed it is promoted: semi-sync-kill.test.ts.
 * `-- --dual-channel`: a replica of ours that lags is killed around the merge of its two channels, then its primary:
 * dual-channel-kill.test.ts.
 * `-- --full-sync`: a redis-server follows, 1 GB, and its link is cut 50 times: full-sync-cuts.test.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100' },
      'rewrite-rounds': { type: 'string', default: '100' },
      'semi-sync': { type: 'boolean', default: false },
      'dual-channel': { type: 'boolean', default: false },
      'full-sync': { type: 'boolean', default: false },
    },
  })
  await bootstrap()
  const file = values['full-sync'] ? 'test/full-sync-cuts'
    : values['dual-channel'] ? 'test/dual-channel-kill' : values['semi-sync'] ? 'test/semi-sync-kill' : 'test/kill'
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'peers', file], {
    env: {
      SLOTWISE_SEMI_SYNC_ROUNDS: values.rounds, SLOTWISE_DUAL_CHANNEL_ROUNDS: values.rounds,
      SLOTWISE_FULL_SYNC_MB: '1024', SLOTWISE_FULL_SYNC_CUTS: '50',
      SLOTWISE_KILL_ROUNDS: values.rounds, SLOTWISE_KILL_REWRITE_ROUNDS: values['rewrite-rounds'],
    },
  })
})
