/**
 * RestorePast: the data of a moment as a data directory of its own, from the files that are held: the same reading,
 * cutting and checking as a restore from a backup (@slotwise/engine, backup.ts). The directory that it comes from is
 * only read, without its lock, so another process may own and write it: segments only grow, and where a rewrite takes
 * one away meanwhile the manifest says so and it is done again. Synchronous, as those functions are.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { findCut, OpenError, ReplyError, restoreAof, type RestorePart, segmentFacts, StoreError } from '@slotwise/engine'
import { type DataPlace, type HeldFile, heldFiles, type HeldFiles } from './held-files.js'
import { type PastTarget, planPast, printSeconds, purged } from './plan-past.js'

const ATTEMPTS = 5
const DATED_AFTER_MS = 150
/** The kernel's clock for files stands still between two of its ticks, and longer where a host takes the core away. */
const MTIME_LATE_MS = 20
const MTIME_LATE_MAX_MS = 1000

/**
 * @param to  a folder, which is made
 * @throws {PurgedError} {ReplyError} {OpenError} with what is held, what is wrong, or what is damaged
 */
export function restorePast(place: DataPlace, target: PastTarget, to: string): void {
  for (let attempt = 1; ; attempt++) {
    const held = heldFiles(place)
    rmSync(to, { recursive: true, force: true })
    mkdirSync(to, { recursive: true, mode: 0o700 })
    try {
      return restore(place, held, target, to)
    } catch (error) {
      // Files that were replaced or purged in between.
      const isOther = heldFiles(place).manifest !== held.manifest || (error as Error).message.includes('No such file')
      if (isOther && attempt < ATTEMPTS) continue
      if (error instanceof StoreError) throw error
      throw new OpenError((error as Error).message, { cause: error })
    }
  }
}

function restore(place: DataPlace, held: HeldFiles, target: PastTarget, to: string): void {
  const { base, segments } = planPast(held, target, ({ path }) => segmentFacts(path).lastSeconds)
  const parts: RestorePart[] = base === null ? [] : [{ name: base.name, seq: base.seq, type: 'base', path: base.path }]
  for (const [i, { name, seq, path }] of segments.entries()) {
    const { size, lastSeconds } = segmentFacts(path)
    const isLast = i === segments.length - 1
    let end = size
    if (!('seconds' in target)) {
      if (isLast) end = cutAtPosition({ name, path }, target.byte, size)
    } else if (isLast || (size > 0 && (lastSeconds === 0 || lastSeconds > target.seconds))) {
      end = cutAtTime(path, target.seconds, lastSeconds)
    }
    parts.push({ name, seq, type: 'incr', path, end })
    if (end < size) break
  }
  const { baseSeconds } = restoreAof(parts, { dir: to, dirname: place.dirname, filename: place.filename })
  if (base === null || !('seconds' in target)) return
  if (baseSeconds === null) throw new OpenError(`nothing says of which moment the data in ${base.path} is: name a position instead of a time`)
  if (baseSeconds > target.seconds) throw purged(`the data of ${printSeconds(target.seconds)}`, held)
}

function cutAtPosition({ name, path }: Pick<HeldFile, 'name' | 'path'>, byte: number, size: number): number {
  if (byte > size) throw new ReplyError(`ERR There is no position ${name}:${byte}: that file ends at ${name}:${size}`)
  const { end } = findCut(path, { position: byte })
  if (end !== byte) throw new ReplyError(`ERR ${name}:${byte} is no position between commands: what it lies in begins at ${name}:${end}`)
  return end
}

/**
 * What was written in the last tenth of a second has no date yet. It is in time if nothing was written to the file
 * since; else it gets one soon, if somebody is writing. If nobody is, the date of the file is believed more closely.
 */
function cutAtTime(path: string, seconds: number, lastSeconds: number): number {
  const isBefore = (lateMs: number): boolean =>
    Math.floor(Math.min(statSync(path).mtimeMs + lateMs, Date.now()) / 1000) <= seconds
  const whole = (): number => findCut(path, { position: segmentFacts(path).size }).end
  for (let attempt = 1; ; attempt++) {
    if (isBefore(MTIME_LATE_MAX_MS)) return whole()
    const { end, size, undatedAt } = findCut(path, { seconds })
    if (undatedAt === null || end === size) return end
    if (lastSeconds === 0 || attempt === ATTEMPTS) {
      if (isBefore(MTIME_LATE_MS)) return whole()
      throw new OpenError(`nothing says when what begins at byte ${undatedAt} of ${path} was written: name a position instead of a time`)
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DATED_AFTER_MS)
  }
}
