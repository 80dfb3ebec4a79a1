/**
 * cluster.json in the folder of a local cluster: what it was made with, so that the same folder starts the same cluster
 * again, and `status` and `down` find its nodes. Written once, when the cluster is made.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../user-error.js'

export interface ClusterFile {
  readonly host: string
  readonly port: number
  readonly nodes: number
  readonly replicas: number
}

const NAME = 'cluster.json'

/** null if there is none. @throws {UserError} if it is not what was written */
export function readClusterFile(dir: string): ClusterFile | null {
  let text: string
  try {
    text = readFileSync(join(dir, NAME), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new UserError(`${join(dir, NAME)} cannot be read: ${(error as Error).message}`)
  }
  try {
    const { host, port, nodes, replicas } = JSON.parse(text) as ClusterFile
    if (typeof host === 'string' && [port, nodes, replicas].every(Number.isInteger)) return { host, port, nodes, replicas }
  } catch {
    // The same as a file with other contents.
  }
  throw new UserError(`${join(dir, NAME)} was not written by this program`)
}

export function writeClusterFile(dir: string, file: ClusterFile): void {
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, NAME), `${JSON.stringify(file, null, 2)}\n`)
}
