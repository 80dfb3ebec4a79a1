/**
 * `npm run test:full-sync [-- --mb 1024 --cuts 50]`: a redis-server copies us under load and loses its link again and
 * again; then we follow a redis-server under redis-benchmark. It is packages/node/test/full-sync.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { mb: { type: 'string', default: '1024' }, cuts: { type: 'string', default: '50' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/full-sync'], {
    env: { SLOTWISE_SYNC_MB: values.mb, SLOTWISE_SYNC_CUTS: values.cuts },
  })
})
