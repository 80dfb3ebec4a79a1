/**
 * Endpoint: where a server is, as people write it: `7000`, `host:7000`, `[::1]:7000` or
 * `redis://user:password@host:port/db`. Elsewhere: talking to it (connection.ts).
 */
import { UsageError } from './user-error.js'

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly user?: string
  readonly password?: string
  readonly db?: number
}

const DEFAULT = { host: '127.0.0.1', port: 6379 }

/** @throws {UsageError} */
export function parseEndpoint(text: string): Endpoint {
  if (/^\d+$/.test(text)) return { ...DEFAULT, port: portOf(text, text) }
  if (text.includes('://')) return parseUrl(text)
  const found = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text)
  if (found === null) throw new UsageError(`'${text}' is no address: expected HOST:PORT or redis://HOST:PORT`)
  return { host: found[1] ?? found[2]!, port: found[3] === undefined ? DEFAULT.port : portOf(found[3], text) }
}

function parseUrl(text: string): Endpoint {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(`'${text}' is no URL: expected redis://HOST:PORT`)
  }
  if (url.protocol === 'rediss:') throw new UsageError('rediss:// (TLS) is not supported: use a tunnel, such as stunnel')
  if (url.protocol !== 'redis:') throw new UsageError(`'${url.protocol}//' is not supported: expected redis://HOST:PORT`)
  const db = url.pathname.replace(/^\/?/, '')
  if (!/^\d{0,5}$/.test(db)) throw new UsageError(`'${db}' is no number of a database`)
  return {
    host: url.hostname === '' ? DEFAULT.host : url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT.port : Number(url.port),
    ...url.username !== '' && { user: decodeURIComponent(url.username) },
    ...url.password !== '' && { password: decodeURIComponent(url.password) },
    ...db !== '' && { db: Number(db) },
  }
}

function portOf(digits: string, text: string): number {
  const port = Number(digits)
  if (port < 1 || port > 65_535) throw new UsageError(`'${text}': a port is 1 to 65535`)
  return port
}

/** As redis-cli prints it; never with a password. */
export const printEndpoint = ({ host, port }: Endpoint): string => `${host.includes(':') ? `[${host}]` : host}:${port}`
