/**
 * Where the fields of a bus message lie. Everything is big endian; names and lengths follow the protocol description.
 * Source: Redis 7.0 cluster bus, header version 1.
 */
export const SIGNATURE = 0x52436d62 // RCmb
export const VERSION = 1
export const PREFIX_BYTES = 8
export const HEADER_BYTES = 2256
export const GOSSIP_BYTES = 104
export const EXTENSION_HEADER_BYTES = 8
export const ID_BYTES = 40
export const IP_BYTES = 46
export const HOSTNAME_BYTES_MAX = 255

/** The one extension type that Redis 7.0 knows. */
export const EXTENSION_HOSTNAME = 0

/** Longest message by default: what PUBLISH may carry. A stream refuses more before it takes memory. */
export const MESSAGE_BYTES_MAX = (1 << 20) + HEADER_BYTES + 8

export const at = {
  signature: 0,
  totalLength: 4,
  version: 8,
  port: 10,
  type: 12,
  count: 14,
  currentEpoch: 16,
  configEpoch: 24,
  offset: 32,
  sender: 40,
  slots: 80,
  replicaOf: 2128,
  ip: 2168,
  extensions: 2214,
  plainPort: 2246,
  busPort: 2248,
  flags: 2250,
  state: 2252,
  messageFlags: 2253,
} as const

export const inEntry = {
  id: 0,
  pingSent: 40,
  pong: 44,
  ip: 48,
  port: 94,
  busPort: 96,
  flags: 98,
  plainPort: 100,
} as const

export const MessageFlag = { paused: 1, forceAck: 2, extensions: 4 } as const
