/** A TCP port that is free now. Between this answer and its use another process may take it; tests here are few. */
import { createServer } from 'node:net'

/**
 * @param host  the address on which it must be free. @default '127.0.0.1'
 * @returns a port number in the system's ephemeral range
 */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error(`no port on ${host}`))
        else resolve(address.port)
      })
    })
  })
}
