/** Options of a gateway, checked once, with their defaults. */
import type { TokenRule } from './tokens.js'

/** Any of `names` finds an engine that this process has open. A Store of `slotwise` is one. */
export interface EnginePlace {
  readonly engineNames: readonly string[]
  readonly db?: number
}

export interface GatewayLimits {
  /** Of a request's body; a longer one is refused before it is read. @default 16 MiB */
  readonly bodyBytesMax: number
  /** Of all bodies that are being received. @default 256 MiB */
  readonly bodiesBytesMax: number
  /** Of the replies of one request. @default 128 MiB */
  readonly replyBytesMax: number
  /** @default 10_000 */
  readonly connectionsMax: number
  /** From the first byte of a request to the end of its headers, and to the end of its body. @default 10_000, 30_000 */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How long a connection may be silent between two requests. @default 65_000 */
  readonly keepAliveTimeoutMs: number
  /** Event streams, and as many WebSockets. @default 1000 */
  readonly streamsMax: number
  /** How long a replica may take to reach the position in upstash-sync-token. @default 1000 */
  readonly syncTimeoutMs: number
}

export interface GatewayLogger {
  warn(message: string): void
  error(message: string): void
}

export interface GatewayOptions extends Partial<GatewayLimits> {
  /** What it serves: a store of `slotwise`, or how to find an engine of this process. */
  store: EnginePlace
  /** Who may do what. @default none: whoever connects from this machine, but no web page */
  tokens?: readonly TokenRule[]
  /** @default warnings and errors become process warnings */
  logger?: GatewayLogger
  /** The clock of the tokens' expiry. @default Date.now */
  nowMs?: () => number
}

export const DEFAULT_LIMITS: GatewayLimits = {
  bodyBytesMax: 16 * 2 ** 20,
  bodiesBytesMax: 256 * 2 ** 20,
  replyBytesMax: 128 * 2 ** 20,
  connectionsMax: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  streamsMax: 1000,
  syncTimeoutMs: 1000,
}

/** JSON in base64 must still be a JavaScript string, of half a gigabyte at most. */
const REPLY_BYTES_LIMIT = 256 * 2 ** 20

/** @throws {RangeError | TypeError} */
export function limitsOf(options: GatewayOptions): GatewayLimits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS }
  for (const name of Object.keys(DEFAULT_LIMITS) as (keyof GatewayLimits)[]) {
    const value = options[name]
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`expected ${name} to be a whole number from 1 on, found ${value}`)
    limits[name] = value
  }
  if (limits.replyBytesMax! > REPLY_BYTES_LIMIT) throw new RangeError(`expected replyBytesMax to be at most ${REPLY_BYTES_LIMIT}`)
  // Node takes them only in this order.
  if (limits.headersTimeoutMs! > limits.requestTimeoutMs!) limits.headersTimeoutMs = limits.requestTimeoutMs!
  return limits as unknown as GatewayLimits
}

export const processWarnings: GatewayLogger = {
  warn: (message) => process.emitWarning(message, 'SlotwiseWarning'),
  error: (message) => process.emitWarning(message, 'SlotwiseError'),
}
