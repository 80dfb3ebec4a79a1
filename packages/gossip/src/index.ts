/** @slotwise/gossip: the cluster bus and who is in the cluster. See README.md. */
export { decodeMessage, type Decoded } from './bus-decode.js'
export type { Effect, EventName, LinkId, LogLevel, NodeQuestion } from './bus-effect.js'
export { encodedLength, encodeMessage } from './bus-encode.js'
export { HEADER_BYTES, MESSAGE_BYTES_MAX } from './bus-layout.js'
export {
  type BusBody, type BusExtension, type BusHeader, type BusMessage, type GossipBody, type GossipEntry, messageTypes,
  type MessageType, type NodeId,
} from './bus-message.js'
export { BusStream, type StreamItem, type StreamOptions } from './bus-stream.js'
export { farthestClock, SKEW_MS_MAX } from './clock-skew.js'
export { rejoinDelayMs, updateState, WRITABLE_DELAY_MS } from './cluster-health.js'
export { ClusterNode, type Link } from './cluster-node.js'
export { type ClusterOptions, defaultOptions } from './cluster-options.js'
export { ClusterView, type ViewOptions } from './cluster-view.js'
export { bumpWithoutConsensus, isNewestEpoch, reserveEpoch, takeEpoch, takeEpochBeyond } from './epochs.js'
export { reportCount } from './failure-detector.js'
export { Gossip } from './gossip.js'
export { type Address, startHandshake } from './handshake.js'
export { broadcast, broadcastPong, headerOf, ping, sendGossip, sendTo } from './headers.js'
export { resolved } from './host-names.js'
export { leaseUntilMs } from './lease.js'
export { FAILURE_FLAGS, flagsText, NodeFlag, parseFlags, ROLE_FLAGS } from './node-flags.js'
export { NodePlace, NodePlaces } from './node-place.js'
export { TICK_MS } from './ping-schedule.js'
export { randomOf } from './random.js'
export { becomePrimary, becomeReplicaOf } from './roles.js'
export {
  bitmapOf, hasAllSlots, hasSlot, NO_SLOTS, rangesIn, rangesOf, rangeText, sameBitmap, SLOT_BYTES, SLOT_COUNT,
  type SlotRange, slotsOf,
} from './slots.js'
export { encodeSlotwise, findSlotwise, SLOTWISE_EXTENSION, type SlotwiseExtension } from './slotwise-extension.js'
