/**
 * Stamps: is what was built still what the sources say? A stamp is a hash over the contents of the inputs, written
 * beside the output after a successful build. Contents, not times, so that a checkout or a copy does not rebuild.
 * Reading every source of this repository takes some tens of milliseconds, which is what keeps `npm start` fast.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { notSources } from './repository.mjs'

/** Every file below `path` (or `path` itself) for which `keep(file)` holds, sorted; folders of outputs are left out. */
export function filesBelow(path, keep = () => true) {
  let entry
  try {
    entry = statSync(path)
  } catch {
    return []
  }
  if (entry.isFile()) return [path]
  const found = []
  for (const child of readdirSync(path, { withFileTypes: true })) {
    if (notSources.has(child.name)) continue
    const full = join(path, child.name)
    if (child.isDirectory()) found.push(...filesBelow(full, keep))
    else if (child.isFile() && keep(full)) found.push(full)
  }
  return found.sort()
}

/**
 * The stamp of `files` and of what else the result depends on (versions, flags).
 * Names count relative to `base`, so that a renamed file changes the stamp and a moved repository does not.
 */
export function stampOf(base, files, ...also) {
  const hash = createHash('sha256').update(JSON.stringify(also))
  for (const file of files) {
    const bytes = readFileSync(file)
    hash.update(`\0${relative(base, file)}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex')
}

export function readStamp(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

export function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, stamp)
}
