/**
 * BusSockets: the connections of the cluster bus. Bytes become messages and messages bytes; nothing is decided here.
 * What a link buffers is bounded in both directions: by the longest message it may bring, which is short for strangers,
 * and by cluster-link-sendbuf-limit. Strangers are bounded by their address too, are not waited for, and have to read
 * what they are answered.
 * Elsewhere: what messages mean (gossip), who wants which link (cluster's machine).
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { type BusMessage, BusStream, type ClusterEvent, encodeMessage, type LinkId } from '@slotwise/cluster'
import type { BusKeys } from './bus-key.js'
import { StrangerLimits } from './stranger-limits.js'

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
  /** Whose address an inbound link is counted under, until it is known to be a member's. */
  stranger: { readonly source: string; held: number } | null
}

/** A link this node calls, or one that calls it. */
type Problem = 'not made' | 'refused'

const INBOUND_MAX = 4096
const ADDRESSES_MAX = 4096
/** Of whom nobody knows. */
const STRANGER_BYTES_MAX = 64 * 1024
const STRANGERS_PER_ADDRESS_MAX = 256
/** Nodes say who they are in their first message; a MEET is answered by a link the other way. */
const STRANGER_SILENT_MS = 10_000
const TOLD_EVERY_MS = 10_000
/** Of a node that is known: what PUBLISH may carry. */
const MEMBER_BYTES_MAX = 512 * 1024 * 1024 + 64 * 1024

export class BusSockets {
  /** 0: no limit. */
  sendBufferLimit = 0
  sendBufferExceeded = 0
  /** What the other side of every link has to have. Set before `listen`. */
  keys: BusKeys | null = null
  readonly #links = new Map<LinkId, Link>()
  readonly #servers: Server[] = []
  readonly #onEvent: (event: ClusterEvent) => void
  readonly #isMember: (link: LinkId) => boolean
  readonly #onProblem: (text: string) => void
  readonly #strangers = new StrangerLimits({ linksMax: STRANGERS_PER_ADDRESS_MAX, bytesMax: STRANGER_BYTES_MAX })
  /** Of addresses that did not take the first key: how many were tried in vain. */
  readonly #keysRefused = new Map<string, number>()
  #localAddress: string | undefined
  #nextInbound = -1
  #inbound = 0
  readonly #toldAtMs = new Map<Problem, number>()

  /**
   * @param isMember  whether the link is one of a known node
   * @param onProblem  gets what an operator should know, at most one of a kind each ten seconds
   */
  constructor(
    onEvent: (event: ClusterEvent) => void, isMember: (link: LinkId) => boolean,
    onProblem: (text: string) => void = () => undefined,
  ) {
    this.#onEvent = onEvent
    this.#isMember = isMember
    this.#onProblem = onProblem
  }

  /** @throws {Error} EADDRINUSE and the like, of an address that may not be missing */
  async listen({ addresses, port, localAddress }: BusOptions): Promise<void> {
    this.#localAddress = localAddress
    for (const text of addresses) {
      const optional = text.startsWith('-')
      const address = optional ? text.slice(1) : text
      const server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
      try {
        await listening(server, ANY.get(address) ?? address, port)
        this.#servers.push(server)
      } catch (error) {
        server.close()
        const { code } = error as NodeJS.ErrnoException
        const missing = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
        if (!(missing && (optional || ANY.has(address)))) throw error
      }
    }
  }

  connect(id: LinkId, ip: string, port: number): void {
    const from = this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }
    const plain = { host: ip, port, noDelay: true, ...from }
    const address = `${ip}:${port}`
    const { keys } = this
    const refused = this.#keysRefused.get(address) ?? 0
    const socket = keys === null
      ? connect(plain)
      : connectTls({ ...plain, ...keys.calling(refused % keys.count) }).setNoDelay(true)
    const link: Link = { socket, opening: true, stranger: null }
    this.#links.set(id, link)
    if (keys !== null) {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (!link.opening || error.syscall === 'connect') return
        if (this.#keysRefused.size >= ADDRESSES_MAX) this.#keysRefused.clear()
        this.#keysRefused.set(address, refused + 1)
        if (refused + 1 < keys.count) return // the next call is with the other one
        this.#tell('not made', `The link to ${address} was not made: has it the same key of the bus? (${error.message})`)
      })
    }
    socket.once(this.keys === null ? 'connect' : 'secureConnect', () => {
      link.opening = false
      if (this.#links.get(id) === link) this.#onEvent({ type: 'opened', link: id, localIp: plainIp(socket.localAddress) })
    })
    this.#follow(id, link)
  }

  send(id: LinkId, message: BusMessage): void {
    const link = this.#links.get(id)
    if (!link?.socket.writable) return
    const { socket } = link
    const limit = this.#isMember(id) ? this.sendBufferLimit : STRANGER_BYTES_MAX
    if (limit > 0 && socket.writableLength > limit) {
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
    const source = plainIp(socket.remoteAddress)
    if (this.#inbound >= INBOUND_MAX || !this.#strangers.admit(source)) return void socket.destroy()
    this.#inbound++
    const secured = this.keys === null ? null : new TLSSocket(socket, this.keys.called)
    const link: Link = { socket: secured ?? socket, opening: false, stranger: { source, held: 0 } }
    socket.once('close', () => {
      this.#inbound--
      this.#noStranger(link)
    })
    socket.setTimeout(STRANGER_SILENT_MS, () => link.stranger !== null && socket.destroy())
    if (secured === null) return this.#enter(link, source, socket)
    let isSecure = false
    secured.once('secure', () => {
      isSecure = true
      this.#enter(link, source, socket)
    })
    secured.on('error', (error: NodeJS.ErrnoException) => {
      // A caller that ended meanwhile may have had it.
      const isKeyRefused = !isSecure && error.code?.startsWith('ERR_SSL_') === true
      if (isKeyRefused) this.#tell('refused', `A link from ${source} was refused: it has not the key of the bus (${error.message})`)
      socket.destroy()
    })
  }

  #enter(link: Link, source: string, socket: Socket): void {
    const id = this.#nextInbound--
    this.#links.set(id, link)
    this.#onEvent({ type: 'accepted', link: id, remoteIp: source, localIp: plainIp(socket.localAddress) })
    this.#follow(id, link)
  }

  #tell(kind: Problem, text: string): void {
    const now = performance.now()
    if (now - (this.#toldAtMs.get(kind) ?? -Infinity) < TOLD_EVERY_MS) return
    this.#toldAtMs.set(kind, now)
    this.#onProblem(text)
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
      const isMember = this.#isMember(id)
      stream.messageBytesMax = isMember ? MEMBER_BYTES_MAX : STRANGER_BYTES_MAX
      if (isMember) this.#noStranger(link)
      else if (link.stranger !== null && !this.#hold(link.stranger, stream.bufferedBytes)) {
        this.#noStranger(link) // at once: the others of its address are not to suffer for it
        socket.destroy()
      }
    })
    socket.on('error', (error: NodeJS.ErrnoException) => void (refused = error.code === 'ECONNREFUSED'))
    socket.on('close', () => {
      if (this.#links.get(id) !== link) return
      this.#links.delete(id)
      this.#onEvent(link.opening ? { type: 'failed', link: id, refused } : { type: 'closed', link: id })
    })
  }

  #hold(stranger: NonNullable<Link['stranger']>, bytes: number): boolean {
    const more = bytes - stranger.held
    stranger.held = bytes
    return this.#strangers.hold(stranger.source, more)
  }

  #noStranger(link: Link): void {
    if (link.stranger === null) return
    this.#strangers.release(link.stranger.source, link.stranger.held)
    link.stranger = null
    link.socket.setTimeout(0)
  }
}

/** An IPv4 address that came in over an IPv6 socket is an IPv4 address. */
const plainIp = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '')

/** Redis's words for all addresses of a family. */
const ANY: ReadonlyMap<string, string> = new Map([['*', '0.0.0.0'], ['::*', '::']])

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // IPv6 alone, as redis-server: else `::` would take the port of `*` too.
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
