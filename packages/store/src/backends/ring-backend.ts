/**
 * Independent servers that know nothing of each other: each key is at one of them, by the ring. There are no replicas
 * of a place and nobody moves keys when the list changes: what another server owns then is not found. With `hashTags`
 * the part of a key between braces decides, as in a cluster, so related keys share a server.
 */
import { type Bytes, type EngineCommand, type StoreError, type WaitOptions } from '@slotwise/engine'
import type { Backend } from './backend.js'
import { type NearCacheStats, statsTogether } from './near-cache.js'
import { PartitionedBackend } from './partitioned-backend.js'
import { Ring, type RingServer } from './ring.js'
import { hashTagOf } from './slot.js'

export class RingBackend extends PartitionedBackend {
  protected readonly crossing = `Keys in request don't belong to the same shard`
  readonly #ring: Ring
  readonly #servers: readonly Backend[]
  readonly #hashTags: boolean

  /** @param servers  in the order of `places` */
  constructor(places: readonly RingServer[], servers: readonly Backend[], hashTags: boolean) {
    super()
    this.#ring = new Ring(places)
    this.#servers = servers
    this.#hashTags = hashTags
  }

  get closed(): boolean { return this.#servers.some((server) => server.closed) }

  parts(): Promise<readonly Backend[]> { return Promise.resolve(this.#servers) }

  nearCache(): NearCacheStats | null { return statsTogether(this.#servers.map((server) => server.nearCache())) }

  async close(): Promise<void> { await Promise.all(this.#servers.map((server) => server.close())) }

  destroy(reason: StoreError): void {
    for (const server of this.#servers) server.destroy(reason)
  }

  protected partOf(key: Bytes): number {
    if (!this.#hashTags) return this.#ring.ownerOf(key)
    return this.#ring.ownerOf(hashTagOf(typeof key === 'string' ? Buffer.from(key) : key))
  }

  protected runThere(key: Bytes, command: EngineCommand): Promise<unknown> { return this.#server(key).run(command) }

  protected transactThere(key: Bytes, commands: readonly EngineCommand[]): Promise<unknown[]> {
    return this.#server(key).transaction(commands)
  }

  protected waitThere(key: Bytes, command: EngineCommand, options: WaitOptions): Promise<unknown> {
    return this.#server(key).wait(command, options)
  }

  /** A channel has its place like a key: whoever subscribes finds it there. */
  protected async runAnywhere(command: EngineCommand): Promise<unknown> {
    const [name, channel] = command.args
    if (String(name).toUpperCase() === 'PUBLISH' && channel !== undefined) return this.#server(channel).run(command)
    throw new TypeError(`${String(name)} names no key: there are several servers, and none to ask`)
  }

  #server(key: Bytes): Backend { return this.#servers[this.partOf(key)]! }
}
