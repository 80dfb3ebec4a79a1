/**
 * Assembly: from a node that runs to a member with a role, by commands that redis-cli would send too: MEET, REPLICATE,
 * ADDSLOTSRANGE, and CLUSTER MIGRATE for slots that others have. Whatever is cut off in the middle is taken up again by
 * the next join() on the directory, or by redis-cli --cluster fix. Elsewhere: who gets what (forming.ts), moving it
 * (slot-moves.ts).
 */
import { lookup } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReplyError } from '@slotwise/engine'
import { type Backend, ConnectionError } from 'slotwise'
import { JoinError } from './errors.js'
import { fairShare, formingPlan, nextTaken, primaryInNeed, type SlotMove } from './forming.js'
import { fieldOf, type NodeRow, nodeRows, slotCountOf } from './nodes-table.js'
import type { Seed } from './seeds.js'
import { canMoveSlots, moveRange } from './slot-moves.js'

/** Where joining is. `moved` slots of `total` have come so far. */
export interface JoinProgress {
  readonly phase: 'meeting' | 'forming' | 'copying' | 'moving' | 'ready'
  readonly moved: number
  readonly total: number
}

export interface AssemblyOptions {
  /** A connection to the own node. */
  readonly self: Backend
  readonly seed: Seed | null
  /** How many form the cluster; null: others do, or have done. */
  readonly members: number | null
  readonly replicas: number
  readonly slots: 'share' | 'none' | number
  readonly connect: (host: string, port: number) => Promise<Backend>
  readonly log: (message: string) => void
  readonly onProgress: (progress: JoinProgress) => void
  readonly signal: AbortSignal
}

/** Until it has so many; the donors keep `leave` at least. */
interface SlotWish { readonly wanted: number; readonly leave: number }

const SLOT_COUNT = 16_384
const LOOK_EVERY_MS = 50
const MEET_EVERY_MS = 3000

export class Assembly {
  readonly #options: AssemblyOptions
  #missing = 'the own node'
  /** As one who came later: it has been decided what it is to have. */
  #hasPart = false
  /** The slots that it is taking. */
  #wish: SlotWish | null = null
  #meetAtMs = 0

  constructor(options: AssemblyOptions) { this.#options = options }

  /** Ends when the cluster is up and this node has its role. @throws {JoinError} TIMEOUT with what was missing */
  async run(): Promise<void> {
    const { signal } = this.#options
    try {
      this.#tellPhase('meeting')
      await this.#settle()
      this.#tellPhase('ready')
    } catch (error) {
      if (!signal.aborted || (signal.reason as Error).name !== 'TimeoutError') throw error
      throw new JoinError('TIMEOUT', `the cluster did not come about in time: ${this.#missing}`, { cause: error })
    }
  }

  /** Asks for a place among those that the seed knows, unless there is one already; again if nothing came of it. */
  async #meet(rows: readonly NodeRow[]): Promise<void> {
    const { self, seed } = this.#options
    const theirs = seed?.rows.find(({ isMyself }) => isMyself)
    if (seed === null || theirs === undefined || rows.some(({ id }) => id === theirs.id)) return
    const nowMs = performance.now()
    if (nowMs < this.#meetAtMs) return
    this.#meetAtMs = nowMs + MEET_EVERY_MS
    const { address } = await lookup(seed.host)
    await self.run({ args: ['CLUSTER', 'MEET', address, String(seed.port), String(theirs.busPort)] })
  }

  /** Whoever does not answer now, as on a machine where many start at a time, is asked again. */
  async #settle(): Promise<void> {
    const { signal } = this.#options
    for (;;) {
      signal.throwIfAborted()
      try {
        if (await this.#isSettled()) return
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error
        this.#missing = error.message
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal })
    }
  }

  /** Looks once, and does what is to be done now. @returns whether nothing is left to do */
  async #isSettled(): Promise<boolean> {
    const { self, members, log } = this.#options
    const rows = await rowsOf(self)
    await this.#meet(rows)
    const info = String(await self.run({ args: ['CLUSTER', 'INFO'] }))
    const own = rows.find(({ isMyself }) => isMyself)!
    const present = rows.filter(({ isAbsent }) => !isAbsent)
    const isWhole = Number(fieldOf(info, 'cluster_slots_assigned')) === SLOT_COUNT
    if (!isWhole && members !== null) {
      this.#missing = `${present.length} of ${members} members are there`
      if (present.length === rows.length && rows.length >= members) await this.#tryToForm(rows)
    } else if (!isWhole) {
      this.#missing = 'the first member has not formed the cluster: not all slots are assigned'
    } else if (fieldOf(info, 'cluster_state') !== 'ok') {
      this.#missing = 'the cluster is down: a majority is not reached, or slots are not served'
    } else if (own.isReplica) {
      this.#missing = 'the primary has not sent its data'
      return await this.#hasCopy() && await this.#isCountedOn(rows, own)
    } else if (this.#wish !== null) {
      await this.#takeSlots(own.id, this.#wish)
      this.#wish = null
    } else if (own.slots.length > 0 || this.#hasPart) {
      return true
    } else {
      log(`the cluster is there: ${present.length} members know each other`)
      await this.#takePart(rows)
      this.#hasPart = true
    }
    return false
  }

  /** Who does not know another one yet refuses, and is told again. */
  async #tryToForm(rows: readonly NodeRow[]): Promise<void> {
    this.#tellPhase('forming')
    try {
      await this.#form(rows)
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      this.#missing = error.message
    }
  }

  /** The first one tells all others their roles. */
  async #form(rows: readonly NodeRow[]): Promise<void> {
    const { replicas, log } = this.#options
    const plan = formingPlan(rows, replicas)
    for (const { node, primary } of plan.replicas) await this.#tell(node, ['CLUSTER', 'REPLICATE', primary.id])
    for (const { node, runs } of plan.slots) await this.#tell(node, ['CLUSTER', 'ADDSLOTSRANGE', ...runs.flat().map(String)])
    log(`the cluster is formed: ${plan.slots.length} primaries, ${plan.replicas.length} replicas`)
  }

  /** As one who came later. */
  async #takePart(rows: readonly NodeRow[]): Promise<void> {
    const { self, replicas, slots } = this.#options
    const primary = primaryInNeed(rows, replicas)
    if (primary !== undefined) {
      this.#tellPhase('copying')
      this.#missing = `the primary ${primary.id} has not been copied`
      await self.run({ args: ['CLUSTER', 'REPLICATE', primary.id] })
    } else if (slots !== 'none') {
      const share = fairShare(rows)
      this.#wish = slots === 'share' ? { wanted: share, leave: share } : { wanted: slots, leave: 1 }
    }
  }

  /** Range after range, each time as the table is then: others may be taking theirs. */
  async #takeSlots(id: string, wish: SlotWish): Promise<void> {
    const { self, log, onProgress, signal } = this.#options
    const donors = new Donors(this.#options.connect)
    try {
      for (;;) {
        signal.throwIfAborted()
        const rows = await rowsOf(self)
        const moved = slotCountOf(rows.find((row) => row.id === id)!)
        onProgress({ phase: 'moving', moved, total: wish.wanted })
        this.#missing = `${moved} of ${wish.wanted} slots have moved`
        const move = nextTaken(rows, wish, await donors.among(rows))
        if (move === null) return
        if (!await this.#take(donors, move)) await sleep(LOOK_EVERY_MS, undefined, { signal })
        else log(`slots ${move.first} to ${move.last} have come from ${move.from.id}`)
      }
    } finally {
      await donors.close()
    }
  }

  async #take(donors: Donors, move: SlotMove): Promise<boolean> {
    const end = await moveRange(await donors.to(move.from), move, move.to.id, this.#options.signal)
    if (end.moved) return true
    this.#missing = `slots ${move.first} to ${move.last} have not come from ${move.from.id}: ${end.why}`
    // What the owner has given to somebody else meanwhile is seen in the next table.
    if (!end.isForNow && !end.why.includes('not the owner')) throw new JoinError('REFUSED', this.#missing)
    return false
  }

  async #tell(node: NodeRow, args: readonly string[]): Promise<void> {
    if (node.isMyself) {
      await this.#options.self.run({ args })
      return
    }
    const other = await this.#options.connect(node.host, node.port)
    try {
      await other.run({ args })
    } finally {
      await other.close()
    }
  }

  async #hasCopy(): Promise<boolean> {
    return fieldOf(String(await this.#options.self.run({ args: ['INFO', 'replication'] })), 'master_link_status') === 'up'
  }

  /** That it has a copy is news for the primary, without which it would hand over to nobody if it went now. */
  async #isCountedOn(rows: readonly NodeRow[], own: NodeRow): Promise<boolean> {
    const primary = rows.find(({ id }) => id === own.primary)
    if (primary === undefined) return false
    this.#missing = 'the primary has not heard of it'
    let there: Backend | undefined
    try {
      there = await this.#options.connect(primary.host, primary.port)
      return (await rowsOf(there)).some((row) => row.id === own.id && row.primary === primary.id)
    } catch {
      return true // it has gone: another one will be followed
    } finally {
      await there?.close().catch(() => undefined)
    }
  }

  #tellPhase(phase: JoinProgress['phase']): void { this.#options.onProgress({ phase, moved: 0, total: 0 }) }
}

/** Connections to those that give slots, and which of them can. */
class Donors {
  readonly #connect: AssemblyOptions['connect']
  readonly #open = new Map<string, Backend>()
  readonly #able = new Map<string, boolean>()

  constructor(connect: AssemblyOptions['connect']) { this.#connect = connect }

  async to({ id, host, port }: NodeRow): Promise<Backend> {
    let known = this.#open.get(id)
    if (known === undefined) this.#open.set(id, known = await this.#connect(host, port))
    return known
  }

  /** redis-server has no such command: its slots are for redis-cli --cluster reshard. */
  async among(rows: readonly NodeRow[]): Promise<ReadonlySet<string>> {
    const owners = rows.filter((row) => !row.isMyself && !row.isReplica && !row.isAbsent && row.slots.length > 0)
    for (const row of owners) {
      if (!this.#able.has(row.id)) this.#able.set(row.id, await canMoveSlots(await this.to(row)))
    }
    return new Set(owners.filter(({ id }) => this.#able.get(id)).map(({ id }) => id))
  }

  async close(): Promise<void> { for (const backend of this.#open.values()) await backend.close() }
}

export const rowsOf = async (node: Backend): Promise<NodeRow[]> =>
  nodeRows(String(await node.run({ args: ['CLUSTER', 'NODES'] })))

export const keyCountOf = async (node: Backend): Promise<number> => Number(await node.run({ args: ['DBSIZE'] }))
