/** `npm run fuzz [-- --seconds 3600] [-- TARGET...]`: the fuzz targets in native/fuzz, one after another. */
import { parseArgs } from 'node:util'
import { run } from './lib/processes.mjs'
import { main, Problem, say } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { fuzzTargets } from './lib/test-runners.mjs'

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '600' } },
  })
  for (const target of positionals.length > 0 ? positionals : fuzzTargets()) {
    say(`fuzz: ${target} for ${values.seconds} s`)
    const { code } = await run('make', ['-j2', 'fuzz', `TARGET=${target}`, `SECONDS=${values.seconds}`],
      { cwd: inRoot('native'), onLine: (line) => console.log(line) })
    if (code !== 0) throw new Problem(`fuzz: ${target} failed; the input that did it lies in native/`)
  }
})
