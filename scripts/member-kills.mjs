/**
 * `npm run test:member-kills [-- --rounds 3]`: four HTTP services that are members of one cluster, one killed under
 * autocannon; and a cluster of six, in which one is killed. It is packages/member/test/*.soak.ts.
 */
import { parseArgs } from 'node:util'
import { bootstrap } from './lib/bootstrap.mjs'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } })
  await bootstrap()
  await become(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'soak', 'packages/member/test'], {
    env: { SLOTWISE_MEMBER_KILL_ROUNDS: values.rounds },
  })
})
