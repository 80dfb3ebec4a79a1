/**
 * Where a member's commands go: into the engine of this process first. Its executor looks at the slot map under the
 * locks of the keys, so a local answer is right even while a slot moves away, and a refusal has changed nothing. A
 * refusal names the owner, to whom it is one hop; where nobody can answer now (a slot that changes hands, a node that
 * has just died), the own node is asked again until it names somebody who can, for as long as a command may take. So
 * there is one slot map, the engine's, which hears of every change by gossip.
 * Reads that copies may answer come first to what this process has, be it a copy; then to a copy elsewhere; and where
 * none can, they go the way of all others.
 * Elsewhere: what a refusal means (redirection.ts), the connections (connections.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type EngineCommand, StoreClosedError, StoreError, type WaitOptions } from '@slotwise/engine'
import {
  type Backend, cannotAnswer, ConnectionError, CopyReads, isReadOnly, keysOf, type NearCacheStats, PartitionedBackend,
  type ReadFrom, type ServerBackend, slotOf,
} from 'slotwise'
import type { Connections } from './connections.js'
import { type Step, stepAfter } from './redirection.js'

/** How many nodes in turn may name another one. */
const HOPS_MAX = 5
/** The own node is asked again so soon, and then after twice as long each time. */
const PAUSE_MS = 2
const PAUSE_MS_MAX = 50

export interface MemberBackendParts {
  /** The engine of this process. */
  readonly local: Backend
  readonly connections: Connections
  /** Addresses of the nodes that have slots now; null: this one. */
  readonly primaries: () => Promise<readonly (string | null)[]>
  /** How long a command may look for somebody who answers, and wait for its reply. */
  readonly commandTimeoutMs: number
  /** Absent: primaries answer all reads. */
  readonly reads?: MemberReads
  /** Stops the node, when everything is closed. */
  readonly end: () => Promise<void>
}

export interface MemberReads {
  readonly from: ReadFrom
  /** A copy that cannot prove that it is as new as this does not answer; 0: any may. */
  readonly maxLagMs: number
  /** The engine of this process, which answers on this way for slots of which it has a copy, too, within `maxLagMs`. */
  readonly local: Backend
  /** On which replicas answer. */
  readonly connections: Connections
  /** Addresses of the nodes that have a slot, the primary's first, without this one if it has a copy. */
  readonly copiesOf: (slot: number) => Promise<readonly string[]>
}

/** What is to be done, wherever it can be. */
interface Task<T> {
  readonly run: (backend: Backend) => Promise<T>
  /** At a node to which the slot is on its way; absent: it waits until the slot has arrived. */
  readonly runAsking?: (server: ServerBackend) => Promise<T>
  readonly isRepeatable: boolean
  /** It ends by itself. */
  readonly hasEnd: boolean
}

export class MemberBackend extends PartitionedBackend {
  protected readonly crossing = `Keys in request don't hash to the same slot`
  readonly #parts: MemberBackendParts
  readonly #copies: CopyReads | null
  #closed = false
  #ending: Promise<void> | null = null

  constructor(parts: MemberBackendParts) {
    super()
    this.#parts = parts
    this.#copies = parts.reads === undefined ? null : new CopyReads(parts.reads.from)
  }

  get closed(): boolean { return this.#closed || this.#parts.local.closed }

  /** Everything in one crossing; what belongs elsewhere follows, a round trip to each node. */
  override async runAll(commands: readonly EngineCommand[]): Promise<unknown[]> {
    this.#refuseClosed()
    if (!commands.every(({ args }) => keysOf(args).length === 1)) return super.runAll(commands)
    const { local, commandTimeoutMs, reads } = this.#parts
    if (reads !== undefined && commands.every(({ args }) => isReadOnly(args))) return this.#readAll(reads, commands)
    const deadlineMs = performance.now() + commandTimeoutMs
    const replies = await local.runAll(commands)
    await Promise.all([...byAddress(replies)].map(async ([address, indexes]) => {
      const found = await this.#runAllAt(address, indexes.map((index) => commands[index]!))
      for (const [at, index] of indexes.entries()) replies[index] = found[at]
    }))
    // The rest one after the other: what is about one key stays in order.
    for (const [index, reply] of replies.entries()) {
      const task = taskOf(commands[index]!)
      const step = stepAfter(reply, task.isRepeatable)
      if (step !== null) replies[index] = await errorAsValue(this.#follow(reply as Error, step, task, deadlineMs))
    }
    return replies
  }

  async parts(): Promise<readonly Backend[]> {
    this.#refuseClosed()
    const { local, connections, primaries } = this.#parts
    const places = await primaries()
    return Promise.all(places.map(async (address) => address === null ? local : connections.at(address)))
  }

  nearCache(): NearCacheStats | null { return this.#parts.connections.nearCache() }

  /** Runs a command that this node refused with `error`. @throws `error` if that is its answer */
  async elsewhere(command: EngineCommand, error: unknown): Promise<unknown> {
    this.#refuseClosed()
    const task = taskOf(command)
    const step = stepAfter(error, task.isRepeatable)
    if (step === null) throw error
    const { reads } = this.#parts
    if (reads !== undefined && isReadOnly(command.args)) return this.#read(reads, command)
    return this.#follow(error as Error, step, task)
  }

  /** Whether `key` is answered in this process. */
  async isLocal(key: string | Uint8Array): Promise<boolean> {
    try {
      await this.#parts.local.run({ args: ['EXISTS', key] })
      return true
    } catch (error) {
      if (stepAfter(error, true) !== null) return false
      throw error
    }
  }

  /** The node there has failed. */
  drop(address: string): void {
    for (const { connections } of this.#ways()) connections.drop(address)
  }

  /** From now on nothing is begun. */
  refuse(): void { this.#closed = true }

  close(): Promise<void> { return this.#ending ??= this.#close() }

  destroy(reason: StoreError): void {
    this.#closed = true
    for (const { connections, local } of this.#ways()) {
      connections.destroy(reason)
      local.destroy(reason)
    }
    this.#ending ??= this.#parts.end()
    this.#ending.catch(() => undefined)
  }

  protected partOf(key: string | Uint8Array): number { return slotOf(key) }

  protected runThere(_key: string | Uint8Array, command: EngineCommand): Promise<unknown> {
    const { reads } = this.#parts
    return reads !== undefined && isReadOnly(command.args) ? this.#read(reads, command) : this.#done(taskOf(command))
  }

  protected transactThere(_key: string | Uint8Array, commands: readonly EngineCommand[]): Promise<unknown[]> {
    const isRepeatable = commands.every(({ args }) => isReadOnly(args))
    return this.#done({ run: (backend) => backend.transaction(commands), isRepeatable, hasEnd: true })
  }

  protected waitThere(_key: string | Uint8Array, command: EngineCommand, options: WaitOptions): Promise<unknown> {
    const { timeoutMs = 0 } = options
    const startMs = performance.now()
    const left = (): WaitOptions => timeoutMs === 0 ? options
      : { ...options, timeoutMs: Math.max(1, Math.round(timeoutMs - (performance.now() - startMs))) }
    return this.#done({ run: (backend) => backend.wait(command, left()), isRepeatable: false, hasEnd: false })
  }

  protected async runAnywhere(command: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    return this.#parts.local.run(command)
  }

  async #done<T>(task: Task<T>): Promise<T> {
    this.#refuseClosed()
    try {
      return await task.run(this.#parts.local)
    } catch (error) {
      const step = stepAfter(error, task.isRepeatable)
      if (step === null) throw error
      return this.#follow(error as Error, step, task)
    }
  }

  /** A read that a copy may answer: here, else where one is, else as a command that must go to the primary. */
  async #read(reads: MemberReads, command: EngineCommand): Promise<unknown> {
    this.#refuseClosed()
    try {
      return await reads.local.run(command)
    } catch (error) {
      if (!cannotAnswer(error)) throw error
      return this.#readElsewhere(reads, command)
    }
  }

  /** What this process has in one crossing, the rest together; each is a single command with one key. */
  async #readAll(reads: MemberReads, commands: readonly EngineCommand[]): Promise<unknown[]> {
    const replies = await reads.local.runAll(commands)
    return Promise.all(replies.map((reply, index) =>
      cannotAnswer(reply) ? errorAsValue(this.#readElsewhere(reads, commands[index]!)) : reply))
  }

  async #readElsewhere(reads: MemberReads, command: EngineCommand): Promise<unknown> {
    const { maxLagMs, connections, copiesOf } = reads
    const addresses = await copiesOf(slotOf(keysOf(command.args)[0]!))
    const ask = async (index: number): Promise<unknown> => {
      const address = addresses[index]!
      const copy = await connections.at(address)
      return this.#inTime(address, maxLagMs > 0 ? copy.readWithin(maxLagMs, command) : copy.run(command))
    }
    return this.#copies!.read(addresses, ask, () => this.#done(taskOf(command)))
  }

  /** @throws the last refusal, when the time is up */
  async #follow<T>(
    first: Error, after: Step, task: Task<T>, until = performance.now() + this.#parts.commandTimeoutMs,
  ): Promise<T> {
    let refusal = first
    let step = after
    let deadlineMs = until
    let hops = 0
    let pauseMs = PAUSE_MS
    for (;;) {
      if (this.#ending !== null) throw new StoreClosedError()
      const there = step.to === 'node' && hops < HOPS_MAX ? step : null
      if (there === null) {
        if (performance.now() >= deadlineMs) throw refusal
        await sleep(pauseMs)
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)
        hops = 0
      }
      const startMs = performance.now()
      try {
        return await (there === null ? task.run(this.#parts.local) : this.#hop(there, task))
      } catch (error) {
        const next = stepAfter(error, task.isRepeatable)
        if (next === null) throw error
        refusal = error as Error
        step = next
        hops++
      }
      // It had begun to wait for its key, which then went elsewhere: that is a new search.
      const nowMs = performance.now()
      if (!task.hasEnd && nowMs - startMs > 1000) deadlineMs = nowMs + this.#parts.commandTimeoutMs
    }
  }

  async #hop<T>({ address, asking }: Extract<Step, { to: 'node' }>, task: Task<T>): Promise<T> {
    const server = await this.#parts.connections.at(address)
    if (asking && task.runAsking === undefined) throw new ConnectionError('the slot has not arrived', { mayHaveRun: false })
    const work = asking ? task.runAsking!(server) : task.run(server)
    return task.hasEnd ? this.#inTime(address, work) : work
  }

  async #runAllAt(address: string, commands: readonly EngineCommand[]): Promise<unknown[]> {
    try {
      const server = await this.#parts.connections.at(address)
      return await this.#inTime(address, server.runAll(commands))
    } catch (error) {
      if (error instanceof StoreError) return commands.map(() => error)
      throw error
    }
  }

  /** A node that has vanished from the network says nothing. */
  async #inTime<T>(address: string, work: Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#parts
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new ConnectionError(`${address}: no answer within ${commandTimeoutMs} ms`)), commandTimeoutMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StoreClosedError()
  }

  async #close(): Promise<void> {
    this.#closed = true
    for (const { connections, local } of this.#ways()) {
      await connections.close()
      await local.close()
    }
    await this.#parts.end()
  }

  #ways(): readonly Pick<MemberBackendParts, 'connections' | 'local'>[] {
    const { reads } = this.#parts
    return reads === undefined ? [this.#parts] : [reads, this.#parts]
  }
}

const taskOf = (command: EngineCommand): Task<unknown> => ({
  run: (backend) => backend.run(command),
  runAsking: (server) => server.runAsking(command),
  isRepeatable: isReadOnly(command.args),
  hasEnd: true,
})

/** Which replies name another node, by its address. */
function byAddress(replies: readonly unknown[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const [index, reply] of replies.entries()) {
    const step = stepAfter(reply, false)
    if (step?.to !== 'node' || step.asking) continue
    const known = groups.get(step.address)
    if (known === undefined) groups.set(step.address, [index])
    else known.push(index)
  }
  return groups
}

/** Errors of the store and of the server are values, others are bugs. */
async function errorAsValue(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StoreError) return error
    throw error
  }
}
