/** Waiting for a server that loads, and a look at what it has loaded. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, RunningServer } from '../../apps/benchmark/src/scenario.js'

/** While it loads a server refuses connections or answers -LOADING; both are waited through. */
export async function secondsToReady(server: RunningServer, keys: number): Promise<number> {
  for (;;) {
    server.assertAlive()
    const reply = await server.command('PING').catch(() => undefined)
    if (reply === 'PONG') break
    await sleep(2)
  }
  const size = await server.command('DBSIZE')
  if (size !== keys) throw new Error(`DBSIZE is ${String(size)} after loading ${keys} keys`)
  return (performance.now() - server.startedAtMs) / 1000
}

/** A fast start with wrong data is no start. */
export async function readBack(bench: Bench, server: RunningServer, keys: number): Promise<void> {
  const shape = ['--workload', 'get', '--keys', String(keys), '--value-bytes', '64']
  const result = await bench.kvload([...shape, '--pipeline', '16', '--requests', '10000'], server)
  if (result.misses > 0) throw new Error(`${result.misses} of 10000 keys were not there after the start`)
}
