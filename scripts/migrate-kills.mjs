/**
 * `npm run test:migrate-kills [-- --kills 100 --seed 7]`: slots go back and forth between two nodes under load, and the
 * source or the target is killed at some moment of it. It is packages/node/test/migrate-kills.soak.ts.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '30' }, seed: { type: 'string' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'test/migrate-kills'], {
    env: { SLOTWISE_MIGRATE_KILLS: values.kills, ...(values.seed !== undefined && { SLOTWISE_SEED: values.seed }) },
  })
})
