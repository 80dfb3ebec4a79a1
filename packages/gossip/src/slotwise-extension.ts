/**
 * What Redis cannot say, in one extension of its own type: who we are, which cluster this is, and how much of the log
 * is durable here and acknowledged to clients. Redis 7.0 skips the type but logs a warning each time, so it goes only
 * into the first message of a link, and later only to nodes that have sent one themselves.
 * Layout, big endian; only ever append, readers take longer ones: u16 version, u16 flags (1: others have this cluster
 * id too), u32 reserved, 16 bytes cluster id, u64 durable offset, u64 acknowledged offset.
 * Not decided here: what follows from the id (cluster-identity.ts) and from the offsets (the third acknowledgement
 * level, not built yet).
 */
import type { BusExtension } from './bus-message.js'

export const SLOTWISE_EXTENSION = 0x5357

const BYTES = 40
const FLAG_SHARED = 1

export interface SlotwiseExtension {
  version: number
  /** 32 hex characters; all zero while a cluster has none. */
  clusterId: string
  /** Other members have said the same id. */
  shared: boolean
  durableOffset: number
  acknowledgedOffset: number
}

export function encodeSlotwise(fields: SlotwiseExtension): BusExtension {
  const data = new Uint8Array(BYTES)
  const view = new DataView(data.buffer)
  view.setUint16(0, fields.version)
  view.setUint16(2, fields.shared ? FLAG_SHARED : 0)
  for (let index = 0; index < 16; index++)
    data[8 + index] = Number.parseInt(fields.clusterId.slice(2 * index, 2 * index + 2), 16)
  view.setBigUint64(24, BigInt(fields.durableOffset))
  view.setBigUint64(32, BigInt(fields.acknowledgedOffset))
  return { type: SLOTWISE_EXTENSION, data }
}

/** Messages are values: of bytes that were read last nothing new can be read. */
let read: { data: Uint8Array; fields: SlotwiseExtension } | null = null

/** The extension among `extensions`, or null if there is none that can be read. */
export function findSlotwise(extensions: readonly BusExtension[]): SlotwiseExtension | null {
  if (extensions.length === 0) return null
  const data = extensions.find(({ type }) => type === SLOTWISE_EXTENSION)?.data
  if (data === undefined || data.length < BYTES) return null
  if (read?.data === data) return read.fields
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const version = view.getUint16(0)
  const durableOffset = Number(view.getBigUint64(24))
  const acknowledgedOffset = Number(view.getBigUint64(32))
  if (version === 0 || !Number.isSafeInteger(durableOffset) || !Number.isSafeInteger(acknowledgedOffset)) return null
  let clusterId = ''
  for (const byte of data.subarray(8, 24)) clusterId += byte.toString(16).padStart(2, '0')
  const shared = (view.getUint16(2) & FLAG_SHARED) !== 0
  const fields = { version, clusterId, shared, durableOffset, acknowledgedOffset }
  read = { data, fields }
  return fields
}
