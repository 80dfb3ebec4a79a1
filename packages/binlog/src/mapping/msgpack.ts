/** MessagePack of a row: a map of texts to scalars. 64-bit numbers beyond 2^53 keep all their bits, bytes are bin. */

export type Scalar = string | number | bigint | Uint8Array | null

export function encodeMap(fields: readonly (readonly [string, Scalar])[]): Uint8Array {
  const parts: Buffer[] = []
  if (fields.length < 16) parts.push(Buffer.from([0x80 | fields.length]))
  else parts.push(sized(0xde, fields.length, 2))
  for (const [name, value] of fields) parts.push(encodeText(name), encodeScalar(value))
  return Buffer.concat(parts)
}

function encodeScalar(value: Scalar): Buffer {
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === 'string') return encodeText(value)
  if (value instanceof Uint8Array) return Buffer.concat([length(value.length, 0xc4), value])
  if (typeof value === 'bigint' || (Number.isInteger(value) && !Object.is(value, -0))) return encodeInteger(BigInt(value))
  const bytes = Buffer.alloc(9, 0xcb)
  bytes.writeDoubleBE(value, 1)
  return bytes
}

function encodeInteger(value: bigint): Buffer {
  if (value >= 0n && value < 128n) return Buffer.from([Number(value)])
  if (value < 0n && value >= -32n) return Buffer.from([Number(value) & 0xff])
  const bytes = Buffer.alloc(9)
  if (value > 0n) {
    if (value < 2n ** 8n) return sized(0xcc, Number(value), 1)
    if (value < 2n ** 16n) return sized(0xcd, Number(value), 2)
    if (value < 2n ** 32n) return sized(0xce, Number(value), 4)
    bytes[0] = 0xcf
    bytes.writeBigUInt64BE(value, 1)
    return bytes
  }
  if (value >= -(2n ** 31n)) {
    const small = Buffer.alloc(5, 0xd2)
    small.writeInt32BE(Number(value), 1)
    return small
  }
  bytes[0] = 0xd3
  bytes.writeBigInt64BE(value, 1)
  return bytes
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length < 32) return Buffer.concat([Buffer.from([0xa0 | bytes.length]), bytes])
  return Buffer.concat([length(bytes.length, 0xd9), bytes])
}

/** The code for lengths of one, two or four bytes is `first` and the two after it. */
function length(size: number, first: number): Buffer {
  if (size < 2 ** 8) return sized(first, size, 1)
  return size < 2 ** 16 ? sized(first + 1, size, 2) : sized(first + 2, size, 4)
}

function sized(code: number, value: number, bytes: 1 | 2 | 4): Buffer {
  const part = Buffer.alloc(1 + bytes)
  part[0] = code
  part.writeUIntBE(value, 1, bytes)
  return part
}
