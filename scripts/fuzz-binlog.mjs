/**
 * `npm run fuzz:binlog [-- --seconds 600] [--seed N]`: every captured event cut at every byte and with every bit
 * flipped, and streams of them damaged at random. A sample is among the unit tests.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { parseArgs } from 'node:util'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'unit', 'packages/binlog/src/events/'], {
    env: {
      SLOTWISE_FUZZ_WHOLE: '1', SLOTWISE_FUZZ_SECONDS: values.seconds, ...values.seed === undefined ? {} : { SLOTWISE_FUZZ_SEED: values.seed },
    },
  })
})
