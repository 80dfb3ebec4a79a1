/**
 * `npm run test:node-versions [-- 22 24]`: the library and the server as built here, under other versions of Node,
 * which npm brings into a scratch folder; nothing is built again, since the addon speaks Node-API only. For each: a
 * smoke test of both, then the unit tests of the engine and the library.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrap } from './lib/bootstrap.mjs'
import { nodeOf } from './lib/node-binaries.mjs'
import { run } from './lib/processes.mjs'
import { main, Problem, say } from './lib/progress.mjs'
import { inRoot, root } from './lib/repository.mjs'

const VERSIONS = ['20', '22', '24', '26']
const vitest = inRoot('node_modules', 'vitest', 'vitest.mjs')
const steps = [
  ['smoke test', [inRoot('scripts', 'lib', 'smoke.mjs')]],
  ['unit tests of engine and library', [vitest, 'run', '--project', 'unit', 'packages/engine', 'packages/store']],
]

await main(async () => {
  const { positionals } = parseArgs({ allowPositionals: true })
  const versions = positionals.length > 0 ? positionals : VERSIONS
  await bootstrap()
  const scratch = mkdtempSync(join(tmpdir(), 'slotwise-node-'))
  const failed = []
  try {
    for (const version of versions) {
      const node = await nodeOf(version, scratch)
      for (const [what, args] of steps) {
        const { code, output } = await run(node, args, { cwd: root, timeoutMs: 10 * 60_000 })
        say(`Node ${version}: ${what} ${code === 0 ? 'passed' : 'FAILED'}`)
        if (code !== 0) {
          failed.push(`${what} under Node ${version}`)
          say(output.trimEnd().split('\n').slice(-60).join('\n'))
        }
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  if (failed.length > 0) throw new Problem(`Failed: ${failed.join(', ')}`)
})
