/**
 * Connections to other members, by the address that the slot map names: one each, made when it is needed and made anew
 * by itself. Who is not connected now is refused at once, so that the caller may ask its own node whose the slot is by
 * now; nothing is kept for a node that may never come back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ConnectionError, type NearCacheStats, type ServerBackend, statsTogether, StoreClosedError, type StoreError,
} from 'slotwise'

/** Who has been away for so long is met again as a stranger. */
const FORGET_AFTER_MS = 10_000
const CLOSE_TIMEOUT_MS = 2000

interface Known {
  readonly opening: Promise<ServerBackend>
  awaySinceMs: number | null
}

export class Connections {
  readonly #known = new Map<string, Known>()
  readonly #connect: (host: string, port: number) => Promise<ServerBackend>
  #open: ServerBackend[] = []

  /** @param connect  connected, or a rejection */
  constructor(connect: (host: string, port: number) => Promise<ServerBackend>) { this.#connect = connect }

  /** @throws {ConnectionError} that says that nothing was sent, if it cannot be reached now */
  async at(address: string): Promise<ServerBackend> {
    let known = this.#known.get(address)
    if (known === undefined) {
      known = { opening: this.#opened(address), awaySinceMs: null }
      this.#known.set(address, known)
      const { opening } = known
      opening.catch(() => this.#forget(address, opening))
    }
    let server: ServerBackend
    try {
      server = await known.opening
    } catch (error) {
      throw new ConnectionError((error as Error).message, { cause: error, mayHaveRun: false })
    }
    if (server.isConnected) {
      known.awaySinceMs = null
      return server
    }
    const nowMs = performance.now()
    known.awaySinceMs ??= nowMs
    if (nowMs - known.awaySinceMs > FORGET_AFTER_MS) {
      this.#known.delete(address)
      this.#end(server)
    }
    throw new ConnectionError(`${address}: the connection is being made anew`, { mayHaveRun: false })
  }

  /** The node has failed: what waits for its replies waits in vain. */
  drop(address: string): void {
    const known = this.#known.get(address)
    this.#known.delete(address)
    known?.opening.then((server) => this.#end(server), () => undefined)
  }

  nearCache(): NearCacheStats | null { return statsTogether(this.#open.map((server) => server.nearCache())) }

  async close(): Promise<void> {
    const opening = [...this.#known.values()].map((known) => known.opening)
    this.#known.clear()
    await Promise.allSettled(opening.map(async (one) => {
      const server = await one
      // What was sent is answered, unless nobody is there any more.
      if (server.isConnected) await Promise.race([server.close(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
      server.destroy(new StoreClosedError())
    }))
  }

  destroy(reason: StoreError): void {
    for (const { opening } of this.#known.values()) opening.then((server) => server.destroy(reason), () => undefined)
    this.#known.clear()
  }

  async #opened(address: string): Promise<ServerBackend> {
    const colon = address.lastIndexOf(':')
    const server = await this.#connect(address.slice(0, colon), Number(address.slice(colon + 1)))
    this.#open.push(server)
    return server
  }

  #forget(address: string, opening: Promise<ServerBackend>): void {
    if (this.#known.get(address)?.opening === opening) this.#known.delete(address)
  }

  #end(server: ServerBackend): void {
    this.#open = this.#open.filter((other) => other !== server)
    server.destroy(new ConnectionError('the node has failed'))
  }
}
