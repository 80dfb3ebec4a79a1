/** A TCP port on 127.0.0.1 that nobody listens on at the moment. */
import { createServer } from 'node:net'

export const freePort = () => new Promise((resolve, reject) => {
  const server = createServer()
  server.on('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})
