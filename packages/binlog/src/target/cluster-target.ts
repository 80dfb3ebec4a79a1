/**
 * ClusterTarget: a cluster as the store of a follower. It knows which primary has which slot, has some connections to
 * each (lanes), and writes what each slot is to get as one transaction: the only atomic batch that a cluster has.
 * What a slot is to get is decided by what it has. Where others may write, too (`isShared`), that is read first, under
 * WATCH, and nothing is written if it changed: a slot never gets something that does not follow what is there. Costs
 * each slot a round trip, of which as many are under way as there are lanes. A follower that is alone knows what it has
 * written, and sends all in one piece.
 * It believes its map until something contradicts it, and then everything stops (TargetLostError): a primary that was
 * replaced may have lost what it acknowledged, in slots that nobody asks for. `reopen` asks again, and following begins
 * at what is certain. Elsewhere: what is kept of each slot (cluster-state.ts), what a lane says (slot-lane.ts).
 * Source: Redis Cluster specification, Transactions (WATCH).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { TargetLostError, TargetRefusedError } from '../errors.js'
import type { FollowState } from '../apply/state.js'
import type { Command } from '../mapping/row-writer.js'
import { ClusterState } from './cluster-state.js'
import { RespConnection, type RespOptions, throwIfError, throwIfRefused } from './resp-connection.js'
import type { RespReply } from '../resp/resp-decoder.js'
import { scanKeys } from './resp-target.js'
import { isMoving, runLane, type SlotJob, type SlotWork } from './slot-lane.js'
import { SLOTS } from './slots.js'

export interface ClusterOptions extends Omit<RespOptions, 'host' | 'port' | 'database'> {
  /** Any of the cluster's nodes: one that answers is enough. */
  nodes: readonly { host: string; port?: number }[]
  /**
   * Replicas of each shard that must have everything before the follower relies on it; more than a shard has are not
   * waited for. @default 1
   */
  replicas?: number
  /**
   * Another follower of the same name may write at the same time, such as one that was replaced and does not know it
   * yet. What a slot has is then read before each transaction of it: two to three times the CPU a row. @default false
   */
  isShared?: boolean
  /** Resolves when something may be written, or rejects. @default at once */
  mayWrite?: () => Promise<void>
}

interface Shard {
  readonly lanes: [RespConnection, ...RespConnection[]]
  readonly replicas: number
  /** Its history, as it was last seen. */
  replid: string
}
/** Primaries by address, and whose each slot is. */
interface SlotMap { readonly shards: readonly Shard[]; readonly owners: Uint16Array; readonly text: string }

/** A slot that is on its way to another node is waited for. */
const MOVING_DELAY_MS = 50
const MOVING_MS_MAX = 60_000
const WAIT_MS = 1000
const NOBODY = 0xffff
/** Connections to each primary. */
const LANES = 4

export class ClusterTarget implements AsyncDisposable {
  readonly #options: ClusterOptions
  #map: SlotMap

  private constructor(options: ClusterOptions, map: SlotMap) {
    this.#options = options
    this.#map = map
  }

  /** @throws {TargetLostError} if no node answers, or a slot has none; {TargetRefusedError} for a wrong password */
  static async connect(options: ClusterOptions): Promise<ClusterTarget> {
    return new ClusterTarget(options, await askMap(options))
  }

  state(name: string): FollowState { return new ClusterState(this, name) }

  /**
   * Does the work of each slot as one transaction, of all slots at once. Slots that are being moved are tried until
   * they have arrived.
   * @throws {TargetLostError} if it is not certain that all of it was done; {TargetRefusedError}; what `commands`
   * throws. Nothing is on its way then.
   */
  async update(works: ReadonlyMap<number, SlotWork>): Promise<void> {
    await this.#options.mayWrite?.()
    let left: SlotJob[] = [...works].map(([slot, work]) => ({ slot, work }))
    for (const startMs = performance.now(); left.length > 0;) {
      const moving: SlotJob[] = []
      const { owners, shards } = this.#map
      const isKnown = ({ work }: SlotJob): boolean => this.#options.isShared !== true && work.known !== undefined
      // Not beside the lanes: an EXEC here would end a WATCH there.
      await this.#writeKnown(left.filter(isKnown), moving)
      const queues = shards.map((): SlotJob[] => [])
      for (const job of left) if (!isKnown(job)) queues[owners[job.slot]!]!.push(job)
      const ends = await Promise.allSettled(shards.flatMap(({ lanes }, i) => {
        return lanes.slice(0, queues[i]!.length).map((lane) => runLane(lane, queues[i]!, moving))
      }))
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      left = moving
      if (left.length > 0) await this.#waitForMove(startMs, left[0]!.slot)
    }
  }

  /** All in one pipeline a node. */
  async #writeKnown(jobs: readonly SlotJob[], moving: SlotJob[]): Promise<void> {
    const works = new Map(jobs.map((job) => [job.slot, job]))
    const writes = jobs.map(({ slot, work }): [number, readonly Command[]] => [slot, [['MULTI'], ...work.commands(work.known!), ['EXEC']]])
    await this.#send(writes.filter(([, { length }]) => length > 2), ([slot], replies, server) => {
      if (replies.some(isMoving)) moving.push(works.get(slot)!)
      else throwIfRefused(replies, server)
    })
  }

  /** A slot of each shard: what is said of these is said to every primary. */
  slotOfEach(): number[] {
    const { owners, shards } = this.#map
    return shards.map((_, i) => owners.indexOf(i))
  }

  /** One command of each slot. @returns their replies */
  async ask(bySlot: ReadonlyMap<number, Command>): Promise<Map<number, RespReply>> {
    const answers = new Map<number, RespReply>()
    let left = [...bySlot].map(([slot, command]): [number, readonly Command[]] => [slot, [command]])
    for (const startMs = performance.now(); left.length > 0;) {
      const moving: typeof left = []
      await this.#send(left, (job, [reply], server) => {
        if (isMoving(reply!)) return void moving.push(job)
        throwIfError(reply!, server)
        answers.set(job[0], reply!)
      })
      left = moving
      if (left.length > 0) await this.#waitForMove(startMs, left[0]![0])
    }
    return answers
  }

  async* scan({ match }: { match: string }): AsyncGenerator<string, void, undefined> {
    const { shards, text } = this.#map
    for (const { lanes: [lane] } of shards) yield* scanKeys(lane, match)
    // A slot that moved meanwhile may have been looked for on the wrong side.
    const now = await textOfMap(shards[0]!.lanes[0])
    if (now !== text) throw new TargetLostError('slots moved while keys were looked for')
  }

  /**
   * Resolves when every shard has what was written here before at enough replicas.
   * @returns false if some did not answer in time: nothing is certain yet
   * @throws {TargetLostError} also if a primary was none for a while, since it may have lost something
   */
  async replicated(): Promise<boolean> {
    const { replicas = 1 } = this.#options
    const counts = await Promise.all(this.#map.shards.flatMap((shard) => {
      const wanted = Math.min(replicas, shard.replicas)
      return shard.lanes.map(async (lane) => {
        // Also asked of none, since one that is no primary any more refuses it.
        const found = await lane.command('WAIT', String(wanted), String(WAIT_MS)).catch((error: unknown) => {
          throw error instanceof TargetRefusedError ? new TargetLostError(error.message, { cause: error }) : error
        })
        return Number(found) >= wanted
      })
    }))
    for (const shard of this.#map.shards) {
      const { lanes: [lane], replid } = shard
      const { replid: now, isPromoted } = await askHistory(lane)
      if (now !== replid && isPromoted) throw new TargetLostError(`${lane.name} was promoted meanwhile`)
      shard.replid = now
    }
    return counts.every(Boolean)
  }

  /** @throws {TargetLostError} if the cluster is not whole */
  async reopen(): Promise<void> {
    this.close()
    this.#map = await askMap(this.#options)
  }

  close(): void {
    for (const { lanes } of this.#map.shards) for (const lane of lanes) lane.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> { return Promise.resolve(this.close()) }

  /** Sends each job to the owner of its slot, one pipeline a node, and hands its replies on. */
  async #send(
    jobs: readonly [number, readonly Command[]][],
    take: (job: [number, readonly Command[]], replies: RespReply[], server: string) => void,
  ): Promise<void> {
    const { owners, shards } = this.#map
    const byShard = new Map<number, [number, readonly Command[]][]>()
    for (const job of jobs) {
      const owner = owners[job[0]]!
      const known = byShard.get(owner)
      if (known === undefined) byShard.set(owner, [job])
      else known.push(job)
    }
    await Promise.all([...byShard].map(async ([owner, own]) => {
      const { lanes: [connection] } = shards[owner]!
      const replies = await connection.send(own.flatMap(([, commands]) => commands))
      let at = 0
      for (const job of own) {
        take(job, replies.slice(at, at + job[1].length), connection.name)
        at += job[1].length
      }
    }))
  }

  async #waitForMove(startMs: number, slot: number): Promise<void> {
    if (performance.now() - startMs > MOVING_MS_MAX) throw new TargetLostError(`slot ${slot} is being moved for more than ${MOVING_MS_MAX} ms`)
    await sleep(MOVING_DELAY_MS)
  }
}

async function textOfMap(connection: RespConnection): Promise<string> {
  return JSON.stringify(await connection.command('CLUSTER', 'SLOTS'), (_, value: unknown) => Buffer.isBuffer(value) ? String(value) : value)
}

/** A history that a promoted replica begins names the one before; one that begins with the first replica does not. */
async function askHistory(connection: RespConnection): Promise<{ replid: string; isPromoted: boolean }> {
  const info = await connection.command('INFO', 'replication')
  const field = (name: string): string => new RegExp(`^${name}:(\\w+)`, 'm').exec(Buffer.isBuffer(info) ? info.toString() : '')?.[1] ?? ''
  return { replid: field('master_replid'), isPromoted: !/^0*$/.test(field('master_replid2')) }
}

/** Asks the first node that answers, and connects to every primary. */
async function askMap(options: ClusterOptions): Promise<SlotMap> {
  const { nodes, replicas: _, isShared: __, mayWrite: ___, ...common } = options
  let last: unknown = new TypeError('at least one node is needed')
  for (const { host, port = 6379 } of nodes) {
    const open: RespConnection[] = []
    try {
      const first = await RespConnection.connect({ ...common, host, port })
      open.push(first)
      const reply = await first.command('CLUSTER', 'SLOTS')
      const owners = new Uint16Array(SLOTS).fill(NOBODY)
      const shards: Shard[] = []
      const byAddress = new Map<string, number>()
      for (const range of readSlots(reply)) {
        // An empty host is the one that was asked.
        const address = { host: range.host === '' ? host : range.host, port: range.port }
        const id = `${address.host}:${address.port}`
        let shard = byAddress.get(id)
        if (shard === undefined) {
          const lane = async (): Promise<RespConnection> => {
            const connection = await RespConnection.connect({ ...common, ...address })
            open.push(connection)
            return connection
          }
          const lanes: Shard['lanes'] = [await lane()]
          const { replid } = await askHistory(lanes[0])
          while (lanes.length < LANES) lanes.push(await lane())
          shard = shards.push({ lanes, replicas: range.replicas, replid }) - 1
          byAddress.set(id, shard)
        }
        owners.fill(shard, range.first, range.last + 1)
      }
      if (owners.includes(NOBODY)) throw new TargetLostError(`slot ${owners.indexOf(NOBODY)} has no node`)
      const text = await textOfMap(shards[0]!.lanes[0])
      first.destroy()
      return { shards, owners, text }
    } catch (error) {
      for (const connection of open) connection.destroy()
      if (error instanceof TargetRefusedError) throw error
      last = error
    }
  }
  throw last
}

interface Range { first: number; last: number; host: string; port: number; replicas: number }

function readSlots(reply: RespReply): Range[] {
  if (!Array.isArray(reply)) throw new TargetLostError('a reply to CLUSTER SLOTS that is none')
  return (reply as readonly RespReply[]).map((row) => {
    const [first, last, primary, ...replicas] = Array.isArray(row) ? row as readonly RespReply[] : []
    const [host, port] = Array.isArray(primary) ? primary as readonly RespReply[] : []
    if (typeof first !== 'number' || typeof last !== 'number' || typeof port !== 'number' || first < 0 || last >= SLOTS || first > last) {
      throw new TargetLostError('a reply to CLUSTER SLOTS that is none')
    }
    return { first, last, host: Buffer.isBuffer(host) ? host.toString() : '', port, replicas: replicas.length }
  })
}
