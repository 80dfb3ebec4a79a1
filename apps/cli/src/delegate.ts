/**
 * Programs of slotwise-server under the name of this command. They are loaded into this process, so that signals, the
 * terminal and the exit code are their own.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UserError } from './user-error.js'

export type ServerProgram = 'slotwise-server' | 'slotwise-backup' | 'slotwise-check-aof'

/** The file of a program, in the package that is installed beside this one. */
export function programFile(name: ServerProgram): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('slotwise-server/package.json')
    return join(dirname(manifest), 'bin', name)
  } catch (cause) {
    throw new UserError('slotwise-server is not installed: npm install slotwise-server', { cause })
  }
}

/** This process is that program from here on; it sets its own exit code. */
export async function become(name: ServerProgram, args: readonly string[]): Promise<void> {
  const file = programFile(name)
  process.argv = [process.execPath, file, ...args]
  await import(pathToFileURL(file).href)
}
