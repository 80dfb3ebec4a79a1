/**
 * PlanPast: which files make up the data as it was at a position or at a second: a base and the segments behind it, or
 * all segments from the beginning of everything, up to the one in which it ends. Pure.
 * Before the base nothing can be shown but from the beginning: what it was made of is gone.
 */
import { PurgedError, ReplyError } from '@slotwise/engine'
import type { HeldFile, HeldFiles } from './held-files.js'

export type PastTarget =
  /** `file` may be its number alone. */
  | { readonly file: string; readonly byte: number }
  /** Everything that was written up to and including this second, Unix time. */
  | { readonly seconds: number }

export interface PastPlan {
  readonly base: HeldFile | null
  /** In order. The target is in the last of them, or, for a time, in any. */
  readonly segments: readonly HeldFile[]
}

/** @throws {TypeError} if it is neither */
export function parsePastTarget(at: string | Date): PastTarget {
  if (at instanceof Date && !Number.isNaN(at.getTime())) return { seconds: Math.floor(at.getTime() / 1000) }
  const [, file, byte] = (typeof at === 'string' ? /^([^\s:]{1,255}):(\d{1,16})$/.exec(at) : null) ?? []
  if (file === undefined) throw new TypeError(`expected at to be a position (FILE:POSITION) or a Date, found ${String(at).slice(0, 300)}`)
  return { file, byte: Number(byte) }
}

export const oldestHeld = ({ fromTheBeginning, history, live }: HeldFiles): string =>
  `${(fromTheBeginning ? history[0] ?? live[0] : live[0])!.name}:0`

export const purged = (what: string, held: HeldFiles): PurgedError =>
  new PurgedError(`PURGED ${what} is not held any more: the oldest position held is ${oldestHeld(held)}`)

/**
 * @param lastSeconds  when the last of a segment was written; 0: nothing says
 * @throws {PurgedError} naming the oldest position that is held; {ReplyError} if there is no such file
 */
export function planPast(held: HeldFiles, target: PastTarget, lastSeconds: (file: HeldFile) => number): PastPlan {
  const { base, live, history, fromTheBeginning } = held
  if ('seconds' in target) {
    const before = history.at(-1)
    // The base has everything of the segments before it: at that second it had too much.
    if (before === undefined || lastSeconds(before) <= target.seconds) return { base, segments: live }
    if (!fromTheBeginning) throw purged(`the data of ${printSeconds(target.seconds)}`, held)
    return { base: null, segments: [...history, ...live] }
  }
  const { file, byte } = target
  const isIt = ({ name, seq }: HeldFile): boolean => name === file || String(seq) === file
  const inLive = live.findIndex(isIt)
  if (inLive >= 0) return { base, segments: live.slice(0, inLive + 1) }
  const inHistory = history.findIndex(isIt)
  if (inHistory >= 0 && fromTheBeginning) return { base: null, segments: history.slice(0, inHistory + 1) }
  // Behind the last one of the history is before the first one of the others, whose base has it all.
  const seq = Number(/^(?:.*\.)?(\d{1,16})(?:\.incr\.aof)?$/.exec(file)?.[1] ?? Number.NaN)
  if (inHistory >= 0 || seq < live[0]!.seq) throw purged(`${file}:${byte}`, held)
  throw new ReplyError(`ERR There is no file ${file}: the last one is ${live.at(-1)!.name}`)
}

export const printSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
