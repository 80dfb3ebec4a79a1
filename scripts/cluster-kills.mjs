/**
 * `npm run test:cluster-kills [-- --kills 100]`: three nodes of ours and three of Redis in one cluster, whose primaries
 * are killed and restarted in turn. It is packages/node/test/cluster-kills.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/cluster-kills'], {
    env: { SLOTWISE_CLUSTER_KILLS: values.kills },
  })
})
