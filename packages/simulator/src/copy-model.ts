/**
 * The data plane of one simulated copy: a log of numbered writes, of which a part is fsynced, that follows another's
 * log and acknowledges; and of a primary, what it acknowledges to clients.
 * `Promises` remembers each acknowledged write with its place in the log. Whoever serves must have all of them: a
 * primary without one has lost it, and a read there is older than a write that was acknowledged before.
 */
import type { NodeId } from '@slotwise/cluster'
import type { SimulatedNode, World } from './simulated-node.js'
import { Violation } from './invariants.js'

const STEP_MS = 20

export class Promises {
  /** What was acknowledged, by offset. */
  readonly acknowledged: number[] = []
  writes = 0
  histories = 0
  isWriting = true

  /** `node` acknowledges its log up to `offset`, and answers reads. */
  serves(name: string, entries: readonly number[], offset: number): void {
    const { acknowledged } = this
    const last = acknowledged.length - 1
    if (last >= 0 && entries[last] !== acknowledged[last])
      throw new Violation(`${name} serves without write ${acknowledged[last]!}, which was acknowledged at offset ${last + 1}`)
    for (let at = acknowledged.length; at < offset; at++) acknowledged.push(entries[at]!)
  }
}

interface Image { entries: number[]; length: number; history: string }

interface Acknowledgement { tag: string | null; offset: number; durableOffset: number }

export class CopyModel {
  entries: number[] = []
  history: string
  connected = false
  syncedAt = 0
  isLoaded = true
  /** The log has everything that it had when it was acknowledged. */
  isIntact = true
  stalledUntil = 0
  fullSyncs = 0
  #image: Image
  #source: NodeId | null = null
  /** By index of the replica. */
  readonly #acks = new Map<number, Acknowledgement>()

  constructor(readonly node: SimulatedNode, readonly world: World, readonly promises: Promises) {
    this.history = this.#newHistory()
    this.#image = { entries: this.entries, length: 0, history: this.history }
  }

  get offsets(): { offset: number; durableOffset: number } {
    return { offset: this.entries.length, durableOffset: this.#image.entries === this.entries ? this.#image.length : 0 }
  }

  start(): void {
    this.#acks.clear()
    this.connected = false
    this.syncedAt = this.node.clock
    if (this.node.machine!.view.self.isPrimary) this.beginHistory()
    this.#later()
  }

  beginHistory(): void {
    this.history = this.#newHistory()
    this.connected = false
    this.#acks.clear()
  }

  crash(powerCut: boolean): void {
    if (!powerCut) {
      this.#image = { entries: this.entries, length: this.entries.length, history: this.history }
      return
    }
    const { entries, length, history } = this.#image
    const lost = this.entries !== entries || this.entries.length > length
    this.entries = entries.slice(0, length)
    this.history = history
    this.#image = { entries: this.entries, length, history }
    // Whoever acknowledges what it has received cannot tell after a power cut what it had.
    if (lost && this.node.options.ackReplicas !== 0) this.isIntact = false
  }

  lose(): void {
    this.entries = []
    this.history = this.#newHistory()
    this.#image = { entries: this.entries, length: 0, history: this.history }
    this.isIntact = false
  }

  #newHistory(): string {
    this.promises.histories++
    return this.promises.histories.toString(16).padStart(40, '0')
  }

  #later(): void {
    const { generation } = this.node
    const { queue, random } = this.world
    queue.after(STEP_MS * (0.5 + random()), () => {
      if (this.node.generation !== generation) return
      if (!this.node.isPaused) this.#step()
      this.#later()
    })
  }

  #step(): void {
    const { node, world, promises } = this
    const { view } = node.machine!
    const { random } = world
    if (view.self.isPrimary) {
      const writes = promises.isWriting && node.takesWrites && node.machine!.copyDuty.isActive
      if (writes && random() < 0.7) this.entries.push(++promises.writes)
    } else this.#follow()
    if (node.clock >= this.stalledUntil && random() < 0.6) this.#sync()
    if (view.self.isPrimary) this.#serve()
    else if (this.connected) this.#acknowledge()
  }

  #sync(): void {
    this.#image = { entries: this.entries, length: this.entries.length, history: this.history }
  }

  #follow(): void {
    const { node, world } = this
    const { network, random } = world
    const id = node.source
    if (id !== this.#source) {
      this.#source = id
      this.isLoaded = false
    }
    const source = world.nodes.find((other) => other.machine?.view.self.id === id)
    this.connected = id !== null && source !== undefined && !source.isPaused && source.machine!.view.self.isPrimary &&
      node.machine!.mayFollow(id) && source.machine!.copyDuty.feeds &&
      !network.isCut(source.index, node.index) && !network.isCut(node.index, source.index)
    if (!this.connected || random() < 0.1) return
    const theirs = source!.copy!
    const end = random() < 0.8 ? theirs.entries.length
      : this.entries.length + Math.floor(random() * Math.max(0, theirs.entries.length - this.entries.length))
    const isPrefix = this.entries.length <= theirs.entries.length &&
      (this.entries.length === 0 || this.entries.at(-1) === theirs.entries[this.entries.length - 1])
    if (isPrefix) for (let at = this.entries.length; at < end; at++) this.entries.push(theirs.entries[at]!)
    else {
      this.entries = theirs.entries.slice()
      this.fullSyncs++
    }
    this.history = theirs.history
    this.syncedAt = node.clock
    this.isLoaded = true
  }

  #acknowledge(): void {
    const { node, world } = this
    const { queue, network, random } = world
    const source = world.nodes.find((other) => other.machine?.view.self.id === this.#source)
    if (source === undefined) return
    const { generation } = source
    const ack: Acknowledgement = { tag: node.machine!.copyDuty.tag, ...this.offsets }
    queue.after(network.faults.delayMs + random() * network.faults.jitterMs, () => {
      if (source.generation !== generation || network.isCut(node.index, source.index)) return
      source.copy!.acknowledged(node.index, ack)
    })
  }

  /** Of one connection, so a later one replaces the former, and none overtakes another. */
  acknowledged(index: number, ack: Acknowledgement): void {
    const former = this.#acks.get(index)
    if (former?.tag === ack.tag && former.offset > ack.offset) return
    this.#acks.set(index, ack)
  }

  #serve(): void {
    const { node, promises } = this
    const { isActive, tag, needed, received, servesUntilMs } = node.machine!.copyDuty
    if (!isActive || tag === null || node.clock >= servesUntilMs) return
    const offsetOf = (ack: { offset: number; durableOffset: number }): number =>
      received > 0 ? ack.offset : ack.durableOffset
    const theirs = [...this.#acks.values()].filter((ack) => ack.tag === tag).map(offsetOf)
      .sort((left, right) => right - left)
    promises.serves(node.name, this.entries, Math.min(offsetOf(this.offsets), theirs[needed - 1] ?? 0))
  }
}
