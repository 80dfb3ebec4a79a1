/**
 * The control thread before there is a node: it can be begun while the configuration is still being read, and imports
 * meanwhile. It waits for `start` (control-messages.ts) and does not keep its process alive until then.
 * This file imports nothing else, so that a process can begin with it.
 */
import { Worker } from 'node:worker_threads'

export function beginControlThread(): Worker {
  const thread = new Worker(new URL('control.js', import.meta.url), {
    name: 'slotwise-control',
    execArgv: [], // flags of the application, --input-type or a loader, are not for our file
  })
  thread.unref()
  return thread
}
