/**
 * MariaDB's client_ed25519: RFC 8032 with the password's bytes in place of the 32-byte seed, so Node's own signing,
 * which takes seeds of 32 bytes only, cannot do it. BigInt arithmetic, some ten milliseconds once a connection; not
 * constant in time, as it signs one nonce of a server that knows the public key already.
 */
import { createHash } from 'node:crypto'

const P = 2n ** 255n - 19n
/** Order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * inverse(121666n))

type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

const BASE: Point = (() => {
  const y = mod(4n * inverse(5n))
  const x = recoverX(y)
  return [x, y, 1n, mod(x * y)]
})()

/** The 64 bytes that answer a nonce of 32. */
export function signEd25519(password: string, nonce: Buffer): Buffer {
  const hash = sha512(Buffer.from(password))
  const secret = Buffer.from(hash.subarray(0, 32))
  secret[0]! &= 248
  secret[31] = secret[31]! & 63 | 64
  const a = littleEndian(secret)
  const r = littleEndian(sha512(hash.subarray(32), nonce)) % L
  const R = encode(multiply(BASE, r))
  const A = encode(multiply(BASE, a))
  const s = (r + littleEndian(sha512(R, A, nonce)) * a) % L
  return Buffer.concat([R, bytes32(s)])
}

function sha512(...parts: Buffer[]): Buffer {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function mod(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let left = exponent, square = base; left > 0n; left >>= 1n) {
    if (left & 1n) result = result * square % P
    square = square * square % P
  }
  return result
}

function inverse(value: bigint): bigint { return power(mod(value), P - 2n) }

/** The even x of a point with this y. */
function recoverX(y: bigint): bigint {
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n))
  let x = power(square, (P + 3n) / 8n)
  if (mod(x * x - square) !== 0n) x = mod(x * power(2n, (P - 1n) / 4n))
  return x & 1n ? P - x : x
}

/** Addition in extended coordinates (RFC 8032, 5.1.4); it doubles, too. */
function add([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2))
  const b = mod((y1 + x1) * (y2 + x2))
  const c = mod(2n * t1 * t2 * D)
  const d = mod(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)]
}

function multiply(point: Point, factor: bigint): Point {
  let result: Point = [0n, 1n, 1n, 0n]
  for (let left = factor, doubled = point; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(result, doubled)
    doubled = add(doubled, doubled)
  }
  return result
}

function encode([x, y, z]: Point): Buffer {
  const factor = inverse(z)
  const out = bytes32(mod(y * factor))
  if (mod(x * factor) & 1n) out[31]! |= 0x80
  return out
}

const littleEndian = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
const bytes32 = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
