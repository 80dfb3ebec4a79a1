/**
 * A primary that is in no cluster, and its replicas: what only reads may go to one of them, everything else goes to
 * the primary. Who they are the primary tells (INFO replication); it is asked anew while somebody reads, so replicas
 * may come and go. Only those that are connected are asked, so that no read waits for a connection. Nobody looks for
 * another primary when this one has gone: that is what clusters are for.
 * Elsewhere: which copy is asked (copy-reads.ts), making a connection (open-remote.ts).
 */
import type { EngineCommand, StoreError, WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'
import { isReadOnly, keysOf } from './command-keys.js'
import { CopyReads } from './copy-reads.js'
import type { ReadFrom } from './reading.js'
import { errorAsValue, refuseWaiting, type ServerBackend } from './server-backend.js'

const LOOK_EVERY_MS = 1000

export interface Replicated {
  readonly primary: ServerBackend
  /** For messages, and what is remembered of it. */
  readonly address: string
  readonly from: ReadFrom
  /** A replica that may be older is not believed; 0: any is. */
  readonly maxLagMs: number
  readonly connect: (host: string, port: number) => Promise<ServerBackend>
}

export class ReplicatedBackend implements Backend {
  readonly #parts: Replicated
  readonly #copies: CopyReads
  readonly #replicas = new Map<string, ServerBackend>()
  readonly #connecting = new Set<string>()
  #lookedAtMs = -Infinity

  constructor(parts: Replicated) {
    this.#parts = parts
    this.#copies = new CopyReads(parts.from)
  }

  get closed(): boolean { return this.#parts.primary.closed }

  /** Asks who the replicas are, and connects to those that are new; one that cannot be reached is left out. */
  async look(): Promise<void> {
    this.#lookedAtMs = performance.now()
    const addresses = replicasIn(String(await this.#parts.primary.run({ args: ['INFO', 'replication'] })))
    const named = new Set(addresses.map(({ address }) => address))
    for (const [address, replica] of this.#replicas) {
      if (named.has(address)) continue
      this.#replicas.delete(address)
      void replica.close()
    }
    await Promise.all(addresses.map((one) => this.#add(one)))
  }

  async run(command: EngineCommand): Promise<unknown> {
    const { primary, address, maxLagMs } = this.#parts
    if (!isReadOnly(command.args) || keysOf(command.args).length === 0) return primary.run(command)
    refuseWaiting(command)
    if (performance.now() - this.#lookedAtMs > LOOK_EVERY_MS) this.look().catch(() => undefined) // the next one tells
    const replicas = [...this.#replicas].filter(([, { isConnected }]) => isConnected)
    const ask = (index: number): Promise<unknown> => {
      const [, replica] = replicas[index - 1]!
      return maxLagMs > 0 ? replica.readWithin(maxLagMs, command) : replica.run(command)
    }
    return this.#copies.read([address, ...replicas.map(([name]) => name)], ask, () => primary.run(command))
  }

  /** With a write among them all go to the primary, so that what is about one key stays in order. */
  runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    if (!commands.every(({ args }) => isReadOnly(args))) return this.#parts.primary.runAll(commands)
    return Promise.all(commands.map((command) => errorAsValue(this.run(command))))
  }

  transaction(commands: readonly EngineCommand[]): Promise<unknown[]> {
    return this.#parts.primary.transaction(commands)
  }

  wait(command: EngineCommand, options: WaitOptions): Promise<unknown> {
    return this.#parts.primary.wait(command, options)
  }

  parts(): Promise<readonly Backend[]> { return this.#parts.primary.parts() }

  nearCache(): null { return null }

  async close(): Promise<void> {
    await Promise.all([this.#parts.primary, ...this.#replicas.values()].map((server) => server.close()))
  }

  destroy(reason: StoreError): void {
    for (const server of [this.#parts.primary, ...this.#replicas.values()]) server.destroy(reason)
  }

  async #add({ address, host, port }: ReplicaAddress): Promise<void> {
    if (this.#replicas.has(address) || this.#connecting.has(address)) return
    this.#connecting.add(address)
    try {
      const replica = await this.#parts.connect(host, port)
      if (this.closed) await replica.close()
      else this.#replicas.set(address, replica)
    } catch {
      // It is looked for again.
    } finally {
      this.#connecting.delete(address)
    }
  }
}

interface ReplicaAddress { readonly address: string; readonly host: string; readonly port: number }

/** Those that have their data, as INFO replication of their primary lists them. Pure. */
export function replicasIn(info: string): ReplicaAddress[] {
  return [...info.matchAll(/^slave\d+:ip=(.*?),port=(\d+),state=online,/gm)]
    .map(([, host = '', port = '']) => ({ address: `${host}:${port}`, host, port: Number(port) }))
}
