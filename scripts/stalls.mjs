/**
 * `npm run test:stalls [-- --longest 300] [--project peers] [FILE...]`: the tests beside other programs (or
 * those of these files), while threads of theirs stand still for up to so many milliseconds, as they do on a host that
 * has other guests. Who wins a race by being early most of the time loses it here. Needs root and cgroups v1.
 */
import { bootstrap } from './lib/bootstrap.mjs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { checkFreezer, freezeBelow } from './lib/freezer.mjs'
import { main, Problem, say } from './lib/progress.mjs'
import { inRoot, root } from './lib/repository.mjs'

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      longest: { type: 'string', default: '300' },
      project: { type: 'string', default: 'peers' },
    },
  })
  const longestMs = Number(values.longest)
  if (!(longestMs > 0)) throw new Problem('--longest takes milliseconds')
  checkFreezer()
  await bootstrap()
  const tests = spawn(process.execPath, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', values.project, ...positionals],
    { cwd: root, stdio: 'inherit' })
  process.on('SIGINT', () => {}) // the terminal tells the tests, too
  process.on('SIGTERM', () => tests.kill('SIGTERM'))
  const over = new AbortController()
  const frozen = freezeBelow(tests.pid, { longestMs, signal: over.signal })
  const [code] = await once(tests, 'close')
  over.abort()
  say(`${await frozen} times threads stood still, for up to ${longestMs} ms`)
  process.exitCode = code ?? 1
})
