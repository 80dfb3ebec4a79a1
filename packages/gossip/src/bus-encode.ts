/**
 * A bus message as bytes. The length is computed first and every byte that no field covers stays zero.
 * Source: Redis 7.0 cluster bus. The way back: bus-decode.ts.
 */
import {
  at, EXTENSION_HEADER_BYTES, EXTENSION_HOSTNAME, GOSSIP_BYTES, HEADER_BYTES, ID_BYTES, inEntry, IP_BYTES, MessageFlag,
  SIGNATURE, VERSION,
} from './bus-layout.js'
import { type BusBody, type BusMessage, type GossipBody, type GossipEntry, messageTypes } from './bus-message.js'
import { SLOT_BYTES } from './slots.js'

/** Extensions are padded with NUL to a multiple of 8. */
const padded = (length: number): number => (length + 7) & ~7

/** A hostname goes with its NUL. */
const hostnameBytes = (hostname: string): number =>
  hostname === '' ? 0 : EXTENSION_HEADER_BYTES + padded(hostname.length + 1)

const extensionBytes = (body: GossipBody): number =>
  body.extensions.reduce((sum, { data }) => sum + EXTENSION_HEADER_BYTES + padded(data.length),
    hostnameBytes(body.hostname))

/** The whole length of the message of `body`, header included. */
export function encodedLength(body: BusBody): number {
  switch (body.type) {
    case 'ping': case 'pong': case 'meet': return HEADER_BYTES + body.gossip.length * GOSSIP_BYTES + extensionBytes(body)
    case 'fail': return HEADER_BYTES + ID_BYTES
    case 'publish': case 'publishshard': return HEADER_BYTES + 8 + body.channel.length + body.message.length
    case 'auth-req': case 'auth-ack': case 'mfstart': return HEADER_BYTES
    case 'update': return HEADER_BYTES + 8 + ID_BYTES + SLOT_BYTES
    case 'module': return HEADER_BYTES + 13 + body.payload.length
  }
}

export function encodeMessage({ header, body }: BusMessage): Uint8Array {
  const bytes = new Uint8Array(encodedLength(body))
  const view = new DataView(bytes.buffer)
  const extensionCount = 'gossip' in body ? body.extensions.length + (body.hostname === '' ? 0 : 1) : 0
  view.setUint32(at.signature, SIGNATURE)
  view.setUint32(at.totalLength, bytes.length)
  view.setUint16(at.version, VERSION)
  view.setUint16(at.port, header.port)
  view.setUint16(at.type, messageTypes.indexOf(body.type))
  view.setUint16(at.count, 'gossip' in body ? body.gossip.length : 0)
  view.setBigUint64(at.currentEpoch, BigInt(header.currentEpoch))
  view.setBigUint64(at.configEpoch, BigInt(header.configEpoch))
  view.setBigUint64(at.offset, BigInt(header.offset))
  writeText(bytes, at.sender, header.sender, ID_BYTES)
  bytes.set(header.slots, at.slots)
  if (header.replicaOf !== null) writeText(bytes, at.replicaOf, header.replicaOf, ID_BYTES)
  writeText(bytes, at.ip, header.ip, IP_BYTES - 1)
  view.setUint16(at.extensions, extensionCount)
  view.setUint16(at.plainPort, header.plainPort)
  view.setUint16(at.busPort, header.busPort)
  view.setUint16(at.flags, header.flags)
  bytes[at.state] = header.state === 'ok' ? 0 : 1
  bytes[at.messageFlags] = (header.paused ? MessageFlag.paused : 0) | (header.forceAck ? MessageFlag.forceAck : 0) |
    (extensionCount > 0 ? MessageFlag.extensions : 0)
  writeBody(bytes, view, body)
  return bytes
}

function writeBody(bytes: Uint8Array, view: DataView, body: BusBody): void {
  const start = HEADER_BYTES
  switch (body.type) {
    case 'ping': case 'pong': case 'meet': return writeGossip(bytes, view, body)
    case 'fail': return writeText(bytes, start, body.failed, ID_BYTES)
    case 'auth-req': case 'auth-ack': case 'mfstart': return
    case 'publish': case 'publishshard':
      view.setUint32(start, body.channel.length)
      view.setUint32(start + 4, body.message.length)
      bytes.set(body.channel, start + 8)
      bytes.set(body.message, start + 8 + body.channel.length)
      return
    case 'update':
      view.setBigUint64(start, BigInt(body.configEpoch))
      writeText(bytes, start + 8, body.subject, ID_BYTES)
      bytes.set(body.slots, start + 8 + ID_BYTES)
      return
    case 'module':
      view.setBigUint64(start, body.moduleId)
      view.setUint32(start + 8, body.payload.length)
      bytes[start + 12] = body.moduleType
      bytes.set(body.payload, start + 13)
  }
}

function writeGossip(bytes: Uint8Array, view: DataView, body: GossipBody): void {
  let offset = HEADER_BYTES
  for (const entry of body.gossip) {
    writeEntry(bytes, view, offset, entry)
    offset += GOSSIP_BYTES
  }
  if (body.hostname !== '') {
    view.setUint32(offset, hostnameBytes(body.hostname))
    view.setUint16(offset + 4, EXTENSION_HOSTNAME)
    writeText(bytes, offset + EXTENSION_HEADER_BYTES, body.hostname, body.hostname.length)
    offset += hostnameBytes(body.hostname)
  }
  for (const { type, data } of body.extensions) {
    view.setUint32(offset, EXTENSION_HEADER_BYTES + padded(data.length))
    view.setUint16(offset + 4, type)
    bytes.set(data, offset + EXTENSION_HEADER_BYTES)
    offset += EXTENSION_HEADER_BYTES + padded(data.length)
  }
}

function writeEntry(bytes: Uint8Array, view: DataView, start: number, entry: GossipEntry): void {
  writeText(bytes, start + inEntry.id, entry.id, ID_BYTES)
  view.setUint32(start + inEntry.pingSent, entry.pingSentSeconds)
  view.setUint32(start + inEntry.pong, entry.pongSeconds)
  writeText(bytes, start + inEntry.ip, entry.ip, IP_BYTES - 1)
  view.setUint16(start + inEntry.port, entry.port)
  view.setUint16(start + inEntry.busPort, entry.busPort)
  view.setUint16(start + inEntry.flags, entry.flags)
  view.setUint16(start + inEntry.plainPort, entry.plainPort)
}

function writeText(bytes: Uint8Array, start: number, text: string, lengthMax: number): void {
  for (let index = 0; index < text.length && index < lengthMax; index++) bytes[start + index] = text.charCodeAt(index)
}
