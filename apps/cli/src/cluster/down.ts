/** `slotwise cluster down`: ends the nodes of a folder, wherever they were started from. */
import { resolve } from 'node:path'
import { Connection } from '../connection.js'
import { type Terminal, plural } from '../terminal.js'
import { until } from '../pause.js'
import { UserError } from '../user-error.js'
import { readClusterFile } from './cluster-file.js'

const STOP_TIMEOUT_MS = 30_000

/** @returns the exit code */
export async function clusterDown(options: { dir: string }, terminal: Terminal): Promise<number> {
  const dir = resolve(options.dir)
  const made = readClusterFile(dir)
  if (made === null) throw new UserError(`${dir} holds no cluster (no cluster.json)`)
  const { host, port, nodes } = made
  const ended = await Promise.all(Array.from({ length: nodes }, (_, index) => end({ host, port: port + index }, dir)))
  terminal.out(`${plural(ended.filter(Boolean).length, 'node')} ended.`)
  return 0
}

/** @returns whether there was one. Another server on that port, of another folder, is left alone. */
async function end(endpoint: { host: string; port: number }, dir: string): Promise<boolean> {
  const connection = await Connection.open(endpoint).catch(() => null)
  if (connection === null) return false
  try {
    const [, where = null] = await connection.must('CONFIG', 'GET', 'dir') as Buffer[]
    if (resolve(String(where)) !== resolve(dir, String(endpoint.port))) return false
    connection.command('SHUTDOWN').catch(() => undefined) // it answers by closing the connection
    await until(() => `node ${endpoint.port} does not end`, async () => {
      const again = await Connection.open(endpoint).catch(() => null)
      again?.close()
      return again === null
    }, { timeoutMs: STOP_TIMEOUT_MS })
    return true
  } finally {
    connection.close()
  }
}
