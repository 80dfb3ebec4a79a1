/**
 * DirectoryHolder: who has a data directory, by its lock (native/src/log/data_dir_lock.h), and locks of other files.
 */
import { loadAddon } from './addon.js'

/** @returns the process id, 'unknown' if the lock does not tell, null if nobody has it */
export function directoryHolder(dir: string): string | null {
  return loadAddon().directoryHolder(dir) || null
}

/**
 * Takes the lock of an open file, as redis-server locks its nodes.conf; it is gone when the file is closed.
 * @returns false if another process, or another descriptor of this one, has it
 */
export function lockDescriptor(fd: number): boolean {
  return loadAddon().lockDescriptor(fd)
}
