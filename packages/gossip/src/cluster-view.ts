/**
 * What one node knows: the table of nodes, who owns which slot, the epochs, and the effects of the step that runs.
 * The rules are functions in files of their own that read and change a view; a view has no rule of its own but keeps
 * the counts that belong together: slotCount of a node, assignedCount, replicas of a primary.
 * Random numbers come from the seeded generator passed in, so that the same events give the same effects.
 * Source: Redis 7.0 cluster, node table and slot table. Elsewhere: bytes (bus-*.ts), commands and files (cluster).
 */
import type { BusMessage, MessageType, NodeId } from './bus-message.js'
import { messageTypes } from './bus-message.js'
import type { Effect, EventName, LinkId, LogLevel } from './bus-effect.js'
import { ClusterNode, type Link } from './cluster-node.js'
import type { ClusterOptions } from './cluster-options.js'
import { dropReport } from './failure-reports.js'
import { NodeFlag } from './node-flags.js'
import type { NodePlaces } from './node-place.js'
import { NodeRows } from './node-rows.js'
import type { ToldSecond } from './second-process.js'
import { hasSlot, NO_SLOTS, sameBitmap, SLOT_BYTES, SLOT_COUNT, setSlot, setSlots } from './slots.js'

export interface ViewOptions {
  id: NodeId
  options: ClusterOptions
  /** Uniform in [0, 1). */
  random: () => number
  nowMs: number
  /** Of views in one process that know the same nodes: one copy of what is the same. @default none is shared */
  places?: NodePlaces
  /** A random number for this process, up to 2^53. @default others are not told one */
  processId?: number
}

/** Slots from `first` up to `end` became a node's, or were taken from it. */
interface SlotRun { readonly first: number; readonly end: number; readonly isGained: boolean }

/** A bitmap, and what its node gained and lost since it was made. */
interface KeptBitmap { readonly bytes: Uint8Array; changed: SlotRun[] | null }

/** Of more changes than that, it is made anew. */
const CHANGES_MAX = 64
/** Who gets so many slots at once gets a bitmap, too. */
const MANY_SLOTS = 1024

export class ClusterView {
  readonly options: ClusterOptions
  readonly random: () => number
  readonly nodes = new Map<NodeId, ClusterNode>()
  /** The same nodes, for random draws. */
  readonly list: ClusterNode[] = []
  /** Those of them that are PFAIL: each message tells of all. Kept by ClusterNode, with the flag. */
  readonly suspects = new Set<ClusterNode>()
  /** Their numbers, in the order of `list`. */
  readonly rows: NodeRows
  /** The nodes by their numbers, which are small and used again. */
  readonly numbered: (ClusterNode | undefined)[] = []
  self: ClusterNode
  now: number
  currentEpoch = 0
  lastVoteEpoch = 0
  /** Who got that vote from this process; empty: nobody. */
  lastVoteFor = ''
  /** Empty until the cluster first served all slots. */
  clusterId = ''
  /** Another node has said the same, now or in an earlier life: only then it is kept. */
  clusterIdShared = false
  /** When this process made it or took it over. */
  clusterIdAt = -Infinity

  readonly owners: (ClusterNode | null)[] = new Array<ClusterNode | null>(SLOT_COUNT).fill(null)
  /** 1: bound, but its owner stopped claiming it, so anybody may take it. */
  readonly notClaiming = new Uint8Array(SLOT_COUNT)
  readonly migrating = new Map<number, ClusterNode>()
  readonly importing = new Map<number, ClusterNode>()
  assignedCount = 0
  /** Grows with every change of `owners`. */
  slotsVersion = 0

  /** Of this process, random; 0: others are not told. */
  readonly processId: number
  /** How far the clock of the system is ahead of `now`; null: nobody has said. */
  wallAheadMs: number | null = null
  /** Who says that another process under my id was there first. */
  readonly toldSecond = new Map<NodeId, ToldSecond>()

  readonly links = new Map<LinkId, Link>()
  /** Ids that gossip may not add again, until when: CLUSTER FORGET. */
  readonly blocked = new Map<NodeId, number>()
  readonly sent = new Map<MessageType, number>()
  readonly received = new Map<MessageType, number>()
  refusedMessages = 0

  /** Manual failover, the primary's side: the replica that asked, and that every header says PAUSED. */
  pausedFor: ClusterNode | null = null
  /** Grows when I become primary or replica, or follow another one: what was begun in the old role is over. */
  roleVersion = 0

  state: 'ok' | 'fail' = 'fail'
  stateWhy = 'the cluster was not looked at yet'
  stateStale = true
  stateFirstAt = 0
  minorityAt = 0
  lookedForLostAt = 0
  /** When this node ran again after a pause longer than its lease. */
  wokeAt = 0
  /** For which version of `rows` primaries without replicas were looked for. */
  orphansVersion = -1

  #effects: Effect[] = []
  #firstEffects: Effect[] = []
  #nextLink = 1
  #persist: Extract<Effect, { type: 'persist' }> | null = null
  readonly #bitmaps = new Map<ClusterNode, KeptBitmap>()
  readonly #freeNumbers: number[] = []
  /** How many nodes have replicas. */
  #followedCount = 0

  constructor({ id, options, random, nowMs, places, processId = 0 }: ViewOptions) {
    this.processId = processId
    this.rows = new NodeRows(places ?? null, this.suspects)
    this.options = options
    this.random = random
    this.now = nowMs
    this.self = new ClusterNode(id, NodeFlag.myself | NodeFlag.primary, nowMs)
    this.add(this.self)
  }

  // --- the step ---

  begin(now: number): void {
    this.now = now
    this.#effects = []
    this.#firstEffects = []
    this.#persist = null
  }

  end(): Effect[] {
    const effects = this.#firstEffects.length === 0 ? this.#effects : [...this.#firstEffects, ...this.#effects]
    this.#firstEffects = []
    this.#effects = []
    return effects
  }

  emit(effect: Effect): void { this.#effects.push(effect) }
  /** Before whatever else the step does, `persist` too: somebody waits for it, and the disk knows enough. */
  emitFirst(effect: Effect): void { this.#firstEffects.push(effect) }
  log(level: LogLevel, text: string): void { this.#effects.push({ type: 'log', level, text }) }
  event(name: EventName, node: NodeId): void {
    this.#effects.push({ type: 'event', name, node,
      epoch: this.currentEpoch })
  }

  /**
   * Once a step: the facts are read when the effect is performed, after the step, so the first one covers all of it,
   * and is durable if any of it must be.
   */
  persist(durable: boolean, why: string, mayWait = false): void {
    const present = this.#persist
    if (present === null) this.emit(this.#persist = { type: 'persist', durable, why, ...(mayWait && { mayWait }) })
    else {
      if (!mayWait) delete present.mayWait
      if (durable && !present.durable) Object.assign(present, { durable, why })
    }
  }

  /** The step writes what must not be forgotten. */
  get isDurable(): boolean { return this.#persist?.durable === true }

  send(link: Link, message: BusMessage): void {
    const { type } = message.body
    this.sent.set(type, (this.sent.get(type) ?? 0) + 1)
    this.emit({ type: 'send', link: link.id, message })
  }

  countReceived(type: MessageType): void { this.received.set(type, (this.received.get(type) ?? 0) + 1) }

  // --- nodes ---

  add(node: ClusterNode): void {
    this.nodes.set(node.id, node)
    this.list.push(node)
    node.moveInto(this.rows)
    node.number = this.#freeNumbers.pop() ?? this.numbered.length
    this.numbered[node.number] = node
    if (node.isPfail) this.suspects.add(node)
    this.stateStale = true
  }

  /** A known node that has finished its handshake. */
  known(id: NodeId): ClusterNode | null {
    const node = this.nodes.get(id)
    return node === undefined || node.inHandshake ? null : node
  }

  rename(node: ClusterNode, id: NodeId): void {
    this.nodes.delete(node.id)
    node.id = id
    this.nodes.set(id, node)
  }

  /** Forgets a node with all that refers to it: slots, replicas, reports, links. */
  remove(node: ClusterNode): void {
    this.unbindAll(node)
    for (const map of [this.migrating, this.importing])
      for (const [slot, other] of map) if (other === node) map.delete(slot)
    this.setPrimaryOf(node, null)
    for (const replica of [...node.replicas]) this.setPrimaryOf(replica, null)
    for (const other of this.list) dropReport(other, node)
    if (node.link !== null) this.closeLink(node.link)
    if (node.inbound !== null) this.closeLink(node.inbound)
    if (this.pausedFor === node) this.pausedFor = null
    this.nodes.delete(node.id)
    this.suspects.delete(node)
    this.numbered[node.number] = undefined
    this.#freeNumbers.push(node.number)
    const { row } = node
    node.moveInto(new NodeRows())
    this.rows.drop(row)
    this.list.splice(row, 1)
    for (let index = row; index < this.list.length; index++) this.list[index]!.row = index
    this.#bitmaps.delete(node)
    this.stateStale = true
  }

  randomNode(): ClusterNode { return this.list[Math.floor(this.random() * this.list.length)]! }

  randomId(): NodeId {
    let id = ''
    for (let index = 0; index < 40; index++) id += Math.floor(this.random() * 16).toString(16)
    return id
  }

  setPrimaryOf(node: ClusterNode, primary: ClusterNode | null): void {
    if (node.primary === primary) return
    const former = node.primary
    if (former !== null) {
      former.replicas = former.replicas.filter((other) => other !== node)
      if (former.replicas.length === 0) {
        this.#followedCount--
        former.clear(NodeFlag.migrateTo)
      }
    }
    node.primary = primary
    if (primary !== null) {
      if (primary.replicas.length === 0) this.#followedCount++
      primary.replicas = [...primary.replicas, node]
      primary.set(NodeFlag.migrateTo)
    }
    this.rows.version++
  }

  // --- slots ---

  ownerOf(slot: number): ClusterNode | null { return this.owners[slot] ?? null }

  bind(slot: number, node: ClusterNode | null): void {
    const former = this.ownerOf(slot)
    if (former !== node) this.#bindRun(slot, slot + 1, former, node)
  }

  /** As `bind` of each slot in a bitmap. Writers may wait for it: all slots of a node cost less than a millisecond. */
  bindAll(slots: Uint8Array, node: ClusterNode | null): void {
    const { owners } = this
    for (let slot = 0; slot < SLOT_COUNT;) {
      if (slots[slot >> 3] === 0) {
        slot = (slot | 7) + 1
        continue
      }
      const first = slot++
      if (!hasSlot(slots, first)) continue
      const former = owners[first] ?? null
      while (slot < SLOT_COUNT && owners[slot] === former && (slots[slot >> 3]! & (1 << (slot & 7))) !== 0) slot++
      if (former !== node) this.#bindRun(first, slot, former, node)
    }
  }

  /** Slots from `first` up to `end`, which are all `former`'s. */
  #bindRun(first: number, end: number, former: ClusterNode | null, node: ClusterNode | null): void {
    const count = end - first
    if (former === null) this.assignedCount += count
    else {
      former.slotCount -= count
      former.slotsVersion++
      this.#changeBitmap(former, { first, end, isGained: false })
      if (former.notClaimingCount > 0)
        for (let slot = first; slot < end; slot++) former.notClaimingCount -= this.notClaiming[slot]!
    }
    if (node === null) this.assignedCount -= count
    else {
      // A first slot, while others have replicas: an orphan that replicas may come to.
      if (node.slotCount === 0 && this.#followedCount > 0) node.set(NodeFlag.migrateTo)
      if (node.slotCount === 0 && count >= MANY_SLOTS) this.#bitmaps.set(node, { bytes: NO_SLOTS, changed: null })
      node.slotCount += count
      node.slotsVersion++
      this.#changeBitmap(node, { first, end, isGained: true })
    }
    this.owners.fill(node, first, end)
    this.notClaiming.fill(0, first, end)
    this.slotsVersion++
    this.stateStale = true
  }

  setNotClaiming(slot: number, value: boolean): void {
    if (this.notClaiming[slot] === Number(value)) return
    this.notClaiming[slot] = Number(value)
    const owner = this.ownerOf(slot)
    if (owner === null) return
    owner.slotsVersion++
    owner.notClaimingCount += value ? 1 : -1
  }

  unbindAll(node: ClusterNode): void {
    if (node.slotCount > 0) this.bindAll(this.bitmap(node), null)
  }

  /** The slots bound to `node` as a bitmap that is never changed again. */
  bitmap(node: ClusterNode): Uint8Array {
    if (node.slotCount === 0) return NO_SLOTS
    const kept = this.#bitmaps.get(node)
    if (kept === undefined) {
      const bytes = new Uint8Array(SLOT_BYTES)
      for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.owners[slot] === node) setSlot(bytes, slot, true)
      return this.#keepBitmap(node, bytes)
    }
    if (kept.changed === null) return kept.bytes
    const bytes = kept.bytes.slice()
    for (const { first, end, isGained } of kept.changed) setSlots(bytes, first, end, isGained)
    return this.#keepBitmap(node, bytes)
  }

  #keepBitmap(node: ClusterNode, made: Uint8Array): Uint8Array {
    const bytes = this.rows.shared?.sharedBitmap(made) ?? made
    this.#bitmaps.set(node, { bytes, changed: null })
    return bytes
  }

  /** Are `bytes` claimedBitmap(node)? If so, they are kept in its place: one copy is enough for both. */
  isClaimedBitmap(node: ClusterNode, bytes: Uint8Array): boolean {
    if (node.slotCount === 0 || node.notClaimingCount > 0) return sameBitmap(bytes, this.claimedBitmap(node))
    const isSame = this.#bitmaps.has(node) ? sameBitmap(bytes, this.bitmap(node)) : this.#isBound(node, bytes)
    if (isSame) this.#bitmaps.set(node, { bytes, changed: null })
    return isSame
  }

  /** Without a bitmap to compare with, of which a thousand nodes would have a million. */
  #isBound(node: ClusterNode, bytes: Uint8Array): boolean {
    let count = 0
    for (let index = 0; index < SLOT_BYTES; index++) {
      if (bytes[index] === 0) continue
      for (let slot = index * 8; slot < index * 8 + 8; slot++) {
        if ((bytes[index]! & (1 << (slot & 7))) === 0) continue
        if (this.owners[slot] !== node) return false
        count++
      }
    }
    return count === node.slotCount
  }

  #changeBitmap(node: ClusterNode, run: SlotRun): void {
    const kept = this.#bitmaps.get(node)
    if (kept === undefined) return
    kept.changed ??= []
    if (kept.changed.push(run) > CHANGES_MAX) this.#bitmaps.delete(node)
  }

  /** Without those that it stopped claiming: what an UPDATE about it says, and what its next header should. */
  claimedBitmap(node: ClusterNode): Uint8Array {
    const bound = this.bitmap(node)
    if (node.notClaimingCount === 0) return bound
    const bytes = bound.slice()
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.notClaiming[slot] === 1) setSlot(bytes, slot, false)
    return bytes
  }

  // --- quorum ---

  /** Primaries with slots, myself included. */
  get voterCount(): number { return this.rows.voters }

  get quorum(): number { return Math.floor(this.voterCount / 2) + 1 }

  get largestEpoch(): number {
    let largest = this.currentEpoch
    for (const node of this.list) if (node.configEpoch > largest) largest = node.configEpoch
    return largest
  }

  // --- links ---

  connect(node: ClusterNode): Link {
    const link: Link = {
      id: this.#nextLink++, node, open: false, createdAt: this.now, remoteIp: node.ip, localIp: '', processId: 0,
    }
    this.links.set(link.id, link)
    node.link = link
    node.attemptedAt = this.now
    this.emit({ type: 'connect', link: link.id, node: node.id, ip: node.ip, port: node.busPort })
    return link
  }

  /** Detaches a link; the driver is told unless it told us. */
  dropLink(link: Link): void {
    this.links.delete(link.id)
    if (link.node?.link === link) link.node.link = null
    if (link.node?.inbound === link) link.node.inbound = null
  }

  closeLink(link: Link): void {
    this.dropLink(link)
    this.emit({ type: 'close', link: link.id })
  }

  totals(counts: ReadonlyMap<MessageType, number>): [MessageType, number][] {
    return messageTypes.flatMap((type) => counts.has(type) ? [[type, counts.get(type)!] as [MessageType, number]] : [])
  }
}
