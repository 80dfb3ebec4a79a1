/**
 * Backup: whole copies of append-only directories, and where to cut them. Each call reads all the bytes it is about,
 * checks them as a start of the server would, and returns when it is done: for a program of its own, not for a server.
 * Nothing here names, dates or finds backups (apps/server/src/backup). Source: native/src/backup.
 */
import { type AofFacts, type AofPlace, loadAddon, type SegmentCut, type SegmentFacts } from './addon.js'

export interface CopyReports {
  /** `what` is 'copying', 'checking' or 'searching'; bytes. */
  readonly onProgress?: (what: string, done: number, total: number) => void
  /** What a person should know of the source, although it did not stop the call. */
  readonly onWarning?: (text: string) => void
}

/** A file of a backup or an archive that a restored directory is to have. */
export interface RestorePart {
  readonly name: string
  readonly seq: number
  readonly type: 'base' | 'incr'
  readonly path: string
  /** Up to here, between two units. @default all of it */
  readonly end?: number
}

const nothing = (): void => undefined

/**
 * Copies the append-only files of a directory, also of one that a server is writing to, into `toDir`, which exists.
 * @throws {Error} if there are none, if they are damaged (with file and byte), or if they cannot be copied
 */
export function copyAof(from: AofPlace, toDir: string, reports: CopyReports = {}): AofFacts {
  return loadAddon().copyAof(from, toDir, reports.onProgress ?? nothing, reports.onWarning ?? nothing)
}

/**
 * Puts a directory together. The base comes first, if there is one, then the segments in order.
 * @throws {Error} as copyAof
 */
export function restoreAof(parts: readonly RestorePart[], to: AofPlace, reports: CopyReports = {}): AofFacts {
  const words = parts.map(({ name, seq, type, path, end }) =>
    [name, String(seq), type === 'base' ? 'b' : 'i', path, end === undefined ? '' : String(end)])
  return loadAddon().restoreAof(words, to, reports.onProgress ?? nothing, reports.onWarning ?? nothing)
}

/**
 * Reads a directory that nobody writes to and changes nothing.
 * @throws {Error} if a start of the server would not find all of it, with file and byte
 */
export function verifyAof(where: AofPlace, reports: CopyReports = {}): AofFacts {
  return loadAddon().verifyAof(where, reports.onProgress ?? nothing, reports.onWarning ?? nothing)
}

/**
 * Where a segment has to end so that it holds nothing behind a byte, or nothing written after a second (Unix time).
 * @throws {Error} if what lies before that is damaged, with file and byte
 */
export function findCut(
  path: string, target: { position: number } | { seconds: number }, reports: CopyReports = {},
): SegmentCut {
  const [what, number] = 'position' in target ? ['position', target.position] as const : ['seconds', target.seconds] as const
  return loadAddon().findCut(path, what, number, reports.onProgress ?? nothing)
}

/** Of a segment, from its size and its index. Cheap. @throws {Error} if it is not there */
export function segmentFacts(path: string): SegmentFacts {
  return loadAddon().segmentFacts(path)
}
