/** What slotwise-backup does: create, list, verify, restore. Synchronous; what goes wrong is thrown. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type AofFacts, type AofPlace, copyAof, type CopyReports, findCut, restoreAof, type RestorePart, verifyAof } from '@slotwise/node'
import { DESCRIPTION, type Described, FORMAT, pathOf, placeOf, readCatalogue } from './catalogue.js'
import { chainOf, type Plan, planRestore, type PlannedSegment, printPosition, printTime, type Position, type Target } from './plan.js'
import { fillWhole, writeSynced } from './whole-folder.js'

export interface CreateOptions { readonly from: AofPlace; readonly to: string }

/** @returns the description of the new copy */
export function create({ from, to }: CreateOptions, reports: CopyReports): Described {
  const createdSeconds = Math.floor(Date.now() / 1000)
  const name = freeName(to, createdSeconds)
  return fillWhole(join(to, name), join(to, `.${name}.partial`), (partial) => {
    const archiveId = readArchiveId(from)
    const history = readBeside(from, 'replication')
    const facts = copyAof(from, partial, reports)
    // The history in the archive is that of the copied segments if it did not change meanwhile.
    const unbroken = readArchiveId(from) === archiveId
    const described = describe({ name, createdSeconds, from, facts, archiveId: unbroken ? archiveId : null })
    if (history !== null) writeSynced(join(partial, from.dirname, `${from.filename}.replication`), history)
    writeSynced(join(partial, DESCRIPTION), `${JSON.stringify(described, null, 2)}\n`)
    return described
  })
}

function freeName(to: string, seconds: number): string {
  const stamp = printTime(seconds).replaceAll(/[-:]/g, '')
  for (let count = 1; ; count++) {
    const name = count === 1 ? stamp : `${stamp}-${count}`
    if (!existsSync(join(to, name)) && !existsSync(join(to, `.${name}.partial`))) return name
  }
}

function readBeside(place: AofPlace, kind: 'archive' | 'replication'): string | null {
  const path = join(place.dir, place.dirname, `${place.filename}.${kind}`)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

const readArchiveId = (place: AofPlace): string | null => /^id ([0-9a-f]{40})$/m.exec(readBeside(place, 'archive') ?? '')?.[1] ?? null

function describe(
  { name, createdSeconds, from, facts, archiveId }:
  { name: string; createdSeconds: number; from: AofPlace; facts: AofFacts; archiveId: string | null },
): Described {
  const { base, baseSeconds, commands } = facts
  const segments = facts.segments.map(({ name, seq, size, lastSeconds }) => ({ name, seq, size, lastSeconds }))
  return {
    format: FORMAT, name, createdSeconds, dirname: from.dirname, filename: from.filename,
    base: base && { name: base.name, seq: base.seq, size: base.size }, baseSeconds, archiveId, segments, commands,
  }
}

export interface RestoreOptions {
  readonly backups: string
  readonly archive: string
  readonly to: string
  readonly target: Target
  readonly name?: string
}

export interface Restored {
  readonly full: Described
  /** Where the restored log ends; null without segments. */
  readonly end: Position | null
  readonly commands: number
}

export function restore({ backups, archive, to, target, name }: RestoreOptions, reports: CopyReports): Restored {
  const { fulls, archives } = readCatalogue(backups, archive)
  const plan = planRestore(fulls, archives, target, name)
  const full = plan.full as Described
  const segments = cutAt(plan, target, (segment) => pathOf(backups, archive, full, segment), reports)
  const parts: RestorePart[] = segments.map(({ segment: { name, seq }, path, end }) => ({ name, seq, type: 'incr', path, end }))
  if (full.base !== null) {
    const { name, seq } = full.base
    parts.unshift({ name, seq, type: 'base', path: join(backups, full.name, full.dirname, name) })
  }
  const folder = resolve(to)
  return fillWhole(folder, join(dirname(folder), `.${basename(folder)}.partial`), (partial) => {
    const facts = restoreAof(parts, { ...placeOf(backups, full), dir: partial }, reports)
    const history = readBeside(placeOf(backups, full), 'replication')
    // It counts only while the segment that it names is the last one.
    if (history !== null) writeSynced(join(partial, full.dirname, `${full.filename}.replication`), history)
    const last = facts.segments.at(-1)
    return { full, end: last === undefined ? null : { seq: last.seq, byte: last.size }, commands: facts.commands }
  })
}

/** The segments up to the target, each with its path and where it has to end. */
function cutAt(plan: Plan, target: Target, locate: (segment: PlannedSegment) => string, reports: CopyReports):
{ segment: PlannedSegment; path: string; end: number }[] {
  const found = []
  for (const segment of plan.segments) {
    const path = locate(segment)
    let end = segment.size
    const { size, lastSeconds } = segment
    const isEarly = size === 0 || (lastSeconds > 0 && lastSeconds <= (target.seconds ?? Infinity))
    if (target.position?.seq === segment.seq) {
      end = findCut(path, { position: target.position.byte }, reports).end
    } else if (target.seconds !== undefined && !isEarly) {
      const cut = findCut(path, { seconds: target.seconds }, reports)
      if (cut.undatedAt !== null) throw new Error(undated(path, cut.undatedAt))
      end = cut.end
    }
    found.push({ segment, path, end })
    if (end < segment.size) break
  }
  return found
}

const undated = (path: string, byte: number): string =>
  `Nothing says when what begins at byte ${byte} of ${path} was written: it has neither an index nor time annotations ` +
  '(aof-timestamp-enabled yes). Restore to a position: the ends of segments, as `list` shows them, are the only moments known here'

/** Checks all copies, or one, and what goes on from them in the archive. @returns lines for a person */
export function verify(
  { backups, archive, name }: { backups: string; archive: string; name?: string }, reports: CopyReports,
): string[] {
  const { fulls, archives } = readCatalogue(backups, archive)
  const chosen = fulls.filter((full) => name === undefined || full.name === name)
  if (chosen.length === 0) throw new Error(name === undefined ? `There is no backup in ${backups}` : `There is no backup named ${name}`)
  const lines = chosen.map((full) => `${full.name}: ${verifyAof(placeOf(backups, full), reports).commands} commands, all as written`)
  for (const [id, segments] of archives) {
    for (const segment of segments) {
      const cut = findCut(join(archive, id, segment.name), { position: segment.size }, reports)
      if (cut.end !== segment.size) throw new Error(`${join(archive, id, segment.name)} ends inside a unit that begins at byte ${cut.end}`)
    }
    lines.push(`archive ${id}: ${segments.length} segments, all as written`)
  }
  return lines
}

/** @returns lines for a person */
export function list({ backups, archive }: { backups: string; archive: string }): string[] {
  const { fulls, archives, unfinished } = readCatalogue(backups, archive)
  const lines = fulls.flatMap((full) => {
    const plan = chainOf(full, archives.get(full.archiveId ?? '') ?? [])
    const ends = plan.segments.map((segment) => `${printPosition({ seq: segment.seq, byte: segment.size })}${segment.from === 'archive' ? ' archived' : ''}`)
    const bytes = (full.base?.size ?? 0) + full.segments.reduce((sum, { size }) => sum + size, 0)
    return [
      `${full.name}  ${bytes} bytes, base ${full.base === null ? 'empty' : `of ${full.baseSeconds === null ? 'unknown time' : printTime(full.baseSeconds)}`}, ` +
      `restores up to ${printTime(plan.knownUntilSeconds)}`,
      `    segments end at ${ends.join(', ')}`,
      ...plan.missing === 0 ? [] : [`    segment ${plan.missing} goes on from there and is not archived yet`],
    ]
  })
  return [...lines, ...unfinished.map((name) => `${name}  unfinished, can be removed`)]
}
