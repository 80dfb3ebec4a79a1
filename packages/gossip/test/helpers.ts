/** Views, links and messages for tests of rules: a node `view.self` among others that already are known. */
import {
  type GossipEntry,
  type BusBody, type BusHeader, type BusMessage, bitmapOf, ClusterNode, type ClusterOptions, ClusterView,
  defaultOptions, type Effect,
  Gossip, NO_SLOTS, NodeFlag, randomOf,
} from '../src/index.js'

export const START_MS = 1_700_000_000_000
export const T = 2000

export const idOf = (number: number): string => number.toString(16).padStart(40, '0')

export const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** Node `number` listens at 10.0.0.number:7000, its bus at 17000. */
export const ipOf = (number: number): string => `10.0.0.${number}`

interface NodeOptions {
  flags?: number
  slots?: readonly number[]
  epoch?: number
  primary?: number
}

export class Bench {
  readonly view: ClusterView
  readonly gossip: Gossip
  #inbound = 0

  constructor(self = 0, options: Partial<ClusterOptions> = {}) {
    this.view = new ClusterView({
      id: idOf(self), random: randomOf(7), nowMs: START_MS,
      options: { ...defaultOptions, nodeTimeoutMs: T, port: 7000, busPort: 17_000, announceIp: ipOf(self),
        leaseFactor: 0, ...options },
    })
    this.gossip = new Gossip(this.view)
    this.view.begin(START_MS)
    this.view.end()
  }

  /** A known node with open links both ways. */
  add(number: number, options: NodeOptions = {}): ClusterNode {
    const { flags = NodeFlag.primary, slots = [], epoch = number, primary = -1 } = options
    const node = new ClusterNode(idOf(number), flags, this.view.now)
    Object.assign(node, { ip: ipOf(number), port: 7000, busPort: 17_000, configEpoch: epoch, pongAt: this.view.now,
      dataAt: this.view.now })
    this.view.add(node)
    if (primary >= 0) this.view.setPrimaryOf(node, this.view.nodes.get(idOf(primary))!)
    for (const slot of slots) this.view.bind(slot, node)
    const link = this.view.connect(node)
    link.open = true
    this.view.end()
    return node
  }

  addReplica(number: number, primary: number): ClusterNode {
    return this.add(number, { flags: NodeFlag.replica, primary, epoch: 0 })
  }

  own(slots: readonly number[], epoch = 1): void {
    for (const slot of slots) this.view.bind(slot, this.view.self)
    this.view.self.configEpoch = epoch
    this.view.currentEpoch = Math.max(this.view.currentEpoch, epoch)
  }

  /** I am a replica of `primary`. */
  follow(primary: ClusterNode): void {
    const { self } = this.view
    self.clear(NodeFlag.primary)
    self.set(NodeFlag.replica)
    this.view.setPrimaryOf(self, primary)
  }

  at(afterMs: number, run: () => void): Effect[] {
    this.view.begin(START_MS + afterMs)
    run()
    return this.view.end()
  }

  tick(afterMs: number): Effect[] { return this.at(afterMs, () => this.gossip.tick()) }

  header(from: number, over: Partial<BusHeader> = {}): BusHeader {
    const node = this.view.nodes.get(idOf(from))
    return {
      port: 7000, plainPort: 0, busPort: 17_000, currentEpoch: this.view.currentEpoch,
      configEpoch: node?.shardPrimary.configEpoch ?? 0, offset: 0, sender: idOf(from),
      slots: node === undefined ? NO_SLOTS : this.view.bitmap(node.shardPrimary),
      replicaOf: node?.primary?.id ?? null, ip: '',
      flags: node?.isReplica === true ? NodeFlag.replica : NodeFlag.primary, state: 'ok', paused: false,
      forceAck: false, ...over,
    }
  }

  /** A message of node `from` on a link of its own, inbound here. */
  inbound(afterMs: number, from: number, body: BusBody, over: Partial<BusHeader> = {}): Effect[] {
    return this.at(afterMs, () => {
      const link = --this.#inbound
      this.gossip.accepted(link, ipOf(from), ipOf(0))
      this.gossip.receive(link, { header: this.header(from, over), body })
    })
  }

  /** An answer of node `from` on our own link to it. */
  answer(afterMs: number, from: number, body: BusBody = pong(), over: Partial<BusHeader> = {}): Effect[] {
    return this.at(afterMs, () => {
      this.gossip.receive(this.view.nodes.get(idOf(from))!.link!.id, { header: this.header(from, over), body })
    })
  }
}

export const pong = (): BusBody => ({ type: 'pong', gossip: [], hostname: '', extensions: [] })
export const pingBody = (gossip: Extract<BusBody, { type: 'ping' | 'pong' | 'meet' }>['gossip'] = []): BusBody =>
  ({ type: 'ping', gossip, hostname: '', extensions: [] })
export const meetBody = (): BusBody => ({ type: 'meet', gossip: [], hostname: '', extensions: [] })

export const entryOf = (number: number, flags: number, over: Partial<GossipEntry> = {}): GossipEntry => ({
  id: idOf(number), pingSentSeconds: 0, pongSeconds: 0, ip: ipOf(number), port: 7000, busPort: 17_000, flags,
  plainPort: 0, ...over,
})

export const kinds = (effects: readonly Effect[]): string[] =>
  effects.filter(({ type }) => type !== 'log' && type !== 'event').map((effect) =>
    effect.type === 'send' ? `send ${effect.message.body.type}` : effect.type === 'persist' &&
      effect.durable ? 'persist durable' : effect.type)

export const sentTo = (bench: Bench, effects: readonly Effect[], type: string): string[] =>
  effects.flatMap((effect) => effect.type === 'send' && effect.message.body.type === type
    ? [bench.view.links.get(effect.link)?.node?.id ?? 'nobody'] : [])

export const claim = (slots: readonly number[]): Uint8Array => bitmapOf(slots)

export const message = (header: BusHeader, body: BusBody): BusMessage => ({ header, body })
