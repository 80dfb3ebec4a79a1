/**
 * `npm run test:tcl [-- UNIT...] [--record]`: Redis's own Tcl suite against a fresh Slotwise server for each unit.
 * The runner and its baselines lie beside the repository in ../shared/suites (or where SUITES says); where they do not,
 * this says so and exits with 3. MODE, SKIP and the other variables of the runner pass through.
 * `--record` keeps the results of the units that ran in native/tables/suite-results.json, for docs/compatibility.md; it
 * needs MODE=standalone, so that all of them are comparable.
 */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrap } from './lib/bootstrap.mjs'
import { freePort } from './lib/free-port.mjs'
import { run } from './lib/processes.mjs'
import { main, say } from './lib/progress.mjs'
import { inRoot, serverBin } from './lib/repository.mjs'
import { merged, unitResults } from './lib/tcl-results.mjs'
import { become } from './lib/tool.mjs'
import { which } from './lib/toolchain.mjs'

const units = ['type/string', 'type/incr', 'keyspace', 'expire', 'scan', 'bitops', 'bitfield', 'multi', 'pubsub', 'protocol', 'querybuf']
const resultsFile = inRoot('native', 'tables', 'suite-results.json')

await main(async () => {
  const suite = join(process.env.SUITES ?? inRoot('..', 'shared', 'suites'), 'redis-tcl.sh')
  const missing = [suite].filter((file) => !existsSync(file)).concat(['tclsh', 'redis-cli'].filter((name) => which(name) === null))
  if (missing.length > 0) {
    say(`The Tcl suite did not run; missing: ${missing.join(', ')}`)
    process.exit(3)
  }
  await bootstrap()
  const server = `${process.execPath} ${serverBin} --bind 127.0.0.1 --port {port} --dir {dir} --save '' --enable-debug-command yes`
  const record = process.argv.includes('--record')
  const wanted = process.argv.slice(2).filter((word) => word !== '--record')
  const files = (wanted.length > 0 ? wanted : units).map((unit) => /^(unit|integration)\//.test(unit) ? unit : `unit/${unit}`)
  const env = { SERVER_CMD: process.env.SERVER_CMD ?? server }
  const args = [suite, '127.0.0.1', String(await freePort()), ...files]
  if (!record) return become('bash', args, { env })

  if (process.env.MODE !== 'standalone') throw new Error('--record needs MODE=standalone')
  const out = process.env.OUT ?? mkdtempSync(join(tmpdir(), 'suite-out.'))
  const { code, output } = await run('bash', args, { cwd: inRoot('.'), env: { ...env, OUT: out }, onLine: say })
  const now = unitResults(output, (unit) => readFileSync(join(out, `${unit.replaceAll('/', '_')}.log`), 'utf8'))
  const before = existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : []
  writeFileSync(resultsFile, `${JSON.stringify(merged(before, now), null, 2)}\n`)
  say(`recorded: ${now.map(({ unit, passed, baseline }) => `${unit} ${passed}/${baseline ?? '-'}`).join(', ')}`)
  process.exit(code)
})
