/**
 * A cluster of Redis, Valkey or Slotwise nodes: the client library knows who owns which slot and follows redirections.
 * A transaction or a call that waits runs on the connection of one node; told MOVED, it asks for the map and tries
 * again.
 */
import { asText, type Bytes, type EngineCommand, StoreClosedError, StoreError, type WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'
import { type RedisClient, type RedisCluster, type RedisModule, typeMappingOf } from './client-library.js'
import { isReadOnly } from './command-keys.js'
import { type NearCacheOptions, type NearCacheStats, statsTogether } from './near-cache.js'
import { isMoved, PartitionedBackend } from './partitioned-backend.js'
import { chooseCopy, meanLatency, type ReadFrom, REST_MS } from './reading.js'
import { replyFrom, storeErrorOf, wireArguments } from './replies.js'
import { ServerBackend } from './server-backend.js'
import { slotOf } from './slot.js'
import { within } from './within.js'

/** How reads are answered, where not by the primary each time. */
export interface ClusterReads {
  readonly from?: ReadFrom
  /** A copy that may be older is not believed; 0: any is. */
  readonly maxLagMs?: number
  readonly nearCache?: NearCacheOptions
}

/** Codes of a copy that another one may do without. */
const CANNOT_ANSWER = new Set(['STALE', 'MOVED', 'ASK', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'CONNECTION', 'CLOSED'])

/** How often a transaction follows a slot that moves. */
const ATTEMPTS = 5

export class ClusterBackend extends PartitionedBackend {
  protected readonly crossing = `Keys in request don't hash to the same slot`
  readonly #library: RedisModule
  readonly #cluster: RedisCluster
  readonly #where: string
  readonly #options: { typeMapping: Readonly<Record<number, unknown>> }
  readonly #nodes = new WeakMap<RedisClient, ServerBackend>()
  readonly #used = new Set<ServerBackend>()
  #closed: StoreError | null = null

  readonly #limits: { timeoutMs: number; where: string }
  readonly #reads: ClusterReads
  /** What is known of the nodes that reads may choose, by address. */
  readonly #copies = new Map<string, { latencyMs: number | undefined; restUntilMs: number }>()

  /**
   * @param cluster  connected
   * @param timeoutMs  how long a command may wait for a connection
   */
  constructor(library: RedisModule, cluster: RedisCluster, where: string, timeoutMs: number, reads: ClusterReads = {}) {
    super()
    this.#limits = { timeoutMs, where }
    this.#reads = reads
    this.#library = library
    this.#cluster = cluster
    this.#where = where
    this.#options = { typeMapping: typeMappingOf(library) }
  }

  get closed(): boolean { return this.#closed !== null }

  /** The nodes that own slots. */
  async parts(): Promise<readonly Backend[]> {
    this.#refuseClosed()
    try {
      const { masters } = this.#cluster
      const clients = masters.map((node) => within(this.#cluster.nodeClient(node), this.#limits))
      return (await Promise.all(clients)).map((client) => this.#node(client))
    } catch (error) {
      throw this.#error(error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed !== null) return
    this.#closed = new StoreClosedError()
    this.#endLines(this.#closed)
    await this.#cluster.close().catch(() => this.#cluster.destroy())
  }

  destroy(reason: StoreError): void {
    this.#closed = reason
    this.#endLines(reason)
    if (this.#cluster.isOpen) this.#cluster.destroy()
  }

  protected partOf(key: Bytes): number { return slotOf(key) }

  nearCache(): NearCacheStats | null {
    if (this.#reads.nearCache === undefined) return null
    const stats = [...this.#used].filter(({ closed }) => !closed).map((node) => node.nearCache())
    return statsTogether(stats) ?? { entries: 0, hits: 0, misses: 0, stalenessMs: null }
  }

  protected async runThere(key: Bytes, command: EngineCommand): Promise<unknown> {
    const { nearCache, from = 'primary' } = this.#reads
    if (isReadOnly(command.args)) {
      if (from !== 'primary') return this.#fromCopy(key, command)
      if (nearCache !== undefined) return this.#there(key, (node) => node.run(command))
    }
    if (nearCache === undefined) return this.#send(key, command)
    for (const node of this.#used) node.forget(command.args)
    const reply = await this.#send(key, command)
    for (const node of this.#used) node.forget(command.args)
    return reply
  }

  protected runAnywhere(command: EngineCommand): Promise<unknown> { return this.#send(undefined, command) }

  protected transactThere(key: Bytes, commands: readonly EngineCommand[]): Promise<unknown[]> {
    return this.#there(key, (node) => node.transaction(commands))
  }

  protected waitThere(key: Bytes, command: EngineCommand, options: WaitOptions): Promise<unknown> {
    return this.#there(key, (node) => node.wait(command, options))
  }

  async #send(key: Bytes | undefined, { args, bulk }: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    const words = wireArguments(args)
    const [place] = key === undefined ? [] : wireArguments([key])
    try {
      // The library waits for ever for a connection that it has never had.
      if (place !== undefined) await within(this.#cluster.getNodeClientForKey(place), this.#limits)
      const raw = await this.#cluster.sendCommand(place, false, words, this.#options)
      return replyFrom(raw, bulk ?? asText)
    } catch (error) {
      throw this.#error(error)
    }
  }

  async #there<T>(key: Bytes, work: (node: ServerBackend) => Promise<T>): Promise<T> {
    const [place] = wireArguments([key])
    for (let attempt = 1; ; attempt++) {
      this.#refuseClosed()
      try {
        return await work(this.#node(await within(this.#cluster.getNodeClientForKey(place!), this.#limits)))
      } catch (error) {
        if (!isMoved(error) || attempt === ATTEMPTS) throw this.#error(error)
        // The library asks for the map when a single command is redirected.
        await this.#send(key, { args: ['EXISTS', key] })
      }
    }
  }

  /** From the copy that the policy chooses; if that cannot answer, or may be too old, from the primary. */
  async #fromCopy(key: Bytes, command: EngineCommand): Promise<unknown> {
    const { from = 'primary', maxLagMs = 0 } = this.#reads
    const shard = this.#cluster.slots[slotOf(key)]
    const nodes = shard === undefined ? [] : [shard.master, ...shard.replicas ?? []]
    const known = nodes.map(({ address }) => this.#copy(address))
    const copies = known.map((copy, index) => ({ isPrimary: index === 0, ...copy }))
    const chosen = chooseCopy(from, copies, performance.now(), Math.random())
    if (chosen <= 0) {
      const startMs = performance.now()
      const reply = await this.#send(key, command)
      if (known[0] !== undefined) known[0].latencyMs = meanLatency(known[0].latencyMs, performance.now() - startMs)
      return reply
    }
    const copy = known[chosen]!
    try {
      const node = this.#node(await within(this.#cluster.nodeClient(nodes[chosen]!), this.#limits))
      const startMs = performance.now()
      const reply = await (maxLagMs > 0 ? node.readWithin(maxLagMs, command) : node.run(command))
      copy.latencyMs = meanLatency(copy.latencyMs, performance.now() - startMs)
      return reply
    } catch (error) {
      const failed = this.#error(error)
      if (!(failed instanceof StoreError) || !CANNOT_ANSWER.has(failed.code)) throw failed
      copy.restUntilMs = performance.now() + REST_MS
      return this.#send(key, command)
    }
  }

  #copy(address: string): { latencyMs: number | undefined; restUntilMs: number } {
    let copy = this.#copies.get(address)
    if (copy === undefined) this.#copies.set(address, copy = { latencyMs: undefined, restUntilMs: 0 })
    return copy
  }

  #node(client: RedisClient): ServerBackend {
    let node = this.#nodes.get(client)
    if (node === undefined) {
      node = new ServerBackend(this.#library, client, this.#where, this.#reads.nearCache)
      this.#nodes.set(client, node)
      this.#used.add(node)
    }
    return node
  }

  #endLines(reason: StoreError): void {
    for (const node of this.#used) node.release(reason)
  }

  #refuseClosed(): void {
    if (this.#closed !== null) throw this.#closed
  }

  #error(error: unknown): Error {
    if (this.#closed === null && error instanceof StoreError) return error
    return this.#closed ?? storeErrorOf(this.#library, error, this.#where)
  }
}
