/** The thread of a GatewayThread: makes the gateway, listens, follows the token file, ends when told. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { createGateway, type Gateway } from './gateway.js'
import type { FromGateway, GatewayThreadOptions, ToGateway } from './gateway-thread.js'
import { parseTokenFile, type TokenRule } from './tokens.js'

const { engineNames, hosts, port, token, tokenFile, limits } = workerData as GatewayThreadOptions
const parent = parentPort!
const tell = (message: FromGateway): void => parent.postMessage(message)
const log = (level: 'info' | 'warn' | 'error') => (message: string): void => tell({ type: 'log', level, message })

/** How late a change of the token file is noticed. */
const TOKEN_FILE_EVERY_MS = 2000

/** @throws {RangeError | Error} */
function tokens(): TokenRule[] {
  const own = token === '' ? [] : [{ token }]
  return tokenFile === '' ? own : [...own, ...parseTokenFile(readFileSync(tokenFile, 'utf8'))]
}

function follow(gateway: Gateway): void {
  if (tokenFile === '') return
  watchFile(tokenFile, { interval: TOKEN_FILE_EVERY_MS }, () => {
    try {
      gateway.setTokens(tokens())
      log('info')('The token file has been read again')
    } catch (error) {
      log('warn')(`The token file is not used, and the tokens from before go on: ${(error as Error).message}`)
    }
  })
}

async function start(): Promise<Gateway> {
  const restricted = token !== '' || tokenFile !== ''
  const gateway = await createGateway({
    store: { engineNames }, ...limits, ...restricted ? { tokens: tokens() } : {},
    logger: { warn: log('warn'), error: log('error') },
  })
  try {
    const { port: taken } = await gateway.listen({ host: hosts, port })
    follow(gateway)
    tell({ type: 'ready', port: taken })
    return gateway
  } catch (error) {
    await gateway.close()
    throw error
  }
}

const started = start()
started.catch((error: unknown) => {
  const { code = 'OPEN', message } = error as NodeJS.ErrnoException
  tell({ type: 'failed', code, message })
  parent.close()
})
parent.on('message', (_: ToGateway) => {
  void started.then(async (gateway) => {
    if (tokenFile !== '') unwatchFile(tokenFile)
    await gateway.close()
    parent.close()
  })
})
