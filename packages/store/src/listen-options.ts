/** Options of Store.listen, as directives. */
import { wholeNumber } from './commands/sender.js'

export interface ListenOptions {
  /** TCP port; 0 is any free one. @default 6379 */
  port?: number
  /** Addresses to listen on. Without a password only clients of this machine are served anyway. @default '127.0.0.1' */
  host?: string | readonly string[]
  /** Path of a Unix socket to listen on too. @default none */
  unixSocket?: string
  /** What clients must give with AUTH. @default none */
  password?: string
  /** Threads that serve clients. @default as many as the engine thinks fit */
  ioThreads?: number
  /** @default 10_000 */
  maxClients?: number
  /** Whether the process stays alive to serve clients, until the store is closed. @default true */
  keepAlive?: boolean
}

export function listenDirectives(options: ListenOptions): string[][] {
  const { port = 6379, host = '127.0.0.1', unixSocket, password, ioThreads, maxClients } = options
  const directives = [
    ['port', String(wholeNumber('port', port, 0))],
    ['bind', ...(typeof host === 'string' ? [host] : host)],
  ]
  if (unixSocket !== undefined) directives.push(['unixsocket', unixSocket])
  if (password !== undefined) directives.push(['requirepass', password])
  if (ioThreads !== undefined) directives.push(['io-threads', String(wholeNumber('ioThreads', ioThreads, 1))])
  if (maxClients !== undefined) directives.push(['maxclients', String(wholeNumber('maxClients', maxClients, 1))])
  return directives
}
