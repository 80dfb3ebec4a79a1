/**
 * Messages of the cluster bus as plain records: what a decoder returns and an encoder takes.
 * Epochs and offsets are numbers below 2^53: the decoder refuses what is larger. `slots` is shared and never changed.
 * Source: Redis 7.0 cluster bus. Elsewhere: bytes (bus-encode.ts, bus-decode.ts), meaning (gossip.ts).
 */

/** 40 lower-case hex characters; the only identity of a node. */
export type NodeId = string

/** Wire numbers of the message types; the names are those of CLUSTER INFO's counters. */
export const messageTypes = [
  'ping', 'pong', 'meet', 'fail', 'publish', 'auth-req', 'auth-ack', 'update', 'mfstart', 'module', 'publishshard',
] as const
export type MessageType = (typeof messageTypes)[number]

export interface BusHeader {
  /** Client port; with a TLS bus the TLS port, and `plainPort` the other one. */
  port: number
  plainPort: number
  busPort: number
  currentEpoch: number
  /** A replica sends its primary's, and its primary's slots. */
  configEpoch: number
  offset: number
  sender: NodeId
  slots: Uint8Array
  replicaOf: NodeId | null
  /** Announced address, or empty: the receiver takes the socket's. */
  ip: string
  flags: number
  state: 'ok' | 'fail'
  /** The primary has stopped writes for a manual failover. */
  paused: boolean
  /** Vote although the primary is up: a manual failover. */
  forceAck: boolean
}

export interface GossipEntry {
  id: NodeId
  /** Unix seconds, 0 if no PING is pending. */
  pingSentSeconds: number
  pongSeconds: number
  ip: string
  port: number
  busPort: number
  flags: number
  plainPort: number
}

/** An extension of a PING, PONG or MEET that is not a hostname; nodes that do not know the type skip it. */
export interface BusExtension {
  type: number
  data: Uint8Array
}

export interface GossipBody {
  type: 'ping' | 'pong' | 'meet'
  gossip: readonly GossipEntry[]
  /** Empty if the sender announces none, which also erases one that was known. */
  hostname: string
  extensions: readonly BusExtension[]
}

export type BusBody =
  | GossipBody
  | { type: 'fail'; failed: NodeId }
  | { type: 'publish' | 'publishshard'; channel: Uint8Array; message: Uint8Array }
  | { type: 'auth-req' | 'auth-ack' | 'mfstart' }
  | { type: 'update'; subject: NodeId; configEpoch: number; slots: Uint8Array }
  | { type: 'module'; moduleId: bigint; moduleType: number; payload: Uint8Array }

export interface BusMessage {
  header: BusHeader
  body: BusBody
}
