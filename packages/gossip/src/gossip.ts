/**
 * Membership as a whole: what happens to links and messages, in Redis's order. Links and messages come in, effects go
 * out. A message changes nothing unless its sender is known, except that a MEET begins a handshake and a PING or MEET
 * is answered. PONGs go back on the link the PING came by, everything else on our own outbound link.
 * Not decided here: votes, elections and manual failovers. `receive` returns the known sender, and the caller
 * (cluster's machine) gives the message to election.
 * Source: Redis 7.0 cluster bus. Elsewhere: each rule in its file.
 */
import type { LinkId } from './bus-effect.js'
import type { BusHeader, BusMessage, GossipBody } from './bus-message.js'
import { identityOf, receiveIdentity, settleIdentity } from './cluster-identity.js'
import type { ClusterNode, Link } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { measureClock } from './clock-skew.js'
import { isEpochPlausible, learnEpochs, resolveCollision } from './epochs.js'
import { clearByPong, receiveFail, suspect } from './failure-detector.js'
import { receiveGossip } from './gossip-receive.js'
import {
  addressOf, finishHandshake, followAnnounced, loseAddress, startHandshake, updateAddress,
} from './handshake.js'
import { sendGossip } from './headers.js'
import { lookForLost } from './host-names.js'
import { NodeFlag } from './node-flags.js'
import { planNextLooks, runSchedule, type ScheduleState, TICK_MS } from './ping-schedule.js'
import { isOutdated, learnRole } from './roles.js'
import { answerSecond, isSecondProcess, saidBy, toldSecond } from './second-process.js'
import { followGrandPrimary, receiveClaims, receiveUpdate } from './slot-claims.js'

export class Gossip {
  readonly #schedule: ScheduleState = { lastTickAt: 0, timeoutMs: 0, nextDrawAt: 0 }

  constructor(readonly view: ClusterView) {}

  tick(): void {
    const nodes = runSchedule(this.view, this.#schedule)
    suspect(this.view, nodes)
    lookForLost(this.view)
    settleIdentity(this.view)
    planNextLooks(this.view, nodes)
  }

  accepted(id: LinkId, remoteIp: string, localIp: string): void {
    const { view } = this
    view.links.set(id, { id, node: null, open: true, createdAt: view.now, remoteIp, localIp, processId: 0 })
  }

  opened(id: LinkId, localIp: string): void {
    const { view } = this
    const link = view.links.get(id)
    if (link?.node?.link !== link || link === undefined) return
    const node = link.node!
    link.open = true
    node.touch()
    link.localIp = localIp
    node.refusedAt = 0
    node.refusedCount = 0
    const pendingAt = node.pingSentAt
    sendGossip(view, link, node.has(NodeFlag.meet) ? 'meet' : 'ping', identityOf(view))
    if (pendingAt === 0) {
      node.pingSentAt = view.now
      node.pingLeftAt = view.now
    }
    // A MEET is said once: after it the node is asked as everybody is.
    node.clear(NodeFlag.meet)
  }

  /** An outbound connection failed. `refused`: by the host itself, which is up; otherwise nothing answered. */
  failed(id: LinkId, refused: boolean): void {
    const { view } = this
    const link = view.links.get(id)
    if (link === undefined) return
    const { node } = link
    view.dropLink(link)
    if (node === null) return
    if (node.pingSentAt === 0) node.pingSentAt = view.now
    if (!refused) return
    if (node.refusedCount++ === 0) node.refusedAt = view.now
  }

  /** A link ended by the other side or by an error. An outbound one is tried again at once: is anybody still there? */
  closed(id: LinkId): void {
    const { view } = this
    const link = view.links.get(id)
    if (link === undefined) return
    const { node } = link
    const outbound = node?.link === link
    // Not one that was just made: a peer that closes at once is asked again by the schedule.
    const lasted = link.open && view.now - link.createdAt >= TICK_MS
    view.dropLink(link)
    if (node !== null && outbound && lasted && !node.has(NodeFlag.noAddress | NodeFlag.handshake)) view.connect(node)
  }

  /** @returns the known sender of a message that was taken, or null. */
  receive(id: LinkId, message: BusMessage): ClusterNode | null {
    const { view } = this
    const link = view.links.get(id)
    if (link === undefined) return null
    const { header, body } = message
    view.countReceived(body.type)
    if (!isEpochPlausible(view, header))
      return this.#refuse(`epochs ${header.currentEpoch}, ${header.configEpoch}`, header)
    const outbound = link.node?.link === link ? link.node : null
    if (outbound !== null && !outbound.inHandshake && outbound.id !== header.sender) {
      if ('gossip' in body) loseAddress(view, outbound, header)
      return null
    }
    const sender = outbound !== null && !outbound.inHandshake ? outbound : view.known(header.sender)
    if (sender?.isMyself === true) return this.#receiveOwn(link, outbound, message)
    if (!receiveIdentity(view, sender, message)) return this.#receiveForeign(link, outbound, message)
    const said = saidBy(body)
    if (said !== null && said.processId !== 0) link.processId = said.processId
    if (sender !== null) {
      if (outbound === null && isSecondProcess(view, sender, link)) {
        answerSecond(view, sender, link, body)
        return null
      }
      if (outbound !== null && said?.isSecond === true) {
        toldSecond(view, sender)
        return null
      }
      this.#noteSender(sender, link, outbound, header)
    }
    switch (body.type) {
      case 'ping': case 'pong': case 'meet': return this.#receiveGossip(link, outbound, sender, header, body)
      case 'fail':
        if (sender !== null) receiveFail(view, sender, message)
        return sender
      case 'update':
        if (sender !== null) receiveUpdate(view, sender, message)
        return sender
      case 'publish': case 'publishshard':
        if (sender !== null)
          view.emit({ type: 'publish', channel: body.channel, message: body.message, sharded: body.type === 'publishshard' })
        return sender
      case 'auth-req': case 'auth-ack': case 'mfstart': case 'module': return sender
    }
  }

  /** A whole message that is none: dropped, counted, the link kept. */
  refused(why: string): void {
    this.view.refusedMessages++
    this.view.log('debug', `A bus message was dropped: ${why}`)
  }

  #refuse(why: string, header: BusHeader): null {
    this.view.refusedMessages++
    this.view.event('refusedMessage', header.sender)
    this.view.log('warn', `A bus message of ${header.sender} was refused: ${why} cannot be`)
    return null
  }

  #noteSender(sender: ClusterNode, link: Link, outbound: ClusterNode | null, header: BusHeader): void {
    const { view } = this
    sender.dataAt = view.now
    sender.refusedCount = 0
    sender.refusedAt = 0
    learnEpochs(view, sender, header)
    sender.offset = header.offset
    sender.offsetKnown = true
    if (outbound === null && sender.inbound !== link) {
      // A second connection of the same node replaces the first.
      if (sender.inbound !== null) view.closeLink(sender.inbound)
      if (link.node !== null && link.node.inbound === link) link.node.inbound = null
      sender.inbound = link
      link.node = sender
    }
  }

  #receiveGossip(
    link: Link, outbound: ClusterNode | null, known: ClusterNode | null, header: BusHeader, body: GossipBody,
  ): ClusterNode | null {
    const { view } = this
    if (body.type !== 'pong') {
      this.#learnOwnIp(link, body.type)
      if (body.type === 'meet' && known === null) {
        const address = addressOf(header, link)
        if (address.ip !== '' && startHandshake(view, address, false)) view.persist(false, 'a MEET was received')
      }
      sendGossip(view, link, 'pong', body.extensions.length > 0 ? identityOf(view) : [])
    }
    let sender = known
    if (outbound?.inHandshake === true) {
      sender = finishHandshake(view, outbound, header, link)
      if (sender === null) return null
      sender.dataAt = view.now
      learnEpochs(view, sender, header)
      receiveIdentity(view, sender, { header, body })
    }
    if (sender === null) return null
    if (body.type === 'ping' && updateAddress(view, sender, header, link)) view.stateStale = true
    if ((header.flags & NodeFlag.noFailover) !== 0) sender.set(NodeFlag.noFailover)
    else sender.clear(NodeFlag.noFailover)
    if (body.type === 'pong' && outbound !== null) {
      measureClock(view, sender, saidBy(body)?.wallMs ?? 0)
      if (sender.pingSentAt !== 0) sender.confirmedAt = sender.pingLeftAt
      sender.pongAt = view.now
      sender.pingSentAt = 0
      clearByPong(view, sender)
      if (followAnnounced(view, sender, header)) view.stateStale = true
    }
    if (!isOutdated(view, sender, header)) {
      learnRole(view, sender, header.replicaOf)
      receiveClaims(view, sender, header)
      followGrandPrimary(view)
      resolveCollision(view, sender, header)
    }
    receiveGossip(view, sender, body)
    if (sender.hostname !== body.hostname) {
      sender.hostname = body.hostname
      view.persist(false, 'a host name changed')
      view.emit({ type: 'slotMapChanged' }) // redirects may name it
    }
    return sender
  }

  /** Of another cluster: it hears which one this is, and a handshake with it ends; nothing is learned. */
  #receiveForeign(link: Link, outbound: ClusterNode | null, { body }: BusMessage): null {
    const { view } = this
    if (outbound?.inHandshake === true) view.remove(outbound)
    else if (body.type === 'ping' || body.type === 'meet') sendGossip(view, link, 'pong', identityOf(view))
    return null
  }

  /**
   * My own id: I met myself, or somebody runs a copy of my directory. Answered, so that a handshake ends; else ignored.
   */
  #receiveOwn(link: Link, outbound: ClusterNode | null, { header, body }: BusMessage): null {
    const { view } = this
    if (outbound?.inHandshake === true) finishHandshake(view, outbound, header, link)
    else if (body.type === 'ping' || body.type === 'meet') sendGossip(view, link, 'pong')
    if (header.port !== view.options.port || header.busPort !== view.options.busPort) {
      view.event('duplicateId', header.sender)
      view.log('warn', `Another node runs under my id ${header.sender} at port ${header.port}`)
    }
    return null
  }

  #learnOwnIp(link: Link, type: 'ping' | 'meet'): void {
    const { self, options } = this.view
    if (options.announceIp !== '' || link.localIp === '' || (type !== 'meet' && self.ip !== '')) return
    if (self.ip === link.localIp) return
    self.ip = link.localIp
    this.view.log('info', `IP address for this node updated to ${self.ip}`)
    this.view.persist(false, 'my own address is known')
  }
}
