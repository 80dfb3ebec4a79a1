/**
 * Seeded random numbers: the same seed gives the same numbers on every machine, so a run can be repeated.
 * mulberry32: 32 bits of state, quick, good enough to choose peers and delays; nothing secret is made from it.
 */
export function randomOf(seed: number): () => number {
  let state = seed | 0 // signed: an unsigned one would be an object of its own in each call
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
