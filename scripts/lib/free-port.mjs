/**
 * TCP ports on 127.0.0.1 that nobody listens on at the moment. They lie below those that systems give to connections,
 * one of which could have them before whoever asked listens.
 */
import { createServer } from 'node:net'

const [LOWEST, END] = [10_000, 32_000]

export const freePort = () => freePortRun([0])

/** A port of which those at `offsets` from it are free. */
export async function freePortRun(offsets) {
  const span = Math.max(...offsets)
  for (;;) {
    const first = LOWEST + Math.floor(Math.random() * (END - LOWEST - span))
    const free = await Promise.all(offsets.map((offset) => isFree(first + offset)))
    if (free.every(Boolean)) return first
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
