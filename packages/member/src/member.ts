/**
 * Member: this process in its cluster: a store with promises whose own slots are in the process, and what the cluster
 * tells. The control plane runs on a thread of its own, so a blocked event loop neither costs the seat nor stalls
 * clients; only this object waits until the loop looks.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterChange, Node } from '@slotwise/node'
import { AsyncStore, type Backend, type codecOf, type Key, type Store, StoreClosedError } from 'slotwise'
import { rowsOf } from './assembly.js'
import { type DepartureOptions, forgetEachOther, giveRole, giveSlots } from './departure.js'
import type { MemberBackend } from './member-backend.js'
import { fieldOf, type NodeRow, slotCountOf } from './nodes-table.js'

/** Beyond the time that it may take, before it is given up from outside. */
const GRACE_MS = 1000

export interface MemberEvents {
  /** Something about the cluster: who came and went, who failed, who was voted for and promoted, with its epoch. */
  change: [change: ClusterChange]
  /** A client sent SHUTDOWN: its data is on disk, and it would like the process to end with this code. */
  shutdown: [exitCode: number]
  /** The control plane has died: this process is no member any more. Only emitted if listened to. */
  error: [error: Error]
}

/** How this member stands, as its own node sees it. */
export interface MemberStatus {
  readonly id: string
  readonly role: 'primary' | 'replica'
  /** Of a replica. */
  readonly primaryId: string | null
  readonly slotCount: number
  readonly state: 'ok' | 'fail'
  readonly epoch: number
  readonly members: readonly {
    readonly id: string
    readonly host: string
    readonly port: number
    readonly role: 'primary' | 'replica'
    readonly primaryId: string | null
    readonly isPresent: boolean
    readonly slotCount: number
  }[]
}

const roleOf = ({ isReplica, primary }: NodeRow): Pick<MemberStatus, 'role' | 'primaryId'> =>
  ({ role: isReplica ? 'replica' : 'primary', primaryId: primary === '' ? null : primary })

export interface MemberParts<V> {
  readonly node: Node
  readonly backend: MemberBackend
  /** The engine of this process. */
  readonly local: Store<V>
  /** A connection to the own node. */
  readonly self: Backend
  readonly codec: ReturnType<typeof codecOf<V>>
  readonly handOverTimeoutMs: number
  readonly departure: DepartureOptions
}

export class Member<V = unknown> extends AsyncStore<V> {
  readonly #events = new EventEmitter<MemberEvents>()
  readonly #parts: MemberParts<V>
  readonly #local: Store<V>
  readonly #members: MemberBackend
  #going: Promise<void> | null = null

  /** @internal Use join(). */
  constructor(parts: MemberParts<V>) {
    super(parts.backend, parts.codec)
    this.#parts = parts
    this.#local = parts.local
    this.#members = parts.backend
    const { node } = parts
    node.on('clusterChange', (change) => {
      if (change.name === 'failed') this.#dropConnection(change.node)
      this.#events.emit('change', change)
    })
    node.on('error', (error) => {
      if (this.#events.listenerCount('error') > 0) this.#events.emit('error', error)
    })
  }

  /** The TCP port for clients. */
  get port(): number { return this.#parts.node.port }

  /**
   * The value of `key`; null if there is none. Where the slot is local, one call into the engine, which looks at the
   * slot map under the key's lock; else one hop to the owner. @throws {WrongTypeError}
   */
  override async get<T extends V = V>(key: Key): Promise<T | null> {
    if (this.#members.closed) throw new StoreClosedError()
    try {
      return this.#local.get<T>(key)
    } catch (error) {
      return await this.#members.elsewhere({ args: ['GET', key], bulk: this.values }, error) as T | null
    }
  }

  /** Whether this process answers for `key` itself. It may have changed when the promise resolves. */
  isLocal(key: Key): Promise<boolean> { return this.#members.isLocal(key) }

  async status(): Promise<MemberStatus> {
    const { self } = this.#parts
    const rows = await rowsOf(self)
    const info = String(await self.run({ args: ['CLUSTER', 'INFO'] }))
    const own = rows.find(({ isMyself }) => isMyself)!
    return {
      ...roleOf(own), id: own.id, slotCount: slotCountOf(own),
      state: fieldOf(info, 'cluster_state') === 'ok' ? 'ok' : 'fail',
      epoch: Number(fieldOf(info, 'cluster_current_epoch')),
      members: rows.map((row) => ({
        ...roleOf(row), id: row.id, host: row.host, port: row.port, isPresent: !row.isAbsent,
        slotCount: slotCountOf(row),
      })),
    }
  }

  /** What changes in the cluster from now on, as plain data; leaving the loop or the signal ends it. */
  changes(options: { signal?: AbortSignal } = {}): AsyncGenerator<ClusterChange, void, undefined> {
    return this.#parts.node.changes(options)
  }

  on<E extends keyof MemberEvents>(event: E, listener: (...args: MemberEvents[E]) => void): this {
    this.#events.on(event, listener as never)
    // Not before: the node keeps a SHUTDOWN until somebody listens.
    const { node } = this.#parts
    if (event === 'shutdown' && node.listenerCount('shutdown') === 0)
      node.on('shutdown', (exitCode) => this.#events.emit('shutdown', exitCode))
    return this
  }

  off<E extends keyof MemberEvents>(event: E, listener: (...args: MemberEvents[E]) => void): this {
    this.#events.off(event, listener as never)
    return this
  }

  /**
   * Goes for a while: refuses new calls, gives the role of a primary to a replica if there is one
   * (`handOverTimeoutMs`), and stops the node. Slots without a replica stay with the directory and are served again
   * when it comes back. Idempotent.
   */
  override close(): Promise<void> { return this.#going ??= this.#close() }

  /**
   * Goes for good: gives its slots with their keys to the other primaries while all goes on, has the others forget it,
   * forgets them, and closes. The directory is that of nobody then.
   * @param options.timeoutMs  @default 60_000
   * @throws {LeaveError} when the time is up, or nobody can take them: it is a member still
   */
  async leave(options: { timeoutMs?: number } = {}): Promise<void> {
    const signal = AbortSignal.timeout(options.timeoutMs ?? 60_000)
    const { departure } = this.#parts
    await giveSlots(departure, signal)
    await forgetEachOther(departure, signal)
    return this.#going ??= this.#members.close()
  }

  async #close(): Promise<void> {
    this.#members.refuse()
    const { departure, handOverTimeoutMs } = this.#parts
    if (handOverTimeoutMs > 0) {
      // Whatever goes wrong with it, the node stops as if it had no replica; also if its control plane has died.
      const given = giveRole(departure, handOverTimeoutMs).catch(() => false)
      await Promise.race([given, sleep(handOverTimeoutMs + GRACE_MS, undefined, { ref: false })])
    }
    await this.#members.close()
  }

  /** What was sent there and is waited for ends now, and not when the system gives the connection up. */
  #dropConnection(id: string): void {
    rowsOf(this.#parts.self).then((rows) => {
      const failed = rows.find((row) => row.id === id)
      if (failed !== undefined) this.#members.drop(`${failed.host}:${failed.port}`)
    }, () => undefined)
  }
}
