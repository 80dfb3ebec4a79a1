/**
 * Gateway: an engine of this process served over HTTP, on the thread that made it. It has a session of its own, so it
 * may be made on any thread, and it keeps the engine open until it is closed.
 * Elsewhere: a thread of its own for it (gateway-thread.ts), what is answered (gateway-core.ts).
 */
import { createRequire } from 'node:module'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Channels } from './channels.js'
import { EngineSession } from './engine-session.js'
import { GatewayCore } from './gateway-core.js'
import { type GatewayOptions, limitsOf, processWarnings } from './gateway-options.js'
import { NodeHandler } from './node-handler.js'
import { type TokenRule, Tokens } from './tokens.js'
import { WebSockets } from './websockets.js'
import { WireServer } from './wire/wire-server.js'

export interface GatewayListenOptions {
  /** 0: any free one. @default 0 */
  port?: number
  /** One or several addresses; one with a dash in front may be missing. @default '127.0.0.1' */
  host?: string | readonly string[]
}

/**
 * Serves a store of this process over HTTP.
 * @throws {NotOpenError} if it is closed; {TypeError | RangeError} for bad options
 *
 *     await using gateway = await createGateway({ store, tokens: [{ token: process.env.TOKEN }] })
 *     const { port } = await gateway.listen({ port: 8079 })
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const limits = limitsOf(options)
  const tokens = new Tokens(options.tokens ?? [])
  const session = await EngineSession.attach(options.store)
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
  const logger = options.logger ?? processWarnings
  const channels = new Channels(options.store, () => {
    logger.warn('messages were dropped: the gateway did not take them')
    core.endStreams()
    webSockets.endAll()
  })
  const core: GatewayCore = new GatewayCore({
    session, channels, limits, version, logger, nowMs: options.nowMs ?? Date.now,
  })
  const webSockets: WebSockets = new WebSockets(core, channels, limits)
  if (options.tokens !== undefined) core.setTokens(tokens)
  const server = new WireServer(core, limits, webSockets)
  return new Gateway({ session, channels, core, webSockets, server }, new NodeHandler(core, limits))
}

interface GatewayParts {
  session: EngineSession
  channels: Channels
  core: GatewayCore
  webSockets: WebSockets
  server: WireServer
}

export class Gateway implements AsyncDisposable {
  /** Answers requests of a server of one's own: `http.createServer(gateway.handler)`. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  #closing: Promise<void> | null = null

  /** @internal Use createGateway(). */
  constructor(private readonly parts: GatewayParts, { handler }: NodeHandler) { this.handler = handler }

  /**
   * Opens the socket.
   * @throws the system's error (EADDRINUSE, ...) if an address cannot be had
   */
  async listen(options: GatewayListenOptions = {}): Promise<{ port: number }> {
    const { port = 0, host = '127.0.0.1' } = options
    return { port: await this.parts.server.listen(typeof host === 'string' ? [host] : host, port) }
  }

  /** From now on these count, and no others. @throws {TypeError | RangeError}: those from before go on */
  setTokens(rules: readonly TokenRule[]): void {
    this.parts.core.setTokens(new Tokens(rules))
    this.parts.webSockets.endAll()
  }

  /** Refuses new requests, answers those under way, leaves the engine. Idempotent. */
  close(): Promise<void> { return this.#closing ??= this.#close() }

  async #close(): Promise<void> {
    const { session, channels, core, webSockets, server } = this.parts
    core.close()
    webSockets.close()
    await server.close()
    await channels.close()
    await session.close()
  }

  [Symbol.asyncDispose](): Promise<void> { return this.close() }
}
