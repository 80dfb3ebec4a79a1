/**
 * `slotwise bench`: a first impression of a server: SET and GET over random keys, so many connections, each with so
 * many commands under way. One JavaScript thread makes the load, so at high rates it is what is measured;
 * redis-benchmark and `npm run bench` in the repository measure servers.
 */
import { randomBytes } from 'node:crypto'
import { Connection } from './connection.js'
import { type Endpoint, printEndpoint } from './endpoint.js'
import { ReplyError } from './resp.js'
import type { Terminal } from './terminal.js'
import { UserError } from './user-error.js'

export interface BenchOptions {
  readonly requests: number
  readonly clients: number
  readonly pipeline: number
  readonly size: number
  readonly keys: number
}

export interface BenchResult { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }

/** Keys begin so, and stay there. */
const PREFIX = 'slotwise-bench:'

/** @returns the exit code */
export async function bench(endpoint: Endpoint, options: BenchOptions, terminal: Terminal): Promise<number> {
  const connections: Connection[] = []
  try {
    for (let index = 0; index < options.clients; index++) connections.push(await Connection.open(endpoint))
    const { requests, clients, pipeline, size, keys } = options
    terminal.out(`${printEndpoint(endpoint)}: ${requests} requests, ${clients} clients, pipeline ${pipeline}, ${keys} keys, values of ${size} bytes; made by one JavaScript thread`)
    const value = randomBytes(size)
    const key = (): string => `${PREFIX}${Math.floor(Math.random() * keys)}`
    for (const [name, command] of [['SET', () => ['SET', key(), value]], ['GET', () => ['GET', key()]]] as const) {
      const { perSecond, p50Ms, p99Ms } = await measure(connections, options, command)
      terminal.out(`${name}  ${Math.round(perSecond).toLocaleString('en').padStart(10)} a second   p50 ${p50Ms.toFixed(2)} ms   p99 ${p99Ms.toFixed(2)} ms`)
    }
    return 0
  } finally {
    for (const connection of connections) connection.close()
  }
}

async function measure(
  connections: readonly Connection[],
  { requests, pipeline }: BenchOptions,
  command: () => readonly (string | Buffer)[],
): Promise<BenchResult> {
  let left = requests
  const times: number[] = []
  const startMs = performance.now()
  await Promise.all(connections.map(async (connection) => {
    while (left > 0) {
      const count = Math.min(pipeline, left)
      left -= count
      const sentMs = performance.now()
      const replies = await connection.pipeline(Array.from({ length: count }, command))
      times.push(performance.now() - sentMs)
      const refused = replies.find((reply) => reply instanceof ReplyError)
      if (refused !== undefined) throw new UserError(`${printEndpoint(connection.endpoint)} refuses: ${refused.message}`)
    }
  }))
  const tookMs = performance.now() - startMs
  times.sort((a, b) => a - b)
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { perSecond: requests / tookMs * 1000, p50Ms: at(0.5), p99Ms: at(0.99) }
}
