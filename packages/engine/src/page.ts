/**
 * Page: bytes that both sides of the boundary see. JavaScript allocates it and the addon keeps its address, so it is
 * never resized, detached or taken from Buffer's pool. Its methods are Buffer's own fast ones, which its types omit.
 */
export interface Page extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
  utf8Write(text: string, at: number): number
  latin1Write(text: string, at: number): number
}

/** What one call may carry; lengths cross as 32-bit numbers. */
const PAGE_MAX = 2 ** 31

/**
 * Not zeroed: what is read was written before.
 * @throws {RangeError} beyond 2 GiB
 */
export function newPage(size: number): Page {
  if (size > PAGE_MAX) throw new RangeError(`expected at most ${PAGE_MAX} bytes in one call, found ${size}`)
  return Buffer.allocUnsafeSlow(size) as Page
}

/** The bytes [start, end) as memory of the caller's own: a Uint8Array proper; Buffer's slice would give a Buffer. */
export function copyBytes(page: Uint8Array, start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - start)
  bytes.set(page.subarray(start, end))
  return bytes
}

/** The least power of two that holds `size`, and `least` at least. */
export const pageSize = (size: number, least: number): number =>
  size <= least ? least : 2 ** Math.ceil(Math.log2(size))
