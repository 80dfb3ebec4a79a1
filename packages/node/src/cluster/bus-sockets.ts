/**
 * BusSockets: the connections of the cluster bus. Bytes become messages and messages bytes; nothing is decided here.
 * What a link buffers is bounded in both directions: by the longest message it may bring, which is short for strangers,
 * and by cluster-link-sendbuf-limit.
 * Elsewhere: what messages mean (gossip), who wants which link (cluster's machine).
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type BusMessage, BusStream, type ClusterEvent, encodeMessage, type LinkId } from '@slotwise/cluster'

export interface BusOptions {
  /** Addresses to listen on, as in `bind`; a leading - means that it may be missing. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Where outbound connections come from (bind-source-addr, or the first of `bind`). */
  readonly localAddress: string | undefined
}

interface Link {
  readonly socket: Socket
  /** Outbound and not connected yet. */
  opening: boolean
}

const INBOUND_MAX = 4096
/** Of whom nobody knows. */
const STRANGER_BYTES_MAX = 64 * 1024
/** Of a node that is known: what PUBLISH may carry. */
const MEMBER_BYTES_MAX = 512 * 1024 * 1024 + 64 * 1024

export class BusSockets {
  /** 0: no limit. */
  sendBufferLimit = 0
  sendBufferExceeded = 0
  readonly #links = new Map<LinkId, Link>()
  readonly #servers: Server[] = []
  readonly #onEvent: (event: ClusterEvent) => void
  readonly #isMember: (link: LinkId) => boolean
  #localAddress: string | undefined
  #nextInbound = -1
  #inbound = 0

  /** @param isMember  whether the link is one of a known node */
  constructor(onEvent: (event: ClusterEvent) => void, isMember: (link: LinkId) => boolean) {
    this.#onEvent = onEvent
    this.#isMember = isMember
  }

  /** @throws {Error} EADDRINUSE and the like, of an address that may not be missing */
  async listen({ addresses, port, localAddress }: BusOptions): Promise<void> {
    this.#localAddress = localAddress
    for (const text of addresses) {
      const optional = text.startsWith('-')
      const address = optional ? text.slice(1) : text
      const server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
      try {
        await listening(server, address === '*' ? '0.0.0.0' : address, port)
        this.#servers.push(server)
      } catch (error) {
        server.close()
        const { code } = error as NodeJS.ErrnoException
        const missing = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
        if (!(missing && (optional || address === '*' || address === '::*'))) throw error
      }
    }
  }

  connect(id: LinkId, ip: string, port: number): void {
    const from = this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }
    const socket = connect({ host: ip, port, noDelay: true, ...from })
    const link: Link = { socket, opening: true }
    this.#links.set(id, link)
    socket.once('connect', () => {
      link.opening = false
      if (this.#links.get(id) === link) this.#onEvent({ type: 'opened', link: id, localIp: plainIp(socket.localAddress) })
    })
    this.#follow(id, link)
  }

  send(id: LinkId, message: BusMessage): void {
    const link = this.#links.get(id)
    if (!link?.socket.writable) return
    const { socket } = link
    if (this.sendBufferLimit > 0 && socket.writableLength > this.sendBufferLimit) {
      this.sendBufferExceeded++
      socket.destroy()
      return
    }
    socket.write(encodeMessage(message))
  }

  close(id: LinkId): void {
    const link = this.#links.get(id)
    this.#links.delete(id)
    // What was written before still leaves; the other side may not keep it open for that.
    link?.socket.end(() => link.socket.destroy())
    if (link?.opening === true) link.socket.destroy()
  }

  /** Bytes that wait for the socket of a link, for CLUSTER LINKS. */
  waitingBytes(id: LinkId): number { return this.#links.get(id)?.socket.writableLength ?? 0 }

  get linkCount(): number { return this.#links.size }

  async stop(): Promise<void> {
    for (const { socket } of this.#links.values()) socket.destroy()
    this.#links.clear()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  #accept(socket: Socket): void {
    if (this.#inbound >= INBOUND_MAX) return void socket.destroy()
    this.#inbound++
    socket.once('close', () => this.#inbound--)
    const id = this.#nextInbound--
    const link: Link = { socket, opening: false }
    this.#links.set(id, link)
    this.#onEvent({ type: 'accepted', link: id, remoteIp: plainIp(socket.remoteAddress), localIp: plainIp(socket.localAddress) })
    this.#follow(id, link)
  }

  #follow(id: LinkId, link: Link): void {
    const { socket } = link
    const stream = new BusStream({ messageBytesMax: STRANGER_BYTES_MAX })
    let refused = false
    socket.on('data', (bytes) => {
      for (const item of stream.push(bytes)) {
        if (this.#links.get(id) !== link) return
        if ('message' in item) this.#onEvent({ type: 'message', link: id, message: item.message })
        else if ('refused' in item) this.#onEvent({ type: 'garbage', link: id, why: item.refused })
        else socket.destroy()
      }
      stream.messageBytesMax = this.#isMember(id) ? MEMBER_BYTES_MAX : STRANGER_BYTES_MAX
    })
    socket.on('error', (error: NodeJS.ErrnoException) => void (refused = error.code === 'ECONNREFUSED'))
    socket.on('close', () => {
      if (this.#links.get(id) !== link) return
      this.#links.delete(id)
      this.#onEvent(link.opening ? { type: 'failed', link: id, refused } : { type: 'closed', link: id })
    })
  }
}

/** An IPv4 address that came in over an IPv6 socket is an IPv4 address. */
const plainIp = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '')

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
