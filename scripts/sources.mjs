/**
 * `npm run test:sources [-- --minutes 5] [-- --only mysql]`: the tests that follow a real source, and the random work
 * with kills of `soak:mysql`, against the servers that this Debian does not have: MySQL from unstable, MariaDB from the
 * next release. They are unpacked into a folder and started with their own libraries; nothing is installed. The folder
 * is kept for the next time (SLOTWISE_SOURCES_DIR). What cannot be had is skipped, with the reason.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { main, Problem, say, step } from './lib/progress.mjs'
import { run } from './lib/processes.mjs'
import { inRoot, root } from './lib/repository.mjs'
import { unpackServer } from './lib/unpack-server.mjs'

const SOURCES = [
  {
    name: 'mysql', variable: 'SLOTWISE_MYSQL_DIR', server: 'usr/sbin/mysqld', test: 'packages/binlog/test/mysql.test.ts',
    suite: 'sid', packages: ['mysql-server-core', 'mysql-client-core'], alone: [],
  },
  {
    name: 'mariadb', variable: 'SLOTWISE_MARIADB_DIR', server: 'usr/sbin/mariadbd', test: 'packages/binlog/test/mariadb.test.ts',
    // The last one has plugins, and would bring half a system along.
    suite: 'trixie', packages: ['mariadb-server-core', 'mariadb-client-core'], alone: ['mariadb-server'],
  },
]

await main(async () => {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, only: { type: 'string' } } })
  await bootstrap()
  const folder = process.env.SLOTWISE_SOURCES_DIR ?? join(tmpdir(), 'slotwise-sources')
  const failed = []
  const vitest = async (label, args, env) => {
    const { code } = await step(label, () => run(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...args], { cwd: root, env, onLine: say }))
    if (code !== 0) failed.push(label)
  }
  for (const { name, variable, test, ...wanted } of SOURCES) {
    if (values.only !== undefined && values.only !== name) continue
    const dir = join(folder, name)
    let version
    try {
      version = await step(`${name}: unpacked in ${dir}`, () => unpackServer({ dir, ...wanted }))
    } catch (error) {
      say(`  ${name}: skipped: ${error.message}`)
      continue
    }
    say(`  ${version}`)
    await vitest(`${name}: its tests`, ['--project', 'peers', test], { [variable]: dir })
    await vitest(`${name}: ${values.minutes} minutes of random work and kills`, ['--project', 'soak', 'follow-mysql'], {
      [variable]: dir, SLOTWISE_SOAK_SOURCE: name, SLOTWISE_SOAK_MINUTES: values.minutes,
    })
  }
  if (failed.length > 0) throw new Problem(`failed: ${failed.join('; ')}`)
})
