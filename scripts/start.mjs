/**
 * `npm start [-- redis.conf] [-- --directive value ...]`: sets up what is missing, then becomes the server: it is
 * loaded into this process, so that signals, the terminal and the exit code are the server's own.
 */
import { mkdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { bootstrap } from './lib/bootstrap.mjs'
import { main } from './lib/progress.mjs'
import { inRoot, serverBin } from './lib/repository.mjs'
import { startArguments } from './lib/start-arguments.mjs'

await main(async () => {
  await bootstrap()
  const { args, usesDataDir } = startArguments(process.argv.slice(2), process.env, inRoot('data'))
  if (usesDataDir) mkdirSync(inRoot('data'), { recursive: true })
  process.argv = [process.execPath, serverBin, ...args]
  await import(pathToFileURL(serverBin).href)
})
