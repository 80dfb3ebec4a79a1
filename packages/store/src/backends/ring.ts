/**
 * Ring: which of several independent servers a key belongs to, as Jedis's ShardedJedis decides it, so that both find
 * each other's keys. Each server has 160 points for each unit of its weight on a circle of signed 64-bit numbers; a
 * key belongs to the first point from its own hash on. A new server takes its share from all others and leaves the
 * rest. The points of a named server are hashed from its name, so the order in a list does not matter; those of one
 * without a name from its place in the list. Of servers whose points coincide the later one has it.
 * Source: Jedis 3, redis.clients.jedis.util.Sharded and MurmurHash (MurmurHash64A, seed 0x1234ABCD).
 */
import type { Bytes } from '@slotwise/engine'

export interface RingServer {
  readonly name?: string | undefined
  readonly weight: number
}

const POINTS_A_WEIGHT = 160
const SEED = 0x1234abcdn
const M = 0xc6a4a7935bd1e995n
const MASK = 0xffff_ffff_ffff_ffffn

/** MurmurHash64A as Jedis has it: signed. */
export function murmurHash64A(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length - bytes.length % 8
  let hash = SEED ^ (BigInt(bytes.length) * M & MASK)
  for (let at = 0; at < whole; at += 8) hash = (hash ^ mixed(view.getBigUint64(at, true))) * M & MASK
  if (whole < bytes.length) {
    let rest = 0n
    for (let at = bytes.length - 1; at >= whole; at--) rest = rest << 8n | BigInt(bytes[at]!)
    hash = (hash ^ rest) * M & MASK
  }
  hash = (hash ^ hash >> 47n) * M & MASK
  return BigInt.asIntN(64, hash ^ hash >> 47n)
}

function mixed(word: bigint): bigint {
  const product = word * M & MASK
  return (product ^ product >> 47n) * M & MASK
}

export class Ring {
  readonly #points: BigInt64Array
  readonly #owners: Uint32Array

  constructor(servers: readonly RingServer[]) {
    const owners = new Map<bigint, number>()
    for (const [index, { name, weight }] of servers.entries()) {
      const prefix = name === undefined ? `SHARD-${index}-NODE-` : `${name}*`
      for (let n = 0; n < POINTS_A_WEIGHT * weight; n++) {
        owners.set(murmurHash64A(Buffer.from(prefix + String(n))), index)
      }
    }
    this.#points = BigInt64Array.from(owners.keys()).sort()
    this.#owners = Uint32Array.from(this.#points, (point) => owners.get(point)!)
  }

  /** The index of the server that `key` belongs to. O(log points). */
  ownerOf(key: Bytes): number {
    const hash = murmurHash64A(typeof key === 'string' ? Buffer.from(key) : key)
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#points[middle]! < hash) low = middle + 1
      else high = middle
    }
    return this.#owners[low === this.#points.length ? 0 : low]!
  }
}
