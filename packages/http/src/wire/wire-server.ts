/**
 * WireServer: the sockets of a gateway. Our own reading of HTTP/1.1 instead of node:http's, since that costs more than
 * everything else a request needs (docs/decisions/0029-http-gateway.md); it reads a strict subset of what node:http
 * reads. One timer looks after the time-outs of all connections, so none is set for a request.
 * Elsewhere: one connection (connection.ts); node:http for servers of one's own (node-handler.ts).
 */
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { GatewayCore } from '../gateway-core.js'
import type { GatewayLimits } from '../gateway-options.js'
import type { WebSockets } from '../websockets.js'
import { Connection, type Shared } from './connection.js'
import { ResponseHeads } from './response-head.js'

/** How late a time-out may be noticed. */
const SWEEP_EVERY_MS = 250
/** What is under way when the server stops may take this long. */
const CLOSE_WITHIN_MS = 5000

export class WireServer {
  readonly #servers: Server[] = []
  readonly #connections = new Set<Connection>()
  readonly #shared: Shared
  #sweeper: NodeJS.Timeout | undefined

  constructor(core: GatewayCore, limits: GatewayLimits, webSockets: WebSockets) {
    this.#shared = { core, webSockets, limits, heads: new ResponseHeads(), receiving: 0, closing: false }
  }

  /**
   * @param hosts  addresses; one with a dash in front may be missing on this machine, as in `bind`
   * @param port  0: any free one, the same for all of them
   * @returns the port
   * @throws the system's error if an address cannot be had; nothing listens then
   */
  async listen(hosts: readonly string[], port: number): Promise<number> {
    let taken = port
    try {
      for (const host of hosts) {
        const server = this.#create()
        const optional = host.startsWith('-')
        try {
          await listening(server, optional ? host.slice(1) : host, taken)
        } catch (error) {
          if (optional && isAbsent(error as NodeJS.ErrnoException)) continue
          throw error
        }
        this.#servers.push(server)
        taken = (server.address() as AddressInfo).port
      }
    } catch (error) {
      await this.close()
      throw error
    }
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref()
    return taken
  }

  async close(): Promise<void> {
    this.#shared.closing = true
    const closed = Promise.all(this.#servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
    for (const connection of this.#connections) connection.close()
    const late = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, CLOSE_WITHIN_MS)
    await closed
    clearTimeout(late)
    clearInterval(this.#sweeper)
    this.#shared.closing = false
  }

  #create(): Server {
    const server = createServer((socket) => {
      const connection = new Connection(socket, this.#shared, performance.now())
      const { metrics } = this.#shared.core
      this.#connections.add(connection)
      metrics.connections++
      socket.once('close', () => {
        this.#connections.delete(connection)
        metrics.connections--
      })
    })
    server.maxConnections = this.#shared.limits.connectionsMax
    return server
  }

  #sweep(): void {
    const nowMs = performance.now()
    for (const connection of this.#connections) connection.sweep(nowMs)
  }
}

const isAbsent = ({ code = '' }: NodeJS.ErrnoException): boolean =>
  ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EINVAL'].includes(code)

/** `*` and `::*` are all addresses of a family, as in `bind`. */
function listening(server: Server, host: string, port: number): Promise<void> {
  const address = host === '*' ? '0.0.0.0' : host === '::*' ? '::' : host
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: address, ipv6Only: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
