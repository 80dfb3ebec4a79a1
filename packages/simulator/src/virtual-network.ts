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

interface Connection {
  from: Endpoint
  fromLink: LinkId
  to: Endpoint
  toLink: LinkId
  /** When the last message of each direction arrives: later ones do not overtake it unless they are meant to. */
  lastThere: number
  lastBack: number
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
  readonly #cuts = new Set<number>()
  /** By endpoint and its own link id. */
  readonly #connections: Map<LinkId, Connection>[] = []
  readonly #endpoints: Endpoint[] = []
  #inbound = 0

  constructor(readonly queue: EventQueue, readonly random: () => number) {}

  add(endpoint: Endpoint): void {
    this.#endpoints.push(endpoint)
    this.#connections.push(new Map())
  }

  cut(from: number, to: number): void { this.#cuts.add(from * 65_536 + to) }
  heal(): void { this.#cuts.clear() }
  isCut(from: number, to: number): boolean { return this.#cuts.size > 0 && this.#cuts.has(from * 65_536 + to) }

  connect(from: Endpoint, link: LinkId, toIndex: number | null): void {
    const to = toIndex === null ? undefined : this.#endpoints[toIndex]
    const { generation } = from
    const tell = (delay: number, run: () => void): void =>
      this.queue.after(delay, () => { if (from.generation === generation) run() })
    tell(this.#delay(), () => {
      if (to === undefined || this.isCut(from.index, to.index) || this.isCut(to.index, from.index)) {
        tell(CONNECT_TIMEOUT_MS, () => from.failed(link, false))
        return
      }
      if (!to.isUp) {
        tell(this.#delay(), () => from.failed(link, true))
        return
      }
      const toLink = --this.#inbound
      const connection: Connection = { from, fromLink: link, to, toLink, lastThere: 0, lastBack: 0 }
      this.#connections[from.index]!.set(link, connection)
      this.#connections[to.index]!.set(toLink, connection)
      to.accepted(toLink, from.index)
      tell(this.#delay(), () => from.opened(link))
    })
  }

  send(from: Endpoint, link: LinkId, message: BusMessage): void {
    const connection = this.#connections[from.index]!.get(link)
    if (connection === undefined) return
    this.messageCount++
    const { faults, random } = this
    const there = connection.from === from && connection.fromLink === link
    const to = there ? connection.to : connection.from
    const toLink = there ? connection.toLink : connection.fromLink
    if (this.isCut(from.index, to.index) || random() < faults.loss) return
    const copies = faults.duplicate > 0 && random() < faults.duplicate ? 2 : 1
    const carried = Math.floor(random() * this.codecSample) === 0 ? this.#throughCodec(message) : message
    for (let copy = 0; copy < copies; copy++) {
      let at = this.queue.now + this.#delay()
      if (faults.reorder > 0 && random() < faults.reorder) at += random() * 10 * faults.jitterMs
      else {
        const last = there ? connection.lastThere : connection.lastBack
        at = Math.max(at, last)
        if (there) connection.lastThere = at
        else connection.lastBack = at
      }
      this.queue.at(at, () => {
        if (this.#connections[to.index]!.get(toLink) === connection &&
          !this.isCut(from.index, to.index)) to.received(toLink, carried)
      })
    }
  }

  close(from: Endpoint, link: LinkId): void {
    const connection = this.#connections[from.index]!.get(link)
    if (connection === undefined) return
    this.#connections[from.index]!.delete(link)
    const there = connection.from === from && connection.fromLink === link
    const to = there ? connection.to : connection.from
    const toLink = there ? connection.toLink : connection.fromLink
    const tell = (): void => {
      if (this.#connections[to.index]!.get(toLink) !== connection) return
      // A FIN that does not get through is sent again until it does.
      if (this.isCut(from.index, to.index)) return this.queue.after(500, tell)
      this.#connections[to.index]!.delete(toLink)
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
