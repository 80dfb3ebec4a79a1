/**
 * RespWriter: replies of the control plane in RESP2 or RESP3. What RESP2 lacks is written as Redis writes it there: a
 * map as a flat array, a verbatim text as a bulk string, null as $-1.
 * Elsewhere: replies of the data plane (native/src/resp).
 */

/** A string is a bulk string; a Map keeps its order. */
export type RespValue =
  | null | number | string
  | { status: string } | { error: string } | { verbatim: string }
  | readonly RespValue[] | ReadonlyMap<string, RespValue>

export function encodeReply(value: RespValue, protocol: 2 | 3): Uint8Array {
  return Buffer.from(encode(value, protocol))
}

const oneLine = (text: string): string => text.replaceAll(/[\r\n]/g, ' ')
const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

function encode(value: RespValue, protocol: 2 | 3): string {
  if (value === null) return protocol === 3 ? '_\r\n' : '$-1\r\n'
  if (typeof value === 'number') return `:${value}\r\n`
  if (typeof value === 'string') return bulk(value)
  if (value instanceof Map) {
    const pairs = value as ReadonlyMap<string, RespValue>
    const head = protocol === 3 ? `%${pairs.size}` : `*${pairs.size * 2}`
    return `${head}\r\n${[...pairs].map(([name, item]) => bulk(name) + encode(item, protocol)).join('')}`
  }
  if (Array.isArray(value)) {
    const items = value as readonly RespValue[]
    return `*${items.length}\r\n${items.map((item) => encode(item, protocol)).join('')}`
  }
  if ('status' in value) return `+${oneLine(value.status)}\r\n`
  if ('error' in value) return `-${oneLine(value.error)}\r\n`
  const { verbatim } = value as { verbatim: string }
  return protocol === 3 ? `=${Buffer.byteLength(verbatim) + 4}\r\ntxt:${verbatim}\r\n` : bulk(verbatim)
}
