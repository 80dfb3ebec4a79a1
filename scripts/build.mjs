/** `npm run build [-- packages|native|typescript ...]`: the set-up alone. Builds what is out of date of its parts. */
import { bootstrap } from './lib/bootstrap.mjs'
import { main, say } from './lib/progress.mjs'

await main(async () => {
  const parts = process.argv.slice(2)
  if (await bootstrap(parts.length > 0 ? parts : undefined) === 0) say('Slotwise: everything is up to date')
})
