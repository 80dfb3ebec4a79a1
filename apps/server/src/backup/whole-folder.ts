/**
 * WholeFolder: fills a folder under another name and gives it its own when all of it is on the disk, so that a crash or
 * an error leaves nothing that looks finished.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Works for folders too. */
export function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

export function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * @param folder   absent, or an empty folder
 * @param partial  beside it: its name until then
 * @throws whatever `fill` throws, and if either name is taken; then `partial` is removed
 */
export function fillWhole<T>(folder: string, partial: string, fill: (partial: string) => T): T {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${folder} is not empty: nothing is overwritten`)
  mkdirSync(dirname(folder), { recursive: true })
  try {
    mkdirSync(partial)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`${partial} is there: another process is at work, or one was interrupted. Remove it in the second case`, { cause: error })
  }
  try {
    const result = fill(partial)
    sync(partial)
    renameSync(partial, folder)
    sync(dirname(join(folder, '.')))
    return result
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error
  }
}
