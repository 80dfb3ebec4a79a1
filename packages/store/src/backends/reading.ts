/**
 * Reading: which copy of a key is asked. Pure, so that every case is a row in reading.test.ts. A copy that failed, or
 * said that it is too old, is left alone for a while; the primary is always right and comes last.
 */
export type ReadFrom = 'primary' | 'replica' | 'nearest'

/** What is known of a copy. */
export interface Copy {
  readonly isPrimary: boolean
  /** How long its answers took lately; undefined before the first. */
  readonly latencyMs: number | undefined
  /** Not to be asked before. */
  readonly restUntilMs: number
}

/** How long a copy rests that could not answer. */
export const REST_MS = 1000

/**
 * @param random  in [0, 1)
 * @returns an index; that of the primary if nobody else can be asked
 */
export function chooseCopy(from: ReadFrom, copies: readonly Copy[], nowMs: number, random: number): number {
  const primary = copies.findIndex(({ isPrimary }) => isPrimary)
  if (from === 'primary') return primary
  const able = [...copies.keys()].filter((index) => {
    const { isPrimary, restUntilMs } = copies[index]!
    return restUntilMs <= nowMs && (from === 'nearest' || !isPrimary)
  })
  if (able.length === 0) return primary
  if (from === 'replica') return able[Math.floor(random * able.length)]!
  // Who has never been asked may be the nearest.
  const latency = (index: number): number => copies[index]!.latencyMs ?? -1
  return able.reduce((nearest, index) => latency(index) < latency(nearest) ? index : nearest)
}

/** A running mean, in which the last answers count most. */
export const meanLatency = (before: number | undefined, ms: number): number =>
  before === undefined ? ms : before + (ms - before) / 8
