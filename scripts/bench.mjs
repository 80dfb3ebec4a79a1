/** `npm run bench [-- SCENARIO... --runs 5 | --list | --quick]`: the benchmark suite, see benchmarks/README.md. */
import { bootstrap } from './lib/bootstrap.mjs'
import { main } from './lib/progress.mjs'
import { benchmarkBin } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  await bootstrap()
  await become(process.execPath, [benchmarkBin, ...process.argv.slice(2)])
})
