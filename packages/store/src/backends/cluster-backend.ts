/**
 * A cluster of Redis, Valkey or Slotwise nodes: the client library knows who owns which slot and follows redirections.
 * A transaction or a call that waits runs on the connection of one node; told MOVED, it asks for the map and tries
 * again.
 */
import { asText, type Bytes, type EngineCommand, StoreClosedError, StoreError, type WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'
import { type RedisClient, type RedisCluster, type RedisModule, typeMappingOf } from './client-library.js'
import { isReadOnly } from './command-keys.js'
import { CopyReads } from './copy-reads.js'
import { type NearCacheOptions, type NearCacheStats, statsTogether } from './near-cache.js'
import { isMoved, PartitionedBackend } from './partitioned-backend.js'
import type { ReadFrom } from './reading.js'
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
  /** null: the primary answers every read. */
  readonly #copies: CopyReads | null
  /** Over the same connections, without copies and caches; itself, if it has none. */
  readonly #plain: ClusterBackend

  /**
   * @param cluster  connected
   * @param timeoutMs  how long a command may wait for a connection
   */
  constructor(library: RedisModule, cluster: RedisCluster, where: string, timeoutMs: number, reads: ClusterReads = {}) {
    super()
    this.#limits = { timeoutMs, where }
    this.#reads = reads
    const { from = 'primary' } = reads
    this.#copies = from === 'primary' ? null : new CopyReads(from)
    const isPlain = this.#copies === null && reads.nearCache === undefined
    this.#plain = isPlain ? this : new ClusterBackend(library, cluster, where, timeoutMs)
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

  /** Reads would come by other connections than the writes before them, and overtake them. */
  override async runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    if (this.#plain === this || commands.every(({ args }) => isReadOnly(args))) return super.runAll(commands)
    this.#refuseClosed()
    const forget = (): void => {
      for (const node of this.#used) for (const { args } of commands) node.forget(args)
    }
    forget()
    const replies = await this.#plain.runAll(commands)
    forget()
    return replies
  }

  protected async runThere(key: Bytes, command: EngineCommand): Promise<unknown> {
    const { nearCache } = this.#reads
    if (isReadOnly(command.args)) {
      if (this.#copies !== null) return this.#fromCopy(this.#copies, key, command)
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

  #fromCopy(copies: CopyReads, key: Bytes, command: EngineCommand): Promise<unknown> {
    const { maxLagMs = 0 } = this.#reads
    const shard = this.#cluster.slots[slotOf(key)]
    const nodes = shard === undefined ? [] : [shard.master, ...shard.replicas ?? []]
    const ask = async (index: number): Promise<unknown> => {
      try {
        const node = this.#node(await within(this.#cluster.nodeClient(nodes[index]!), this.#limits))
        return await (maxLagMs > 0 ? node.readWithin(maxLagMs, command) : node.run(command))
      } catch (error) {
        throw this.#error(error)
      }
    }
    return copies.read(nodes.map(({ address }) => address), ask, () => this.#send(key, command))
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
