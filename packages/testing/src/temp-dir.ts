/** A folder of its own for a test, removed with `await using` or when the process ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends AsyncDisposable {
  readonly path: string
  /** Removes the folder and what is in it; harmless when it is gone. */
  remove(): Promise<void>
}

const live = new Set<string>()
let listening = false

/**
 * Makes an empty folder under the system's folder for temporary files.
 * @param prefix  the start of its name. @default 'slotwise-'
 */
export function tempDir(prefix = 'slotwise-'): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix))
  live.add(path)
  if (!listening) process.on('exit', removeAll)
  listening = true
  const remove = async (): Promise<void> => {
    live.delete(path)
    await rm(path, { recursive: true, force: true, maxRetries: 3 })
  }
  return { path, remove, [Symbol.asyncDispose]: remove }
}

function removeAll(): void {
  for (const path of live) rmSync(path, { recursive: true, force: true })
}
