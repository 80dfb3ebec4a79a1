/**
 * Which cluster this is: an id that all members share, so that two clusters never become one because an address
 * was used again or an old directory was started. Redis has no such thing: who knows one node of it is in.
 * A cluster has an id from when it first serves all slots: the primary with the smallest node id makes it, the others
 * take it over. It goes with the first message of each link, and to nodes that have said theirs until they say the
 * same; redis-server skips it, and its nodes may be members. Of two ids the one that others have too counts (`shared`);
 * two that nobody shares: the smaller one. Who says another shared id is not listened to: no handshake, no message.
 * But where a primary is replaced while the id is made, two may be made and shared: between members, of an id that is
 * younger than 10 T and a smaller one the smaller one counts.
 * So an id that only its maker has ever known must not be believed after a restart: the others have made another one
 * meanwhile, and would never listen to it again. It is kept when a second node has it.
 * The id ends with CLUSTER RESET. Elsewhere: the bytes (slotwise-extension.ts), keeping it (cluster's nodes-conf.ts).
 */
import type { BusExtension, BusMessage } from './bus-message.js'
import { wallMsOf } from './clock-skew.js'
import type { ClusterNode } from './cluster-node.js'
import type { ClusterView } from './cluster-view.js'
import { SLOT_COUNT } from './slots.js'
import { encodeSlotwise, findSlotwise } from './slotwise-extension.js'

const NO_ID = '0'.repeat(32)
const VERSION = 1
/** In parts of T. Whoever runs and is reachable has been heard by then. */
const YOUNG_TIMEOUTS = 10

/** What was said last without process and clock: nearly always the same again, a value as all messages are. */
let said: { clusterId: string; shared: boolean; extensions: readonly BusExtension[] } | null = null

/** @param isSecond  said to a process under whose id another one answers */
export function identityOf(view: ClusterView, isSecond = false): readonly BusExtension[] {
  const { clusterId, clusterIdShared: shared, processId } = view
  const wallMs = wallMsOf(view)
  const isPlain = processId === 0 && wallMs === 0 && !isSecond
  if (isPlain && said?.clusterId === clusterId && said.shared === shared) return said.extensions
  const extensions = [encodeSlotwise({
    version: VERSION, clusterId: clusterId === '' ? NO_ID : clusterId, shared, durableOffset: 0, acknowledgedOffset: 0,
    processId, wallMs, isSecond,
  })]
  if (isPlain) said = { clusterId, shared, extensions }
  return extensions
}

/** Does `node` have to hear the id, as far as it has told? */
export const isToldIdentity = (view: ClusterView, node: ClusterNode): boolean =>
  node.tellsCluster && view.clusterId !== '' && node.clusterId !== view.clusterId

/**
 * What a message says of its sender's cluster.
 * @param sender  if it is known
 * @returns whether it may be listened to
 */
export function receiveIdentity(view: ClusterView, sender: ClusterNode | null, { header, body }: BusMessage): boolean {
  const told = 'gossip' in body ? findSlotwise(body.extensions) : null
  if (told === null) return sender?.isOfAnotherCluster !== true
  const id = told.clusterId === NO_ID ? '' : told.clusterId
  const isOther = id !== '' && view.clusterId !== '' && id !== view.clusterId && told.shared && view.clusterIdShared
  const yields = isOther && sender !== null && id < view.clusterId && isYoung(view)
  const isForeign = isOther && !yields
  if (isForeign) {
    view.refusedMessages++
    if (sender?.isOfAnotherCluster !== true) {
      view.event('refusedMessage', header.sender)
      view.log('warn', `Node ${header.sender} is of another cluster, ${id}: this is ${view.clusterId}`)
    }
  }
  if (sender === null) return !isForeign
  sender.tellsCluster = true
  sender.clusterId = id
  sender.isOfAnotherCluster = isForeign
  if (isForeign) return false
  if (id === '' || (view.clusterIdShared && !yields)) return true
  if (id === view.clusterId || view.clusterId === '' || told.shared || id < view.clusterId) {
    if (id !== view.clusterId) view.clusterIdAt = view.now
    view.clusterId = id
    view.clusterIdShared = true
    view.persist(false, 'another node has the id of the cluster')
  }
  return true
}

const isYoung = (view: ClusterView): boolean =>
  view.now - view.clusterIdAt < YOUNG_TIMEOUTS * view.options.nodeTimeoutMs

/** Every tick: a whole cluster without an id gets one. Redis cannot make one, so its primaries do not count. */
export function settleIdentity(view: ClusterView): void {
  if (view.clusterId !== '' || view.state !== 'ok' || !view.self.isVoter || view.assignedCount < SLOT_COUNT) return
  for (const node of view.list) if (node.isVoter && node.tellsCluster && node.id < view.self.id) return
  view.clusterId = idOfVoters(view)
  view.clusterIdAt = view.now
  view.log('info', `This is cluster ${view.clusterId}`)
}

/**
 * The random ids of the primaries, folded into one: two that make it at the same moment, each not knowing yet that the
 * other one tells its cluster, make the same.
 */
function idOfVoters(view: ClusterView): string {
  const digits = new Array<number>(NO_ID.length).fill(0)
  for (const { id, isVoter } of view.list)
    if (isVoter) for (const index of digits.keys()) digits[index]! ^= Number.parseInt(id.at(index - digits.length)!, 16)
  return digits.map((digit) => digit.toString(16)).join('')
}
