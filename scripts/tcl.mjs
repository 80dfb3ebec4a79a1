/**
 * `npm run test:tcl [-- UNIT...]`: Redis's own Tcl suite against a fresh Slotwise server for each unit.
 * The runner and its baselines lie beside the repository in ../shared/suites; where they do not, this says so and
 * exits with 3. MODE, SKIP and the other variables of the runner pass through.
 */
import { existsSync } from 'node:fs'
import { bootstrap } from './lib/bootstrap.mjs'
import { freePort } from './lib/free-port.mjs'
import { main, say } from './lib/progress.mjs'
import { inRoot, serverBin } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'
import { which } from './lib/toolchain.mjs'

const units = ['type/string', 'type/incr', 'keyspace', 'expire', 'scan', 'bitops', 'bitfield', 'multi', 'pubsub', 'protocol', 'querybuf']

await main(async () => {
  const suite = inRoot('..', 'shared', 'suites', 'redis-tcl.sh')
  const missing = [suite].filter((file) => !existsSync(file)).concat(['tclsh', 'redis-cli'].filter((name) => which(name) === null))
  if (missing.length > 0) {
    say(`The Tcl suite did not run; missing: ${missing.join(', ')}`)
    process.exit(3)
  }
  await bootstrap()
  const server = `${process.execPath} ${serverBin} --bind 127.0.0.1 --port {port} --dir {dir} --save '' --enable-debug-command yes`
  const wanted = process.argv.slice(2)
  const files = (wanted.length > 0 ? wanted : units).map((unit) => /^(unit|integration)\//.test(unit) ? unit : `unit/${unit}`)
  await become('bash', [suite, '127.0.0.1', String(await freePort()), ...files], {
    env: { SERVER_CMD: process.env.SERVER_CMD ?? server },
  })
})
