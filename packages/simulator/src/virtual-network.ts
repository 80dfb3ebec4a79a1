/**
 * The network between simulated nodes: connections, delays, loss, duplicates, disorder, partitions in one or both ways.
 * Harsher than TCP: messages of one link may be lost, doubled or overtake each other. Most messages are handed over as
 * objects; a sampled part goes through the codec, and what comes out is delivered.
 */
import { type BusMessage, decodeMessage, encodeMessage, type LinkId } from '@slotwise/cluster'
import type { EventQueue } from './event-queue.js'

/** The end of a connection that a node sees. */
export interface Endpoint {
  readonly index: number
  /** Grows with every start and end of the process: links of another generation are not its own. */
  readonly generation: number
  /** The process runs and listens. */
  readonly isUp: boolean
  accepted: (link: LinkId, from: number) => void
  opened: (link: LinkId) => void
  failed: (link: LinkId, refused: boolean) => void
  closed: (link: LinkId) => void
  received: (link: LinkId, message: BusMessage) => void
}

export interface NetworkFaults {
  delayMs: number
  jitterMs: number
  /** Probabilities of each message. */
  loss: number
  duplicate: number
  reorder: number
}

export const calm: NetworkFaults = { delayMs: 1, jitterMs: 2, loss: 0, duplicate: 0, reorder: 0 }

class Connection {
  /** Whether each end has it still. */
  isAtFrom = true
  isAtTo = true
  /** When the last message of each direction arrives: later ones do not overtake it unless they are meant to. */
  lastThere = 0
  lastBack = 0

  constructor(readonly from: Endpoint, readonly fromLink: LinkId, readonly to: Endpoint, readonly toLink: LinkId) {}
}

type Outcome = 'opened' | 'refused' | 'silence'

/** A connection that is being made: on its way there, then back with the outcome. */
class Attempt {
  #outcome: Outcome | null = null
  readonly #generation: number

  constructor(
    readonly network: VirtualNetwork, readonly from: Endpoint, readonly link: LinkId,
    readonly to: Endpoint | undefined,
  ) {
    this.#generation = from.generation
  }

  happen(): void {
    const { network, from, link } = this
    if (from.generation !== this.#generation) return
    if (this.#outcome === null) {
      const [outcome, delay] = network.arrive(from, link, this.to)
      this.#outcome = outcome
      network.queue.after(delay, this)
    } else if (this.#outcome === 'opened') from.opened(link)
    else from.failed(link, this.#outcome === 'refused')
  }
}

/** A message on its way, to the end that was connected to (`there`) or back. */
class Delivery {
  constructor(
    readonly network: VirtualNetwork, readonly connection: Connection, readonly there: boolean,
    readonly message: BusMessage,
  ) {}

  happen(): void {
    const { connection, there } = this
    if (!(there ? connection.isAtTo : connection.isAtFrom)) return
    const { from, to } = connection
    if (there) {
      if (!this.network.isCut(from.index, to.index)) to.received(connection.toLink, this.message)
    } else if (!this.network.isCut(to.index, from.index)) from.received(connection.fromLink, this.message)
  }
}

/** A connection attempt into silence ends after this. */
const CONNECT_TIMEOUT_MS = 2000

export class VirtualNetwork {
  faults: NetworkFaults = calm
  messageCount = 0
  /** One message of so many goes through the codec. */
  codecSample = 64
  /** Messages that came back from the codec as something else; never expected. */
  codecFailures: string[] = []
  /** 1 at `from` times the number of nodes plus `to`: nothing gets through. */
  #cuts: Uint8Array | null = null
  /** By endpoint and its own link id. */
  readonly #connections: Map<LinkId, Connection>[] = []
  readonly #endpoints: Endpoint[] = []
  #inbound = 0

  constructor(readonly queue: EventQueue, readonly random: () => number) {}

  add(endpoint: Endpoint): void {
    this.#endpoints.push(endpoint)
    this.#connections.push(new Map())
  }

  cut(from: number, to: number): void {
    const count = this.#endpoints.length
    this.#cuts ??= new Uint8Array(count * count)
    this.#cuts[from * count + to] = 1
  }

  mend(from: number, to: number): void {
    if (this.#cuts !== null) this.#cuts[from * this.#endpoints.length + to] = 0
  }

  heal(): void { this.#cuts = null }
  isCut(from: number, to: number): boolean {
    return this.#cuts !== null && this.#cuts[from * this.#endpoints.length + to] === 1
  }

  /** Who is at the other end of a link, if it is connected. */
  peerOf(from: Endpoint, link: LinkId): number | undefined {
    const connection = this.#connections[from.index]!.get(link)
    if (connection === undefined) return undefined
    return (connection.from === from && connection.fromLink === link ? connection.to : connection.from).index
  }

  connect(from: Endpoint, link: LinkId, toIndex: number | null): void {
    const to = toIndex === null ? undefined : this.#endpoints[toIndex]
    this.queue.after(this.#delay(), new Attempt(this, from, link, to))
  }

  /** A connection attempt has arrived. @returns how it ends, and after how long */
  arrive(from: Endpoint, link: LinkId, to: Endpoint | undefined): [outcome: Outcome, delay: number] {
    if (to === undefined || this.isCut(from.index, to.index) || this.isCut(to.index, from.index))
      return ['silence', CONNECT_TIMEOUT_MS]
    if (!to.isUp) return ['refused', this.#delay()]
    const toLink = --this.#inbound
    const connection = new Connection(from, link, to, toLink)
    this.#connections[from.index]!.set(link, connection)
    this.#connections[to.index]!.set(toLink, connection)
    to.accepted(toLink, from.index)
    return ['opened', this.#delay()]
  }

  send(from: Endpoint, link: LinkId, message: BusMessage): void {
    const connection = this.#connections[from.index]!.get(link)
    if (connection === undefined) return
    this.messageCount++
    const { faults, random } = this
    const there = connection.from === from && connection.fromLink === link
    const to = there ? connection.to : connection.from
    if (this.isCut(from.index, to.index) || random() < faults.loss) return
    const copies = faults.duplicate > 0 && random() < faults.duplicate ? 2 : 1
    const carried = Math.floor(random() * this.codecSample) === 0 ? this.#throughCodec(message) : message
    const delivery = new Delivery(this, connection, there, carried)
    for (let copy = 0; copy < copies; copy++) {
      let at = this.queue.now + this.#delay()
      if (faults.reorder > 0 && random() < faults.reorder) at += random() * 10 * faults.jitterMs
      else {
        const last = there ? connection.lastThere : connection.lastBack
        at = Math.max(at, last)
        if (there) connection.lastThere = at
        else connection.lastBack = at
      }
      this.queue.at(at, delivery)
    }
  }

  close(from: Endpoint, link: LinkId): void {
    const connection = this.#connections[from.index]!.get(link)
    if (connection === undefined) return
    this.#connections[from.index]!.delete(link)
    const there = connection.from === from && connection.fromLink === link
    const to = there ? connection.to : connection.from
    const toLink = there ? connection.toLink : connection.fromLink
    if (there) connection.isAtFrom = false
    else connection.isAtTo = false
    const tell = (): void => {
      if (!(there ? connection.isAtTo : connection.isAtFrom)) return
      // A FIN that does not get through is sent again until it does.
      if (this.isCut(from.index, to.index)) return this.queue.after(500, tell)
      this.#connections[to.index]!.delete(toLink)
      if (there) connection.isAtTo = false
      else connection.isAtFrom = false
      to.closed(toLink)
    }
    this.queue.after(this.#delay(), tell)
  }

  /** The process of `endpoint` is gone: its host closes all that it had. */
  closeAll(endpoint: Endpoint): void {
    for (const link of [...this.#connections[endpoint.index]!.keys()]) this.close(endpoint, link)
  }

  #delay(): number { return this.faults.delayMs + this.random() * this.faults.jitterMs }

  #throughCodec(message: BusMessage): BusMessage {
    const decoded = decodeMessage(encodeMessage(message))
    if ('message' in decoded) return decoded.message
    this.codecFailures.push(`${message.body.type}: ${decoded.refused}`)
    return message
  }
}
