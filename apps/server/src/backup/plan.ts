/**
 * Plan: which copy to begin with and which segments to go on with, so that a restored directory reaches a target.
 * A full copy holds the data of one moment and the log from there on; what came later lies in the archive, where each
 * segment names the one that follows it. So a chain ends where a segment is missing, and never skips one.
 * Pure. Elsewhere: what there is (catalogue.ts), where in the last segment to cut (native/src/backup/segment_cut.h).
 */

/** A segment of a copy; seconds are Unix time, 0 if nothing says. */
export interface Segment {
  readonly name: string
  readonly seq: number
  readonly size: number
  readonly lastSeconds: number
}

export interface ArchivedSegment extends Segment {
  /** The number of the segment that follows; 0: none does. */
  readonly next: number
}

export interface FullCopy {
  readonly name: string
  /** Everything written before this second is in it. */
  readonly createdSeconds: number
  readonly base: { readonly name: string; readonly seq: number; readonly size: number } | null
  /** The base has the data of this moment; null: nothing says. */
  readonly baseSeconds: number | null
  /** Which history in the archive goes on from it. */
  readonly archiveId: string | null
  readonly segments: readonly Segment[]
}

export interface Position { readonly seq: number; readonly byte: number }
/** Neither: all there is. */
export interface Target { readonly position?: Position; readonly seconds?: number }

export interface PlannedSegment extends Segment { readonly from: 'copy' | 'archive' }

export interface Plan {
  readonly full: FullCopy
  readonly segments: readonly PlannedSegment[]
  /** Nothing written up to and including this second is missing. */
  readonly knownUntilSeconds: number
  /** The segment that would go on from here and is not there; 0: none that we know of. */
  readonly missing: number
}

export class PlanError extends Error {
  override readonly name = 'PlanError'
}

export const printTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
export const printPosition = ({ seq, byte }: Position): string => `${seq}:${byte}`

/** A copy and everything in the archive that goes on from it. */
export function chainOf(full: FullCopy, archive: readonly ArchivedSegment[]): Plan {
  const archived = new Map(archive.map((segment) => [segment.seq, segment]))
  const segments: PlannedSegment[] = []
  let missing = 0
  let knownUntilSeconds = full.createdSeconds - 1
  for (let seq = full.segments[0]?.seq ?? 0; seq !== 0;) {
    const whole = archived.get(seq)
    if (whole === undefined) {
      // The copy's own: it had all that there was of them, and of those behind them, when it was made.
      const own = full.segments.filter((segment) => segment.seq >= seq)
      if (own[0]?.seq === seq) segments.push(...own.map((segment) => ({ ...segment, from: 'copy' as const })))
      else missing = seq
      break
    }
    const skipped = archive.find((segment) => segment.seq > seq && segment.seq < (whole.next || Infinity))
    if (skipped !== undefined && whole.next !== 0)
      throw new PlanError(`The archive says that segment ${whole.next} follows ${seq}, but it also has ${skipped.seq}`)
    segments.push({ ...whole, from: 'archive' })
    // More may have been written within its last second, to the segment behind it.
    knownUntilSeconds = Math.max(knownUntilSeconds, whole.lastSeconds - 1)
    seq = whole.next
  }
  return { full, segments, knownUntilSeconds, missing }
}

/**
 * @param name  of the copy to begin with; by default the newest that is early enough
 * @throws {PlanError} if the target is not reached by what there is
 */
export function planRestore(
  fulls: readonly FullCopy[], archives: ReadonlyMap<string, readonly ArchivedSegment[]>, target: Target, name?: string,
): Plan {
  const newestFirst = fulls.filter((full) => name === undefined || full.name === name)
    .sort((a, b) => b.createdSeconds - a.createdSeconds || (a.name < b.name ? 1 : -1))
  if (newestFirst.length === 0) throw new PlanError(name === undefined ? 'There is no backup' : `There is no backup named ${name}`)
  const chain = (full: FullCopy): Plan => chainOf(full, archives.get(full.archiveId ?? '') ?? [])
  if (target.position !== undefined) return planPosition(newestFirst, chain, target.position)
  if (target.seconds !== undefined) return planTime(newestFirst, chain, target.seconds)
  return chain(newestFirst[0]!)
}

function planTime(newestFirst: readonly FullCopy[], chain: (full: FullCopy) => Plan, seconds: number): Plan {
  const full = newestFirst.find((candidate) => beginsAt(candidate) <= seconds)
  if (full === undefined) {
    const oldest = Math.min(...newestFirst.map(beginsAt))
    throw new PlanError(`The oldest backup begins at ${printTime(oldest)}, after ${printTime(seconds)}`)
  }
  const plan = chain(full)
  if (seconds <= plan.knownUntilSeconds) return plan
  throw new PlanError(
    `What follows backup ${full.name} is known up to ${printTime(plan.knownUntilSeconds)}, not to ${printTime(seconds)}` +
    (plan.missing === 0 ? '' : `: segment ${plan.missing} is not in the archive`) +
    '. Make another backup of the data directory, if it is still there, or restore without --time all that there is',
  )
}

/** The first moment that can be restored from a copy. */
function beginsAt(full: FullCopy): number {
  if (full.base === null) return 0
  return full.baseSeconds ?? full.createdSeconds
}

function planPosition(newestFirst: readonly FullCopy[], chain: (full: FullCopy) => Plan, position: Position): Plan {
  const sizeIn = ({ segments }: Plan): number => segments.find(({ seq }) => seq === position.seq)?.size ?? -1
  const plans = newestFirst.map(chain)
  const reaching = plans.filter((plan) => sizeIn(plan) >= position.byte)
  const [plan] = reaching
  if (plan === undefined) {
    const end = Math.max(...plans.map(sizeIn))
    throw new PlanError(end === -1
      ? `No backup and no archive has segment ${position.seq}`
      : `Segment ${position.seq} is known up to byte ${end}, not to ${position.byte}`)
  }
  const other = reaching.find(({ full }) => full.archiveId !== plan.full.archiveId)
  if (other !== undefined) {
    throw new PlanError(`Position ${printPosition(position)} is in two histories: ` +
      `name a backup, such as --backup ${plan.full.name} or --backup ${other.full.name}`)
  }
  const until = plan.segments.findIndex((segment) => segment.seq === position.seq)
  return { ...plan, segments: plan.segments.slice(0, until + 1) }
}
