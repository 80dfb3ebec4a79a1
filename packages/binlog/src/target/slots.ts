/**
 * Slots of keys, as clusters compute them: CRC16 (XMODEM) of the key, or of what is between its first braces.
 * Source: Redis Cluster specification.
 */
export const SLOTS = 16_384

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1
  return crc & 0xffff
})

function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = (crc << 8 & 0xffff) ^ table[crc >> 8 ^ byte]!
  return crc
}

export function slotOf(key: string | Uint8Array): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  const open = bytes.indexOf(0x7b)
  const close = open < 0 ? -1 : bytes.indexOf(0x7d, open + 1)
  return crc16(close > open + 1 ? bytes.subarray(open + 1, close) : bytes) % SLOTS
}

let tags: string[] | null = null

/** A hash tag that is in this slot: the smallest number, as text. */
export function tagOf(slot: number): string {
  if (tags === null) {
    tags = new Array<string>(SLOTS).fill('')
    for (let n = 0, found = 0; found < SLOTS; n++) {
      const text = String(n)
      const at = slotOf(text)
      if (tags[at] !== '') continue
      tags[at] = text
      found++
    }
  }
  return tags[slot]!
}
