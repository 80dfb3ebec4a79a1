/** DirectoryHolder: who has a data directory, by its lock (native/src/log/data_dir_lock.h). */
import { loadAddon } from './addon.js'

/** @returns the process id, 'unknown' if the lock does not tell, null if nobody has it */
export function directoryHolder(dir: string): string | null {
  return loadAddon().directoryHolder(dir) || null
}
