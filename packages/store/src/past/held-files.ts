/**
 * HeldFiles: what of a store's past lies on disk: the base, the segments behind it, and those of the archive that lead
 * to them without a hole. Looks at files only, also at those that another process writes; nobody is kept from changing
 * them meanwhile, so whoever reads them may have to look again.
 * Source: the manifest (specs aof.md section 2), notes of the archive (native/src/log/aof_archive.h); the same list as
 * BINLOG FILES (native/src/log/binlog_files.h).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpenError } from '@slotwise/engine'

export interface HeldFile { readonly name: string; readonly seq: number; readonly path: string }

export interface HeldFiles {
  /** The data of one moment, from which the first of `live` goes on; null: there was none. */
  readonly base: HeldFile | null
  /** In order; the last one is written to. */
  readonly live: readonly HeldFile[]
  /** What came before `live`, in order. */
  readonly history: readonly HeldFile[]
  /** Nothing came before the first of `history`. */
  readonly fromTheBeginning: boolean
  /** Another one later says that the files are others. */
  readonly manifest: string
}

export interface DataPlace {
  readonly dir: string
  readonly dirname: string
  readonly filename: string
  /** aof-archive-dir; '' for none. */
  readonly archiveDir: string
}

/** `next`: which segment follows; null: nothing says, since it was not archived yet. */
interface EarlierFile extends HeldFile { readonly next: number | null }

const LINE = /^file (\S+) seq (\d{1,16}) type ([bhi])\b/

/** @throws {OpenError} if there is no append-only file, or its manifest cannot be read */
export function heldFiles(place: DataPlace): HeldFiles {
  const folder = join(place.dir, place.dirname)
  const archived = archivedFiles(place, folder)
  // Read behind the archive: what a rewrite moves meanwhile is found in one of the two.
  const manifest = readManifest(join(folder, `${place.filename}.manifest`))
  let base: HeldFile | null = null
  const live: HeldFile[] = []
  const earlier = new Map<number, EarlierFile>(archived.map((file) => [file.seq, file]))
  for (const line of manifest.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name = '', seq = '', type] = LINE.exec(line) ?? []
    if (name === '' || name.startsWith('"')) throw new OpenError(`a line of the manifest of ${folder} is not understood: ${line}`)
    const file: EarlierFile = { name, seq: Number(seq), path: join(folder, name), next: null }
    if (type === 'b') base = file
    else if (type === 'i') live.push(file)
    else if (name.endsWith('.incr.aof') && existsSync(file.path)) earlier.set(file.seq, file)
  }
  const [first] = live
  if (first === undefined) throw new OpenError(`there is no segment in ${folder}`)
  const history = leadingTo(first.seq, [...earlier.values()].filter(({ seq }) => seq < first.seq))
  const oldest = history[0]?.seq ?? first.seq
  return { base, live, history, manifest, fromTheBeginning: oldest === 1 && (history.length > 0 || base === null) }
}

function readManifest(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OpenError(`there is no append-only file to look back into: ${(cause as Error).message}`, { cause })
  }
}

function archivedFiles({ filename, archiveDir }: DataPlace, folder: string): EarlierFile[] {
  const idPath = join(folder, `${filename}.archive`)
  if (archiveDir === '' || !existsSync(idPath)) return []
  const id = /^id ([0-9a-f]{40})$/m.exec(readFileSync(idPath, 'utf8'))?.[1]
  if (id === undefined || !existsSync(join(archiveDir, id))) return []
  const files: EarlierFile[] = []
  for (const note of readdirSync(join(archiveDir, id))) {
    if (!note.startsWith(`${filename}.`) || !note.endsWith('.incr.aof.note')) continue
    const name = note.slice(0, -'.note'.length)
    let text: string
    try {
      text = readFileSync(join(archiveDir, id, note), 'utf8')
    } catch {
      continue // purged this moment
    }
    const number = (word: string): number => Number(new RegExp(`^${word} (\\d{1,16})$`, 'm').exec(text)?.[1] ?? 0)
    files.push({ name, seq: number('seq'), path: join(archiveDir, id, name), next: number('next') })
  }
  return files
}

/** The end of the list, in order, without a hole before `seq`. */
function leadingTo(seq: number, files: EarlierFile[]): HeldFile[] {
  files.sort((a, b) => b.seq - a.seq)
  let wanted = seq
  const chain: HeldFile[] = []
  for (const file of files) {
    if (file.next !== null && file.next !== wanted) break
    chain.unshift(file)
    wanted = file.seq
  }
  return chain
}
