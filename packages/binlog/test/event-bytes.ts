/** Events made for tests: a header, a body, a checksum that is right. And the captured ones of test/vectors. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

export interface EventVector { src: string; ev: number; d: string; hex: string }
export interface ColumnVector {
  src: string
  n: string
  sql: string
  t: number
  m: string
  opt?: Record<string, string>
  rows: [hex: string, text: string][]
}

const lines = <T>(name: string): T[] =>
  readFileSync(join(import.meta.dirname, 'vectors', name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as T)

export const eventVectors = (): EventVector[] => lines('events.jsonl')
export const columnVectors = (): ColumnVector[] => lines('columns.jsonl')

/** `bytes` as an event that says its own length and ends with its own checksum. */
export function resealed(bytes: Buffer): Buffer {
  const event = Buffer.from(bytes)
  event.writeUInt32LE(event.length, 9)
  event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4)
  return event
}

export function event(type: number, body: Buffer, { flags = 0, logPos = 0, serverId = 1, timestamp = 1 } = {}): Buffer {
  const header = Buffer.alloc(19)
  header.writeUInt32LE(timestamp, 0)
  header[4] = type
  header.writeUInt32LE(serverId, 5)
  header.writeUInt32LE(logPos, 13)
  header.writeUInt16LE(flags, 17)
  return resealed(Buffer.concat([header, body, Buffer.alloc(4)]))
}

export interface TableShape {
  id: number
  schema?: string
  table?: string
  types: readonly number[]
  /** Of all columns, one after the other. */
  metadata?: string
  /** Optional fields, type -> hex. */
  fields?: Readonly<Record<string, string>>
}

export function tableMapBody({ id, schema = 'w', table = 't', types, metadata = '', fields = {} }: TableShape): Buffer {
  const meta = Buffer.from(metadata, 'hex')
  return Buffer.concat([
    u48(id), Buffer.from([1, 0]), named(schema), named(table), lenenc(types.length), Buffer.from(types),
    lenenc(meta.length), meta, Buffer.alloc(types.length + 7 >> 3, 0xff),
    ...Object.entries(fields).map(([type, value]) => {
      const bytes = Buffer.from(value, 'hex')
      return Buffer.concat([Buffer.from([Number(type)]), lenenc(bytes.length), bytes])
    }),
  ])
}

/** A row event of version 1 or 2; `images` is all that comes after the bitmaps. */
export function rowsBody(
  { id, columns, images, version = 1, flags = 1, bitmaps = 1 }:
  { id: number; columns: number; images: Buffer; version?: 1 | 2; flags?: number; bitmaps?: 1 | 2 },
): Buffer {
  const bitmap = Buffer.alloc(columns + 7 >> 3, 0xff)
  return Buffer.concat([
    u48(id), Buffer.from([flags, 0]), Buffer.from(version === 2 ? [2, 0] : []), lenenc(columns),
    ...Array.from({ length: bitmaps }, () => bitmap), images,
  ])
}

const named = (name: string): Buffer => Buffer.concat([Buffer.from([name.length]), Buffer.from(`${name}\0`)])

function u48(value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntLE(value, 0, 6)
  return bytes
}

export function lenenc(value: number): Buffer {
  if (value < 0xfb) return Buffer.from([value])
  const bytes = Buffer.alloc(3)
  bytes[0] = 0xfc
  bytes.writeUInt16LE(value, 1)
  return bytes
}

/** A FORMAT_DESCRIPTION as a server of the flavour sends it, which switches checksums on. */
export function formatDescription(flavour: 'mysql' | 'mariadb'): Buffer {
  const found = eventVectors().find(({ src, ev }) => ev === 15 && src.startsWith(flavour))
  return Buffer.from(found!.hex, 'hex')
}
