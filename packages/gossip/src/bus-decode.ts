/**
 * Bytes of a whole bus message to a record, or the reason why they are none. Nothing of a message is used unless all of
 * it is valid: ids are hex, lengths fit exactly, names hold no control bytes (they end up in CLUSTER NODES), epochs and
 * offsets stay below 2^53. Every length is checked against what is there before it is used; sums cannot overflow.
 * What Redis drops is dropped here; stricter than Redis are the contents of ids, addresses and hostnames, and epochs.
 * Source: Redis 7.0 cluster bus. Elsewhere: cutting a stream into messages (bus-stream.ts).
 */
import {
  at, EXTENSION_HEADER_BYTES, EXTENSION_HOSTNAME, GOSSIP_BYTES, HEADER_BYTES, HOSTNAME_BYTES_MAX, ID_BYTES, inEntry,
  IP_BYTES,
  MessageFlag, SIGNATURE, VERSION,
} from './bus-layout.js'
import {
  type BusBody, type BusExtension, type BusHeader, type BusMessage, type GossipBody, type GossipEntry, messageTypes,
  type NodeId,
} from './bus-message.js'
import { SLOT_BYTES } from './slots.js'

export type Decoded = { message: BusMessage } | { refused: string }

/** Thrown inside this file only: the shortest way out of a nested field. */
class Refusal extends Error {}

/** Not `slice`: of a Buffer, which is what sockets give, that is no copy, and neither is a slice of what it gave. */
const copyOf = (bytes: Uint8Array, start: number, end?: number): Uint8Array =>
  Uint8Array.from(bytes.subarray(start, end))

/** @returns the message, or why it is dropped; `bytes` are copied where the record keeps them. */
export function decodeMessage(bytes: Uint8Array): Decoded {
  try {
    return { message: decode(bytes) }
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message }
    throw error
  }
}

function decode(bytes: Uint8Array): BusMessage {
  if (bytes.length < HEADER_BYTES) throw new Refusal(`${bytes.length} bytes are shorter than the header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(at.signature) !== SIGNATURE) throw new Refusal('wrong signature')
  const totalLength = view.getUint32(at.totalLength)
  if (totalLength !== bytes.length) throw new Refusal(`length ${totalLength} of a message of ${bytes.length} bytes`)
  const version = view.getUint16(at.version)
  if (version !== VERSION) throw new Refusal(`version ${version}`)
  const type = view.getUint16(at.type)
  if (messageTypes[type] === undefined) throw new Refusal(`unknown type ${type}`)
  // The body first: a message of a wrong length is refused before its fields are read.
  const body = readBody(bytes, view, type)
  return { header: readHeader(bytes, view), body }
}

function readHeader(bytes: Uint8Array, view: DataView): BusHeader {
  const messageFlags = bytes[at.messageFlags]!
  return {
    port: readPort(view, at.port),
    plainPort: view.getUint16(at.plainPort),
    busPort: readPort(view, at.busPort),
    currentEpoch: readNumber(view, at.currentEpoch, 'currentEpoch'),
    configEpoch: readNumber(view, at.configEpoch, 'configEpoch'),
    offset: readNumber(view, at.offset, 'offset'),
    sender: readId(bytes, at.sender, 'sender'),
    slots: copyOf(bytes, at.slots, at.slots + SLOT_BYTES),
    replicaOf: isZero(bytes, at.replicaOf, ID_BYTES) ? null : readId(bytes, at.replicaOf, 'slaveof'),
    ip: readIp(bytes, at.ip),
    flags: view.getUint16(at.flags),
    state: bytes[at.state] === 0 ? 'ok' : 'fail',
    paused: (messageFlags & MessageFlag.paused) !== 0,
    forceAck: (messageFlags & MessageFlag.forceAck) !== 0,
  }
}

function readBody(bytes: Uint8Array, view: DataView, number: number): BusBody {
  const type = messageTypes[number]!
  switch (type) {
    case 'ping': case 'pong': case 'meet': return readGossip(bytes, view, type)
    case 'fail':
      expectLength(bytes, HEADER_BYTES + ID_BYTES, type)
      return { type, failed: readId(bytes, HEADER_BYTES, 'failed node') }
    case 'publish': case 'publishshard': {
      atLeast(bytes, HEADER_BYTES + 8, type)
      const channelLength = view.getUint32(HEADER_BYTES)
      const messageLength = view.getUint32(HEADER_BYTES + 4)
      const start = HEADER_BYTES + 8
      expectLength(bytes, start + channelLength + messageLength, type) // doubles: two 32-bit lengths cannot wrap
      return { type, channel: bytes.slice(start, start + channelLength), message: bytes.slice(start + channelLength) }
    }
    case 'auth-req': case 'auth-ack': case 'mfstart':
      expectLength(bytes, HEADER_BYTES, type)
      return { type }
    case 'update': {
      expectLength(bytes, HEADER_BYTES + 8 + ID_BYTES + SLOT_BYTES, type)
      return {
        type,
        configEpoch: readNumber(view, HEADER_BYTES, 'configEpoch'),
        subject: readId(bytes, HEADER_BYTES + 8, 'subject'),
        slots: copyOf(bytes, HEADER_BYTES + 8 + ID_BYTES),
      }
    }
    case 'module': {
      atLeast(bytes, HEADER_BYTES + 13, type)
      expectLength(bytes, HEADER_BYTES + 13 + view.getUint32(HEADER_BYTES + 8), type)
      const moduleType = bytes[HEADER_BYTES + 12]!
      return { type, moduleId: view.getBigUint64(HEADER_BYTES), moduleType, payload: bytes.slice(HEADER_BYTES + 13) }
    }
  }
}

function readGossip(bytes: Uint8Array, view: DataView, type: GossipBody['type']): GossipBody {
  const count = view.getUint16(at.count)
  const end = HEADER_BYTES + count * GOSSIP_BYTES
  atLeast(bytes, end, type)
  const flagged = (bytes[at.messageFlags]! & MessageFlag.extensions) !== 0
  const { hostname, extensions } = flagged ? readExtensions(bytes, view, end) : { hostname: '', extensions: [] }
  if (!flagged) expectLength(bytes, end, type)
  const gossip: GossipEntry[] = []
  for (let start = HEADER_BYTES; start < end; start += GOSSIP_BYTES) gossip.push(readEntry(bytes, view, start))
  return { type, gossip, hostname, extensions }
}

function readExtensions(
  bytes: Uint8Array, view: DataView, start: number,
): { hostname: string; extensions: BusExtension[] } {
  const count = view.getUint16(at.extensions)
  const extensions: BusExtension[] = []
  let hostname = ''
  let offset = start
  for (let index = 0; index < count; index++) {
    if (offset + EXTENSION_HEADER_BYTES > bytes.length) throw new Refusal(`extension ${index} crosses the end`)
    const length = view.getUint32(offset)
    if (length < EXTENSION_HEADER_BYTES || length % 8 !== 0)
      throw new Refusal(`extension ${index} has length ${length}`)
    if (length > bytes.length - offset) throw new Refusal(`extension ${index} of ${length} bytes crosses the end`)
    const type = view.getUint16(offset + 4)
    const data = bytes.subarray(offset + EXTENSION_HEADER_BYTES, offset + length)
    if (type === EXTENSION_HOSTNAME) hostname = readHostname(data)
    else extensions.push({ type, data: data.slice() })
    offset += length
  }
  if (offset !== bytes.length) throw new Refusal(`${bytes.length - offset} bytes follow the extensions`)
  return { hostname, extensions }
}

function readEntry(bytes: Uint8Array, view: DataView, start: number): GossipEntry {
  return {
    id: readId(bytes, start + inEntry.id, 'gossip entry'),
    pingSentSeconds: view.getUint32(start + inEntry.pingSent),
    pongSeconds: view.getUint32(start + inEntry.pong),
    ip: readIp(bytes, start + inEntry.ip),
    port: view.getUint16(start + inEntry.port),
    busPort: view.getUint16(start + inEntry.busPort),
    flags: view.getUint16(start + inEntry.flags),
    plainPort: view.getUint16(start + inEntry.plainPort),
  }
}

function expectLength(bytes: Uint8Array, length: number, type: string): void {
  if (bytes.length !== length) throw new Refusal(`${type} of ${bytes.length} bytes, expected ${length}`)
}

function atLeast(bytes: Uint8Array, length: number, type: string): void {
  if (bytes.length < length) throw new Refusal(`${type} of ${bytes.length} bytes, expected at least ${length}`)
}

function readNumber(view: DataView, offset: number, name: string): number {
  const high = view.getUint32(offset)
  if (high > 0x1fffff) throw new Refusal(`${name} ${view.getBigUint64(offset)} is out of range`)
  return high * 2 ** 32 + view.getUint32(offset + 4)
}

function readPort(view: DataView, offset: number): number {
  const port = view.getUint16(offset)
  if (port === 0) throw new Refusal('port 0')
  return port
}

function readId(bytes: Uint8Array, start: number, what: string): NodeId {
  let id = ''
  for (let index = start; index < start + ID_BYTES; index++) {
    const byte = bytes[index]!
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66)))
      throw new Refusal(`the id of ${what} is not hex`)
    id += String.fromCharCode(byte)
  }
  return id
}

/** What an address of either family is written with; names are not addresses. */
const isIpByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x3a) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46) || byte === 0x2e

function readIp(bytes: Uint8Array, start: number): string {
  let ip = ''
  for (let index = start; index < start + IP_BYTES; index++) {
    const byte = bytes[index]!
    if (byte === 0) return ip
    if (!isIpByte(byte)) throw new Refusal('an address is not an address')
    ip += String.fromCharCode(byte)
  }
  throw new Refusal('an address without end')
}

const isHostnameByte = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || byte === 0x2d ||
    byte === 0x2e

function readHostname(data: Uint8Array): string {
  const end = data.indexOf(0)
  if (end === -1) throw new Refusal('a hostname without end')
  if (end > HOSTNAME_BYTES_MAX) throw new Refusal(`a hostname of ${end} characters`)
  let hostname = ''
  for (const byte of data.subarray(0, end)) {
    if (!isHostnameByte(byte)) throw new Refusal('a hostname is not a hostname')
    hostname += String.fromCharCode(byte)
  }
  return hostname
}

function isZero(bytes: Uint8Array, start: number, length: number): boolean {
  for (let index = start; index < start + length; index++) if (bytes[index] !== 0) return false
  return true
}
