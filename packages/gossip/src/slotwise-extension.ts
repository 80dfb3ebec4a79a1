/**
 * What Redis cannot say, in one extension of its own type: who we are, which cluster this is, and how much of the log
 * is durable here and acknowledged to clients. Redis 7.0 skips the type but logs a warning each time, so it goes only
 * into the first message of a link, and later only to nodes that have sent one themselves.
 * Layout, big endian; only ever append, readers take longer ones: u16 version, u16 flags (1: others have this cluster
 * id too; 2: another process answers under your id), u32 reserved, 16 bytes cluster id, u64 durable offset, u64
 * acknowledged offset; then, since 2: u64 process, u64 clock.
 * Not decided here: what follows from the id (cluster-identity.ts), the process (second-process.ts), the clock
 * (clock-skew.ts) and from the offsets (the third acknowledgement level, not built yet).
 */
import type { BusExtension } from './bus-message.js'

export const SLOTWISE_EXTENSION = 0x5357

const BYTES_MIN = 40
const BYTES = 56
const FLAG_SHARED = 1
const FLAG_SECOND = 2

export interface SlotwiseExtension {
  version: number
  /** 32 hex characters; all zero while a cluster has none. */
  clusterId: string
  /** Other members have said the same id. */
  shared: boolean
  durableOffset: number
  acknowledgedOffset: number
  /** A random number of the sender's process; 0: it does not tell. */
  processId: number
  /** Milliseconds since 1970 by the clock of the sender's system, when it sent; 0: it does not tell. */
  wallMs: number
  /** To whom it is sent: another process answers under the same node id where that node is known to be. */
  isSecond: boolean
}

type Later = 'processId' | 'wallMs' | 'isSecond'

/** @param fields  without those that came later: as nodes of before said it */
export function encodeSlotwise(
  { processId = 0, wallMs = 0, isSecond = false, ...fields }:
  Omit<SlotwiseExtension, Later> & Partial<Pick<SlotwiseExtension, Later>>,
): BusExtension {
  const data = new Uint8Array(BYTES)
  const view = new DataView(data.buffer)
  view.setUint16(0, fields.version)
  view.setUint16(2, (fields.shared ? FLAG_SHARED : 0) | (isSecond ? FLAG_SECOND : 0))
  for (let index = 0; index < 16; index++)
    data[8 + index] = Number.parseInt(fields.clusterId.slice(2 * index, 2 * index + 2), 16)
  view.setBigUint64(24, BigInt(fields.durableOffset))
  view.setBigUint64(32, BigInt(fields.acknowledgedOffset))
  view.setBigUint64(40, BigInt(processId))
  view.setBigUint64(48, BigInt(wallMs))
  return { type: SLOTWISE_EXTENSION, data }
}

/** Messages are values: of bytes that were read last nothing new can be read. */
let read: { data: Uint8Array; fields: SlotwiseExtension } | null = null

/** The extension among `extensions`, or null if there is none that can be read. */
export function findSlotwise(extensions: readonly BusExtension[]): SlotwiseExtension | null {
  if (extensions.length === 0) return null
  const data = extensions.find(({ type }) => type === SLOTWISE_EXTENSION)?.data
  if (data === undefined || data.length < BYTES_MIN) return null
  if (read?.data === data) return read.fields
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const version = view.getUint16(0)
  const durableOffset = Number(view.getBigUint64(24))
  const acknowledgedOffset = Number(view.getBigUint64(32))
  const isLong = data.length >= BYTES
  const processId = isLong ? Number(view.getBigUint64(40)) : 0
  const wallMs = isLong ? Number(view.getBigUint64(48)) : 0
  if (version === 0 || ![durableOffset, acknowledgedOffset, processId, wallMs].every(Number.isSafeInteger)) return null
  let clusterId = ''
  for (const byte of data.subarray(8, 24)) clusterId += byte.toString(16).padStart(2, '0')
  const flags = view.getUint16(2)
  const [shared, isSecond] = [(flags & FLAG_SHARED) !== 0, (flags & FLAG_SECOND) !== 0]
  const fields = { version, clusterId, shared, durableOffset, acknowledgedOffset, processId, wallMs, isSecond }
  read = { data, fields }
  return fields
}
