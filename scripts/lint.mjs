/** `npm run lint [-- --fix] [-- FILE...]`: ESLint over the repository, rules in eslint.config.js. */
import { bootstrap } from './lib/bootstrap.mjs'
import { main } from './lib/progress.mjs'
import { inRoot } from './lib/repository.mjs'
import { become } from './lib/tool.mjs'

await main(async () => {
  await bootstrap(['packages'])
  const args = process.argv.slice(2)
  const paths = args.some((arg) => !arg.startsWith('-')) ? [] : ['.']
  await become(process.execPath, [inRoot('node_modules', 'eslint', 'bin', 'eslint.js'), ...paths, ...args])
})
