/**
 * MySQL's binary JSON as a small tree, and its text as the server prints it. Scalars keep their text: a double that is
 * integral prints as `1.0` and a DECIMAL as its digits, which a JavaScript number would lose.
 * In a sound document every value has bytes of its own, so reading is given a budget of the document's length: offsets
 * that point many times at the same array cannot make gigabytes out of kilobytes.
 * Source: MySQL internals documentation, binary JSON. Elsewhere: partial updates (json-diff.ts).
 */
import { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import { decimalReader } from '../rows/decimal.js'
import { packedTemporalText } from '../rows/temporal.js'

/** The JSON text of a scalar; an array; an object with its members in the server's order. */
export type JsonNode = string | JsonNode[] | Map<string, JsonNode>

const DEPTH_MAX = 100

/** The document buf[start..end). @throws {DecodeError} */
export function readJson(buf: Buffer, start: number, end: number): JsonNode {
  // An empty value is what a server writes for the invalid default of a NOT NULL column.
  if (start === end) return 'null'
  const budget = { left: end - start + 16 }
  return readValue(new Cursor(buf, start + 1, end), buf[start]!, budget, 0)
}

export function jsonText(node: JsonNode): string {
  if (typeof node === 'string') return node
  if (Array.isArray(node)) return `[${node.map(jsonText).join(', ')}]`
  return `{${[...node].map(([key, value]) => `${JSON.stringify(key)}: ${jsonText(value)}`).join(', ')}}`
}

interface Budget { left: number }

function spend(budget: Budget, bytes: number): void {
  budget.left -= bytes
  if (budget.left < 0) throw new DecodeError('a JSON document whose values overlap')
}

/** The value at the cursor, whose type byte was `type`. The cursor's end is that of what contains it. */
function readValue(cursor: Cursor, type: number, budget: Budget, depth: number): JsonNode {
  switch (type) {
    case 0x00: return readObject(cursor, 2, budget, depth)
    case 0x01: return readObject(cursor, 4, budget, depth)
    case 0x02: return readArray(cursor, 2, budget, depth)
    case 0x03: return readArray(cursor, 4, budget, depth)
    case 0x04: return literal(cursor.u8())
    case 0x05: return String(cursor.u16() << 16 >> 16)
    case 0x06: return String(cursor.u16())
    case 0x07: return String(cursor.u32() | 0)
    case 0x08: return String(cursor.u32())
    case 0x09: return String(BigInt.asIntN(64, cursor.u64Big()))
    case 0x0a: return String(cursor.u64Big())
    case 0x0b: return doubleText(cursor.buf.readDoubleLE(cursor.take(8)))
    case 0x0c: {
      const bytes = variableLength(cursor)
      spend(budget, bytes)
      return JSON.stringify(cursor.utf8(bytes))
    }
    case 0x0f: return opaqueText(cursor, budget)
    default: throw new DecodeError(`JSON type ${type} is unknown`)
  }
}

function literal(code: number): string {
  const text = ['null', 'true', 'false'][code]
  if (text === undefined) throw new DecodeError(`JSON literal ${code} is unknown`)
  return text
}

/** As the server prints it: integral ones keep `.0`, exponents have no plus. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) throw new DecodeError(`JSON cannot hold ${value}`)
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value).replace('e+', 'e')
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text
}

/** A container: where it begins and ends, how many it holds. All offsets in it are from `start`. */
interface Container { start: number; end: number; count: number; width: 2 | 4 }

const MIN_ENTRY = { object: { 2: 4 + 3, 4: 6 + 5 }, array: { 2: 3, 4: 5 } } as const

function openContainer(cursor: Cursor, width: 2 | 4, kind: 'object' | 'array', budget: Budget, depth: number): Container {
  if (depth >= DEPTH_MAX) throw new DecodeError(`a JSON document deeper than ${DEPTH_MAX}`)
  const start = cursor.pos
  const count = width === 2 ? cursor.u16() : cursor.u32()
  const size = width === 2 ? cursor.u16() : cursor.u32()
  if (size > cursor.end - start || size < 2 * width) throw new DecodeError(`a JSON container of ${size} bytes in ${cursor.end - start}`)
  const entries = count * MIN_ENTRY[kind][width]
  if (entries > size) throw new DecodeError(`${count} JSON values in ${size} bytes`)
  spend(budget, entries)
  return { start, end: start + size, count, width }
}

/** Reads the entry at the cursor: a type, and the value itself or where it is. */
function readEntry(cursor: Cursor, { start, end, width }: Container, budget: Budget, depth: number): JsonNode {
  const type = cursor.u8()
  const inlined = type === 0x04 || type === 0x05 || type === 0x06 || (width === 4 && (type === 0x07 || type === 0x08))
  const at = cursor.pos
  const after = cursor.take(width) + width
  const outer = cursor.end
  if (inlined) {
    cursor.pos = at
    cursor.end = after
  } else {
    const offset = width === 2 ? cursor.buf.readUInt16LE(at) : cursor.buf.readUInt32LE(at)
    if (offset > end - start) throw new DecodeError(`JSON offset ${offset} in a container of ${end - start} bytes`)
    cursor.pos = start + offset
    cursor.end = end
  }
  const value = readValue(cursor, type, budget, depth + 1)
  cursor.pos = after
  cursor.end = outer
  return value
}

function readArray(cursor: Cursor, width: 2 | 4, budget: Budget, depth: number): JsonNode[] {
  const container = openContainer(cursor, width, 'array', budget, depth)
  const items: JsonNode[] = []
  for (let i = 0; i < container.count; i++) items.push(readEntry(cursor, container, budget, depth))
  return items
}

function readObject(cursor: Cursor, width: 2 | 4, budget: Budget, depth: number): Map<string, JsonNode> {
  const container = openContainer(cursor, width, 'object', budget, depth)
  const keys: string[] = []
  for (let i = 0; i < container.count; i++) {
    const offset = width === 2 ? cursor.u16() : cursor.u32()
    const bytes = cursor.u16()
    if (offset + bytes > container.end - container.start) throw new DecodeError('a JSON key beyond its object')
    spend(budget, bytes)
    const at = container.start + offset
    keys.push(cursor.buf.toString('utf8', at, at + bytes))
  }
  const members = new Map<string, JsonNode>()
  for (const key of keys) members.set(key, readEntry(cursor, container, budget, depth))
  return members
}

function variableLength(cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.u8()
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
  }
  throw new DecodeError('a JSON length of more than five bytes')
}

const Opaque = { TIMESTAMP: 7, DATE: 10, TIME: 11, DATETIME: 12, NEWDECIMAL: 246 } as const

function opaqueText(cursor: Cursor, budget: Budget): string {
  const type = cursor.u8()
  const bytes = variableLength(cursor)
  spend(budget, bytes)
  const end = cursor.take(bytes) + bytes
  cursor.pos = end - bytes
  switch (type) {
    case Opaque.NEWDECIMAL: {
      const text = decimalReader(cursor.u8(), cursor.u8())(cursor)
      if (cursor.pos > end) throw new DecodeError('a JSON DECIMAL runs beyond its length')
      return text
    }
    case Opaque.DATE: case Opaque.DATETIME: case Opaque.TIMESTAMP: case Opaque.TIME:
      if (bytes < 8) throw cursor.short(8)
      return `"${packedTemporalText(type, BigInt.asIntN(64, cursor.u64Big()))}"`
    default: return `"base64:type${type}:${cursor.copy(bytes).toString('base64')}"`
  }
}
