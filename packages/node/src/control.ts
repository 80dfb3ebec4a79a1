/**
 * The control thread: a worker_thread that holds a node's engine open and runs its control plane, so that an
 * application which blocks its own event loop neither stalls the node nor loses its seat in a cluster.
 * Data never passes here: clients are served by the engine's own threads.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Engine } from '@slotwise/engine'
import type { FromControl, ToControl } from './control-messages.js'
import type { NodeOptions } from './node-options.js'

const options = workerData as NodeOptions
const parent = parentPort!
const tell = (message: FromControl): void => parent.postMessage(message)

function fail(error: unknown): void {
  const { code = 'ERR', message } = error as NodeJS.ErrnoException
  tell({ type: 'failed', code, message })
  parent.close()
}

async function start(): Promise<Engine> {
  const engine = await Engine.open({
    ...options,
    willListen: true,
    onLog: (level, message) => tell({ type: 'log', level, message }),
    onLogLevel: (level) => tell({ type: 'logLevel', level }),
    onShutdown: (exitCode) => tell({ type: 'shutdown', exitCode }),
  })
  try {
    tell({ type: 'ready', port: await engine.listen({ anyPort: options.anyPort }) })
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}

async function stop(engine: Engine): Promise<void> {
  await engine.close()
  tell({ type: 'stopped' })
  parent.close()
}

// A stop that comes while the data is still being loaded waits for the end of loading.
const started = start()
started.catch(fail)
parent.once('message', (_message: ToControl) => {
  started.then(stop).catch(fail)
})
