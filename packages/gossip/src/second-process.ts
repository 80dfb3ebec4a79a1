/**
 * Two processes under one node id, as a copied directory makes them. Each process has a random number, which it says in
 * the first message of each link. A node that answers on our own link, where it was, with one number, and calls under
 * another one, is two: the one that answers is the first, and nothing is learned from the other, nor does it get an
 * answer that it could serve by. Once the first has answered a PING that left after the second had called, this is
 * certain, and the second is told so; a majority of the others who say so for two node timeouts, and it stops.
 * So long, since a node that comes back at another address may be told that until its former link is seen to be dead.
 * The one that is there stays; a first one that does not answer any more has lost its place, also to a copy.
 * Source: none; in Redis the last who spoke is believed, and both serve. redis-server says no number: of it the address
 * only is not believed (handshake.ts).
 */
import type { BusBody } from './bus-message.js'
import { identityOf } from './cluster-identity.js'
import type { ClusterNode, Link } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { isAnswering } from './handshake.js'
import { ping, sendGossip } from './headers.js'
import { findSlotwise, type SlotwiseExtension } from './slotwise-extension.js'

const TOLD_EVERY_MS = 60_000
const TIMEOUTS_TO_STOP = 2

/** Who calls under the id of a node that answers elsewhere, and since when. */
export interface Caller { processId: number; sinceAt: number }

/** What another node says of this process, and since when without a pause. */
export interface ToldSecond { sinceAt: number; lastAt: number }

export const saidBy = (body: BusBody): SlotwiseExtension | null =>
  'gossip' in body ? findSlotwise(body.extensions) : null

/** Of a message of a node that is known by another link: does the other process under its id send it? */
export function isSecondProcess(view: ClusterView, node: ClusterNode, link: Link): boolean {
  const own = node.link
  if (own?.open !== true || own.processId === 0 || link.processId === 0) return false
  return own.processId !== link.processId && isAnswering(view, node)
}

export function answerSecond(view: ClusterView, node: ClusterNode, link: Link, body: BusBody): void {
  // Its first PING of a link only may come, so what counts is when the process called for the first time.
  if (node.caller?.processId !== link.processId) node.caller = { processId: link.processId, sinceAt: view.now }
  // Is the first one still there? Its answer tells.
  if (node.pingSentAt === 0) ping(view, node)
  if (node.confirmedAt < node.caller.sinceAt) return
  if (body.type === 'ping' || body.type === 'meet') sendGossip(view, link, 'pong', identityOf(view, true))
  if (node.doubtedAt !== 0 && view.now - node.doubtedAt < TOLD_EVERY_MS) return
  node.doubtedAt = view.now
  view.event('duplicateId', node.id)
  view.log('warn', `Node ${node.id} answers at ${node.ip}:${node.port}, and another process under its id calls from ` +
    `${link.remoteIp}, as a copied directory does: nothing is believed of that`)
}

/** Another node says that this process is the second one. */
export function toldSecond(view: ClusterView, by: ClusterNode): void {
  const { now } = view
  // It is there; that is all it grants: no lease follows from such an answer.
  by.pingSentAt = 0
  by.pongAt = now
  const timeout = view.options.nodeTimeoutMs
  const told = view.toldSecond.get(by.id)
  if (told === undefined || now - told.lastAt > timeout) {
    if (view.toldSecond.size === 0) {
      view.event('duplicateId', view.self.id)
      view.log('warn', `Node ${by.id} says that another process answers under my id, as a copied directory makes it`)
    }
    view.toldSecond.set(by.id, { sinceAt: now, lastAt: now })
  } else told.lastAt = now
  let say = 0
  for (const [id, { sinceAt, lastAt }] of view.toldSecond) {
    if (view.nodes.has(id) && now - lastAt <= timeout && lastAt - sinceAt >= TIMEOUTS_TO_STOP * timeout) say++
  }
  if (say <= (view.list.length - 1) / 2) return
  view.emit({ type: 'stop', why: `another process runs under the id of this node, ${view.self.id}, as a copied directory makes it: ` +
    `${say} of ${view.list.length - 1} other nodes say that it was there first. To make a new node of this directory, delete nodes.conf and nodes.conf.mdb` })
}
