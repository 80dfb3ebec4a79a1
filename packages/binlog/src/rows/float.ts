/** A float32 as the shortest number that is it again: what was written with 7 digits is read with them. */
export function shortestFloat(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}
