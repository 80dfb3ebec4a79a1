/**
 * A primary that leads its shard's copies: it has a ballot that enough of them promised. It asks them for its lease all
 * the time, serves while enough have answered within it, and says which copies there are.
 * The lease counts from when it was asked for, by the own monotonic clock; a copy grants it for longer than it is used
 * (GRANT_FACTOR: clocks may run apart by 9 %) and promises nobody else meanwhile. So it has ended before another leads.
 * Nothing is served until a majority has the log as it was when the leadership began (`barrier`): what a former leader
 * had written and nobody acknowledged may still vanish until then, and is not read.
 * A change of members goes through both lists; it is over when enough copies of each know of it and have the log as it
 * was when the change began (`changedAt`), so that what was acknowledged by the old list alone is also with the new.
 * Members go when they are forgotten (CLUSTER FORGET) or follow another shard, never because they are down.
 * A member whose node came back as another incarnation is gone for good. Where one copy is enough to elect (all
 * acknowledge: a shard of two) it counts wherever elections are to be met: nobody else needs what it had promised. So
 * the copy that is left serves what it has, takes the other in again, and acknowledges then. Where more elect, a
 * promise that it gave before may still make a leader, and those who are left are enough without it.
 * Source: Raft, leases and joint consensus. Elsewhere: what a copy answers (shard-copies.ts).
 */
import type { ClusterNode } from '@slotwise/gossip'
import { type Ballot, ballotText, sameBallot } from './ballot.js'
import type { CopyMemory } from './copy-memory.js'
import type { CopyMessage } from './copy-message.js'
import { blockingTime, type CopyKey, copyKey, electionCount, isBlocking, isFullMember, nodeOf, replicasNeeded } from './copy-set.js'

/** A copy grants a lease for so many times its length. */
export const GRANT_FACTOR = 1.2
/** It is asked for so often in its length that one answer may be lost. */
const ASK_PART = 0.35
/** How long a replica may keep silent before it is taken for one that knows nothing of leases, in T. */
const STRANGER_TIMEOUTS = 2

interface Told {
  log: Ballot
  offset: number
  /** Of the set that it knows. */
  ballot: Ballot
  number: number
}

interface Led {
  readonly ballot: Ballot
  readonly start: number
  /** Offsets to be told by the data plane when it has heard of what precedes them; null until then. */
  barrier: number | null
  isBarrierMet: boolean
  changedAt: number | null
  readonly grants: Map<CopyKey, number>
  readonly told: Map<CopyKey, Told>
  /** As what a node answered last. */
  readonly incarnations: Map<string, CopyKey>
  askedAt: number
}

export class Leadership {
  #led: Led | null = null
  /** Replicas that have never said a word about copies, and since when they were asked. */
  readonly #askedSince = new Map<ClusterNode, number>()

  constructor(readonly memory: CopyMemory) {}

  get isLeading(): boolean { return this.#led !== null }
  get ballot(): Ballot | null { return this.#led?.ballot ?? null }

  end(): void {
    this.#led = null
    this.#askedSince.clear()
  }

  /** The ballot was won, and everything that was ever acknowledged is in the own log. */
  begin(ballot: Ballot, members: readonly (readonly CopyKey[])[], received: number): void {
    const { memory } = this
    memory.log = ballot
    memory.set = { shard: memory.set?.shard ?? ballot, ballot, number: 1, received, members }
    this.#led = {
      ballot, start: memory.position.offset, barrier: null, isBarrierMet: false, changedAt: null,
      grants: new Map(), told: new Map(), incarnations: new Map(), askedAt: 0,
    }
    memory.view.persist(true, 'the copies are led under a new ballot')
    memory.view.log('info', `Leading the copies of this shard under ballot ${ballotText(ballot)}`)
  }

  /** The data plane told how far the log goes, after it heard of the last change. */
  progressed(): void {
    const led = this.#led
    if (led === null) return
    led.barrier ??= this.memory.progress.offset
    led.changedAt ??= this.memory.progress.offset
    this.#advance(led)
  }

  tick(): void {
    const led = this.#led
    if (led === null) return
    this.#advance(led)
    const { view } = this.memory
    if (view.now - led.askedAt >= this.#leaseMs * ASK_PART) this.#ask(led)
  }

  granted(sender: ClusterNode, message: CopyMessage): void {
    const led = this.#led
    if (led === null || !sameBallot(message.ballot, led.ballot)) return
    this.#askedSince.delete(sender)
    const key = copyKey(sender.id, message.incarnation)
    for (const map of [led.told, led.grants])
      for (const other of map.keys()) if (nodeOf(other) === sender.id && other !== key) map.delete(other)
    led.incarnations.set(sender.id, key)
    led.grants.set(key, Math.max(led.grants.get(key) ?? 0, Math.min(message.stamp, this.memory.view.now)))
    const { set } = message
    led.told.set(key, { log: message.log, offset: message.offset, ballot: set?.ballot ?? message.log,
      number: set?.number ?? 0 })
    this.#advance(led)
  }

  /** Until when this primary may answer; 0: not now. */
  get servesUntilMs(): number {
    const led = this.#led
    const { set, view, faults } = this.memory
    if (led === null || set === null || this.why !== '') return 0
    if (faults.noLease === true) return Number.POSITIVE_INFINITY
    const { key } = this.memory
    const gone = this.#gone(led)
    const timeOf = (copy: CopyKey): number => copy === key || gone.has(copy) ? view.now : led.grants.get(copy) ?? 0
    return blockingTime(set, timeOf) + this.#leaseMs
  }

  /** In words, why nothing is served, if that is not only a matter of the lease. */
  get why(): string {
    const led = this.#led
    const { set } = this.memory
    if (led === null || set === null) return 'this primary does not lead the copies of its shard'
    const stranger = this.#stranger()
    if (stranger !== null)
      return `replica ${stranger.id} tells nothing of what it has on disk: it is a redis-server, or repl-ack is async there`
    if (replicasNeeded(set) === null)
      return `${set.members.at(-1)!.length} copies of this shard are known, too few for what repl-ack promises`
    return led.isBarrierMet ? '' : 'not enough copies have the log of this primary yet'
  }

  /** Who must be told: members, and replicas that may become some. */
  #targets(): Set<ClusterNode> {
    const { view, set } = this.memory
    const targets = new Set<ClusterNode>()
    for (const key of set!.members.flat()) {
      const node = view.known(nodeOf(key))
      if (node !== null && !node.isMyself) targets.add(node)
    }
    for (const node of view.self.replicas) {
      if (targets.has(node) || node.inHandshake) continue
      if (!this.#askedSince.has(node)) this.#askedSince.set(node, view.now)
      // Redis logs a warning for each extension that it does not know.
      const silentMs = view.now - this.#askedSince.get(node)!
      if (silentMs <= STRANGER_TIMEOUTS * view.options.nodeTimeoutMs || view.random() < 0.02) targets.add(node)
    }
    return targets
  }

  #stranger(): ClusterNode | null {
    const { view, set } = this.memory
    const limit = STRANGER_TIMEOUTS * view.options.nodeTimeoutMs
    for (const [node, since] of this.#askedSince) {
      if (node.primary !== view.self || node.isFail || view.now - since <= limit) continue
      if (!set!.members.flat().some((key) => nodeOf(key) === node.id)) return node
    }
    return null
  }

  #ask(led: Led): void {
    // Before that the name of the history may still be that of the former leader's.
    if (led.barrier === null) return
    const { memory } = this
    const { view } = memory
    led.askedAt = view.now
    for (const node of this.#targets()) {
      memory.send(node, {
        kind: 'lease', ballot: led.ballot, stamp: view.now, log: led.ballot, offset: led.start,
        history: memory.progress.history, set: memory.set,
      })
    }
  }

  #advance(led: Led): void {
    const { memory } = this
    const set = memory.set!
    if (!led.isBarrierMet) {
      if (led.barrier === null || !isBlocking(set, both(this.#having(led, led.barrier), this.#gone(led)))) return
      led.isBarrierMet = true
      memory.view.log('info', `Enough copies have the log up to ${led.barrier}: this primary serves`)
    }
    if (led.changedAt === null) return
    const known = this.#having(led, led.changedAt)
    for (const key of known) {
      const told = led.told.get(key)
      if (told !== undefined && (told.number !== set.number || !sameBallot(told.ballot, set.ballot))) known.delete(key)
    }
    if (!isBlocking(set, both(known, this.#gone(led)))) return
    if (set.members.length > 1) return this.#adopt(led, [set.members.at(-1)!])
    const wanted = this.#wanted(led, set.members[0]!)
    if (wanted.join() !== set.members[0]!.join()) this.#adopt(led, [set.members[0]!, wanted])
  }

  #adopt(led: Led, members: readonly (readonly CopyKey[])[]): void {
    const { memory } = this
    memory.set = { ...memory.set!, number: memory.set!.number + 1, members }
    led.changedAt = null
    memory.view.persist(true, 'the set of copies changed')
    memory.view.log('info', `The copies of this shard are ${members.map((list) => list.map((key) => key.slice(0, 8)).join(' ')).join(', then ')}`)
    this.#ask(led)
  }

  /** Copies in line with this leader that have the log up to `offset`. */
  #having(led: Led, offset: number): Set<CopyKey> {
    const { memory } = this
    const keys = new Set<CopyKey>()
    if (memory.position.offset >= offset) keys.add(memory.key)
    for (const [key, told] of led.told) if (sameBallot(told.log, led.ballot) && told.offset >= offset) keys.add(key)
    return keys
  }

  /** Members that are no more, of lists in which each copy elects by itself. */
  #gone(led: Led): Set<CopyKey> {
    const { set, key: own, view } = this.memory
    const gone = new Set<CopyKey>()
    for (const list of set!.members) {
      if (electionCount(set!, list) !== 1) continue
      for (const key of list) {
        const last = nodeOf(key) === view.self.id ? own : led.incarnations.get(nodeOf(key))
        if (last !== undefined && last !== key) gone.add(key)
      }
    }
    return gone
  }

  #wanted(led: Led, list: readonly CopyKey[]): CopyKey[] {
    const { view } = this.memory
    const inLine = new Map<string, CopyKey>()
    for (const [key, told] of led.told) if (sameBallot(told.log, led.ballot)) inLine.set(nodeOf(key), key)
    const wanted: CopyKey[] = []
    for (const key of list) {
      const node = view.nodes.get(nodeOf(key))
      if (node === undefined || (!node.isMyself && servesElsewhere(node, view.self))) continue
      wanted.push(inLine.get(node.id) ?? key)
      inLine.delete(node.id)
    }
    for (const [id, key] of inLine) if (view.nodes.get(id)?.primary === view.self) wanted.push(key)
    return wanted
  }

  /** What replicas put into their acknowledgements, so that those under another ballot or set count for nothing. */
  get tag(): string | null {
    const { set, key } = this.memory
    return this.#led === null || set === null || !isFullMember(set, key) ? null : tagOf(set.ballot, set.number)
  }

  get #leaseMs(): number {
    const { options } = this.memory.view
    return options.nodeTimeoutMs * (options.leaseFactor || 0.5)
  }
}

const both = (left: Set<CopyKey>, right: Set<CopyKey>): Set<CopyKey> => new Set([...left, ...right])

export const tagOf = (ballot: Ballot, number: number): string => `${ballot.term}-${ballot.node}-${number}`

const servesElsewhere = (node: ClusterNode, self: ClusterNode): boolean =>
  node.isVoter || (node.primary !== null && node.primary !== self && node.primary.isVoter)
