/**
 * Catalogue: what lies in a backup directory. Each full copy is a folder, itself a data directory, with a description
 * beside its files; a folder whose name begins with a dot is one that was never finished and does not count.
 *   <backups>/20261129T020000Z/backup.json, appendonlydir/...
 *   <archive>/<id>/appendonly.aof.3.incr.aof, .idx, .note      written by the server (native/src/log/aof_archive.h)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AofPlace, segmentFacts } from '@slotwise/node'
import type { ArchivedSegment, FullCopy, PlannedSegment } from './plan.js'

export const FORMAT = 'slotwise-backup 1'
export const DESCRIPTION = 'backup.json'

export interface Described extends FullCopy {
  readonly format: typeof FORMAT
  readonly dirname: string
  readonly filename: string
  readonly commands: number
}

export interface Catalogue {
  readonly fulls: readonly Described[]
  /** By id. */
  readonly archives: ReadonlyMap<string, readonly ArchivedSegment[]>
  readonly unfinished: readonly string[]
}

export const placeOf = (backups: string, full: Described): AofPlace =>
  ({ dir: join(backups, full.name), dirname: full.dirname, filename: full.filename })

/** Where a planned segment lies. */
export function pathOf(backups: string, archive: string, full: Described, segment: PlannedSegment): string {
  return segment.from === 'copy'
    ? join(backups, full.name, full.dirname, segment.name)
    : join(archive, full.archiveId ?? '', segment.name)
}

/** @throws {Error} if the directory cannot be read, or a description in it */
export function readCatalogue(backups: string, archive: string): Catalogue {
  const fulls: Described[] = []
  const unfinished: string[] = []
  for (const entry of readdirSync(backups, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    if (entry.name.startsWith('.') && entry.name.endsWith('.partial')) unfinished.push(entry.name)
    else if (existsSync(join(backups, entry.name, DESCRIPTION))) fulls.push(readDescription(backups, entry.name))
  }
  fulls.sort((a, b) => a.createdSeconds - b.createdSeconds)
  const archives = new Map<string, readonly ArchivedSegment[]>()
  for (const id of new Set(fulls.flatMap((full) => full.archiveId ?? [])))
    if (existsSync(join(archive, id))) archives.set(id, readArchive(join(archive, id)))
  return { fulls, archives, unfinished }
}

function readDescription(backups: string, name: string): Described {
  const path = join(backups, name, DESCRIPTION)
  const described = JSON.parse(readFileSync(path, 'utf8')) as Omit<Described, 'format'> & { format: string }
  if (described.format !== FORMAT) throw new Error(`${path} is of format '${described.format}', not '${FORMAT}'`)
  // The folder may have been renamed.
  return { ...described, format: FORMAT, name }
}

/** In order. A segment without a note is one that the server has not finished archiving. */
function readArchive(folder: string): ArchivedSegment[] {
  const segments: ArchivedSegment[] = []
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.note') || file.startsWith('temp-')) continue
    const words = new Map(readFileSync(join(folder, file), 'utf8').split('\n').map((line) => line.split(' ', 2) as [string, string]))
    const number = (word: string): number => {
      const value = words.get(word) ?? ''
      if (!/^\d+$/.test(value)) throw new Error(`${join(folder, file)} has no number for '${word}'`)
      return Number(value)
    }
    const name = file.slice(0, -'.note'.length)
    const facts = segmentFacts(join(folder, name))
    if (facts.size !== number('size'))
      throw new Error(`${join(folder, name)} has ${facts.size} bytes, but ${number('size')} were archived`)
    segments.push({ name, seq: number('seq'), size: facts.size, lastSeconds: facts.lastSeconds, next: number('next') })
  }
  return segments.sort((a, b) => a.seq - b.seq)
}
